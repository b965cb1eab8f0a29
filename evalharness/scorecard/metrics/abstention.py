"""Abstention: what stands beside every accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalharness.records import OutcomeKind
from evalharness.scorecard.metrics.base import (
    DECLINED,
    Computed,
    Flags,
    Numbers,
    Policy,
    Units,
    per_sample,
    row_values,
)
from evalharness.scorecard.metrics.samples import share_of
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["AbstentionRate"]


@dataclass(frozen=True)
class AbstentionRate:
    """Share of samples in which the model did not commit itself to an answer.

    It declined, a filter stopped it, or it chose an option that says that it is not known. Such
    samples are in accuracy's denominator and are not right; with this figure beside it, "does not
    know" and "is wrong" stay apart. Silence and what cannot be read is no abstention: missing.
    Read it with accuracy: neither never abstaining nor abstaining always is good.

    Args:
        score: a score of the task's scorer that is 1 for an option such as "I don't know".
    """

    score: str | None = None

    name: ClassVar[str] = "abstention_rate"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "Abstained"
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "proportion"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    counted: ClassVar[str] = "samples"

    @property
    def reads(self) -> tuple[str, ...]:
        return () if self.score is None else (self.score,)

    def values(self, rows: TaskRows) -> tuple[Numbers, Flags, Flags]:
        """Value, missing and excluded for each row."""
        answered: Policy = {OutcomeKind.ANSWERED: "score" if self.score else 0.0}
        return row_values(rows, self.score or "", {**DECLINED, **answered})

    def units(self, rows: TaskRows) -> Units:
        return per_sample(rows, *self.values(rows), self.range)

    def compute(self, rows: TaskRows, level: float) -> Computed:
        return share_of(self.units(rows), level)
