"""Compiled templates, kept from one command to the next: compiling a page takes longer than a run's
statistics.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType

import jinja2
from jinja2.bccache import Bucket, FileSystemBytecodeCache

__all__ = ["compiled_templates"]


def compiled_templates(*made_by: Path) -> FileSystemBytecodeCache | None:
    """Where the template engine keeps what it compiled: in a temporary folder of the user's own.

    Args:
        made_by: the source files whose code a compiled template depends on beside its own text.

    Returns:
        None where there can be no such folder: every command compiles for itself then.
    """
    if os.name == "nt":  # where Jinja takes the temporary folder itself, whoever may write there
        return None
    versions = [jinja2.__version__.encode(), MAGIC_NUMBER]
    try:
        versions += [path.read_bytes() for path in made_by]
        version = hashlib.sha256(b"\0".join(versions)).hexdigest()[:16]
        return _Compiled(pattern=f"evalharness-{version}-%s.cache")
    except (OSError, RuntimeError):  # RuntimeError: it is somebody else's folder
        return None


class _Compiled(FileSystemBytecodeCache):
    """Jinja's, for which what cannot be read or written is only not there."""

    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except Exception:  # noqa: BLE001 - whatever a damaged file holds
            bucket.reset()
        if not isinstance(bucket.code, CodeType):
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)
