"""What adapters share that run a checkpoint on this machine, with PyTorch and transformers."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from evalharness.errors import MissingExtraError, UnavailableError

__all__ = [
    "choose_device",
    "choose_dtype",
    "file_digests",
    "first_line",
    "need_torch",
    "no_progress_bars",
    "special_tokens",
]


def choose_device(asked: str, accelerators: Sequence[str], where: str = "") -> str:
    """The device asked for, if it is there; for ``auto`` the first accelerator, or the CPU.

    Args:
        where: begins the message of the error.

    Raises:
        UnavailableError: this machine has no such device.
    """
    if asked == "cpu":
        return "cpu"
    import torch

    is_there: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    for name in accelerators if asked == "auto" else (asked,):
        if is_there[name]():
            return name
    if asked == "auto":
        return "cpu"
    raise UnavailableError(
        f"{where}device: {asked} is not there on this machine; set `device: cpu` or auto"
    )


def choose_dtype(asked: str, device: str, config: Mapping[str, Any]) -> str:
    """The number format asked for; for ``auto`` float32 on a CPU, else the checkpoint's own."""
    if asked != "auto":
        return asked
    if device == "cpu":
        return "float32"
    named = config.get("dtype") or config.get("torch_dtype") or "float32"
    return str(named).removeprefix("torch.")


def need_torch(adapter: str) -> None:
    """Make sure that what runs a checkpoint is installed.

    Raises:
        MissingExtraError: it is not.
    """
    if not all(importlib.util.find_spec(name) for name in ("torch", "transformers")):
        raise MissingExtraError(f"The {adapter} adapter", "local")


def file_digests(paths: Iterable[Path]) -> list[list[str]]:
    """Name and SHA-256 of each file, sorted by path."""
    found = []
    for path in sorted(paths):
        with path.open("rb") as file:
            found.append([path.name, hashlib.file_digest(file, "sha256").hexdigest()])
    return found


def first_line(fault: Exception) -> str:
    """The first line of a library's message; it may be a page long, or nothing."""
    return (str(fault).strip().splitlines() or [""])[0]


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Loading draws bars over whatever else is on the terminal."""
    from transformers.utils import logging as untyped

    logging: Any = untyped
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def special_tokens(tokenizer: Any, probe: str) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """What a tokenizer puts before and behind a text; None: the text's own tokens change too."""
    plain = tuple(tokenizer(probe, add_special_tokens=False)["input_ids"])
    full = tuple(tokenizer(probe)["input_ids"])
    for at in range(len(full) - len(plain) + 1):
        if plain and full[at : at + len(plain)] == plain:
            return full[:at], full[at + len(plain) :]
    return None
