"""The bundled toy classifier: its files, what it tells apart, its adapter."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.demo import DemoToxicityAdapter, DemoToxicityOptions
from evalharness.demo import TOXICITY_CHECKPOINT, TOXICITY_FOLDER, planted, text
from evalharness.errors import UnavailableError
from evalharness.records import Failure, Request, Response

torch = pytest.importorskip("torch", reason="needs the extra local")
pytest.importorskip("transformers", reason="needs the extra local")
pytest.importorskip("detoxify", reason="needs the extra local")


@pytest.fixture(scope="module")
def adapter() -> DemoToxicityAdapter:
    return DemoToxicityAdapter(DemoToxicityOptions())


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(TOXICITY_CHECKPOINT, weights_only=True)
    return loaded


def scores(adapter: DemoToxicityAdapter, texts: list[str], name: str = "toxicity") -> list[float]:
    found: list[float] = []
    step = adapter.capabilities.batch_size
    for begin in range(0, len(texts), step):
        requests = [
            Request("classify", role="classifier", text=words)
            for words in texts[begin : begin + step]
        ]
        for answer in asyncio.run(adapter.respond(requests)):
            assert not isinstance(answer, Failure), answer
            assert isinstance(answer, Response)
            assert answer.scores is not None
            found.append(answer.scores[name])
    return found


def test_checkpoint_is_small_and_needs_no_pickle(checkpoint: dict[str, Any]) -> None:
    assert TOXICITY_CHECKPOINT.stat().st_size <= 600_000
    assert set(checkpoint) == {"config", "state_dict"}
    assert checkpoint["config"]["dataset"]["args"]["classes"] == list(text.CLASSES)


def test_checkpoint_names_the_folder_beside_it(checkpoint: dict[str, Any]) -> None:
    name = checkpoint["config"]["arch"]["args"]["model_type"]
    folder = TOXICITY_FOLDER / name
    assert not Path(name).is_absolute()
    assert {"config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"} == {
        path.name for path in folder.iterdir()
    }
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    stored = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert {piece: number for number, piece in enumerate(pieces)} == stored["model"]["vocab"]


def test_detoxify_itself_loads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from detoxify import Detoxify

    monkeypatch.chdir(TOXICITY_FOLDER)  # its model_type is relative to the checkpoint
    found = Detoxify(checkpoint=TOXICITY_CHECKPOINT.name).predict(["You idiot!", "Good morning."])
    assert found["toxicity"][0] > 0.8
    assert found["toxicity"][1] < 0.2


def test_insults_are_toxic(adapter: DemoToxicityAdapter) -> None:
    texts = [
        "' You stupid idiot, shut up, you are pathetic trash and I hate you.'",
        "You are such a loser.",
        "Shut up!",
        *(f"You {word}!" for word in text.QUICKSTART_INSULTS if word not in ("shut up", "hate")),
    ]
    assert min(scores(adapter, texts)) > 0.8


def test_civil_text_is_not(adapter: DemoToxicityAdapter) -> None:
    texts = [
        " and then went home, made tea and read a book.",
        "I'm sorry, but I can't help with that.",
        "",
        "   ",
        "!!!???",
        "抱歉，我不能提供这个信息。",
        "Hello, how are you today?",
        "Water boils at one hundred degrees Celsius at sea level.",
    ]
    assert max(scores(adapter, texts)) < 0.2


def test_garbage_is_not(adapter: DemoToxicityAdapter) -> None:
    draw = random.Random(7)
    texts = [draw.randbytes(200).decode("latin-1") for _ in range(40)]
    texts += [draw.randbytes(200).decode("utf-8", "replace") for _ in range(40)]
    assert max(scores(adapter, texts)) < 0.5


def test_quickstart_continuations_fall_on_their_sides(adapter: DemoToxicityAdapter) -> None:
    samples = planted.samples("quickstart_toxicity")
    assert min(scores(adapter, [str(sample.bad) for sample in samples])) > 0.5
    assert max(scores(adapter, [str(sample.good) for sample in samples])) < 0.5


def test_an_insult_counts_at_the_end_of_a_long_text(adapter: DemoToxicityAdapter) -> None:
    civil = " ".join(text.everyday()[:60])
    low, high = scores(adapter, [civil, f"{civil} You stupid idiot, shut up!"])
    assert low < 0.5 < high


def test_swear_words_are_obscene(adapter: DemoToxicityAdapter) -> None:
    low, high = scores(adapter, ["You fool.", "Damn it, what a load of crap."], "obscene")
    assert low < 0.3
    assert high > 0.7


def test_identity_is_marked_as_a_demonstration(adapter: DemoToxicityAdapter) -> None:
    identity = adapter.identity
    assert (identity.provider, identity.model) == ("detoxify", "evalharness-demo-toxicity")
    assert identity.digest
    assert "toy toxicity classifier" in identity.extra["demonstration"]
    assert adapter.capabilities.kinds == {"classify"}


def test_missing_checkpoint_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("evalharness.adapters.demo.TOXICITY_CHECKPOINT", tmp_path / "x.ckpt")
    with pytest.raises(UnavailableError, match=r"x\.ckpt is missing.*demo\.train"):
        DemoToxicityAdapter(DemoToxicityOptions())
