"""How much closer answers are to true reference answers than to false ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalharness.scorecard.metrics.base import (
    AMONG_ANSWERED,
    Computed,
    Units,
    per_sample,
    row_values,
)
from evalharness.scorecard.metrics.shares import mean_of
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["OverlapDifference"]


@dataclass(frozen=True)
class OverlapDifference:
    """Mean of the similarity to the nearest true answer minus that to the nearest false one.

    Over the answers alone: who declines is close to nothing. Source: Lin et al. 2022 (TruthfulQA).
    """

    name: ClassVar[str] = "overlap_difference"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("difference",)
    title: ClassVar[str] = "Overlap with true minus false answers"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "score"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    counted: ClassVar[str] = "samples"

    def units(self, rows: TaskRows) -> Units:
        values, missing, excluded = row_values(rows, "difference", AMONG_ANSWERED)
        return per_sample(rows, values, missing, excluded, self.range)

    def compute(self, rows: TaskRows, level: float) -> Computed:
        return mean_of(self.units(rows), level, self.range)
