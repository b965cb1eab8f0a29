"""How much closer answers are to true reference answers than to false ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalharness.scorecard.metrics.samples import MeanMetric
from evalharness.scorecard.model import Direction

__all__ = ["OverlapDifference"]


@dataclass(frozen=True)
class OverlapDifference(MeanMetric):
    """Mean of the similarity to the nearest true answer minus that to the nearest false one.

    Over the answers alone: who declines is close to nothing. Source: Lin et al. 2022 (TruthfulQA).
    """

    name: ClassVar[str] = "overlap_difference"
    score: ClassVar[str] = "difference"
    title: ClassVar[str] = "Overlap with true minus false answers"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "score"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
