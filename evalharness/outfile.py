"""Files that a user names: written whole, outside of runs, in a folder that is made."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from evalharness.errors import ConfigError

__all__ = ["outside_runs", "replaced", "write_file", "write_whole"]

#: What makes a folder a run's.
_RUN = "run.json"


def outside_runs(path: Path, option: str = "--out") -> Path:
    """``path``, made sure that nothing is written into a run, which is sealed.

    Raises:
        ConfigError: it lies in a run's folder.
    """
    whole = path.resolve()
    for folder in (whole, *whole.parents):
        if (folder / _RUN).is_file():
            raise ConfigError(
                f"{option} {path}: lies in the run {folder.name}, which is sealed; "
                "name a place outside it"
            )
    return path


def write_file(path: Path, content: str | bytes, option: str, *, append: bool = False) -> None:
    """Write what an option asks for.

    Args:
        append: after what the file holds, as a summary of continuous integration wants it.

    Raises:
        ConfigError: it lies in a run, or cannot be written there.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    outside_runs(path, option)
    try:
        if append:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(data)
        else:
            write_whole(path, [data], option)
    except OSError as fault:
        raise ConfigError(
            f"{option} {path}: cannot be written ({fault.strerror or fault}); name another file"
        ) from None


def write_whole(path: Path, chunks: Iterable[str | bytes], option: str = "--out") -> None:
    """Write a file bit by bit; it appears under its name only when it is whole.

    Args:
        chunks: texts (what no UTF-8 can hold becomes "?") or bytes.

    Raises:
        ConfigError: the path is a folder, or its folder cannot be made.
    """
    if path.is_dir():
        raise ConfigError(f"{option} {path}: is a folder; name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ConfigError(f"{option} {path}: {path.parent} is no folder; name another") from None
    replaced(path, chunks)


def replaced(path: Path, chunks: Iterable[str | bytes]) -> None:
    """Write a file and bring it to the disk before it takes the place of the one that was there."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            for chunk in chunks:
                file.write(chunk if isinstance(chunk, bytes) else chunk.encode("utf-8", "replace"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
