"""Seeded bootstrap over clusters, for statistics that have no interval of their own.

Whole clusters are drawn with replacement. BCa where it exists, percentile otherwise; and no
interval, with the reason, where a bootstrap has nothing to say: a statistic that never changes or
lies at the end of its range (a percentile bootstrap of 0 of 500 is [0, 0]), one that is undefined
on too many replicates, or fewer clusters than the level needs.

`scipy.stats.bootstrap` is the model and the tests' oracle; it is not called, because it gives NaN
for a statistic that is undefined on a single replicate, and its BCa forms an array of m x m to
leave each cluster out once, where a ratio of sums needs m subtractions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from evalharness.stats._clusters import (
    FloatArray,
    IntArray,
    as_values,
    group,
    one_cluster,
)
from evalharness.stats.records import SHOWN_RESAMPLED, Estimate, Interval, check_level, marks

__all__ = ["cluster_bootstrap", "cluster_units", "ratio_bootstrap"]

#: A statistic of the units at the given indices (with repeats); None or NaN where undefined.
Statistic = Callable[[IntArray], float | None]

_MAX_UNDEFINED = 0.05
#: Replicates whose standard deviation is below this share of the estimate are rounding.
_ROUNDING = 1e-12
#: Cluster draws held at once by the fast path.
_BATCH = 1_000_000


@dataclass(frozen=True, slots=True)
class _Replicates:
    """What resampling gave: ``draws`` (replicates,) with NaN where undefined, and ``left_out``."""

    draws: FloatArray
    left_out: FloatArray | None  # the statistic without each cluster in turn, shape (m,)


def cluster_units(clusters: ArrayLike) -> list[IntArray]:
    """The indices of each cluster's units, in sorted order of the labels.

    Args:
        clusters: labels (strings or integers), shape (n,).
    """
    grouped = group(clusters, len(np.asarray(clusters)))
    if grouped is None or not grouped.count:
        return []
    order = np.argsort(grouped.codes, kind="stable")
    return list(np.split(order, np.cumsum(grouped.sizes)[:-1]))


def cluster_bootstrap(
    statistic: Statistic,
    units: Sequence[IntArray],
    *,
    seed: int,
    level: float = 0.95,
    replicates: int = 2000,
    value_range: tuple[float, float] | None = None,
) -> Estimate:
    """Any statistic with a bootstrap interval over clusters.

    Args:
        statistic: takes indices of units, shape (k,), clusters whole and repeats included, and
            gives a float, or None (or NaN) where it is undefined on them.
        units: the indices of each cluster's units (`cluster_units`); one index a unit where units
            are independent.
        seed: of numpy's ``default_rng``; the same seed and data give the same interval.
        level: confidence level.
        replicates: resamples. With more clusters than that the interval is the percentile one,
            since BCa leaves each cluster out once and its correction has vanished by then.
        value_range: (low, high) of the statistic; a value at an end gets no interval.

    Returns:
        The statistic over all units and its interval: ``"cluster bootstrap, BCa"``, or
        ``"..., percentile"`` where BCa does not exist. No interval, and a note, with one cluster,
        with too few clusters for the level (5 or fewer for 95 %: m clusters cannot do better than
        1 - 2^(1-m)), when more than 5 % of the replicates are undefined, when they are all
        equal, or when the value is at an end of ``value_range``.

    Raises:
        ValueError: ``replicates`` is below 100 or ``level`` is outside (0, 1).

    Source: Efron 1987, https://doi.org/10.1080/01621459.1987.10478410; resampling of clusters:
    Davison & Hinkley 1997, section 3.8.
    """
    m = len(units)
    indices = np.concatenate(units) if m else np.empty(0, np.intp)
    value = _defined(statistic(indices)) if len(indices) else math.nan
    bare, runnable = _start(
        value, len(indices), m, level=level, replicates=replicates, value_range=value_range
    )
    if not runnable:
        return bare
    rng = np.random.default_rng(seed)
    sizes = np.array([len(unit) for unit in units])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])

    def over(chosen: IntArray) -> float:
        lengths = sizes[chosen]
        ends = np.cumsum(lengths)
        within = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
        return _defined(statistic(indices[np.repeat(starts[chosen], lengths) + within]))

    draws = np.array([over(rng.integers(0, m, m)) for _ in range(replicates)])
    left_out = None
    if m <= replicates:
        everyone = np.arange(m)
        left_out = np.array([over(np.delete(everyone, out)) for out in range(m)])
    return _finish(bare, value, _Replicates(draws, left_out), level)


def ratio_bootstrap(
    numerators: ArrayLike,
    denominators: ArrayLike,
    clusters: ArrayLike | None = None,
    *,
    seed: int,
    level: float = 0.95,
    replicates: int = 2000,
    value_range: tuple[float, float] | None = None,
) -> Estimate:
    """The ratio of two sums with a bootstrap interval over clusters, vectorised.

    Args:
        numerators: shape (n,), finite.
        denominators: shape (n,), finite, at least 0; 1 for each unit gives a mean.
        clusters: labels (strings or integers), shape (n,); None for independent units.
        seed: of numpy's ``default_rng``.
        level: confidence level.
        replicates: resamples.
        value_range: (low, high) of the ratio; a value at an end gets no interval.

    Returns:
        As `cluster_bootstrap`. The ratio is undefined where the denominators sum to 0.

    Raises:
        ValueError: values not finite, a negative denominator, shapes that differ, ``replicates``
            below 100 or ``level`` outside (0, 1).
    """
    top, below = as_values(numerators, "numerators"), as_values(denominators, "denominators")
    if len(top) != len(below):
        raise ValueError(f"{len(top)} numerators, {len(below)} denominators: give one each a unit")
    if (below < 0).any():
        raise ValueError("a denominator is negative: a ratio of sums needs counts or weights")
    grouped = group(clusters, len(top))
    n = len(top)
    if grouped is not None:
        top, below = grouped.totals(top), grouped.totals(below)
    m = len(top)
    value = float(_ratio(top.sum(), below.sum()))
    bare, runnable = _start(
        value, n, m, level=level, replicates=replicates, value_range=value_range
    )
    if grouped is None:
        bare = replace(bare, n_clusters=None)
    if not runnable:
        return bare
    rng = np.random.default_rng(seed)
    draws = np.empty(replicates)
    step = max(1, _BATCH // m)
    for first in range(0, replicates, step):
        chosen = rng.integers(0, m, (min(step, replicates - first), m))
        draws[first : first + step] = _ratio(top[chosen].sum(axis=1), below[chosen].sum(axis=1))
    left_out = _ratio(top.sum() - top, below.sum() - below)
    return _finish(bare, value, _Replicates(draws, left_out), level)


def _start(
    value: float,
    n: int,
    m: int,
    *,
    level: float,
    replicates: int,
    value_range: tuple[float, float] | None,
) -> tuple[Estimate, bool]:
    """The estimate before resampling, and whether resampling can tell anything."""
    check_level(level)
    if replicates < 100:
        raise ValueError(f"{replicates} replicates are too few for an interval: give 1000 or more")
    why = None
    if not n:
        why = "nothing was measured"
    elif math.isnan(value):
        why = "the statistic is undefined on these units"
    elif m == 1:
        why = "n is 1: no variance to estimate from" if n == 1 else one_cluster()
    elif 2.0 ** (1 - m) > 1 - level:
        why = f"{m} clusters are too few for a bootstrap at level {level:g}"
    elif value_range is not None and not value_range[0] < value < value_range[1]:
        why = f"the value is at the end of its range ({value:g}): a bootstrap cannot see beyond it"
    bare = Estimate(None if math.isnan(value) else value, None, None, n, m)
    found: tuple[str, ...] = ()
    if m and not math.isnan(value):
        found = marks(m, what="units" if m == n else "clusters", least=SHOWN_RESAMPLED)
    return replace(bare, notes=found if why is None else (why, *found)), why is None


def _finish(bare: Estimate, value: float, found: _Replicates, level: float) -> Estimate:
    draws = found.draws[~np.isnan(found.draws)]
    undefined, notes = len(found.draws) - len(draws), bare.notes
    if undefined:
        count = f"the statistic is undefined on {undefined} of {len(found.draws)} replicates"
        notes = (count, *notes)
    if undefined > _MAX_UNDEFINED * len(found.draws):
        return replace(bare, notes=notes)
    if draws.std() <= _ROUNDING * max(abs(value), float(np.abs(draws).max())):
        return replace(bare, notes=("the statistic is the same on every replicate", *notes))
    tails = None if undefined else _bca_tails(draws, value, found.left_out, level)
    method = "BCa" if tails is not None else "percentile"
    low, high = np.quantile(draws, tails or ((1 - level) / 2, (1 + level) / 2))
    if low == high:  # ties at both ends: the replicates have too few values for this level
        return replace(bare, notes=("too few different replicates for an interval", *notes))
    kind = "bootstrap" if bare.n_clusters in {None, bare.n} else "cluster bootstrap"
    interval = Interval(float(low), float(high), level, 2, f"{kind}, {method}")
    return replace(bare, interval=interval, notes=notes)


def _bca_tails(
    draws: FloatArray, value: float, left_out: FloatArray | None, level: float
) -> tuple[float, float] | None:
    """Efron's corrected tail probabilities; None where they do not exist."""
    found = _corrections(draws, value, left_out)
    if found is None:
        return None
    bias, skew = found
    shifted = bias + scipy.special.ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    if (1 - skew * shifted <= 0).any():
        return None
    low, high = scipy.special.ndtr(bias + shifted / (1 - skew * shifted))
    return float(low), float(high)


def _corrections(
    draws: FloatArray, value: float, left_out: FloatArray | None
) -> tuple[float, float] | None:
    """Efron's corrections for bias and skew; None where they do not exist."""
    if left_out is None or not np.isfinite(left_out).all():
        return None
    # half of the ties, as scipy has it: a discrete statistic is not shifted by them
    share = float(((draws < value).mean() + (draws <= value).mean()) / 2)
    pull = left_out.mean() - left_out
    spread = float(np.square(pull).sum())
    if not 0 < share < 1 or np.abs(pull).max() <= _ROUNDING * np.abs(left_out).max():
        return None
    return float(scipy.special.ndtri(share)), float((pull**3).sum() / (6 * spread**1.5))


def _tail(draws: FloatArray, value: float, left_out: FloatArray | None, m: int) -> float:
    """The two-sided p-value of "the statistic is 0": the level at which its interval ends there.

    Where no replicate lies on 0's other side their number says only that p is small: what it is
    then is read from t with their standard deviation and m - 1 degrees of freedom.
    """
    count = len(draws)
    below = float((draws < 0).mean() + (draws <= 0).mean()) / 2
    least = 2 / (count + 1)
    share = min(max(below, least / 2), 1 - least / 2)
    found = _corrections(draws, value, left_out)
    z = float(scipy.special.ndtri(share))
    if found is not None and 1 + found[1] * (z - found[0]) > 0:
        bias, skew = found
        z = (z - bias) / (1 + skew * (z - bias)) - bias
    p_value = min(1.0, 2 * float(scipy.special.ndtr(-abs(z))))
    if 0 < below < 1:
        return p_value
    far = 2 * float(scipy.special.stdtr(m - 1, -abs(value) / float(draws.std(ddof=1))))
    return min(p_value, least, far)


def _ratio(top: FloatArray, below: FloatArray) -> FloatArray:
    """``top / below``, NaN where ``below`` is 0."""
    undefined = np.full(np.shape(top), np.nan)
    quotient: FloatArray = np.divide(top, below, out=undefined, where=np.asarray(below) > 0)
    return quotient


def _defined(value: float | None) -> float:
    return math.nan if value is None or not math.isfinite(value) else float(value)
