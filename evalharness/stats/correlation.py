"""Pearson's and Spearman's correlation, of independent pairs or of pairs that share clusters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from evalharness.stats._clusters import (
    Clusters,
    FloatArray,
    all_equal,
    as_values,
    cluster_marks,
    group,
    one_cluster,
)
from evalharness.stats.records import Estimate, Interval, check_level

__all__ = ["pearson", "spearman"]

_PERFECT = 1 - 1e-12


def pearson(
    x: ArrayLike, y: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Pearson's correlation, with Fisher's z interval or a jackknife of z over clusters.

    Args:
        x: shape (n,), finite.
        y: shape (n,), finite.
        clusters: labels (strings or integers), shape (n,); None, or a label of its own for every
            pair, gives Fisher's interval.
        level: confidence level.

    Returns:
        The correlation, -1 to 1. No value, and a note, below 3 pairs or where ``x`` or ``y`` is
        constant; no interval below 4 pairs, at exactly -1 or 1, with one cluster, or where the
        correlation does not exist without one of the clusters.

    Raises:
        ValueError: values not finite, or shapes that differ.

    Source: Fisher 1921 (by scipy.stats.pearsonr), which assumes roughly normal pairs; over
    clusters, each cluster is left out once and z has the t distribution of m-1 degrees of freedom:
    Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 11. A bootstrap over clusters
    takes far longer and covers less.
    """
    from scipy import stats

    def fisher(a: FloatArray, b: FloatArray) -> tuple[float, float]:
        ends = stats.pearsonr(a, b).confidence_interval(level)
        return float(ends.low), float(ends.high)

    return _correlation((x, y), clusters, level, lambda values: values, ("fisher z", fisher))


def spearman(
    x: ArrayLike, y: ArrayLike, clusters: ArrayLike | None = None, level: float = 0.95
) -> Estimate:
    """Spearman's rank correlation, with Fisher's z interval or a jackknife of z over clusters.

    Arguments, results and errors as `pearson`; ties get their mean rank. The variance of z is
    (1 + r²/2) / (n - 3); over clusters the ranks are those among all pairs.

    Source: Bonett & Wright 2000, https://doi.org/10.1007/BF02294183.
    """
    from scipy import stats

    def fisher(a: FloatArray, b: FloatArray) -> tuple[float, float]:
        r = _product_moment(a, b)
        half = scipy.special.ndtri((1 + level) / 2) * math.sqrt((1 + r**2 / 2) / (len(a) - 3))
        return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)

    return _correlation(
        (x, y), clusters, level, stats.rankdata, ("fisher z, bonett-wright", fisher)
    )


_Ends = Callable[[FloatArray, FloatArray], tuple[float, float]]


def _correlation(
    pairs: tuple[ArrayLike, ArrayLike],
    clusters: ArrayLike | None,
    level: float,
    measure: Callable[[FloatArray], FloatArray],
    closed_form: tuple[str, _Ends],
) -> Estimate:
    check_level(level)
    x, y = as_values(pairs[0], "x"), as_values(pairs[1], "y")
    n = len(x)
    if len(y) != n:
        raise ValueError(f"x has {n} values, y has {len(y)}: a correlation needs pairs")
    grouped = group(clusters, n)
    m = None if grouped is None else grouped.count
    why = _undefined(x, y)
    if why is not None:
        return Estimate(None, None, None, n, m, notes=(why,))
    a, b = measure(x), measure(y)
    bare = Estimate(_product_moment(a, b), None, None, n, m)
    value = bare.value or 0.0
    if n < 4:
        return replace(bare, notes=("n is 3: an interval needs 4 pairs",))
    if abs(value) >= _PERFECT:
        return replace(bare, notes=(f"the correlation is {value:g}: Fisher's z ends there",))
    if grouped is not None and not grouped.singletons:
        return _over_clusters(bare, a, b, grouped, level)
    method, ends = closed_form
    low, high = ends(a, b)
    return replace(bare, interval=Interval(low, high, level, 2, method))


def _over_clusters(
    bare: Estimate, x: FloatArray, y: FloatArray, clusters: Clusters, level: float
) -> Estimate:
    """The interval from leaving out each cluster once, on Fisher's scale."""
    m = clusters.count
    if m == 1:
        return replace(bare, notes=(one_cluster(),))
    without = _left_out(x, y, clusters)
    if not (np.abs(without) < _PERFECT).all():  # false also where one does not exist
        why = "no interval: without one of the clusters there is no correlation, or a perfect one"
        return replace(bare, notes=(why, *cluster_marks(clusters)))
    z = np.arctanh(without)
    error = math.sqrt((m - 1) / m * float(np.square(z - z.mean()).sum()))
    if error == 0:
        why = "no interval: leaving out a cluster changes nothing"
        return replace(bare, notes=(why, *cluster_marks(clusters)))
    middle = math.atanh(bare.value or 0.0)
    half = float(scipy.special.stdtrit(m - 1, (1 + level) / 2)) * error
    low, high = math.tanh(middle - half), math.tanh(middle + half)
    interval = Interval(low, high, level, 2, "jackknife of fisher z over clusters")
    return replace(bare, interval=interval, notes=cluster_marks(clusters))


def _left_out(x: FloatArray, y: FloatArray, clusters: Clusters) -> FloatArray:
    """The correlation without each cluster in turn, shape (m,); NaN where there is none."""
    a, b = _standardised(x), _standardised(y)
    ones = np.ones_like(a)
    totals = np.stack([clusters.totals(v) for v in (ones, a, b, a * a, b * b, a * b)])
    n, sa, sb, saa, sbb, sab = totals.sum(axis=1, keepdims=True) - totals
    covariance = sab - sa * sb / n
    spreads = (saa - sa**2 / n) * (sbb - sb**2 / n)
    # below this a side is constant but for rounding
    known = spreads > (1e-12 * len(a)) ** 2
    found = np.divide(
        covariance, np.sqrt(np.maximum(spreads, 0)), out=np.full_like(n, np.nan), where=known
    )
    return np.asarray(found, dtype=np.float64)


def _standardised(values: FloatArray) -> FloatArray:
    centred: FloatArray = values - values.mean()
    return np.asarray(centred / centred.std(), dtype=np.float64)


def _product_moment(x: FloatArray, y: FloatArray) -> float:
    """Pearson's r within [-1, 1]."""
    a, b = x - x.mean(), y - y.mean()
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return float(np.clip(a @ b, -1.0, 1.0))


def _undefined(x: FloatArray, y: FloatArray) -> str | None:
    """Why there is no correlation of these pairs, if there is none."""
    if len(x) < 3:
        return f"n is {len(x)}: a correlation needs 3 pairs"
    for name, values in (("x", x), ("y", y)):
        if all_equal(values):
            return f"all {len(x)} values of {name} are equal: no correlation"
    return None
