"""Figures over samples: a share or a mean of one score, from rows to an estimate."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from evalharness import stats
from evalharness.scorecard.metrics.base import (
    AMONG_ANSWERED,
    Computed,
    Flags,
    Numbers,
    Policy,
    Units,
    per_sample,
    row_values,
)
from evalharness.scorecard.rows import TaskRows

__all__ = [
    "MeanMetric",
    "SampleMetric",
    "ShareMetric",
    "bootstrapped",
    "mean_of",
    "members_of",
    "share_of",
]

#: Of a bootstrap.
_REPLICATES = 1_000


def share_of(units: Units, level: float) -> Computed:
    """A proportion of samples, clustered where the task names clusters."""
    return _computed(
        units, stats.clustered_proportion(units.measured_values, units.clusters, level)
    )


def mean_of(units: Units, level: float, value_range: tuple[float, float]) -> Computed:
    """A mean over samples, clustered where the task names clusters."""
    values = units.measured_values
    return _computed(units, stats.mean(values, units.clusters, level, value_range=value_range))


def _computed(units: Units, estimate: stats.Estimate) -> Computed:
    n_excluded = int(units.excluded.sum())
    notes = estimate.notes
    if units.coverage < 1 and len(units.measured) and units.measured.all():
        lacking = round(100 * (1 - units.coverage), 1)
        notes += (f"{lacking:g} % of the repeats were not measured",)
    return Computed(
        value=estimate.value,
        n_planned=len(units.measured),
        n_measured=int(units.measured.sum()),
        interval=estimate.interval,
        claim=estimate.claim,
        bounds=units.bounds,
        n_excluded=n_excluded,
        n_clusters=estimate.n_clusters,
        coverage=units.coverage,
        notes=notes,
    )


def members_of(units: Units) -> list[npt.NDArray[np.intp]]:
    """The measured units of each cluster; each alone, where there are no clusters."""
    clusters = units.clusters
    if clusters is None:
        return [np.array([place]) for place in range(int(units.measured.sum()))]
    return stats.cluster_units(clusters)


def bootstrapped(
    units: Units,
    statistic: Callable[[npt.NDArray[np.intp]], float | None],
    level: float,
    value_range: tuple[float, float],
    seed: int,
) -> Computed:
    """Any figure of the measured units, with a seeded bootstrap over their clusters.

    Args:
        statistic: from places among the measured units to the figure; None where it has none.
    """
    estimate = stats.cluster_bootstrap(
        statistic, members_of(units), seed=seed, level=level, replicates=_REPLICATES,
        value_range=value_range,
    )  # fmt: skip
    return Computed(
        value=estimate.value,
        n_planned=len(units.measured),
        n_measured=int(units.measured.sum()),
        interval=estimate.interval,
        n_excluded=int(units.excluded.sum()),
        n_clusters=None if units.clusters is None else estimate.n_clusters,
        coverage=units.coverage,
        notes=estimate.notes,
    )


class SampleMetric:
    """A figure that has one value a sample; so two runs of it can be paired."""

    #: The score that is read, unless `values` reads otherwise.
    score: ClassVar[str]
    policy: ClassVar[Policy]
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    counted: ClassVar[str] = "samples"
    version: ClassVar[int] = 1
    #: Whether a score of 1 is a value of 1: then labels of the score can correct the figure.
    as_scored: ClassVar[bool] = True

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.score,)

    def values(self, rows: TaskRows) -> tuple[Numbers, Flags, Flags]:
        """Value, missing and excluded for each row."""
        return row_values(rows, self.score, self.policy)

    def units(self, rows: TaskRows) -> Units:
        """A value a sample, in the samples' order."""
        return per_sample(rows, *self.values(rows), self.range)


class ShareMetric(SampleMetric):
    """A score of 0 or 1 (or a threshold on one), as a share of the samples."""

    unit: ClassVar[str] = "proportion"

    def compute(self, rows: TaskRows, level: float) -> Computed:
        return share_of(self.units(rows), level)


class MeanMetric(SampleMetric):
    """A real-valued score, averaged over the samples that were answered."""

    policy: ClassVar[Policy] = AMONG_ANSWERED

    def compute(self, rows: TaskRows, level: float) -> Computed:
        return mean_of(self.units(rows), level, self.range)
