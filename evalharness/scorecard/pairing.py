"""One metric of two runs of the same test, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from evalharness import stats
from evalharness.scorecard.metrics.base import Metric, Units
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["Paired", "UnitMetric", "pair_runs"]

Numbers = npt.NDArray[np.float64]

#: Of the permutation tests.
_SEED = 20_260_101


@runtime_checkable
class UnitMetric(Protocol):
    """A metric that is a mean over samples: it can be paired."""

    def units(self, rows: TaskRows) -> Units:
        """A value a sample, in the samples' order."""
        ...


@dataclass(frozen=True)
class Paired:
    """What two runs differ by in one metric, over the samples that both have measured.

    Args:
        a, b: the metric over the compared samples.
        difference: of b - a, with its interval.
        p_value: of no difference, uncorrected; of a metric with a target, of neither being nearer
            to it. None where nothing can be tested.
        wins, ties, losses: samples on which b is better, equal and worse.
        n_planned: samples that the metric is about; ``n_compared`` of them are measured in both.
        detectable: the true difference that such a comparison finds four times of five.
        not_worse_by: b is worse by no more than this: one-sided, at the comparison's level.
    """

    a: float | None
    b: float | None
    difference: stats.Estimate
    p_value: float | None
    test: str | None
    wins: int
    ties: int
    losses: int
    n_planned: int
    n_compared: int
    detectable: float | None
    not_worse_by: float | None


def pair_runs(metric: Metric, a: TaskRows, b: TaskRows, level: float) -> Paired | None:
    """Compare two runs in one metric; None where it is no mean over samples.

    Binary outcomes without clusters are tested by McNemar's exact test, all else by flipping signs
    (of whole clusters).
    """
    if not isinstance(metric, UnitMetric):
        return None
    first, second = _aligned(metric, a, b)
    both = first.measured & second.measured
    excluded = first.excluded | second.excluded
    before, after = first.value[both], second.value[both]
    clusters = first.clusters_of(both)
    found = _difference(metric, before, after, clusters, level)
    p_value, test = _tested(before, after, clusters)
    if isinstance(metric.direction, float):
        p_value, test = _nearer(metric.direction, before, after, clusters, (p_value, test))
    gain = _gain(metric.direction, before, after)
    interval = found.interval
    return Paired(
        a=float(before.mean()) if len(before) else None,
        b=float(after.mean()) if len(after) else None,
        difference=found,
        p_value=p_value,
        test=test,
        wins=int((gain > 0).sum()),
        ties=int((gain == 0).sum()),
        losses=int((gain < 0).sum()),
        n_planned=int((~excluded).sum()),
        n_compared=int(both.sum()),
        detectable=None if interval is None else stats.detectable(interval),
        not_worse_by=_not_worse_by(metric, before, after, clusters, level),
    )


def _aligned(metric: UnitMetric, a: TaskRows, b: TaskRows) -> tuple[Units, Units]:
    """The units of both, over the samples that both have, in a's order."""
    import pandas as pd

    names_a, names_b = (pd.Index(rows.sample[rows.sample.units()[0]].tolist()) for rows in (a, b))
    place = names_b.get_indexer(names_a)
    return _picked(metric.units(a), place >= 0), _picked(metric.units(b), place[place >= 0])


def _picked(units: Units, places: npt.NDArray[np.generic]) -> Units:
    return Units(
        value=units.value[places],
        low=units.low[places],
        high=units.high[places],
        measured=units.measured[places],
        excluded=units.excluded[places],
        cluster=units.cluster[cast("npt.NDArray[np.bool_]", places)],
        coverage=units.coverage,
    )


def _binary(*values: Numbers) -> bool:
    return all(bool(np.isin(each, (0.0, 1.0)).all()) for each in values)


def _difference(
    metric: Metric, before: Numbers, after: Numbers, clusters: object, level: float
) -> stats.Estimate:
    labels = cast("npt.ArrayLike | None", clusters)
    if _binary(before, after):
        return stats.paired_proportions(before, after, labels, level)
    return stats.paired_means(before, after, labels, level, value_range=metric.range)


def _tested(before: Numbers, after: Numbers, clusters: object) -> tuple[float | None, str | None]:
    labels = cast("npt.ArrayLike | None", clusters)
    alone = labels is None or len(set(np.asarray(labels).tolist())) == len(before)
    if len(before) > 1 and alone and _binary(before, after):
        only_a, only_b = int((before > after).sum()), int((after > before).sum())
        return stats.mcnemar(only_a, only_b), "McNemar, exact"
    found = stats.sign_flip(after - before, labels, seed=_SEED)
    return (None, None) if found is None else found


def _nearer(
    target: float,
    before: Numbers,
    after: Numbers,
    clusters: object,
    difference: tuple[float | None, str | None],
) -> tuple[float | None, str | None]:
    """The p-value of "neither mean is nearer to the target".

    (b - x)^2 - (a - x)^2 = (b - a) (a + b - 2x): one of the two is nearer only if neither factor is
    0, so both must be shown (an intersection-union test). On two sides of the target two means can
    differ beyond doubt and be as far from it.
    """
    p_value, test = difference
    labels = cast("npt.ArrayLike | None", clusters)
    found = stats.sign_flip(before + after - 2 * target, labels, seed=_SEED)
    if found is None or p_value is None:
        return None, None
    return max(p_value, found[0]), f"{test}; and of the distance to {target:g}"


def _gain(direction: Direction, before: Numbers, after: Numbers) -> Numbers:
    """How much better each sample of b is; 0 where they are equal."""
    if direction == "higher":
        return after - before
    if direction == "lower":
        return before - after
    return np.abs(before - direction) - np.abs(after - direction)


def _not_worse_by(
    metric: Metric, before: Numbers, after: Numbers, clusters: object, level: float
) -> float | None:
    """The one-sided bound on how much worse b is, at ``level``."""
    if metric.direction not in {"higher", "lower"}:
        return None
    # the two-sided interval at 1 - 2a has the one-sided bound at 1 - a for each end
    found = _difference(metric, before, after, clusters, 2 * level - 1).interval
    if found is None:
        return None
    return max(0.0, -found.low if metric.direction == "higher" else found.high)
