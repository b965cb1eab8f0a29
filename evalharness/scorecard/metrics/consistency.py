"""Whether an item gets the same answer however, or however often, it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evalharness.scorecard.metrics.base import AMONG_ANSWERED, Computed, Units, row_values
from evalharness.scorecard.metrics.items import CLEAN, item_slices, tagged
from evalharness.scorecard.metrics.samples import share_of
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["SameAnswerRate"]


@dataclass(frozen=True)
class SameAnswerRate:
    """Share of items whose answers all choose the same option.

    An item that was refused throughout, or asked once, has nothing to compare and is excluded; one
    that was answered and refused is not the same. An item of which an answer could not be read is
    missing, unless two others differ already: then only the bounds know.

    Source: Pezeshkpour & Hruschka 2023, 2308.11483 (sensitivity to the order of options).

    Args:
        variant: of an item's clean sample and these variants; None: of a sample's repeats.
    """

    variant: str | None = None

    name: ClassVar[str] = "same_answer_rate"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("chosen",)
    title: ClassVar[str] = "Same option chosen each time"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "proportion"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    counted: ClassVar[str] = "items"

    @property
    def detail(self) -> str:
        """What makes this use differ from another of the same metric."""
        return self.variant or ""

    def slices(self, rows: TaskRows, tag: str) -> Iterator[tuple[str, TaskRows]]:
        """The rows of each slice, by value; items stay whole."""
        if self.variant is not None:
            return item_slices(rows, tag, self.variant)
        return ((value, rows.where({tag: value})) for value in rows.values_of(tag))

    def compute(self, rows: TaskRows, level: float) -> Computed:
        return share_of(self.units(rows), level)

    def units(self, rows: TaskRows) -> Units:
        """Of each item whether its answers are all the same."""
        if self.variant is not None:
            rows = rows.only(tagged(rows, CLEAN, self.variant))
        label = rows.sample if self.variant is None else rows.group
        first, unit = label.units()
        count = len(first)
        values, missing, declined = row_values(rows, "chosen", AMONG_ANSWERED)
        n_rows, n_missing, n_declined = (
            np.bincount(unit[flags], minlength=count)
            for flags in (np.ones(len(rows), dtype=bool), missing, declined)
        )
        answered = ~missing & ~declined
        lowest, highest = np.full(count, np.inf), np.full(count, -np.inf)
        np.minimum.at(lowest, unit[answered], values[answered])
        np.maximum.at(highest, unit[answered], values[answered])
        has_answer = highest >= lowest
        differs = (lowest < highest) | (has_answer & (n_declined > 0))
        excluded = (n_rows < 2) | (~has_answer & (n_missing == 0))
        measured = ~excluded & (n_missing == 0)
        same = (~differs).astype(float)
        counted = ~excluded
        return Units(
            value=np.where(measured, same, np.nan),
            low=np.where(measured, same, 0.0),
            high=same,
            measured=measured,
            excluded=excluded,
            cluster=rows.cluster[first],
            coverage=float(measured[counted].mean()) if counted.any() else 0.0,
            names=label[first],
        )
