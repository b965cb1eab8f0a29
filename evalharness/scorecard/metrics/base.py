"""The seam of a metric, and what outcomes mean to one.

An outcome says what came back; a metric says what that means. Each metric's policy gives every
outcome a value, or calls it *excluded* (by definition, and shown) or *missing* (not measured).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from evalharness.records import OutcomeKind
from evalharness.scorecard.labels import Labels
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
    "Sliced",
    "Units",
    "per_sample",
    "row_values",
]

Meaning: TypeAlias = float | Literal["score", "excluded", "missing"]
Policy: TypeAlias = Mapping[OutcomeKind, Meaning]
Numbers: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]
#: Labels in whose sorted order the clusters stand.
Clusters: TypeAlias = list[str] | npt.NDArray[np.intp]

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
    """One definition of a figure. A frozen dataclass whose fields are its options.

    Beside these a metric may have ``detail`` (what its title must add to tell two uses apart),
    ``needs`` (tag -> value, without which there is nothing to measure), ``tags`` (those by which
    it groups samples), ``slices``, ``narrows = False`` where an interval for the population cannot
    simply be narrowed to one for a fixed set (a largest difference, a distance), and, so that two
    runs can be compared in it, ``units`` (it is a mean of one value a unit) or ``figure`` (it can
    be drawn again, `metrics.figure`).
    """

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


@runtime_checkable
class Sliced(Protocol):
    """A metric that says itself which rows a slice of it has: one over pairs keeps both halves."""

    def slices(self, rows: TaskRows, tag: str) -> Iterable[tuple[str, TaskRows]]: ...


@dataclass(frozen=True)
class Units:
    """Values by unit. ``low`` and ``high`` are what the missing parts could have made each.

    ``names`` are what the units are called, where they are not the samples in their order: so two
    runs find each other's.
    """

    value: Numbers
    low: Numbers
    high: Numbers
    measured: Flags
    excluded: Flags
    cluster: Labels
    coverage: float
    names: Labels | None = None

    @property
    def measured_values(self) -> Numbers:
        return self.value[self.measured]

    @property
    def clusters(self) -> Clusters | None:
        """Clusters of the measured units, or None when the task has none."""
        return self.clusters_of(self.measured)

    def clusters_of(self, units: Flags) -> Clusters | None:
        """Clusters of some units, shape (u,); a unit without one is a cluster of its own."""
        labels = self.cluster[units]
        missing = labels.missing
        if missing.all():
            return None
        if not missing.any():
            return labels.ranked()[1]
        named = enumerate(labels.tolist())
        return [f"own {i}" if label is None else f"c {label}" for i, label in named]

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
        mask = rows.outcome.are(kind.value)
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
    first, codes = rows.sample.units()
    count = len(first)

    alone = count == len(rows)  # one row a sample, as nearly always

    def many(flags: Flags) -> npt.NDArray[np.int32]:
        found = flags if alone else np.bincount(codes[flags], minlength=count)
        return found.astype(np.int32)

    has_value = ~missing & ~excluded
    n_value, n_missing = many(has_value), many(missing)
    sums: Numbers = np.where(has_value, values, 0.0)
    np.nan_to_num(sums, copy=False)
    if not alone:
        sums = np.bincount(codes, weights=sums, minlength=count).astype(np.float64)
    measured = n_value > 0
    value = sums / np.maximum(n_value, 1)
    value[~measured] = np.nan
    rows_counted = int((~excluded).sum())

    def end(filled: float) -> Numbers:
        """The mean if every missing row were ``filled``; step by step, for memory's sake."""
        found = n_missing * np.float64(filled)
        found += sums
        found /= np.maximum(n_value + n_missing, 1)
        return found

    return Units(
        value=value,
        low=end(value_range[0]),
        high=end(value_range[1]),
        measured=measured,
        excluded=(n_value + n_missing) == 0,
        cluster=rows.cluster[first],
        coverage=float(has_value.sum() / rows_counted) if rows_counted else 0.0,
    )
