"""Checkpoints that cannot be used or are malicious, and texts that cannot be scored."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.detoxify import DetoxifyAdapter
from evalharness.errors import AdapterError
from evalharness.records import Failure
from tests.adapters.detoxifying import WORDS, _args, ask, load, scores


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
