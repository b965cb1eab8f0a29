"""Where a transformers model lies: a folder, the hub's cache, or the hub, fetched when needed."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from evalharness.adapters._local import file_digests
from evalharness.errors import UnavailableError
from evalharness.records import digest

__all__ = ["Source", "read_json"]

# What a model consists of besides its weights: all of it changes answers, nothing else is read.
TEXT_FILES = ("*.json", "*.jinja", "*.model", "*.tiktoken", "merges.txt", "vocab.txt")
WEIGHTS = "*.safetensors"
PICKLED = "*.bin"
# A repository's other copies of its weights (original/, onnx/, consolidated.safetensors).
NOT_WANTED = ("*/*", "consolidated*")


class Source:
    """A model's files; those of a hub id that is not here are downloaded once they are asked for.

    Args:
        model: a folder, or a hub id.
        revision: of a hub id: branch, tag or commit.
        base_dir: what a relative folder is relative to.
        allow_pickle: weights may be pickles.

    Raises:
        UnavailableError: the folder is not complete, or the hub does not give the model.
    """

    def __init__(
        self, model: str, revision: str | None, base_dir: Path | None, *, allow_pickle: bool
    ) -> None:
        self._model = model
        self._allow_pickle = allow_pickle
        self._complete = True
        self.commit: str | None = None
        self._folder = _local_folder(model, base_dir)
        if self._folder is None:
            self.name = model
            self.commit, self._folder = _find_on_hub(model, revision, allow_pickle=allow_pickle)
            self._complete = self._folder is not None
        else:
            self.name = Path(os.path.abspath(self._folder)).name  # noqa: PTH100 - keeps links
            self._check(self._folder)

    def text_folder(self) -> Path:
        """The folder with configuration and tokenizer; of a hub id not yet here, only those."""
        if self._folder is None:
            self._folder = _download(self._model, self.commit, TEXT_FILES)
        return self._folder

    def weight_folder(self) -> Path:
        """The folder with everything."""
        if not self._complete:
            kinds = (WEIGHTS, PICKLED) if self._allow_pickle else (WEIGHTS,)
            self._folder = _download(self._model, self.commit, (*TEXT_FILES, *kinds))
            self._check(self._folder)
            self._complete = True
        return self.text_folder()

    def weights(self) -> list[Path]:
        folder = self.text_folder()
        return sorted(folder.glob(WEIGHTS)) or sorted(folder.glob(PICKLED))

    def digest(self) -> str:
        """SHA-256 over the sorted names and digests of all files that make the model."""
        folder = self.text_folder()
        texts = {path for pattern in TEXT_FILES for path in folder.glob(pattern)}
        return digest(file_digests(texts.union(self.weights())))

    @cached_property
    def config(self) -> dict[str, Any]:
        """The model's configuration; what it says of its text part stands at the top."""
        config = read_json(self.text_folder() / "config.json")
        nested = config.get("text_config")
        return {**config, **nested} if isinstance(nested, dict) else config

    def _check(self, folder: Path) -> None:
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else None
        if missing := _missing(names, _shards(folder), allow_pickle=self._allow_pickle):
            raise UnavailableError(f"{folder}: {missing}")


def read_json(path: Path) -> dict[str, Any]:
    """A file's object; anything else that is valid JSON is taken for an empty one.

    Raises:
        UnavailableError: it cannot be read.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        raise UnavailableError(f"{path}: cannot be read as JSON ({fault})") from None
    return found if isinstance(found, dict) else {}


def _local_folder(model: str, base_dir: Path | None) -> Path | None:
    """The folder that ``model`` names, or None for a hub id."""
    path = Path(model).expanduser()
    if base_dir is not None:
        path = base_dir / path
    return path if path.is_dir() or model.startswith((".", "/", "~")) else None


def _missing(names: set[str] | None, shards: set[str], *, allow_pickle: bool) -> str | None:
    """What a folder or repository with these files lacks, and what to do; None: nothing."""
    if names is None:
        return "there is no such folder; check `model:` (relative to the configuration file)"
    kinds = {Path(name).suffix for name in names}
    lost = sorted(shards - names)
    fault = None
    if "adapter_config.json" in names:
        fault = "this is an adapter (PEFT); merge it into its base model and save the result"
    elif "config.json" not in names:
        fault = "there is no config.json; name a folder that `save_pretrained` wrote"
    elif lost:
        fault = f"{len(lost)} of {len(shards)} weight files are missing ({lost[0]}); copy them too"
    elif not kinds & {".safetensors", ".bin"}:
        fault = "there are no weights (*.safetensors); name a folder with a causal language model"
    elif ".safetensors" not in kinds and not allow_pickle:
        fault = (
            "the weights are there only as *.bin, pickles that can run code while they load; "
            "convert them to safetensors, or set `allow_pickle: true` if you trust their source"
        )
    return fault


def _shards(folder: Path) -> set[str]:
    path = folder / "model.safetensors.index.json"
    if not path.is_file():
        return set()
    return {str(name) for name in read_json(path).get("weight_map", {}).values()}


def _find_on_hub(name: str, revision: str | None, *, allow_pickle: bool) -> tuple[str, Path | None]:
    """The commit of a hub id, and its folder when it is completely in the cache."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        folder = Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (OSError, ValueError):
        pass
    else:
        names = {path.name for path in folder.iterdir()}
        if _missing(names, _shards(folder), allow_pickle=allow_pickle) is None:
            return folder.name, folder
    try:
        info = HfApi().model_info(name, revision=revision, timeout=10)
    except GatedRepoError:
        reason = "it is gated: accept its licence on its page, then log in with `hf auth login`"
    except RepositoryNotFoundError:
        reason = "the hub has no such public model; check the id, or log in with `hf auth login`"
    except _hub_faults() as fault:
        reason = (
            f"it is not in the local cache and the hub cannot be asked ({type(fault).__name__}); "
            "download it where there is a network and point `model:` at the folder"
        )
    else:
        # Only what lies at the top is read: original/ and the like hold other formats.
        listed = {file.rfilename for file in info.siblings or () if "/" not in file.rfilename}
        if missing := _missing(listed, set(), allow_pickle=allow_pickle):
            raise UnavailableError(f"{name} on the hub: {missing}")
        return str(info.sha), None
    raise UnavailableError(f"{name}: {reason}")


def _hub_faults() -> tuple[type[Exception], ...]:
    """What asking the hub may raise; its HTTP library's root is a base of its own error."""
    from huggingface_hub.errors import HfHubHTTPError

    bases = cast("tuple[type[Exception], ...]", HfHubHTTPError.__bases__)
    return (OSError, ValueError, *bases)


def _download(name: str, commit: str | None, patterns: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            name,
            revision=commit,
            allow_patterns=list(patterns),
            ignore_patterns=list(NOT_WANTED),
        )
    except _hub_faults() as fault:
        raise UnavailableError(
            f"{name}: the download failed ({type(fault).__name__}); try again, or "
            "download it elsewhere and point `model:` at the folder"
        ) from None
    return Path(folder)
