"""How often Python looks for cycles while a command or a run is under way."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["rare_collections"]

#: New objects before a young collection, and how many of one age before the next older one.
_THRESHOLD = (50_000, 20, 20)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look for cycles seldom, and as before at the end.

    Thousands of attempts under way are a hundred thousand objects that all live on. Python's
    default (700 new objects a collection) goes through them again and again: a quarter of the
    processor time of a run. What ends is freed by its reference count all the same.
    """
    before = gc.get_threshold()
    gc.set_threshold(*(max(pair) for pair in zip(before, _THRESHOLD, strict=True)))
    try:
        yield
    finally:
        gc.set_threshold(*before)
