"""A checkpoint's identity and languages, and where a published one is looked for."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.detoxify import DetoxifyAdapter, DetoxifyOptions
from evalharness.adapters.detoxify import source as module
from evalharness.adapters.detoxify.source import RELEASES
from evalharness.errors import MissingExtraError, UnavailableError
from tests.adapters.detoxifying import _args, ask, load, scores


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
