"""The seam of a metric, and what outcomes mean to one.

An outcome says what came back; a metric says what that means. Each metric's policy gives every
outcome a value, or calls it *excluded* (by definition, and shown) or *missing* (not measured).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from evalharness.records import OutcomeKind
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows
from evalharness.stats import Interval

__all__ = [
    "AMONG_ANSWERED",
    "DECLINED",
    "HARM",
    "KNOWLEDGE",
    "Computed",
    "Metric",
    "Policy",
    "Units",
    "per_sample",
    "row_values",
]

Meaning: TypeAlias = float | Literal["score", "excluded", "missing"]
Policy: TypeAlias = Mapping[OutcomeKind, Meaning]
Numbers: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

_NOT_MEASURED: dict[OutcomeKind, Meaning] = {
    OutcomeKind.EMPTY: "missing",
    OutcomeKind.UNPARSED: "missing",
    OutcomeKind.ERRORED: "missing",
    OutcomeKind.NOT_RUN: "missing",
}

#: Abstention stays in the denominator: it is no right answer, and no lost one either.
KNOWLEDGE: Policy = {
    OutcomeKind.ANSWERED: "score",
    OutcomeKind.REFUSED: 0.0,
    OutcomeKind.BLOCKED: 0.0,
    **_NOT_MEASURED,
}

#: A refusal does no harm; silence is not known to be harmless.
HARM: Policy = {
    OutcomeKind.ANSWERED: "score",
    OutcomeKind.REFUSED: 0.0,
    OutcomeKind.BLOCKED: 0.0,
    **_NOT_MEASURED,
}

#: About the declining itself: a refusal, or a filter's, is what is counted.
DECLINED: Policy = {
    OutcomeKind.ANSWERED: "score",
    OutcomeKind.REFUSED: 1.0,
    OutcomeKind.BLOCKED: 1.0,
    **_NOT_MEASURED,
}

#: About the answers alone: those who did not answer are left out by definition.
AMONG_ANSWERED: Policy = {
    OutcomeKind.ANSWERED: "score",
    OutcomeKind.REFUSED: "excluded",
    OutcomeKind.BLOCKED: "excluded",
    **_NOT_MEASURED,
}


@dataclass(frozen=True)
class Computed:
    """What a metric found; the aggregator joins outcomes, protocol and grade to it."""

    value: float | None
    n_planned: int
    n_measured: int
    interval: Interval | None = None
    claim: Interval | None = None
    bounds: tuple[float, float] | None = None
    n_excluded: int = 0
    n_clusters: int | None = None
    #: Share of the rows (or units) that are neither excluded nor missing; what the floor is about.
    coverage: float = 0.0
    notes: tuple[str, ...] = ()


class Metric(Protocol):
    """One definition of a figure. A frozen dataclass whose fields are its options."""

    name: ClassVar[str]
    #: Raised whenever the same rows would give another figure.
    version: ClassVar[int]
    title: ClassVar[str]
    direction: ClassVar[Direction]
    unit: ClassVar[str]
    range: ClassVar[tuple[float, float]]
    counted: ClassVar[str]

    @property
    def reads(self) -> tuple[str, ...]:
        """The scores that it reads; the task's scorer must give them."""

    def compute(self, rows: TaskRows, level: float) -> Computed: ...


@dataclass(frozen=True)
class Units:
    """Values by unit. ``low`` and ``high`` are what the missing parts could have made each."""

    value: Numbers
    low: Numbers
    high: Numbers
    measured: Flags
    excluded: Flags
    cluster: npt.NDArray[np.object_]
    coverage: float

    @property
    def measured_values(self) -> Numbers:
        return self.value[self.measured]

    @property
    def clusters(self) -> list[str] | None:
        """Clusters of the measured units, or None when the task has none."""
        return self.clusters_of(self.measured)

    def clusters_of(self, units: Flags) -> list[str] | None:
        """Clusters of some units; a unit without one is a cluster of its own."""
        labels = self.cluster[units]
        if all(label is None for label in labels):
            return None
        return [f"own {i}" if label is None else f"c {label}" for i, label in enumerate(labels)]

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lowest and highest mean that the missing values could have given."""
        counted = ~self.excluded
        if not counted.any():
            return None
        return float(self.low[counted].mean()), float(self.high[counted].mean())


def row_values(
    rows: TaskRows, score: str, policy: Policy, absent: Literal["excluded", "missing"] = "missing"
) -> tuple[Numbers, Flags, Flags]:
    """Value, missing and excluded for each row; the value is NaN where it is either."""
    values = np.full(len(rows), np.nan)
    missing = np.zeros(len(rows), dtype=bool)
    excluded = np.zeros(len(rows), dtype=bool)
    found = rows.scores.get(score, np.full(len(rows), np.nan))
    for kind, meaning in policy.items():
        mask = rows.outcome == kind.value
        if meaning == "score":
            values[mask] = found[mask]
            without = mask & np.isnan(found)
            missing |= without if absent == "missing" else False
            excluded |= without if absent == "excluded" else False
        elif meaning == "missing":
            missing |= mask
        elif meaning == "excluded":
            excluded |= mask
        else:
            values[mask] = meaning
    return values, missing, excluded


def per_sample(
    rows: TaskRows,
    values: Numbers,
    missing: Flags,
    excluded: Flags,
    value_range: tuple[float, float],
) -> Units:
    """Average the rows of each sample: repeats are averaged within an item before all else.

    A sample is measured when at least one of its rows is, excluded when all of its rows are; its
    missing rows widen its bounds.
    """
    _, first, codes = np.unique(rows.sample.astype(str), return_index=True, return_inverse=True)
    order = np.argsort(first)  # in the plan's order, so that sums do not depend on names
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    codes = place[codes]
    count = len(first)

    def total(weights: Numbers) -> Numbers:
        return np.bincount(codes, weights=weights, minlength=count).astype(np.float64)

    has_value = ~missing & ~excluded
    n_value, n_missing = total(has_value.astype(float)), total(missing.astype(float))
    sums = total(np.where(has_value, np.nan_to_num(values), 0.0))
    measured = n_value > 0
    counted = np.maximum(n_value + n_missing, 1)
    rows_counted = int((~excluded).sum())
    return Units(
        value=np.where(measured, sums / np.maximum(n_value, 1), np.nan),
        low=(sums + n_missing * value_range[0]) / counted,
        high=(sums + n_missing * value_range[1]) / counted,
        measured=measured,
        excluded=(n_value + n_missing) == 0,
        cluster=rows.cluster[np.sort(first)],
        coverage=float(has_value.sum() / rows_counted) if rows_counted else 0.0,
    )
