"""Scores of a tiny checkpoint against Detoxify itself, long texts in windows."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evalharness.adapters.base import Adapter
from evalharness.adapters.detoxify import DetoxifyAdapter
from evalharness.records import Failure, Message, Request, Response
from tests.adapters.detoxifying import LIMIT, WORDS, _respond, ask, load, scores

# -- scores --------------------------------------------------------------------------------------


def test_it_is_an_adapter(scorer: DetoxifyAdapter) -> None:
    assert isinstance(scorer, Adapter)
    assert scorer.capabilities.kinds == {"classify"}
    assert scorer.capabilities.languages == {"en"}
    assert scorer.capabilities.batch_size == 64


NAMES = ["toxicity", "severe_toxicity", "obscene"]  # Detoxify's own, standardised
TEXTS = [
    "you are nice",
    "the cat",
    "you are an awful idiot and the day was so very bad",
    "",
    "a",
    "good day , it is not so bad",
    "unknownwords 你好 here",
]


@pytest.fixture(scope="session")
def reference(tiny: Path) -> Callable[[str], dict[str, float]]:
    """``Detoxify.predict`` of the untouched library, one text at a time."""
    import torch
    from detoxify import Detoxify

    content = torch.load(tiny, weights_only=True)
    content["config"]["arch"]["args"]["model_type"] = str(tiny.parent / "base")
    absolute = tiny.parent / "absolute.ckpt"
    torch.save(content, absolute)
    detoxify = Detoxify(checkpoint=str(absolute))
    absolute.unlink()

    def predict(text: str) -> dict[str, float]:
        return {name: float(scores[0]) for name, scores in detoxify.predict([text, text]).items()}

    return predict


def test_scores_are_those_of_detoxify(
    scorer: DetoxifyAdapter, reference: Callable[[str], dict[str, float]]
) -> None:
    """In the order of the texts, though batches are sorted by length."""
    found = [scores(item) for item in ask(scorer, *TEXTS)]
    assert list(found[0]) == NAMES
    for text, own in zip(TEXTS, found, strict=True):
        assert own == pytest.approx(reference(text), abs=1e-5)
    assert len({round(own["toxicity"], 4) for own in found}) == len(TEXTS)


@pytest.mark.parametrize("budget", [1, 16, 40])
def test_batches_do_not_change_scores(tiny: Path, scorer: DetoxifyAdapter, budget: int) -> None:
    cut = [scores(item) for item in ask(load(tiny, token_budget=budget), *TEXTS)]
    for own, other in zip(cut, ask(scorer, *TEXTS), strict=True):
        assert own == pytest.approx(scores(other), abs=1e-5)


def test_none_and_one(scorer: DetoxifyAdapter, tiny: Path) -> None:
    assert asyncio.run(_respond(load(tiny), [])) == []
    (alone,) = ask(scorer, TEXTS[0])
    assert scores(alone) == pytest.approx(scores(ask(scorer, *TEXTS)[0]), abs=1e-5)
    assert isinstance(alone, Response)
    assert alone.input_tokens == 5


def test_other_requests_are_not_run(scorer: DetoxifyAdapter) -> None:
    requests = [
        Request("generate", messages=(Message("user", "x"),)),
        Request("classify", text="you are nice"),
        Request("classify"),
    ]
    first, second, third = asyncio.run(_respond(scorer, requests))
    assert first == third
    assert isinstance(first, Failure)
    assert first.outcome == "not_run"
    assert scores(second)


def test_any_string_is_scored(scorer: DetoxifyAdapter) -> None:
    strange = ["\ud800", "\x00\x01\x1b[31m", "🙂" * 50, " \n\t ", "\udcff you are nice", "a" * 5000]
    for found in ask(scorer, *strange):
        assert scores(found)
    # a pair of surrogates is the character that it stands for
    pair, whole = ask(scorer, "\ud83d\ude42", "🙂")
    assert scores(pair) == pytest.approx(scores(whole), abs=1e-6)


def test_bfloat16_is_close(tiny: Path, scorer: DetoxifyAdapter) -> None:
    coarse = load(tiny, dtype="bfloat16")
    assert coarse.identity.dtype == "bfloat16"
    for own, exact in zip(ask(coarse, *TEXTS), ask(scorer, *TEXTS), strict=True):
        assert scores(own) == pytest.approx(scores(exact), abs=0.1)
    assert ask(coarse, *TEXTS) != ask(scorer, *TEXTS)


# -- windows -------------------------------------------------------------------------------------


def test_a_long_text_has_the_highest_score_of_its_windows(
    tiny: Path, reference: Callable[[str], dict[str, float]]
) -> None:
    adapter = load(tiny, window_overlap=4)
    room, overlap = LIMIT - 2, 4
    words = [WORDS[(7 * i * i + 3 * i) % len(WORDS)] for i in range(61)]
    starts = [0, room - overlap, 2 * (room - overlap), len(words) - room]
    assert starts == [0, 18, 36, 39]
    parts = [reference(" ".join(words[start : start + room])) for start in starts]
    expected = {name: max(part[name] for part in parts) for name in NAMES}
    short, long = ask(adapter, "you are nice", " ".join(words))
    assert scores(long) == pytest.approx(expected, abs=1e-5)
    assert scores(short) == pytest.approx(reference("you are nice"), abs=1e-5)
    assert isinstance(long, Response)
    assert long.input_tokens == 63
    (note,) = adapter.deviations
    assert note.startswith("texts longer than the classifier's 24 tokens were read in overlapping")


def test_the_tail_of_a_long_text_counts(
    scorer: DetoxifyAdapter, reference: Callable[[str], dict[str, float]]
) -> None:
    filler = " ".join(["the"] * 200)
    one, other = ask(scorer, filler, f"{filler} you awful idiot")
    assert reference(filler) == reference(f"{filler} you awful idiot")  # the library cuts it off
    assert scores(one) != pytest.approx(scores(other), abs=1e-3)


def test_a_text_that_just_fits_is_one_window(tiny: Path) -> None:
    adapter = load(tiny)
    ask(adapter, " ".join(["cat"] * (LIMIT - 2)))
    assert adapter.deviations == []
    ask(adapter, " ".join(["cat"] * (LIMIT - 1)))
    assert adapter.deviations


def test_an_overlap_wider_than_a_window_still_ends(tiny: Path) -> None:
    assert scores(ask(load(tiny, window_overlap=10_000), "cat " * 500)[0])


def test_positions_behind_the_padding_token_are_not_counted(tiny: Path, tmp_path: Path) -> None:
    """RoBERTa's embeddings have two positions that no token may take."""
    import torch
    from transformers import RobertaConfig, RobertaForSequenceClassification

    content = torch.load(tiny, weights_only=True)
    shutil.copytree(tiny.parent / "base", tmp_path / "base")
    config = RobertaConfig(
        vocab_size=200, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8, max_position_embeddings=16, pad_token_id=1, num_labels=3,
    )  # fmt: skip
    config.save_pretrained(tmp_path / "base")
    content["config"]["arch"]["args"]["model_name"] = "RobertaForSequenceClassification"
    content["state_dict"] = RobertaForSequenceClassification(config).state_dict()
    torch.save(content, tmp_path / "roberta.ckpt")
    adapter = load(tmp_path / "roberta.ckpt")
    assert scores(ask(adapter, "cat " * 100)[0])
    assert "14 tokens" in adapter.deviations[0]
