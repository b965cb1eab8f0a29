"""One metric of two runs of the same test, unit by unit.

A mean over units is compared within the unit; any other figure by drawing the same units again for
both runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from evalharness import stats
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import Clusters, Metric, Numbers, Units
from evalharness.scorecard.metrics.figure import Drawable, Figure
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["Measured", "Paired", "UnitMetric", "common", "only", "pair", "pair_runs", "read_metric"]

Places = npt.NDArray[np.intp]

#: One metric of one run, by unit.
Measured: TypeAlias = Units | Figure

#: Of the permutation tests and of the bootstrap.
_SEED = 20_260_101


@runtime_checkable
class UnitMetric(Protocol):
    """A metric that is a mean over units (samples, pairs, items): it can be paired."""

    def units(self, rows: TaskRows) -> Units:
        """A value a unit; the units are the samples in their order unless they have names."""
        ...


@dataclass(frozen=True)
class Paired:
    """What two runs differ by in one metric, over the units that both have measured.

    Args:
        a, b: the metric over the compared units.
        difference: of b - a, with its interval.
        p_value: of no difference, uncorrected; of a metric with a target, of neither being nearer
            to it. None where nothing can be tested.
        wins, ties, losses: units on which b is better, equal and worse. None where a single unit
            cannot be: of a figure that is no mean, and of 0 and 1 with a target halfway.
        n_planned: units that the metric is about; ``n_compared`` of them are measured in both.
        detectable: the true difference that such a comparison finds four times of five.
        not_worse_by: b is worse by no more than this: one-sided, at the comparison's level.
    """

    a: float | None
    b: float | None
    difference: stats.Estimate
    p_value: float | None
    test: str | None
    wins: int | None
    ties: int | None
    losses: int | None
    n_planned: int
    n_compared: int
    detectable: float | None
    not_worse_by: float | None


def read_metric(metric: Metric, rows: TaskRows) -> Measured | None:
    """One metric of one run, by unit; None where it is neither a mean nor can be drawn again."""
    if isinstance(metric, UnitMetric):
        units = metric.units(rows)
        if units.names is not None:
            return units
        return replace(units, names=rows.sample[rows.sample.units()[0]])
    return metric.figure(rows) if isinstance(metric, Drawable) else None


def pair_runs(metric: Metric, a: TaskRows, b: TaskRows, level: float) -> Paired | None:
    """Compare two runs in one metric; None where it can be neither paired nor drawn again."""
    first, second = read_metric(metric, a), read_metric(metric, b)
    return None if first is None or second is None else pair(metric, first, second, level)


def pair(metric: Metric, a: Measured, b: Measured, level: float) -> Paired:
    """Compare two runs in one metric.

    Of a mean over units, binary outcomes without clusters are tested by McNemar's exact test, all
    else by flipping signs (of whole clusters). Any other figure is drawn again.
    """
    first, second = common([a, b])
    if isinstance(first, Units) and isinstance(second, Units):
        return _pair_units(metric, first, second, level)
    return _pair_figures(metric, cast("Figure", first), cast("Figure", second), level)


def common(sides: list[Measured]) -> list[Measured]:
    """The same metric of several runs, over the units that all of them have, in one order."""
    first = _names(sides[0])
    if all(first.same_as(_names(side)) for side in sides[1:]):
        return sides
    import pandas as pd

    names = pd.Index(first.tolist())
    for side in sides[1:]:
        names = names[names.isin(pd.Index(_names(side).tolist()))]
    return [only(side, pd.Index(_names(side).tolist()).get_indexer(names)) for side in sides]


def only(side: Measured, places: npt.NDArray[np.generic]) -> Measured:
    """Some of the units, by place or by a mask."""
    chosen = cast("Places", places)
    if isinstance(side, Units):
        return replace(
            side,
            value=side.value[chosen],
            low=side.low[chosen],
            high=side.high[chosen],
            measured=side.measured[chosen],
            excluded=side.excluded[chosen],
            cluster=side.cluster[chosen],
            names=_names(side)[chosen],
        )
    return replace(
        side,
        names=side.names[chosen],
        missing=side.missing[chosen],
        excluded=side.excluded[chosen],
        cluster=side.cluster[chosen],
        columns=side.columns[chosen],
    )


def _names(side: Measured) -> Labels:
    if side.names is None:
        raise ValueError("units without names: take them from read_metric")
    return side.names


def _pair_units(metric: Metric, first: Units, second: Units, level: float) -> Paired:
    both = first.measured & second.measured
    excluded = first.excluded | second.excluded
    before, after = first.value[both], second.value[both]
    clusters = first.clusters_of(both)
    found = _difference(metric, before, after, clusters, level)
    p_value, test = _tested(before, after, clusters)
    if isinstance(metric.direction, float):
        p_value, test = _nearer(metric.direction, before, after, clusters, (p_value, test))
    interval = found.interval
    won = _won(metric.direction, before, after)
    return Paired(
        a=float(before.mean()) if len(before) else None,
        b=float(after.mean()) if len(after) else None,
        difference=found,
        p_value=p_value,
        test=test,
        wins=None if won is None else won[0],
        ties=None if won is None else len(before) - sum(won),
        losses=None if won is None else won[1],
        n_planned=int((~excluded).sum()),
        n_compared=int(both.sum()),
        detectable=None if interval is None else stats.detectable(interval),
        not_worse_by=_not_worse_by(metric, before, after, clusters, level),
    )


def _pair_figures(metric: Metric, first: Figure, second: Figure, level: float) -> Paired:
    """By drawing again; each run keeps its own exclusions, for they belong to its figure."""
    counted = ~(first.excluded & second.excluded)
    kept = np.flatnonzero(counted & ~first.missing & ~second.missing)
    codes, clusters, named = _clusters(first.cluster[kept])
    target = metric.direction if isinstance(metric.direction, float) else None
    found = stats.paired_bootstrap(
        first.weighted(kept, codes, clusters),
        second.weighted(kept, codes, clusters),
        clusters,
        len(kept),
        seed=_SEED,
        level=level,
        target=target,
    )
    p_value = found.p_value if target is None else found.p_target
    test = None if p_value is None else "paired bootstrap" + (" over clusters" if named else "")
    interval = found.difference.interval
    if interval is not None:
        interval = replace(interval, method=f"paired {interval.method}")
    worse = None
    if found.bound is not None and metric.direction in {"higher", "lower"}:
        worse = max(0.0, -found.bound.low if metric.direction == "higher" else found.bound.high)
    return Paired(
        a=found.a,
        b=found.b,
        difference=replace(found.difference, interval=interval, n_clusters=named),
        p_value=p_value,
        test=test
        if target is None or test is None
        else f"{test}; and of the distance to {target:g}",
        wins=None,
        ties=None,
        losses=None,
        n_planned=int(counted.sum()),
        n_compared=len(kept),
        detectable=None if interval is None else stats.detectable(interval),
        not_worse_by=worse,
    )


def _clusters(labels: Labels) -> tuple[Places, int, int | None]:
    """What is drawn together, shape (u,), how many there are of it, and how many clusters, if any.

    More clusters than a bootstrap needs are put together at random.
    """
    missing = labels.missing
    codes: Places = np.arange(len(labels))
    count, named = len(labels), None
    if not missing.all():
        # a unit without a cluster stands alone, behind all that have one
        codes = np.where(missing, len(labels.texts) + codes, labels.codes)
        present, codes = np.unique(codes, return_inverse=True)
        count = named = len(present)
    if count > stats.MOST_CLUSTERS:
        together = np.random.default_rng(_SEED).permutation(count) % stats.MOST_CLUSTERS
        codes, count = together[codes], stats.MOST_CLUSTERS
    return codes, count, named


def _binary(*values: Numbers) -> bool:
    return all(bool(((each == 0) | (each == 1)).all()) for each in values)


def _difference(
    metric: Metric, before: Numbers, after: Numbers, clusters: Clusters | None, level: float
) -> stats.Estimate:
    if _binary(before, after):
        return stats.paired_proportions(before, after, clusters, level)
    return stats.paired_means(before, after, clusters, level, value_range=metric.range)


def _tested(
    before: Numbers, after: Numbers, clusters: Clusters | None
) -> tuple[float | None, str | None]:
    alone = clusters is None or len(set(np.asarray(clusters).tolist())) == len(before)
    if len(before) > 1 and alone and _binary(before, after):
        only_a, only_b = int((before > after).sum()), int((after > before).sum())
        return stats.mcnemar(only_a, only_b), "McNemar, exact"
    found = stats.sign_flip(after - before, clusters, seed=_SEED)
    return (None, None) if found is None else found


def _nearer(
    target: float,
    before: Numbers,
    after: Numbers,
    clusters: Clusters | None,
    difference: tuple[float | None, str | None],
) -> tuple[float | None, str | None]:
    """The p-value of "neither mean is nearer to the target".

    (b - x)^2 - (a - x)^2 = (b - a) (a + b - 2x): one of the two is nearer only if neither factor is
    0, so both must be shown (an intersection-union test). On two sides of the target two means can
    differ beyond doubt and be as far from it.
    """
    p_value, test = difference
    found = stats.sign_flip(before + after - 2 * target, clusters, seed=_SEED)
    if found is None or p_value is None:
        return None, None
    return max(p_value, found[0]), f"{test}; and of the distance to {target:g}"


def _won(direction: Direction, before: Numbers, after: Numbers) -> tuple[int, int] | None:
    """Units on which b is better, and worse; None where 0 and 1 are as good as each other."""
    if isinstance(direction, float):
        if len(before) and _binary(before, after) and abs(direction) == abs(1 - direction):
            return None
        gain = np.abs(before - direction) - np.abs(after - direction)
    else:
        gain = after - before if direction == "higher" else before - after
    return int((gain > 0).sum()), int((gain < 0).sum())


def _not_worse_by(
    metric: Metric, before: Numbers, after: Numbers, clusters: Clusters | None, level: float
) -> float | None:
    """The one-sided bound on how much worse b is, at ``level``."""
    if metric.direction not in {"higher", "lower"}:
        return None
    # the two-sided interval at 1 - 2a has the one-sided bound at 1 - a for each end
    found = _difference(metric, before, after, clusters, 2 * level - 1).interval
    if found is None:
        return None
    return max(0.0, -found.low if metric.direction == "higher" else found.high)
