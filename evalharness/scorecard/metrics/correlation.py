"""Correlations: of a model's ratings with people's, and of a gap with what it may come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from evalharness import stats
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import (
    AMONG_ANSWERED,
    Computed,
    Units,
    per_sample,
    row_values,
)
from evalharness.scorecard.metrics.figure import Figure, over, share
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["Correlation", "GapCorrelation"]


@dataclass(frozen=True)
class Correlation:
    """Pearson's correlation between two scores over the samples that were rated.

    As ConfAIde (Mireshghallah et al. 2024) reports it. A refusal rates nothing and is excluded, a
    sample that lacks either score is missing; a model that gives every item the same rating has
    no correlation.

    Args:
        x: a score of the task's scorer.
        y: another one.
    """

    x: str
    y: str

    name: ClassVar[str] = "correlation"
    version: ClassVar[int] = 3
    title: ClassVar[str] = "Correlation with people's ratings"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "correlation"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    counted: ClassVar[str] = "samples"

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.x, self.y)

    def compute(self, rows: TaskRows, level: float) -> Computed:
        x, y = self._columns(rows)
        estimate = stats.pearson(x.measured_values, y.measured_values, x.clusters, level)
        return Computed(
            value=estimate.value,
            n_planned=len(x.measured),
            n_measured=int(x.measured.sum()),
            interval=estimate.interval,
            claim=estimate.claim,
            n_excluded=int(x.excluded.sum()),
            n_clusters=estimate.n_clusters,
            coverage=x.coverage,
            notes=estimate.notes,
        )

    def figure(self, rows: TaskRows) -> Figure:
        """The moments of both scores over the samples that have both."""
        x, y = self._columns(rows)
        return over(x, rows, moments(x.value, y.value, x.measured), correlation_of)

    def _columns(self, rows: TaskRows) -> tuple[Units, Units]:
        """Both scores, over the samples."""
        x_values, x_missing, x_excluded = row_values(rows, self.x, AMONG_ANSWERED)
        y_values, y_missing, y_excluded = row_values(rows, self.y, AMONG_ANSWERED)
        # a row counts where both are known: else the two sides would be about other samples
        excluded = x_excluded | y_excluded
        missing = (x_missing | y_missing) & ~excluded
        return (
            per_sample(rows, x_values, missing, excluded, self.range),
            per_sample(rows, y_values, missing, excluded, self.range),
        )


def moments(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], measured: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """What each unit adds to a correlation, shape (n, 6): 1, x, y, x^2, y^2, xy about the means."""
    if not measured.any():
        return np.zeros((len(measured), 6))
    x, y = (np.where(measured, side - side[measured].mean(), 0.0) for side in (x, y))
    return np.stack([measured, x, y, x * x, y * y, x * y], axis=1)


def correlation_of(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Pearson's correlation from sums of `moments`, shape (r,); NaN where a side is constant."""
    n, x, y, xx, yy, xy = sums.T
    mean_x, mean_y = share(x, n), share(y, n)
    spread_x, spread_y = xx - x * mean_x, yy - y * mean_y
    flat = (spread_x <= 1e-12 * xx) | (spread_y <= 1e-12 * yy)
    below = np.sqrt(np.where(flat, 0.0, spread_x * spread_y))
    return np.clip(share(xy - x * mean_y, below), -1.0, 1.0)


@dataclass(frozen=True)
class GapCorrelation:
    """Pearson's correlation, over clusters, of a gap between two versions with a third number.

    For each cluster (an occupation): the mean of ``score`` over its samples tagged ``first`` minus
    that over those tagged ``second``, against the mean of ``y``. As Rudinger et al. 2018
    (1804.09301), section 4, correlate how much more often female pronouns are taken for an
    occupation with the share of women in it. A fair model's gaps know nothing of ``y``: the target
    is 0. A cluster without a measured sample of both versions is missing.

    Args:
        score: a score of the task's scorer.
        y: another one, the same throughout a cluster.
        tag: the tag that tells the versions apart.
        first, second: its values.
    """

    score: str
    y: str
    tag: str
    first: str
    second: str

    name: ClassVar[str] = "gap_correlation"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "Correlation of the gap"
    direction: ClassVar[Direction] = 0.0
    unit: ClassVar[str] = "correlation"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    counted: ClassVar[str] = "clusters"

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.score, self.y)

    def compute(self, rows: TaskRows, level: float) -> Computed:
        names, gap, number = self._clusters(rows)
        measured = ~np.isnan(gap) & ~np.isnan(number)
        estimate = stats.pearson(gap[measured], number[measured], None, level)
        return Computed(
            value=estimate.value,
            n_planned=len(names),
            n_measured=int(measured.sum()),
            interval=estimate.interval,
            claim=estimate.claim,
            coverage=float(measured.mean()) if names else 0.0,
            notes=estimate.notes,
        )

    def figure(self, rows: TaskRows) -> Figure:
        """The moments of gap and number over the clusters that have both."""
        names, gap, number = self._clusters(rows)
        measured = ~np.isnan(gap) & ~np.isnan(number)
        return Figure(
            names=Labels.of(names),
            missing=~measured,
            excluded=np.zeros(len(names), dtype=bool),
            cluster=Labels.of(names),
            columns=moments(gap, number, measured),
            value=correlation_of,
        )

    def _clusters(
        self, rows: TaskRows
    ) -> tuple[list[str], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The clusters with their gap and their number; NaN where not measured."""
        names = sorted({label for label in rows.cluster.tolist() if label is not None})
        first, second = (
            _cluster_means(rows.where({self.tag: value}), self.score, names)
            for value in (self.first, self.second)
        )
        return names, first - second, _cluster_means(rows, self.y, names)


def _cluster_means(rows: TaskRows, score: str, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """The mean of a score over each cluster's measured samples, shape (names,); NaN without any."""
    values, missing, excluded = row_values(rows, score, AMONG_ANSWERED)
    units = per_sample(rows, values, missing, excluded, (0.0, 1.0))
    place = {name: index for index, name in enumerate(names)}
    codes = np.array([place.get(str(label), -1) for label in units.cluster.tolist()], dtype=int)
    chosen = units.measured & (codes >= 0)
    counts = np.bincount(codes[chosen], minlength=len(names))
    sums = np.bincount(codes[chosen], weights=units.value[chosen], minlength=len(names))
    means: npt.NDArray[np.float64] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means
