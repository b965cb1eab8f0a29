"""Files that a user names: written whole, in a folder that is made, or a clear error."""

from __future__ import annotations

from pathlib import Path

from evalharness.errors import ConfigError

__all__ = ["write_file"]


def write_file(path: Path, content: str | bytes, option: str, *, append: bool = False) -> None:
    """Write what an option asks for; a folder that is not there is made.

    Args:
        append: after what the file holds.

    Raises:
        ConfigError: it cannot be written there.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if append else "wb") as file:
            file.write(data)
    except OSError as fault:
        raise ConfigError(
            f"{option} {path}: cannot be written ({fault.strerror or fault}); name another file"
        ) from None
