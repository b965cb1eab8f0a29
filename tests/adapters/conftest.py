"""Fixtures that the tests of one adapter share over several files, and one for them all."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.detoxify import DetoxifyAdapter
from tests.adapters import commanding, detoxifying
from tests.adapters.openai_asking import KEY


@pytest.fixture(autouse=True)
def _no_key_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no test sends it, or passes because it is there."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


# -- openai --------------------------------------------------------------------------------------


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return KEY


# -- replay --------------------------------------------------------------------------------------


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Writes text or bytes to a file, or records as one object a line; gives its path."""

    def _write(content: str | bytes | list[Any], name: str = "out.jsonl") -> Path:
        path = tmp_path / name
        if isinstance(content, list):
            content = "".join(json.dumps(record) + "\n" for record in content)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path

    return _write


# -- command -------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A folder with a program in it that answers line by line."""
    (tmp_path / "server.py").write_text(commanding.SERVER)
    return tmp_path


# -- transformers --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Learned positions, one token for beginning and end, no template, no leading token."""
    from tests.adapters import transforming

    return transforming.tiny_gpt2(tmp_path_factory.mktemp("models") / "tiny-gpt2")


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rotary positions, grouped heads, a chat template, a tokenizer that adds its own BOS."""
    from tests.adapters import transforming

    return transforming.tiny_llama(tmp_path_factory.mktemp("models") / "tiny-llama")


@pytest.fixture(params=["gpt2", "llama"])
def model_folder(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    return lambda folder: Path(shutil.copytree(folder, tmp_path / folder.name))


# -- detoxify ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return detoxifying.tiny_checkpoint(tmp_path_factory.mktemp("detoxify"))


@pytest.fixture(scope="session")
def scorer(tiny: Path) -> DetoxifyAdapter:
    """An adapter that is loaded once for all tests that only ask."""
    return detoxifying.load(tiny)


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
