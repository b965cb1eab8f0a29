"""Where the folders lie that come with evalharness but are no Python."""

from __future__ import annotations

from pathlib import Path

import evalharness
from evalharness.errors import TaskError

__all__ = ["bundled"]


def bundled(name: str) -> Path:
    """The folder ``suites`` or ``configs``: beside the package in a wheel, else in the checkout."""
    package = Path(evalharness.__file__).parent
    for candidate in (package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise TaskError(f"{package}: the folder '{name}' is missing; install evalharness again")
