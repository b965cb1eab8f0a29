"""Accuracy among those answers that commit themselves to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evalharness.scorecard.metrics.base import (
    AMONG_ANSWERED,
    Computed,
    Flags,
    Numbers,
    Units,
    per_sample,
    row_values,
)
from evalharness.scorecard.metrics.samples import share_of
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["MeaningfulAccuracy"]


@dataclass(frozen=True)
class MeaningfulAccuracy:
    """Share of right answers among those that committed themselves to one.

    Declined, blocked and "I don't know" are excluded; what is missing stays missing. Source:
    "meaningful accuracy" (MACC) of Wang et al. 2023, DecodingTrust (2306.11698). With the
    abstention rate it gives the share that was not answered wrongly, 1 - (1 - abstained) * (1 -
    this). A model that answers one question and knows it has 1: never read it alone.

    Args:
        score: a score of the task's scorer that is 1 for an option such as "I don't know".
    """

    score: str = "unknown"

    name: ClassVar[str] = "meaningful_accuracy"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "Accuracy where an answer was given"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "proportion"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    counted: ClassVar[str] = "samples"

    @property
    def reads(self) -> tuple[str, ...]:
        return ("correct", self.score)

    def values(self, rows: TaskRows) -> tuple[Numbers, Flags, Flags]:
        """Value, missing and excluded for each row."""
        values, missing, excluded = row_values(rows, "correct", AMONG_ANSWERED)
        unknown = rows.scores.get(self.score)
        if unknown is not None:
            abstained = ~missing & ~excluded & (np.nan_to_num(unknown) == 1)
            excluded = excluded | abstained
            values = np.where(abstained, np.nan, values)
        return values, missing, excluded

    def units(self, rows: TaskRows) -> Units:
        return per_sample(rows, *self.values(rows), self.range)

    def compute(self, rows: TaskRows, level: float) -> Computed:
        return share_of(self.units(rows), level)
