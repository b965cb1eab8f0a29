"""The difference of two outcomes on the same items: two models, or clean against attacked.

The two outcomes of an item go up and down together, so the difference is taken within the item
first; treating them as two samples throws most of the information away.
"""

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
)
from evalharness.stats.clustered import effective_size
from evalharness.stats.means import mean
from evalharness.stats.proportions import clopper_pearson
from evalharness.stats.records import Estimate, Interval, check_level

__all__ = ["agresti_min", "paired_means", "paired_proportions"]


def agresti_min(only_a: int, only_b: int, n: int, level: float = 0.95) -> Interval:
    """The interval of Agresti and Min for p_b - p_a of independent pairs of 0/1 outcomes.

    The textbook interval after half a pair is added to each of the four cells of the table.

    Args:
        only_a: pairs with a = 1 and b = 0.
        only_b: pairs with a = 0 and b = 1.
        n: pairs, at least 1 and at least the sum of the two.
        level: confidence level.

    Returns:
        A two-sided interval within [-1, 1] that holds the observed difference.

    Raises:
        ValueError: a count is negative, ``n`` is 0 or too small, or ``level`` is outside (0, 1).

    Source: Agresti & Min 2005, https://doi.org/10.1002/sim.1781 ("Wald+2"). Neither scipy nor
    statsmodels has an interval for this difference.
    """
    check_level(level)
    if min(only_a, only_b) < 0 or n < 1 or only_a + only_b > n:
        raise ValueError(f"{only_a} + {only_b} discordant pairs of {n} is impossible")
    observed = (only_b - only_a) / n
    padded = n + 2
    centre = (only_b - only_a) / padded
    variance = (only_a + only_b + 1 - (only_b - only_a) ** 2 / padded) / padded**2
    half = float(scipy.special.ndtri((1 + level) / 2)) * math.sqrt(variance)
    # the centre is shrunk: at a few pairs and a low level the observed difference may be outside
    low = max(-1.0, min(centre - half, observed))
    high = min(1.0, max(centre + half, observed))
    return Interval(low, high, level, 2, "agresti-min")


def paired_proportions(
    a: ArrayLike, b: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """The difference p_b - p_a of two 0/1 outcomes per pair.

    Args:
        a: 0/1 or booleans, shape (n,).
        b: 0/1 or booleans, shape (n,), aligned with ``a``.
        clusters: labels (strings or integers), shape (n,); None for independent pairs.
        level: confidence level.

    Returns:
        The mean difference, -1 to 1, and its interval: Agresti and Min's for independent pairs, t
        over clusters (m-1 degrees of freedom, clipped to [-1, 1]) otherwise. Where all differences
        are equal, an exact bound instead, also as the claim: the share of pairs that differ
        otherwise is at most u, Clopper and Pearson's one-sided bound on pairs (or clusters), so
        the difference lies in [-u, u] when all are 0, in [1-2u, 1] when all are 1, and so for -1.

    Raises:
        ValueError: values other than 0 and 1, or shapes that differ.
    """
    check_level(level)
    before, after = _aligned(a, b)
    for name, values in (("a", before), ("b", after)):
        if not np.isin(values, (0.0, 1.0)).all():
            raise ValueError(f"{name} holds values other than 0 and 1: use paired_means")
    difference = after - before
    n = len(difference)
    grouped = group(clusters, n)
    m = None if grouped is None else grouped.count
    if not n:
        return Estimate(None, None, None, 0, notes=("nothing was measured",))
    if m == 1 and n > 1:
        return mean(difference, clusters, level)
    if all_equal(difference):
        return _all_equal(difference, grouped, level, (-1.0, 1.0))
    if grouped is not None and not grouped.singletons:
        found = mean(difference, clusters, level, value_range=(-1.0, 1.0))
        return replace(found, notes=cluster_marks(grouped, _events(difference, clusters)))
    only_a, only_b = int((difference < 0).sum()), int((difference > 0).sum())
    return Estimate(
        value=float(difference.mean()),
        interval=agresti_min(only_a, only_b, n, level),
        claim=None,
        n=n,
        n_clusters=m,
    )


def paired_means(
    a: ArrayLike,
    b: ArrayLike,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    *,
    value_range: tuple[float, float] | None = None,
) -> Estimate:
    """The mean difference b - a of two real outcomes per pair.

    Args:
        a: shape (n,), finite.
        b: shape (n,), finite, aligned with ``a``, in the same unit.
        clusters: labels (strings or integers), shape (n,); None for independent pairs.
        level: confidence level.
        value_range: (low, high) of an outcome; the difference is then within ± (high - low).

    Returns:
        As `evalharness.stats.mean` of the differences. Where all differences are 0 and the range
        is known, the exact bound of `paired_proportions`, scaled to the range.

    Raises:
        ValueError: values not finite or outside ``value_range``, or shapes that differ.
    """
    check_level(level)
    before, after = _aligned(a, b)
    if value_range is None:
        return mean(after - before, clusters, level)
    check_range(before, value_range, "a")
    check_range(after, value_range, "b")
    difference, width = after - before, value_range[1] - value_range[0]
    grouped = group(clusters, len(difference))
    if len(difference) > 1 and not difference.any() and (grouped is None or grouped.count > 1):
        return _all_equal(difference, grouped, level, (-width, width))
    return mean(difference, clusters, level, value_range=(-width, width))


def _events(difference: FloatArray, clusters: ArrayLike | None) -> float:
    """How many independent pairs the differing ones are worth."""
    differs = difference != 0
    size = effective_size(differs, clusters)
    return 0.0 if size is None else size.size * float(differs.mean())


def _aligned(a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    before, after = as_values(a, "a"), as_values(b, "b")
    if len(before) != len(after):
        raise ValueError(f"a has {len(before)} values, b has {len(after)}: give one each a pair")
    return before, after


def _all_equal(
    difference: FloatArray,
    clusters: Clusters | None,
    level: float,
    value_range: tuple[float, float],
) -> Estimate:
    """The exact bound where every pair has the same difference.

    A share of at most u of the pairs differs otherwise, and each of them by no more than to the
    ends of the range. Both ends of the interval follow from this one bound, which is therefore
    one-sided.
    """
    n, value = len(difference), float(difference[0])
    units, counted = n, "pairs"
    if clusters is not None and not clusters.singletons:
        units, counted = clusters.count, "clusters"
    u = clopper_pearson(0, units, level, sides=1, side="upper").high
    low, high = value_range
    what = "discordant pairs" if value == 0 else "differing pairs"
    method = f"clopper-pearson on {what}" + (", of clusters" if counted == "clusters" else "")
    exact = Interval(value - u * (value - low), value + u * (high - value), level, 2, method)
    return Estimate(
        value,
        exact,
        exact,
        n,
        None if clusters is None else clusters.count,
        notes=(
            f"every difference is {value:g}: exact bound on the number of {counted} ({units})",
            *cluster_marks(clusters),
        ),
    )
