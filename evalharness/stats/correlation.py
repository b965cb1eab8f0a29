"""Pearson's and Spearman's correlation, of independent pairs or of pairs that share clusters."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy
from numpy.typing import ArrayLike

from evalharness.stats._clusters import FloatArray, IntArray, all_equal, as_values, group
from evalharness.stats.bootstrap import cluster_bootstrap, cluster_units
from evalharness.stats.records import Estimate, Interval, check_level

__all__ = ["pearson", "spearman"]

_PERFECT = 1 - 1e-12


def pearson(
    x: ArrayLike,
    y: ArrayLike,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    *,
    seed: int,
    replicates: int = 2000,
) -> Estimate:
    """Pearson's correlation, with Fisher's z interval or a bootstrap over clusters.

    Args:
        x: shape (n,), finite.
        y: shape (n,), finite.
        clusters: labels (strings or integers), shape (n,); None, or a label of its own for every
            pair, gives Fisher's interval.
        level: confidence level.
        seed: of the bootstrap; unused without clusters.
        replicates: resamples of the bootstrap.

    Returns:
        The correlation, -1 to 1. No value, and a note, below 3 pairs or where ``x`` or ``y`` is
        constant; no interval below 4 pairs, at exactly -1 or 1, or where the bootstrap has none.

    Raises:
        ValueError: values not finite, or shapes that differ.

    Source: Fisher 1921 (by scipy.stats.pearsonr). Assumes roughly normal pairs.
    """
    from scipy import stats

    def fisher(a: FloatArray, b: FloatArray) -> tuple[float, float]:
        ends = stats.pearsonr(a, b).confidence_interval(level)
        return float(ends.low), float(ends.high)

    return _correlation(
        (x, y),
        clusters,
        level,
        statistic=_product_moment,
        closed_form=("fisher z", fisher),
        resampling=(seed, replicates),
    )


def spearman(
    x: ArrayLike,
    y: ArrayLike,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    *,
    seed: int,
    replicates: int = 2000,
) -> Estimate:
    """Spearman's rank correlation, with Fisher's z interval or a bootstrap over clusters.

    Arguments, results and errors as `pearson`; ties get their mean rank. The variance of z is
    (1 + r²/2) / (n - 3).

    Source: Bonett & Wright 2000, https://doi.org/10.1007/BF02294183.
    """

    def fisher(a: FloatArray, b: FloatArray) -> tuple[float, float]:
        r = _ranked(a, b)
        half = scipy.special.ndtri((1 + level) / 2) * math.sqrt((1 + r**2 / 2) / (len(a) - 3))
        return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)

    return _correlation(
        (x, y),
        clusters,
        level,
        statistic=_ranked,
        closed_form=("fisher z, bonett-wright", fisher),
        resampling=(seed, replicates),
    )


_Pairwise = Callable[[FloatArray, FloatArray], float]
_Ends = Callable[[FloatArray, FloatArray], tuple[float, float]]


def _correlation(
    pairs: tuple[ArrayLike, ArrayLike],
    clusters: ArrayLike | None,
    level: float,
    *,
    statistic: _Pairwise,
    closed_form: tuple[str, _Ends],
    resampling: tuple[int, int],
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
    value = statistic(x, y)
    if n < 4:
        why = "n is 3: an interval needs 4 pairs"
    elif abs(value) >= _PERFECT:
        why = f"the correlation is {value:g}: Fisher's z and the bootstrap end there"
    if why is not None:
        return Estimate(value, None, None, n, m, notes=(why,))
    if clusters is not None and grouped is not None and not grouped.singletons:

        def over(indices: IntArray) -> float:
            return statistic(x[indices], y[indices])

        seed, replicates = resampling
        return cluster_bootstrap(
            over,
            cluster_units(clusters),
            seed=seed,
            level=level,
            replicates=replicates,
            value_range=(-1.0, 1.0),
        )
    method, ends = closed_form
    low, high = ends(x, y)
    return Estimate(value, Interval(low, high, level, 2, method), None, n, m)


def _product_moment(x: FloatArray, y: FloatArray) -> float:
    """Pearson's r within [-1, 1]; NaN where one side has no variance beyond rounding."""
    if all_equal(x) or all_equal(y):
        return math.nan
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


def _ranked(x: FloatArray, y: FloatArray) -> float:
    from scipy import stats

    return _product_moment(stats.rankdata(x), stats.rankdata(y))
