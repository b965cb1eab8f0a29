"""Items and their variants: what metrics over groups of samples share.

An item is a ``group`` of samples: one has the tag ``variant: clean``, the others another value of
it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from evalharness.scorecard.rows import TaskRows

__all__ = ["CLEAN", "item_slices", "tagged"]

CLEAN = "clean"


def tagged(rows: TaskRows, *variants: str) -> npt.NDArray[np.bool_]:
    """Which rows are one of these variants, shape (n,)."""
    column = rows.tags.get("variant")
    return np.zeros(len(rows), dtype=bool) if column is None else column.are(*variants)


def item_slices(
    rows: TaskRows, tag: str, variant: str, *, by_variant: bool = False
) -> Iterator[tuple[str, TaskRows]]:
    """The rows of each slice by a tag, so that items stay whole.

    By a tag in which items differ: whole items. By one that tells the variants of an item apart
    (``by_variant``): its variants of that value, each with its clean sample. By one that does
    neither, none.
    """
    column = rows.tags.get(tag)
    if column is None:
        return
    own = rows.where({"variant": variant}).values_of(tag)
    clean, varied = tagged(rows, CLEAN), tagged(rows, variant)
    chosen = rows.only(clean | varied)
    if not (clean & column.are(*own)).any():
        for value in own if by_variant else ():
            yield value, rows.only(clean | (varied & column.are(value)))
        return
    pairs = set(zip(chosen.group.tolist(), chosen.tags[tag].tolist(), strict=True))
    if len(pairs) == len({group for group, _ in pairs}):
        for value in chosen.values_of(tag):
            yield value, chosen.where({tag: value})
