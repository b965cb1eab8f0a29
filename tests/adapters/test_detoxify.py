"""Detoxify itself, on a tiny random checkpoint in its own format."""

from __future__ import annotations

import asyncio
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.base import Adapter
from evalharness.adapters.detoxify import DetoxifyAdapter, DetoxifyOptions
from evalharness.adapters.detoxify import source as module
from evalharness.adapters.detoxify.source import RELEASES
from evalharness.errors import AdapterError, MissingExtraError, UnavailableError
from evalharness.records import Failure, Message, Request, Response

CLASSES = ["toxic", "severe_toxic", "obscene"]
NAMES = ["toxicity", "severe_toxicity", "obscene"]  # Detoxify's own, standardised
LIMIT = 24
WORDS = [
    "the", "a", "cat", "dog", "you", "are", "nice", "idiot", "awful", "day", "it", "was", "is",
    "not", "so", "and", "very", "good", "bad", "one",
]  # fmt: skip
TEXTS = [
    "you are nice",
    "the cat",
    "you are an awful idiot and the day was so very bad",
    "",
    "a",
    "good day , it is not so bad",
    "unknownwords 你好 here",
]


def tiny_checkpoint(folder: Path, seed: int = 3) -> Path:
    """A BERT with random weights, large enough ones that every text has scores of its own."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    base = folder / "base"
    base.mkdir(parents=True)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz.,"]
    pieces += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    tokenizer = BertTokenizer(
        vocab={piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, model_max_length=LIMIT
    )
    tokenizer.save_pretrained(base)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=LIMIT,
        num_labels=len(CLASSES),
        initializer_range=0.6,
    )
    config.save_pretrained(base)
    torch.manual_seed(seed)
    model: Any = BertForSequenceClassification(config)
    arguments = {
        "model_type": "base",
        "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
        "num_classes": len(CLASSES),
    }
    described = {"arch": {"args": arguments}, "dataset": {"args": {"classes": CLASSES}}}
    torch.save({"config": described, "state_dict": model.state_dict()}, folder / "tiny.ckpt")
    return folder / "tiny.ckpt"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("detoxify"))


@pytest.fixture(scope="session")
def scorer(tiny: Path) -> DetoxifyAdapter:
    """An adapter that is loaded once for all tests that only ask."""
    return load(tiny)


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


@pytest.fixture
def altered(tiny: Path, tmp_path: Path) -> Callable[[Callable[[Any], None]], Path]:
    """A copy of the checkpoint after a change of its content."""
    import torch

    shutil.copytree(tiny.parent / "base", tmp_path / "base")

    def make(change: Callable[[Any], None]) -> Path:
        content = torch.load(tiny, weights_only=True)
        change(content)
        torch.save(content, tmp_path / "tiny.ckpt")
        return tmp_path / "tiny.ckpt"

    return make


def load(path: Path, **options: Any) -> DetoxifyAdapter:
    return DetoxifyAdapter(
        DetoxifyOptions(checkpoint=path.name, base_dir=path.parent, device="cpu", **options)
    )


def ask(adapter: DetoxifyAdapter, *texts: str) -> list[Response | Failure]:
    return list(asyncio.run(_respond(adapter, [Request("classify", text=text) for text in texts])))


async def _respond(
    adapter: DetoxifyAdapter, requests: Sequence[Request]
) -> Sequence[Response | Failure]:
    return await adapter.respond(requests)


def scores(found: Response | Failure) -> dict[str, float]:
    assert isinstance(found, Response), found
    assert found.scores is not None
    assert all(0 <= value <= 1 for value in found.scores.values())
    return dict(found.scores)


# -- scores --------------------------------------------------------------------------------------


def test_it_is_an_adapter(scorer: DetoxifyAdapter) -> None:
    assert isinstance(scorer, Adapter)
    assert scorer.capabilities.kinds == {"classify"}
    assert scorer.capabilities.languages == {"en"}
    assert scorer.capabilities.batch_size == 64


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


# -- what goes wrong -----------------------------------------------------------------------------


def test_a_score_that_is_no_number_is_a_failure(altered: Any) -> None:
    def poison(content: Any) -> None:
        content["state_dict"]["classifier.bias"][1] = float("nan")

    adapter = load(altered(poison))
    for found in ask(adapter, "you are nice", "cat " * 100):
        assert found == Failure("Detoxify gave a score that is not a finite number")


def test_a_batch_that_fails_costs_only_the_text_at_fault(
    tiny: Path, scorer: DetoxifyAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = load(tiny)
    ask(adapter, "warm")
    inner = adapter._scorer
    assert inner is not None
    batch, marked = inner._batch, WORDS.index("idiot") + 5

    def fragile(windows: Sequence[Sequence[int]]) -> Any:
        if any(marked in window for window in windows):
            raise RuntimeError("out of memory")
        return batch(windows)

    monkeypatch.setattr(inner, "_batch", fragile)
    texts = ["the cat", "you idiot", "you are nice", "a dog", "cat " * 60 + "idiot"]
    found = ask(adapter, *texts)
    broken = Failure("Detoxify failed on this text: RuntimeError: out of memory")
    assert (found[1], found[4]) == (broken, broken)
    for place in (0, 2, 3):
        expected = scores(ask(scorer, texts[place])[0])
        assert scores(found[place]) == pytest.approx(expected, abs=1e-5)


class Evil:
    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._path),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_malicious_checkpoint_is_refused_and_not_run(altered: Any, tmp_path: Path) -> None:
    import torch

    trace = tmp_path / "executed"
    inside = altered(lambda content: content["config"].update(more=Evil(trace)))
    with pytest.raises(AdapterError, match=r"is refused: .*could run code"):
        ask(load(inside), "x")
    for bare in (tmp_path / "bare.ckpt", tmp_path / "legacy.ckpt"):
        if bare.stem == "bare":
            bare.write_bytes(pickle.dumps(Evil(trace)))
        else:
            torch.save(Evil(trace), bare, _use_new_zipfile_serialization=False)
        with pytest.raises(AdapterError, match=r"is refused|cannot be read as a checkpoint"):
            load(bare).identity  # noqa: B018 - reads the file
    assert not trace.exists()


@pytest.mark.parametrize("data", [b"", b"no checkpoint", b"PK\x03\x04broken"])
def test_what_is_no_checkpoint_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.ckpt").write_bytes(data)
    with pytest.raises(AdapterError, match=r"x.ckpt (cannot be read as a checkpoint|is refused)"):
        ask(load(tmp_path / "x.ckpt"), "x")


def _args(**values: Any) -> Callable[[Any], None]:
    return lambda content: content["config"]["arch"]["args"].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("config"), "it must hold config.arch.args"),
        (lambda content: content["config"]["arch"].update(args=3), "it must hold config.arch"),
        (lambda content: content["config"]["dataset"]["args"].pop("classes"), "must hold"),
        (_args(num_classes=2), "it names 3 classes for num_classes 2"),
        (_args(model_type=3), "must be texts"),
        (_args(model_name="pipeline"), "'pipeline' is no ...ForSequenceClassification"),
        (_args(model_name="AutoModelForSequenceClassification"), "is no ...ForSequence"),
        (_args(tokenizer_name="AutoModel"), "'AutoModel' is no tokenizer"),
        (lambda content: content.update(state_dict={"x": "y"}), "state_dict must hold tensors"),
        (_args(model_name="NoSuchForSequenceClassification"), "Detoxify cannot load it: "),
        (
            lambda content: content["state_dict"].pop("classifier.weight"),
            r"lacks 1 weights of its model \(classifier.weight\)",
        ),
        (_args(model_type="elsewhere"), "tokenizer of 'elsewhere' are not here"),
        (_args(model_type=".."), "leads out of the checkpoint's folder"),
    ],
)
def test_a_checkpoint_that_cannot_be_used(
    altered: Any, change: Callable[[Any], None], message: str
) -> None:
    with pytest.raises(AdapterError, match=message):
        ask(load(altered(change)), "x")


def test_code_beside_a_checkpoint_is_never_run(altered: Any, tmp_path: Path) -> None:
    path = altered(lambda _content: None)
    (tmp_path / "base" / "tokenizer_config.json").write_text('{"auto_map": {"x": "evil.X"}}')
    with pytest.raises(AdapterError, match=r"names code of its own \(auto_map\)"):
        ask(load(path), "x")
    (tmp_path / "base" / "tokenizer_config.json").write_text("{")
    with pytest.raises(AdapterError, match=r"tokenizer_config.json cannot be read"):
        ask(load(path), "x")


def test_a_file_that_changes_between_plan_and_use_is_refused(altered: Any) -> None:
    path = altered(lambda _content: None)
    adapter = load(path)
    adapter._source._digest = "0" * 64
    with pytest.raises(AdapterError, match="changed during the run"):
        ask(adapter, "x")


# -- identity, languages, presence ---------------------------------------------------------------


def test_identity(tiny: Path, altered: Any, tmp_path: Path) -> None:
    identity = load(tiny).identity
    assert (identity.provider, identity.model) == ("detoxify", "tiny")
    assert identity.dtype == "float32"
    assert identity.extra["detoxify"]
    assert str(tiny.parent) not in str(identity.to_json())
    path = altered(lambda _content: None)
    shutil.copy(tiny, path)  # the same bytes: torch.save writes other ones each time
    assert load(path).identity == identity
    (tmp_path / "base" / "config.json").write_text("{}")
    assert load(path).identity.digest != identity.digest


def test_identity_reads_no_weights_twice(tiny: Path) -> None:
    adapter = load(tiny)
    ask(adapter, "x")
    assert adapter.identity == load(tiny).identity
    assert adapter._source._checkpoint is None


def test_the_base_model_can_lie_elsewhere(altered: Any, tmp_path: Path, tiny: Path) -> None:
    path = altered(_args(model_type="bert-base-uncased"))
    (tmp_path / "base").rename(tmp_path / "moved")
    adapter = load(path, model_path="moved")
    assert scores(ask(adapter, "you are nice")[0]) == pytest.approx(
        scores(ask(load(tiny), "you are nice")[0])
    )
    with pytest.raises(UnavailableError, match=r"gone is no folder; 'model_path' is relative"):
        load(path, model_path="gone")


def test_languages() -> None:
    assert {name: release.languages for name, release in RELEASES.items()} == {
        "original": {"en"},
        "unbiased": {"en"},
        "multilingual": {"en", "fr", "es", "it", "pt", "tr", "ru"},
    }
    with pytest.raises(ValueError, match="'languages' is for checkpoint files"):
        DetoxifyOptions(checkpoint="original", languages=("zh",))


def test_languages_of_a_file(tiny: Path) -> None:
    assert load(tiny, languages=["de", "nl"]).capabilities.languages == {"de", "nl"}


@pytest.mark.parametrize("name", list(RELEASES))
def test_a_published_checkpoint_that_is_not_here(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "torch_hub", lambda: tmp_path)
    with pytest.raises(UnavailableError) as caught:
        DetoxifyAdapter(DetoxifyOptions(checkpoint=name))
    message = str(caught.value)
    for part in (RELEASES[name].file, str(tmp_path), "`download: true`", "checkpoint file of your"):
        assert part in message


def test_a_published_checkpoint_in_torchs_cache_is_used(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "torch_hub", lambda: tmp_path)
    shutil.copy(tiny, tmp_path / RELEASES["unbiased"].file)
    options = DetoxifyOptions(checkpoint="unbiased", model_path=str(tiny.parent / "base"))
    adapter = DetoxifyAdapter(options)
    assert scores(ask(adapter, "x")[0])
    assert adapter.identity.model == "unbiased"
    assert adapter.identity.digest is not None
    with pytest.raises(UnavailableError, match="tokenizer of 'roberta-base' are not here"):
        DetoxifyAdapter(DetoxifyOptions(checkpoint="unbiased"))


def test_a_download_that_fails_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    asked: list[Any] = []

    def refuse(url: str, path: str, start: str, *, progress: bool) -> None:
        asked.append((url.rpartition("/")[2], Path(path).name, start, progress))
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(module, "torch_hub", lambda: tmp_path / "checkpoints")
    adapter = DetoxifyAdapter(DetoxifyOptions(checkpoint="original", download=True))
    with pytest.raises(UnavailableError, match=r"could not be fetched \(OSError: no network\)"):
        ask(adapter, "x")
    file = "toxic_original-c1212f89.ckpt"
    assert asked == [(file, file, "c1212f89", False)]


def test_the_file_names_are_detoxifys() -> None:
    from detoxify.detoxify import MODEL_URLS

    for name, release in RELEASES.items():
        assert MODEL_URLS[name].rpartition("/")[2] == release.file


def test_torchs_folder_is_found_without_torch() -> None:
    """As torch finds it, whatever the environment says."""
    code = """
import os, sys
from evalharness.adapters.detoxify.source import torch_hub
cases = [{"TORCH_HOME": "~/t"}, {"XDG_CACHE_HOME": "/x"}, {"HOME": "/h"}]
def found():
    for case in cases:
        for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
            os.environ.pop(name, None)
        os.environ.update({"HOME": "/home/me", **case})
        yield str(torch_hub())
before = list(found())
assert "torch" not in sys.modules
import torch.hub
assert before == list(found())
print(*before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "/home/me/t/hub/checkpoints",
        "/x/torch/hub/checkpoints",
        "/h/.cache/torch/hub/checkpoints",
    ]


def test_construction_imports_no_torch(tiny: Path) -> None:
    code = (
        "import sys; from evalharness.adapters.detoxify import *; "
        f"DetoxifyAdapter(DetoxifyOptions(checkpoint={str(tiny)!r})).capabilities; "
        "print([m for m in ('torch', 'transformers', 'detoxify') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_missing_before_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match=r"no checkpoint file .*gone.ckpt.*original, unbias"):
        load(tmp_path / "gone.ckpt")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'evalharness\[local\]'"):
        load(tmp_path / "gone.ckpt")


def test_a_device_that_is_not_there(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    adapter = DetoxifyAdapter(DetoxifyOptions(checkpoint=str(tiny), device="cuda"))
    with pytest.raises(UnavailableError, match="device: cuda is not there"):
        ask(adapter, "x")
