"""How well an attack tells members of the training data from others, and what of it is its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from evalharness import stats
from evalharness.scorecard.metrics.base import (
    AMONG_ANSWERED,
    Computed,
    Numbers,
    Units,
    per_sample,
    row_values,
)
from evalharness.scorecard.metrics.figure import Figure, over
from evalharness.scorecard.metrics.samples import members_of
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["ExcessAUC", "MembershipAUC", "auc"]

Attack = Literal["loss", "zlib", "min_k", "min_k_plus_plus"]

#: Of each attack, what it is called.
_WORDS = {
    "loss": "loss",
    "zlib": "zlib",
    "min_k": "Min-K%",
    "min_k_plus_plus": "Min-K%++",
    "blind": "blind baseline",
}
#: Of the bootstrap.
_SEED = 20_240_102
_CHANCE = 0.5
#: Scores that not every adapter can give, and what they need.
_NEEDS = {
    "min_k_plus_plus": "not run: it needs the mean and deviation of each token's distribution, "
    "which this model's adapter does not give (transformers does, with token_statistics: true)"
}


def auc(scores: Numbers, members: npt.NDArray[np.bool_]) -> float | None:
    """The probability that a member scores higher than a non-member, ties counting half.

    Args:
        scores: shape (n,), finite.
        members: shape (n,).

    Returns:
        The area under the ROC curve, in [0, 1]; None where one of the two groups is empty.
    """
    inside, outside = scores[members], np.sort(scores[~members])
    if not len(inside) or not len(outside):
        return None
    # for each member, how many others lie below it, a tie counting half
    below = np.searchsorted(outside, inside, "left") + np.searchsorted(outside, inside, "right")
    return float(below.sum() / 2 / (len(inside) * len(outside)))


@dataclass(frozen=True)
class _Table:
    """Scores by text: what was measured of each; the rest is missing or excluded."""

    first: Units
    columns: Sequence[Numbers]
    notes: tuple[str, ...]
    every: Numbers  # the columns over all texts, shape (u, k)


def _table(rows: TaskRows, scores: Sequence[str]) -> _Table:
    """The columns over the texts that have all of them, with what is missing and why."""
    notes: tuple[str, ...] = ()
    found = [row_values(rows, score, AMONG_ANSWERED) for score in scores]
    missing = np.logical_or.reduce([m for _, m, _ in found])
    excluded = np.logical_or.reduce([e for _, _, e in found])
    for score, (values, _, _) in zip(scores, found, strict=True):
        answered = rows.outcome.are("answered")
        if score in _NEEDS and answered.any() and np.isnan(values[answered]).all():
            excluded, missing = excluded | answered, missing & ~answered
            notes = (_NEEDS[score],)
    missing &= ~excluded
    # the ends only serve bounds on a mean, and an AUC is none
    units = [per_sample(rows, values, missing, excluded, (0.0, 0.0)) for values, _, _ in found]
    every = np.stack([unit.value for unit in units], axis=1)
    return _Table(units[0], [unit.measured_values for unit in units], notes, every)


@dataclass(frozen=True)
class _Ranked(Figure):
    """A figure of ranks, which are no sums: of columns member, score and perhaps the baseline's."""

    def weighted(
        self, places: npt.NDArray[np.intp], codes: npt.NDArray[np.intp], count: int
    ) -> stats.Weighted:
        del count
        kept = ~self.excluded[places]
        columns, code = self.columns[places][kept], codes[kept]
        members = columns[:, 0] == 1
        curves = [_Curve(scores, members) for scores in columns.T[1:]]

        def areas(counts: Numbers) -> Numbers:
            found = np.empty((len(counts), len(curves)))
            for row, drawn in enumerate(counts):
                weights = drawn[code]
                found[row] = [curve.area(weights) for curve in curves]
            return self.value(found)

        return areas


class _Curve:
    """A ROC curve whose texts count several times or never; sorted once for all draws."""

    def __init__(self, scores: Numbers, members: npt.NDArray[np.bool_]) -> None:
        self._order = np.argsort(scores, kind="stable")
        self._members = members[self._order].astype(np.float64)
        ranked = scores[self._order]
        new = np.concatenate([[True], ranked[1:] != ranked[:-1]]) if len(ranked) else ranked
        self._starts = np.flatnonzero(new)

    def area(self, weights: Numbers) -> float:
        """As `auc`; NaN where one of the two groups is empty."""
        if not len(self._starts):
            return np.nan
        weights = weights[self._order]
        inside = np.add.reduceat(weights * self._members, self._starts)
        outside = np.add.reduceat(weights, self._starts) - inside
        pairs = float(inside.sum() * outside.sum())
        if not pairs:
            return np.nan
        below = np.cumsum(outside) - outside / 2  # a tie counts half
        return float(inside @ below) / pairs


def _ranked(rows: TaskRows, table: _Table, value: Callable[[Numbers], Numbers]) -> Figure:
    figure = over(table.first, rows, table.every, value)
    return _Ranked(
        figure.names, figure.missing, figure.excluded, figure.cluster, figure.columns, value
    )


def _computed(table: _Table, estimate: stats.Estimate) -> Computed:
    units = table.first
    return Computed(
        value=estimate.value,
        n_planned=len(units.measured),
        n_measured=int(units.measured.sum()),
        interval=estimate.interval,
        claim=estimate.claim,
        n_excluded=int(units.excluded.sum()),
        n_clusters=None if units.clusters is None else estimate.n_clusters,
        coverage=units.coverage,
        notes=table.notes or estimate.notes,
    )


@dataclass(frozen=True)
class MembershipAUC:
    """Area under the ROC curve of one attack, or of the blind baseline. 0.5 is chance.

    Read an attack's beside the baseline's: a blind AUC of 0.8 means that the two groups of texts
    can be told apart without the model.

    Args:
        attack: a score of the scorer ``membership``; ``blind`` is the text-only baseline.
    """

    attack: Literal["loss", "zlib", "min_k", "min_k_plus_plus", "blind"]

    name: ClassVar[str] = "membership_auc"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "Members told from others (AUC)"
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "AUC"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    counted: ClassVar[str] = "texts"

    @property
    def detail(self) -> str:
        """What makes this use differ from another of the same metric."""
        return _WORDS[self.attack]

    @property
    def reads(self) -> tuple[str, ...]:
        return ("member", self.attack)

    def compute(self, rows: TaskRows, level: float) -> Computed:
        table = _table(rows, self.reads)
        members, scores = table.columns[0] == 1, table.columns[1]

        def statistic(chosen: npt.NDArray[np.intp]) -> float | None:
            return auc(scores[chosen], members[chosen])

        return _computed(
            table,
            stats.cluster_bootstrap(
                statistic, members_of(table.first), seed=_SEED, level=level, value_range=self.range
            ),
        )

    def figure(self, rows: TaskRows) -> Figure:
        """The area over the texts that were measured."""
        return _ranked(rows, _table(rows, self.reads), lambda areas: areas[:, 0])


@dataclass(frozen=True)
class ExcessAUC:
    """AUC of an attack minus that of the blind baseline on the same texts: all that is claimed.

    A baseline below chance counts as chance. Above 0 the attack sees something in the model that
    the texts alone do not tell; the interval, over texts and paired, says how surely.

    Args:
        attack: a score of the scorer ``membership``.
    """

    attack: Attack

    name: ClassVar[str] = "excess_auc"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "AUC beyond the blind baseline"
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "AUC"
    range: ClassVar[tuple[float, float]] = (-1.0, 0.5)
    counted: ClassVar[str] = "texts"

    @property
    def detail(self) -> str:
        """What makes this use differ from another of the same metric."""
        return _WORDS[self.attack]

    @property
    def reads(self) -> tuple[str, ...]:
        return ("member", self.attack, "blind")

    def compute(self, rows: TaskRows, level: float) -> Computed:
        table = _table(rows, self.reads)
        members, scores, blind = table.columns[0] == 1, *table.columns[1:]

        def statistic(chosen: npt.NDArray[np.intp]) -> float | None:
            attacked = auc(scores[chosen], members[chosen])
            base = auc(blind[chosen], members[chosen])
            if attacked is None or base is None:
                return None
            return attacked - max(_CHANCE, base)

        return _computed(
            table,
            stats.cluster_bootstrap(
                statistic, members_of(table.first), seed=_SEED, level=level, value_range=self.range
            ),
        )

    def figure(self, rows: TaskRows) -> Figure:
        """Both areas over the same texts."""

        def excess(areas: Numbers) -> Numbers:
            return np.asarray(areas[:, 0] - np.maximum(_CHANCE, areas[:, 1]))

        return _ranked(rows, _table(rows, self.reads), excess)
