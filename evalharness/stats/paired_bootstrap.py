"""The difference of two figures of the same units, by drawing those units again for both.

For figures that are no means: ratios, largest gaps, correlations, areas under a curve. The same
whole clusters are drawn for both sides, so what the two have in common cancels as it does in the
difference itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from evalharness.stats._clusters import FloatArray
from evalharness.stats.bootstrap import _defined, _finish, _Replicates, _start, _tail
from evalharness.stats.records import Estimate, Interval

__all__ = ["MOST_CLUSTERS", "PairedBootstrap", "Weighted", "paired_bootstrap"]

#: A figure of clusters that count several times or never: from counts, shape (r, m), to r figures,
#: NaN where it is undefined.
Weighted = Callable[[FloatArray], FloatArray]

#: More clusters than that are put together at random into so many before they are drawn: sets of
#: clusters are as independent as clusters are, and 1,000 of them tell a standard error to 2 %.
MOST_CLUSTERS = 1_000
_REPLICATES = 4_000


@dataclass(frozen=True, slots=True)
class PairedBootstrap:
    """Two figures and their difference.

    Args:
        a, b: the two figures; None where undefined.
        difference: of b - a, with its interval, or the reason why there is none.
        bound: at level 2 x level - 1: each of its ends is a one-sided bound at the level asked for.
        p_value: of no difference; None where resampling tells nothing.
        p_target: of "neither is nearer to the target"; None without a target.
    """

    a: float | None
    b: float | None
    difference: Estimate
    bound: Interval | None
    p_value: float | None
    p_target: float | None = None


def paired_bootstrap(
    a: Weighted,
    b: Weighted,
    clusters: int,
    n: int,
    *,
    seed: int,
    level: float = 0.95,
    target: float | None = None,
) -> PairedBootstrap:
    """The difference b - a of two figures of the same clusters, with an interval and a test.

    The p-value is the level at which the interval would end at 0. Of a figure with a target, two
    figures may differ and be as far from it: (b - x)^2 - (a - x)^2 = (b - a) (a + b - 2x), so one
    is shown to be nearer only where neither factor is 0, and its p-value is the larger of the two
    (an intersection-union test).

    Args:
        a, b: the figures by how often each cluster counts.
        clusters: how many there are, at most `MOST_CLUSTERS`: put the others together before.
        n: units, for the record.
        seed: of numpy's ``default_rng``; the same seed and data give the same interval.
        level: confidence level.
        target: the value that is best, where neither more nor less is.

    Returns:
        As `cluster_bootstrap`. Where every replicate has the difference 0 there is nothing to show,
        with a p-value of 1 and no interval.

    Raises:
        ValueError: ``level`` is not between .5 and 1, or there are too many clusters.

    Source: Efron 1987, https://doi.org/10.1080/01621459.1987.10478410; the inverted interval as a
    test: Davison & Hinkley 1997, section 4.4; groups of clusters: Wolter 2007, Introduction to
    Variance Estimation, chapter 2 (random groups).
    """
    if not 0.5 < level < 1:
        raise ValueError(f"level {level!r}: a difference is shown at one between .5 and 1")
    if clusters > MOST_CLUSTERS:
        raise ValueError(f"{clusters} clusters: put them together into {MOST_CLUSTERS} first")
    whole = np.ones((1, clusters))
    one, other = (_defined(float(side(whole)[0])) if n else math.nan for side in (a, b))
    value = other - one
    bare, runnable = _start(
        value, n, clusters, level=level, replicates=_REPLICATES, value_range=None
    )
    known = _known(one), _known(other)
    if not runnable:
        return PairedBootstrap(*known, bare, None, None)
    counts = _counts(clusters, seed)
    left_out = whole - np.eye(clusters)
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn, without = ((a(each), b(each)) for each in (counts, left_out))
    found = _Replicates(drawn[1] - drawn[0], without[1] - without[0])
    difference = _finish(bare, value, found, level)
    if difference.interval is None:
        defined = found.draws[~np.isnan(found.draws)]
        same = len(defined) > 0 and bool((np.abs(defined) <= 1e-12).all())
        p_value = 1.0 if same else None
        return PairedBootstrap(
            *known, difference, None, p_value, None if target is None else p_value
        )
    p_value = _p_value(found, value, clusters)
    p_target = None
    if target is not None:
        sums = (side[0] + side[1] - 2 * target for side in (drawn, without))
        middle = one + other - 2 * target
        # where the sum never changes and is not 0, there is no doubt about its sign
        p_target = max(p_value, _p_value(_Replicates(*sums), middle, clusters))
    bound = _finish(bare, value, found, 2 * level - 1).interval
    return PairedBootstrap(*known, difference, bound, p_value, p_target)


def _p_value(found: _Replicates, value: float, clusters: int) -> float:
    draws = found.draws[~np.isnan(found.draws)]
    if np.ptp(draws) <= 1e-12 * max(abs(value), 1.0):
        return 1.0 if abs(value) <= 1e-12 else 0.0
    left_out = found.left_out if len(draws) == len(found.draws) else None
    return _tail(draws, value, left_out, clusters)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


@lru_cache(maxsize=1)
def _counts(clusters: int, seed: int) -> FloatArray:
    """How often each cluster is drawn in each replicate, shape (replicates, clusters).

    Kept for the next figure: those of one task are mostly over the same number of clusters.
    """
    chosen = np.random.default_rng(seed).integers(0, clusters, (_REPLICATES, clusters))
    chosen += clusters * np.arange(_REPLICATES)[:, None]
    counts = np.bincount(chosen.ravel(), minlength=_REPLICATES * clusters)
    return counts.reshape(_REPLICATES, clusters).astype(np.float64)
