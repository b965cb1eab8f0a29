"""Intervals for a proportion of independent units: Wilson to show, Clopper-Pearson to claim.

Both are right at 0 and at 1, where the textbook's p ± 2 SE is [0, 0]. ``n`` may be an effective,
real-valued size, as clustered proportions have it (`evalharness.stats.clustered`).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import scipy

from evalharness.stats.records import Estimate, Interval, Side, check_level

__all__ = ["clopper_pearson", "proportion", "wilson"]

#: Effective counts below this are 0: the beta quantile overflows near the least float.
_DENORMAL = 1e-250


def wilson(successes: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval, two-sided: covers its level on average over p.

    Args:
        successes: count, 0 to ``n``; real-valued where ``n`` is an effective size.
        n: units, above 0; may be real-valued.
        level: confidence level.

    Returns:
        An interval within [0, 1], never of zero width; its low end is 0 exactly at 0 successes
        and its high end 1 exactly at ``n``.

    Raises:
        ValueError: ``n`` is not above 0, ``successes`` is outside 0..n, or ``level`` is outside
            (0, 1).

    Source: Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953; recommended by Brown, Cai
    & DasGupta 2001, https://doi.org/10.1214/ss/1009213286.
    """
    successes = _checked(successes, n, level)
    share, n = np.float64(successes) / n, np.float64(n)
    z = -scipy.special.ndtri((1 - level) / 2)
    widening = 1 + z**2 / n
    middle = (share + z**2 / (2 * n)) / widening
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * (n * n))) / widening
    low, high = _ended(float(middle - half), float(middle + half), successes, n)
    return Interval(low, high, level, 2, "wilson")


def clopper_pearson(
    successes: float,
    n: float,
    level: float = 0.95,
    sides: Literal[1, 2] = 2,
    side: Side | None = None,
) -> Interval:
    """Clopper & Pearson's exact interval or bound: covers at least its level for every p.

    Args:
        successes: count, 0 to ``n``; real-valued where ``n`` is an effective size.
        n: units, above 0; may be real-valued (the beta quantiles are then Korn and Graubard's).
        level: confidence level.
        sides: 2 (half the error in each tail) or 1 (all of it in one).
        side: ``"upper"`` or ``"lower"`` with ``sides=1``: the end that is a bound. The other end is
            0 or 1.

    Returns:
        An interval within [0, 1], never of zero width.

    Raises:
        ValueError: ``n`` is not above 0, ``successes`` is outside 0..n, ``level`` is outside
            (0, 1), or ``side`` does not go with ``sides``.

    Source: Clopper & Pearson 1934, https://doi.org/10.1093/biomet/26.4.404.
    """
    if (sides == 1) != (side is not None):
        raise ValueError(
            f"sides={sides} with side={side!r}: name the side of a one-sided bound "
            "(sides=1, side='upper' or 'lower'), and none of a two-sided interval"
        )
    # a two-sided interval at 1 - 2a has the one-sided bounds at 1 - a for its ends
    successes = _checked(successes, n, level)
    tail = (1 - level) * (1 if sides == 2 else 2) / 2
    low, high = _ended(
        float(scipy.special.betaincinv(successes, n - successes + 1, tail)) if successes else 0.0,
        float(scipy.special.betainccinv(successes + 1, n - successes, tail))
        if successes < n
        else 1.0,
        successes,
        n,
    )
    if side is None:
        return Interval(low, high, level, 2, "clopper-pearson")
    if side == "upper":
        return Interval(0.0, high, level, 1, "clopper-pearson, upper bound")
    if side == "lower":
        return Interval(low, 1.0, level, 1, "clopper-pearson, lower bound")
    raise ValueError(f"side {side!r} is neither 'upper' nor 'lower'")


def proportion(
    successes: int, n: int, level: float = 0.95, *, claim_side: Side | None = None
) -> Estimate:
    """A proportion of independent units with both intervals.

    Args:
        successes: count, 0 to ``n``.
        n: measured units; 0 gives an estimate without value.
        level: confidence level.
        claim_side: makes the claim one-sided; two-sided by default.

    Returns:
        The share with Wilson's interval to show and Clopper and Pearson's to claim.

    Raises:
        ValueError: a count is negative or ``successes`` exceeds ``n``.
    """
    check_level(level)
    if n == 0 and successes == 0:
        return Estimate(None, None, None, 0, notes=("nothing was measured",))
    sides: Literal[1, 2] = 2 if claim_side is None else 1
    return Estimate(
        value=successes / n if n else None,
        interval=wilson(successes, n, level),
        claim=clopper_pearson(successes, n, level, sides, claim_side),
        n=n,
    )


def _checked(successes: float, n: float, level: float) -> float:
    check_level(level)
    if not (math.isfinite(n) and n > 0):
        raise ValueError(f"n is {n}: a proportion needs at least one unit")
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}: give a count from 0 to n")
    return 0 if successes < _DENORMAL else successes


def _ended(low: float, high: float, successes: float, n: float) -> tuple[float, float]:
    """Within [0, 1], and exact at the ends, where the formulas leave rounding."""
    return (
        0.0 if successes == 0 else max(0.0, low),
        1.0 if successes == n else min(1.0, high),
    )
