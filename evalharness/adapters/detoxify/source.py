"""Where a Detoxify checkpoint lies, and the folder of the model that it is built on.

A checkpoint is a file of one's own or a published one in torch.hub's cache; its base model's
configuration and tokenizer are a folder beside it, a folder that is named, or in the hub's cache.
"""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from evalharness.adapters._local import file_digests
from evalharness.adapters.detoxify.checkpoint import Checkpoint, read_checkpoint, refuse_own_code
from evalharness.errors import AdapterError, UnavailableError
from evalharness.records import digest

__all__ = ["RELEASES", "Release", "Source", "torch_hub"]


@dataclass(frozen=True)
class Release:
    """One of Detoxify's published checkpoints; ``file`` is what torch.hub calls it.

    The file names repeat `detoxify.detoxify.MODEL_URLS`, which cannot be asked without importing
    torch. ``languages`` are those of its training data, by Detoxify's README.
    """

    file: str
    base: str
    languages: frozenset[str]


RELEASES = {
    "original": Release("toxic_original-c1212f89.ckpt", "bert-base-uncased", frozenset({"en"})),
    "unbiased": Release("toxic_debiased-c7548aa0.ckpt", "roberta-base", frozenset({"en"})),
    "multilingual": Release(
        "multilingual_debiased-0b549669.ckpt",
        "xlm-roberta-base",
        frozenset({"en", "fr", "es", "it", "pt", "tr", "ru"}),
    ),
}
TEXT_FILES = ("*.json", "*.txt", "*.model")


class Source:
    """One checkpoint.

    Args:
        checkpoint: one of `RELEASES`, or a file.
        model_path: the base model's folder; None: what the checkpoint names.
        base_dir: what relative paths are relative to.
        download: fetch what is not here.

    Raises:
        UnavailableError: the checkpoint, or its base model's configuration, is not here.
    """

    def __init__(
        self, checkpoint: str, model_path: str | None, base_dir: Path | None, *, download: bool
    ) -> None:
        base = base_dir or Path.cwd()
        self._checkpoint_name = checkpoint
        self._model_path = None if model_path is None else base / Path(model_path).expanduser()
        self._download = download
        self._checkpoint: Checkpoint | None = None
        self._digest: str | None = None
        self._folder: Path | None = None
        self.release = RELEASES.get(checkpoint)
        self.path = (
            base / Path(checkpoint).expanduser()
            if self.release is None
            else torch_hub() / self.release.file
        )
        self._check_presence()

    @property
    def name(self) -> str:
        """The published checkpoint's, or the file's."""
        return self.path.stem if self.release is None else self._checkpoint_name

    def digest(self) -> str:
        """The checkpoint file's; of one's own file, the base model's files count too.

        The tokenizer and configuration of a published checkpoint go with its name; those of a file
        can be anything.
        """
        if self.release is not None:
            return self._file_digest()
        folder = self._folder or Path(self._read().args["model_type"])
        texts = {path for pattern in TEXT_FILES for path in folder.glob(pattern)}
        return digest([["checkpoint", self._digest], *file_digests(texts)])

    def take(self) -> Checkpoint:
        """The checkpoint; it is not kept here, where its weights would be in memory twice.

        Raises:
            AdapterError: the checkpoint is refused.
            UnavailableError: the download failed.
        """
        checkpoint, self._checkpoint = self._read(), None
        return checkpoint

    def _file_digest(self) -> str:
        """SHA-256 of the checkpoint file, downloaded first if need be."""
        if self._digest is None:
            self._fetch()
            with self.path.open("rb") as file:
                self._digest = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digest

    def _read(self) -> Checkpoint:
        """Read the file once: what was hashed, checked and loaded are the same bytes."""
        if self._checkpoint is None:
            self._fetch()
            with self.path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
                if found != (self._digest or found):
                    raise AdapterError(f"detoxify: {self.path} changed during the run; run again")
                self._digest = found
                file.seek(0)
                checkpoint = read_checkpoint(file, self.path)
            self._folder = self._base_folder(checkpoint.args["model_type"])
            refuse_own_code(self._folder)
            checkpoint.args["model_type"] = str(self._folder)
            self._checkpoint = checkpoint
        return self._checkpoint

    # -- where things lie ------------------------------------------------------------------------

    def _check_presence(self) -> None:
        """Say what is missing before a run starts, without torch."""
        if self._model_path is not None and not self._model_path.is_dir():
            raise UnavailableError(
                f"detoxify: {self._model_path} is no folder; 'model_path' is "
                "relative to the configuration's folder"
            )
        if self.release is None:
            if not self.path.is_file():
                raise UnavailableError(
                    f"detoxify: there is no checkpoint file {self.path}; check 'checkpoint' "
                    f"(relative to the configuration), or name one of {', '.join(RELEASES)}"
                )
        elif not self._download:
            if not self.path.is_file():
                raise UnavailableError(
                    f"detoxify: the checkpoint '{self._checkpoint_name}' is not here: "
                    f"{self.release.file} was looked for in {self.path.parent}. Copy it there, set "
                    "`download: true` to fetch it, or name a checkpoint file of your own"
                )
            if self._model_path is None:
                _hub_folder(self.release.base, download=False)

    def _fetch(self) -> None:
        if self.path.is_file():
            return
        import torch
        from detoxify.detoxify import MODEL_URLS

        url = MODEL_URLS[self._checkpoint_name]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        start = self.path.stem.rpartition("-")[2]  # of the content's SHA-256, by torch.hub's rule
        try:
            torch.hub.download_url_to_file(url, str(self.path), start, progress=False)
        except (OSError, RuntimeError) as fault:
            raise UnavailableError(
                f"detoxify: {url} could not be fetched ({type(fault).__name__}: {fault}); try "
                f"again, or download it elsewhere and copy it to {self.path.parent}"
            ) from None

    def _base_folder(self, model_type: str) -> Path:
        """The folder with the base model's configuration and tokenizer.

        Always a folder in the end: with a name, Detoxify would ask the network each time.
        """
        if self._model_path is not None:
            return self._model_path
        beside = self.path.parent / model_type
        if beside.is_dir():
            inside = beside.resolve().is_relative_to(self.path.parent.resolve())
            if inside or Path(model_type).is_absolute():
                return beside
            raise AdapterError(
                f"detoxify: {self.path}: its model_type '{model_type}' leads out of the "
                "checkpoint's folder; if that is meant, name the folder as 'model_path'"
            )
        return _hub_folder(model_type, download=self._download)


def torch_hub() -> Path:
    """torch.hub's folder of checkpoints, by torch's rules but without importing it."""
    if "torch" in sys.modules:
        return Path(sys.modules["torch"].hub.get_dir()) / "checkpoints"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def _hub_folder(name: str, *, download: bool) -> Path:
    """The folder of a base model's configuration and tokenizer in the hub's cache."""
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            name, allow_patterns=list(TEXT_FILES), local_files_only=not download
        )
    except Exception as fault:  # noqa: BLE001 - whatever its HTTP library raises, one thing is said
        tried = f"could not be fetched ({type(fault).__name__})" if download else "are not here"
        raise UnavailableError(
            f"detoxify: the configuration and tokenizer of '{name}' {tried}: there is no such "
            "folder beside the checkpoint, and the Hugging Face cache does not have them. Save "
            "them to a folder and name it as 'model_path'"
            + ("" if download else ", or set `download: true`")
        ) from None
    return Path(found)
