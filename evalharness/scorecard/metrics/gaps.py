"""The largest difference between the means of any two groups, with its interval.

A gap without a difference behind it is still above 0, because it is the largest of several. Its
interval therefore holds for all pairs at once (Bonferroni), and reaches down to 0 unless some pair
differs. A bootstrap of the largest difference has no such 0: it nearly always stays above it.

The interval of one pair: of paired groups that of `stats.paired_proportions` or
`stats.paired_means`; else from the groups' own intervals, by Newcombe's hybrid score method
(Newcombe 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I,
method 10), which Zou and Donner 2008 (https://doi.org/10.1002/sim.3095) extend to means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import ClassVar, TypeAlias

import numpy as np

from evalharness import stats
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import (
    AMONG_ANSWERED,
    Computed,
    Flags,
    Numbers,
    Policy,
    Units,
)
from evalharness.scorecard.metrics.figure import Figure, share
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["LargestGap", "Stratum"]

#: An interval of a difference, as (low, high, method); with a reason, where it has none of its own,
#: in place of the method: then the ends are all that the score's range permits.
Ends: TypeAlias = tuple[float, float, str, str | None]


@dataclass(frozen=True)
class Stratum:
    """Groups that are compared with each other: units of each, and of which the mean is taken.

    ``units`` has one entry a group. Paired groups are aligned: all have the same items in the same
    order, and only those measured for every group count.
    """

    name: str
    groups: tuple[str, ...]
    units: tuple[Units, ...]
    paired: bool
    #: What the units of each group are called.
    names: tuple[Labels, ...]
    #: What of each group is drawn together.
    together: tuple[Labels, ...]

    def measured(self, place: int) -> Flags:
        if not self.paired:
            return self.units[place].measured
        return np.asarray(np.stack([units.measured for units in self.units]).all(axis=0))

    def values(self, place: int) -> Numbers:
        return self.units[place].value[self.measured(place)]

    def missing(self, place: int) -> Flags:
        return np.asarray(~self.measured(place) & ~self.excluded(place))

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
class _Part:
    """The units of one group, or those of all groups of a paired stratum, which are the same."""

    stratum: Stratum
    place: int
    groups: tuple[int, ...]

    @property
    def measured(self) -> Flags:
        return self.stratum.measured(self.place)

    @property
    def names(self) -> Labels:
        """A sample is of one group of one stratum; an item may stand in several, a unit in each."""
        own = self.stratum.names[self.place]
        if not self.stratum.paired:
            return own
        return Labels.of(f"{self.stratum.name}/{name}" for name in own.tolist())


def _parts(stratum: Stratum) -> list[_Part]:
    places = range(len(stratum.groups))
    if stratum.paired:
        return [_Part(stratum, 0, tuple(places))]
    return [_Part(stratum, place, (place,)) for place in places]


def _gaps(means: Numbers) -> Numbers:
    """The largest difference between known means, shape (r, groups); NaN with fewer than two."""
    known = ~np.isnan(means)
    highest = np.where(known, means, -np.inf).max(axis=1)
    lowest = np.where(known, means, np.inf).min(axis=1)
    enough = known.sum(axis=1) > 1
    gaps: Numbers = np.full(len(means), np.nan)
    gaps[enough] = highest[enough] - lowest[enough]
    return gaps


class LargestGap:
    """The largest difference between two means of a stratum, over all strata."""

    version: ClassVar[int] = 1
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "percentage points"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    policy: ClassVar[Policy] = AMONG_ANSWERED
    narrows: ClassVar[bool] = False
    #: Of the score itself.
    score_range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def strata(self, rows: TaskRows) -> list[Stratum]:
        """What is compared with what."""
        raise NotImplementedError

    def compute(self, rows: TaskRows, level: float) -> Computed:
        strata = self.strata(rows)
        pairs = [(stratum, i, j) for stratum in strata for i, j in stratum.pairs]
        n_measured, n_counted, n_planned = _counts(strata)
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

    def figure(self, rows: TaskRows) -> Figure | None:
        """Values and counts by group; a unit is an item where paired, else a sample."""
        strata = self.strata(rows)
        if not strata:
            return None
        # the groups of each stratum stand behind those of the one before it
        *starts, count = np.cumsum([0, *(len(stratum.groups) for stratum in strata)]).tolist()
        parts, added = [], []
        for stratum, start in zip(strata, starts, strict=True):
            for part in _parts(stratum):
                columns = np.zeros((len(part.measured), 2 * count))
                for place in part.groups:
                    value = np.where(part.measured, stratum.units[place].value, 0.0)
                    columns[:, 2 * (start + place)] = value
                    columns[:, 2 * (start + place) + 1] = part.measured
                parts.append(part)
                added.append(columns)

        def largest(sums: Numbers) -> Numbers:
            means = share(sums[:, ::2], sums[:, 1::2])
            gaps = [_gaps(block) for block in np.split(means, starts[1:], axis=1)]
            return np.asarray(np.fmax.reduce(gaps))

        return Figure(
            names=Labels.joined([part.names for part in parts]),
            missing=np.concatenate([part.stratum.missing(part.place) for part in parts]),
            excluded=np.concatenate([part.stratum.excluded(part.place) for part in parts]),
            cluster=Labels.joined([part.stratum.together[part.place] for part in parts]),
            columns=np.concatenate(added),
            value=largest,
        )

    def _difference(self, stratum: Stratum, i: int, j: int, level: float) -> Ends:
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
                return -self._width, self._width, "", "; ".join(estimate.notes)
            return estimate.interval.low, estimate.interval.high, estimate.interval.method, None
        (a, of_a, why_a), (b, of_b, why_b) = (self._mean(stratum, n, level) for n in (i, j))
        low, high = stats.hybrid_difference(b, of_b, a, of_a)
        return max(low, -self._width), min(high, self._width), "hybrid score", why_a or why_b

    @property
    def _width(self) -> float:
        return self.score_range[1] - self.score_range[0]

    def _mean(
        self, stratum: Stratum, place: int, level: float
    ) -> tuple[float, tuple[float, float], str | None]:
        """A group's mean, its interval, and why that is the whole range, if it is."""
        units, values = stratum.units[place], stratum.values(place)
        if np.isin(values, (0, 1)).all() and self.score_range == (0.0, 1.0):
            found = stats.clustered_proportion(values, units.clusters, level)
        else:
            found = stats.mean(values, units.clusters, level, value_range=self.score_range)
        value = stratum.mean(place)
        if found.interval is None:
            return value, self.score_range, f"{stratum.groups[place]}: {'; '.join(found.notes)}"
        return value, (found.interval.low, found.interval.high), None


def _counts(strata: Sequence[Stratum]) -> tuple[int, int, int]:
    """Measured, counted and planned units: items where paired, else samples."""
    measured = counted = planned = 0
    for stratum in strata:
        for place in range(1 if stratum.paired else len(stratum.groups)):
            found = stratum.counts(place)
            measured, counted = measured + found[0], counted + found[1]
            planned += len(stratum.units[place].measured)
    return measured, counted, planned


def _together(ends: Sequence[Ends], level: float) -> tuple[stats.Interval | None, tuple[str, ...]]:
    """The interval of the largest absolute difference, from those of all pairs at once.

    If every difference lies in its interval, the largest is at least the largest lower end of any
    difference in either direction, and at most the largest end in size. A pair without an interval
    of its own may differ by anything: it leaves the lower end to the others, and opens the upper.
    """
    reasons = list(dict.fromkeys(why for *_, why in ends if why is not None))
    notes: tuple[str, ...] = ()
    if reasons:
        more = f" (and {len(reasons) - 1} more reasons)" if len(reasons) > 1 else ""
        alone = all(why is not None for *_, why in ends)
        what = "no interval" if alone else "open upwards, for want of an interval"
        notes = (f"{what}: {reasons[0]}{more}",)
        if alone:
            return None, notes
    low = max(0.0, *(max(low, -high) for low, high, *_ in ends))
    high = max(max(high, -low) for low, high, *_ in ends)
    methods = sorted({method for *_, method, why in ends if why is None})
    many = f", simultaneous over {len(ends)} pairs" if len(ends) > 1 else ""
    return stats.Interval(low, high, level, 2, " or ".join(methods) + many), notes


def _bounds(strata: Sequence[Stratum]) -> tuple[float, float]:
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
