"""The mean of real values, of independent units or of units that share clusters."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from evalharness.stats._clusters import (
    Clusters,
    FloatArray,
    all_equal,
    as_values,
    check_range,
    cluster_marks,
    group,
    one_cluster,
    variance_of_mean,
)
from evalharness.stats.proportions import clopper_pearson
from evalharness.stats.records import Estimate, Interval, check_level

__all__ = ["mean"]


def mean(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    *,
    value_range: tuple[float, float] | None = None,
) -> Estimate:
    """The mean with a t interval, cluster-robust where clusters are given.

    Args:
        values: shape (n,), finite, in the unit of the metric.
        clusters: labels (strings or integers), shape (n,); None for independent units.
        level: confidence level.
        value_range: (low, high) that a value can have by definition. The interval is clipped to
            it, and its method says so; values that all lie at one end get the exact bound on
            units or clusters (Clopper-Pearson, scaled to the range).

    Returns:
        The mean and its interval: t with n-1 degrees of freedom, or m-1 for m clusters with the
        variance times m/(m-1). Never an interval of zero width: without variance there is none,
        and a note. The note ``"few clusters (k)"`` below 15. Without values: no estimate.

    Raises:
        ValueError: values not finite or outside ``value_range``, or shapes that differ.

    Source: Miller 2024, Adding Error Bars to Evals, https://arxiv.org/abs/2411.00640; Cameron &
    Miller 2015, https://doi.org/10.3368/jhr.50.2.317.
    """
    check_level(level)
    checked = as_values(values)
    if value_range is not None:
        check_range(checked, value_range)
    n = len(checked)
    if not n:
        return Estimate(None, None, None, 0, notes=("nothing was measured",))
    grouped = group(clusters, n)
    m = None if grouped is None else grouped.count
    # rounding may take a mean of equal values past them
    value = float(np.clip(checked.mean(), checked.min(), checked.max()))
    bare = Estimate(value, None, None, n, m)
    if n < 2:
        return replace(bare, notes=("n is 1: no variance to estimate from",))
    if m == 1:
        return replace(bare, notes=(one_cluster(),))
    marks = cluster_marks(grouped)
    variance = variance_of_mean(checked, grouped)
    if variance == 0:
        exact, note = _without_variance(checked, grouped, level, value_range)
        return replace(bare, interval=exact, claim=exact, notes=(note, *marks))
    df = (m if m is not None else n) - 1
    half = float(scipy.special.stdtrit(df, (1 + level) / 2)) * math.sqrt(variance)
    method = "t" if grouped is None or grouped.singletons else "t, cluster-robust"
    interval = _clipped(value - half, value + half, level, method, value_range)
    return replace(bare, interval=interval, notes=marks)


def _clipped(
    low: float, high: float, level: float, method: str, value_range: tuple[float, float] | None
) -> Interval:
    if value_range is None or (value_range[0] <= low and high <= value_range[1]):
        return Interval(low, high, level, 2, method)
    low, high = max(low, float(value_range[0])), min(high, float(value_range[1]))
    return Interval(low, high, level, 2, f"{method}, clipped to range")


def _without_variance(
    values: FloatArray,
    clusters: Clusters | None,
    level: float,
    value_range: tuple[float, float] | None,
) -> tuple[Interval | None, str]:
    """The exact bound for values that all lie at one end of their range, or why there is none.

    A mean over [low, high] is at least low + width times the share of values at high; that share
    is a proportion with every unit (or cluster) a success, and has an exact bound. So for low.
    """
    if clusters is not None and not all_equal(values):
        count = clusters.count
        return None, f"all {count} clusters have the same mean: no variance to estimate from"
    alike = f"all {len(values)} values are equal: no variance to estimate from"
    if value_range is None or values[0] not in value_range:
        return None, alike
    units, counted = len(values), "units"
    if clusters is not None and not clusters.singletons:
        units, counted = clusters.count, "clusters"
    low, high = float(value_range[0]), float(value_range[1])
    share = clopper_pearson(units if values[0] == high else 0, units, level)
    width = high - low
    return (
        Interval(
            low if share.low == 0 else low + width * share.low,
            high if share.high == 1 else low + width * share.high,
            level,
            2,
            f"clopper-pearson on {counted}, scaled to range",
        ),
        f"all {len(values)} values are at an end of the range: exact bound on {units} {counted}",
    )
