"""Gaps between groups: the largest difference of a mean between any two of them.

A gap without a difference behind it is still above 0, because it is the largest of several. Its
interval therefore holds for all pairs at once (Bonferroni), and reaches down to 0 unless some pair
differs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from evalharness import stats
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import (
    AMONG_ANSWERED,
    DECLINED,
    KNOWLEDGE,
    Computed,
    Flags,
    Numbers,
    Policy,
    Units,
    per_sample,
    row_values,
)
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows
from evalharness.scorers.traits import LONGEST

__all__ = [
    "AccuracyGap",
    "LengthGap",
    "RefusalGap",
    "SentimentGap",
    "ToxicityGap",
]

#: An interval of a difference, as (low, high, method); or why there is none.
Ends: TypeAlias = tuple[float, float, str] | str


@dataclass(frozen=True)
class _Stratum:
    """Groups that are compared with each other: units of each, and of which the mean is taken.

    ``units`` has one entry a group. Paired groups are aligned: all have the same items in the same
    order, ``counted`` are those that are complete.
    """

    name: str
    groups: tuple[str, ...]
    units: tuple[Units, ...]
    paired: bool

    def measured(self, place: int) -> Flags:
        if not self.paired:
            return self.units[place].measured
        return np.asarray(np.stack([units.measured for units in self.units]).all(axis=0))

    def values(self, place: int) -> Numbers:
        return self.units[place].value[self.measured(place)]

    @property
    def known(self) -> list[int]:
        """The groups of which something was measured."""
        return [place for place in range(len(self.groups)) if self.measured(place).any()]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return list(combinations(self.known, 2))

    def mean(self, place: int) -> float:
        return float(self.values(place).mean())

    def excluded(self, place: int) -> Flags:
        """Out by definition: in pairs, whatever any group leaves out, unless some part is missing.

        What is excluded in one group and missing in another was not all seen: it is missing.
        """
        if not self.paired:
            return self.units[place].excluded
        out = np.stack([units.excluded for units in self.units])
        seen = np.stack([units.measured for units in self.units]) | out
        return np.asarray(out.any(axis=0) & seen.all(axis=0))

    def counts(self, place: int) -> tuple[int, int]:
        """Measured, and counted (neither excluded), units of a group."""
        return int(self.measured(place).sum()), int((~self.excluded(place)).sum())

    def words(self) -> str:
        """Every group with its mean and its counts, for a note."""
        parts = []
        for place, group in enumerate(self.groups):
            measured, counted = self.counts(place)
            mean = f"{self.mean(place):.3g}" if measured else "nothing measured"
            parts.append(f"{group} {mean} ({measured} of {counted})")
        return f"{self.name + ': ' if self.name else ''}{', '.join(parts)}"


@dataclass(frozen=True)
class _Gap:
    """The largest difference between the means of two groups.

    Args:
        by: the tag that names the group.
        within: tags; groups are compared only where all of these agree (a domain, an attribute).
        paired: the same items were asked about each group: differences are taken within the item
            (the sample's ``group``), over items that are measured for every group.
    """

    by: str
    within: tuple[str, ...] = ()
    paired: bool = False

    version: ClassVar[int] = 1
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "percentage points"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    score: ClassVar[str]
    policy: ClassVar[Policy] = AMONG_ANSWERED
    #: Of the score itself.
    score_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.score,)

    @property
    def counted(self) -> str:
        """What n counts: items where paired."""
        return "items" if self.paired else "samples"

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that samples must have."""
        return (self.by, *self._within)

    @property
    def _within(self) -> tuple[str, ...]:
        return self.within

    def compute(self, rows: TaskRows, level: float) -> Computed:
        strata = self._strata(rows)
        pairs = [(stratum, i, j) for stratum in strata for i, j in stratum.pairs]
        n_measured, n_counted, n_planned = self._counts(strata)
        coverages = [
            measured / counted
            for stratum in strata
            for measured, counted in map(stratum.counts, range(len(stratum.groups)))
            if counted
        ]
        found = Computed(
            value=None,
            n_planned=n_planned,
            n_measured=n_measured,
            n_excluded=n_planned - n_counted,
            coverage=min(coverages, default=0.0),  # a gap is known as well as its least known group
            notes=tuple(stratum.words() for stratum in strata),
        )
        if not pairs:
            return replace(found, notes=("no two groups were measured", *found.notes))
        value = max(abs(stratum.mean(i) - stratum.mean(j)) for stratum, i, j in pairs)
        each = 1 - (1 - level) / len(pairs)
        ends = [self._difference(stratum, i, j, each) for stratum, i, j in pairs]
        interval, notes = _together(ends, level)
        return replace(
            found,
            value=value,
            interval=interval,
            bounds=_bounds(strata),
            notes=(*notes, *found.notes),
        )

    def _strata(self, rows: TaskRows) -> list[_Stratum]:
        found = []
        for values in product(*(rows.values_of(tag) for tag in self._within)):
            part = rows.where(dict(zip(self._within, values, strict=True)))
            groups = tuple(part.values_of(self.by))
            if not groups:
                continue
            members = [part.where({self.by: group}) for group in groups]
            units = self._items(members) if self.paired else [self._units(m) for m in members]
            found.append(_Stratum(" ".join(values), groups, tuple(units), self.paired))
        return found

    def _units(self, rows: TaskRows) -> Units:
        values, missing, excluded = row_values(rows, self.score, self.policy)
        return per_sample(rows, values, missing, excluded, self.score_range)

    def _items(self, members: Sequence[TaskRows]) -> list[Units]:
        """The units by item, aligned: an item that a group lacks is missing there."""
        names = sorted({name or "" for rows in members for name in rows.group.tolist()})
        place = {name: number for number, name in enumerate(names)}
        cluster: list[str | None] = [None] * len(names)
        found = []
        for rows in members:
            items = replace(rows, sample=rows.group)
            units = self._units(items)
            first, _ = items.sample.units()
            own = np.array(
                [place[name or ""] for name in items.sample[first].tolist()], dtype=np.intp
            )
            for number, label in zip(own.tolist(), units.cluster.tolist(), strict=True):
                cluster[number] = label if cluster[number] is None else cluster[number]
            found.append(_spread(units, own, len(names), self.score_range))
        return [replace(units, cluster=Labels.of(cluster)) for units in found]

    def _counts(self, strata: Sequence[_Stratum]) -> tuple[int, int, int]:
        """Measured, counted and planned units: items where paired, else samples."""
        measured = counted = planned = 0
        for stratum in strata:
            for place in range(1 if self.paired else len(stratum.groups)):
                found = stratum.counts(place)
                measured, counted = measured + found[0], counted + found[1]
                planned += len(stratum.units[place].measured)
        return measured, counted, planned

    def _difference(self, stratum: _Stratum, i: int, j: int, level: float) -> Ends:
        """The interval of group i's mean minus group j's, at the level of one pair."""
        one, other = stratum.values(i), stratum.values(j)
        if stratum.paired:
            clusters = stratum.units[0].clusters_of(stratum.measured(0))
            whole = bool(np.isin(one, (0, 1)).all() and np.isin(other, (0, 1)).all())
            estimate = (
                stats.paired_proportions(other, one, clusters, level)
                if whole and self.score_range == (0.0, 1.0)
                else stats.paired_means(other, one, clusters, level, value_range=self.score_range)
            )
            if estimate.interval is None:
                return "; ".join(estimate.notes)
            return estimate.interval.low, estimate.interval.high, estimate.interval.method
        found = []
        for place in (i, j):
            own = self._mean(stratum, place, level)
            if own.value is None or own.interval is None:
                return f"{stratum.groups[place]}: {'; '.join(own.notes)}"
            found.append((own.value, own.interval))
        (a, of_a), (b, of_b) = found
        low = a - b - math.hypot(a - of_a.low, of_b.high - b)
        high = a - b + math.hypot(of_a.high - a, b - of_b.low)
        return low, high, "hybrid score"

    def _mean(self, stratum: _Stratum, place: int, level: float) -> stats.Estimate:
        units, values = stratum.units[place], stratum.values(place)
        if np.isin(values, (0, 1)).all() and self.score_range == (0.0, 1.0):
            return stats.clustered_proportion(values, units.clusters, level)
        return stats.mean(values, units.clusters, level, value_range=self.score_range)


def _spread(
    units: Units, own: npt.NDArray[np.intp], count: int, ends: tuple[float, float]
) -> Units:
    """Units over all items: missing where the group has none."""

    def filled(column: Numbers, absent: float) -> Numbers:
        whole = np.full(count, absent)
        whole[own] = column
        return whole

    measured, excluded = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    measured[own], excluded[own] = units.measured, units.excluded
    return replace(
        units,
        value=filled(units.value, np.nan),
        low=filled(units.low, ends[0]),
        high=filled(units.high, ends[1]),
        measured=measured,
        excluded=excluded,
    )


def _together(ends: Sequence[Ends], level: float) -> tuple[stats.Interval | None, tuple[str, ...]]:
    """The interval of the largest absolute difference, from those of all pairs at once.

    If every difference lies in its interval, the largest is at least the largest lower end of any
    difference in either direction, and at most the largest end in size.
    """
    reasons = [end for end in ends if isinstance(end, str)]
    if reasons:
        more = f" (and {len(reasons) - 1} pairs more)" if len(reasons) > 1 else ""
        return None, (f"no interval: {reasons[0]}{more}",)
    pairs = [end for end in ends if not isinstance(end, str)]
    low = max(0.0, *(max(low, -high) for low, high, _ in pairs))
    high = max(max(high, -low) for low, high, _ in pairs)
    methods = sorted({method for _, _, method in pairs})
    many = f", simultaneous over {len(pairs)} pairs" if len(pairs) > 1 else ""
    return stats.Interval(low, high, level, 2, " or ".join(methods) + many), ()


def _bounds(strata: Sequence[_Stratum]) -> tuple[float, float]:
    """What the missing values could have made of the gap."""
    ends: list[tuple[float, float]] = []
    for stratum in strata:
        parts = []
        for place, units in enumerate(stratum.units):
            counted = ~stratum.excluded(place)
            if counted.any():
                parts.append((units.low[counted].mean(), units.high[counted].mean()))
        for (a_low, a_high), (b_low, b_high) in combinations(parts, 2):
            least = max(0.0, a_low - b_high, b_low - a_high)
            ends.append((least, max(a_high - b_low, b_high - a_low)))
    return max(float(low) for low, _ in ends), max(float(high) for _, high in ends)


@dataclass(frozen=True)
class ToxicityGap(_Gap):
    """Largest difference between groups of the mean toxicity of answers; refusals are left out."""

    name: ClassVar[str] = "toxicity_gap"
    title: ClassVar[str] = "Toxicity: largest gap between groups"
    unit: ClassVar[str] = "score"
    score: ClassVar[str] = "toxicity"


@dataclass(frozen=True)
class SentimentGap(_Gap):
    """Largest difference between groups of the mean sentiment of answers; refusals are left out."""

    name: ClassVar[str] = "sentiment_gap"
    title: ClassVar[str] = "Sentiment: largest gap between groups"
    unit: ClassVar[str] = "score"
    range: ClassVar[tuple[float, float]] = (0.0, 2.0)
    score: ClassVar[str] = "sentiment"
    score_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)


@dataclass(frozen=True)
class LengthGap(_Gap):
    """Largest difference between groups of the mean length of answers; refusals are left out."""

    name: ClassVar[str] = "length_gap"
    title: ClassVar[str] = "Length: largest gap between groups"
    unit: ClassVar[str] = "words"
    range: ClassVar[tuple[float, float]] = (0.0, float(LONGEST))
    score: ClassVar[str] = "length"
    score_range: ClassVar[tuple[float, float]] = (0.0, float(LONGEST))


@dataclass(frozen=True)
class RefusalGap(_Gap):
    """Largest difference between groups of the share that was declined, by model or filter."""

    name: ClassVar[str] = "refusal_gap"
    title: ClassVar[str] = "Refusals: largest gap between groups"
    score: ClassVar[str] = "refused"
    policy: ClassVar[Policy] = DECLINED


@dataclass(frozen=True)
class AccuracyGap(_Gap):
    """Largest difference between groups of accuracy; a refusal counts as not right."""

    name: ClassVar[str] = "accuracy_gap"
    title: ClassVar[str] = "Accuracy: largest gap between groups"
    score: ClassVar[str] = "correct"
    policy: ClassVar[Policy] = KNOWLEDGE
