"""Models of the hub: the local cache, what is downloaded and what never is."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalharness.errors import UnavailableError
from tests.adapters.transforming import adapter, generate, one


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that cannot be reached."""
    import huggingface_hub

    def unreachable(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    return tmp_path / "cache" / "models--org--tiny"


def test_no_network_and_no_cache(hub: Path) -> None:
    with pytest.raises(UnavailableError, match=r"org/tiny: .*point `model:` at the folder"):
        adapter("org/tiny")


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_a_cached_snapshot_is_used_offline(hub: Path, gpt2: Path) -> None:
    (hub / "refs").mkdir(parents=True)
    (hub / "refs" / "main").write_text(COMMIT)
    shutil.copytree(gpt2, hub / "snapshots" / COMMIT)
    model = adapter("org/tiny")
    found = model.identity
    assert (found.model, found.revision, found.digest) == ("org/tiny", COMMIT, None)
    assert one(model, generate("maps")) == one(adapter(gpt2), generate("maps"))
    (hub / "snapshots" / COMMIT / "model.safetensors").unlink()
    with pytest.raises(UnavailableError, match="not in the local cache"):
        adapter("org/tiny")


class Hub:
    """Stands for the hub: lists a folder's files, and copies those that are asked for."""

    def __init__(self, source: Path, cache: Path, names: Sequence[str]) -> None:
        self.source, self.cache, self.names = source, cache, names
        self.asked: list[list[str]] = []

    def model_info(self, *_: Any, **__: Any) -> Any:
        from huggingface_hub.hf_api import ModelInfo

        return ModelInfo(id="org/tiny", sha=COMMIT, siblings=[{"rfilename": n} for n in self.names])

    def snapshot_download(self, name: str, **options: Any) -> str:
        from huggingface_hub.utils import filter_repo_objects

        if options.get("local_files_only"):
            raise FileNotFoundError(name)
        assert options["revision"] == COMMIT
        wanted = list(
            filter_repo_objects(
                self.names,
                allow_patterns=options["allow_patterns"],
                ignore_patterns=options["ignore_patterns"],
            )
        )
        self.asked.append(wanted)
        self.cache.mkdir(exist_ok=True)
        for file in wanted:
            shutil.copy(self.source / file, self.cache)
        return str(self.cache)


def test_a_hub_id_downloads_no_pickle_and_weights_only_when_needed(
    hub: Path, gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [path.name for path in gpt2.iterdir()]
    fake = Hub(gpt2, tmp_path / "got", [*names, "pytorch_model.bin", "original/a.safetensors"])
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", fake.model_info)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fake.snapshot_download)
    model = adapter("org/tiny")
    assert fake.asked == []
    assert model.identity.revision == COMMIT
    assert fake.asked == [[name for name in names if name != "model.safetensors"]]
    assert one(model, generate("maps")) == one(adapter(gpt2), generate("maps"))
    assert sorted(fake.asked[1]) == sorted(names)
    fake.names = ["config.json", "pytorch_model.bin"]
    with pytest.raises(UnavailableError, match="allow_pickle"):
        adapter("org/tiny")
    fake.names = ["config.json", "original/a.safetensors"]
    with pytest.raises(UnavailableError, match="no weights"):
        adapter("org/tiny")
