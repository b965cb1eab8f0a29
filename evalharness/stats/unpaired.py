"""Two estimates of two samples, from their values and intervals alone.

Where the samples of one of them are not at hand nothing can be paired; what is known of each is
its interval, clustered or not. The distances from the values to the ends of their intervals recover
the variances near each end (MOVER), so the result is as skewed as the two are.
"""

from __future__ import annotations

import math

import scipy

from evalharness.stats.records import check_level

__all__ = ["hybrid_difference", "hybrid_p_value", "hybrid_ratio"]

Ends = tuple[float, float]


def hybrid_difference(a: float, a_ends: Ends, b: float, b_ends: Ends) -> Ends:
    """The interval of b - a, at the level of the intervals of both.

    Args:
        a, b: the values, each within its ``ends``.

    With Wilson's intervals of two proportions it is Newcombe's hybrid score interval.

    Source: Newcombe 1998, https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I
    (method 10); for any other intervals Zou & Donner 2008, https://doi.org/10.1002/sim.3095.
    """
    low = b - a - math.hypot(b - b_ends[0], a_ends[1] - a)
    high = b - a + math.hypot(b_ends[1] - b, a - a_ends[0])
    return low, high


def hybrid_ratio(
    top: float, top_ends: Ends, below: float, below_ends: Ends
) -> tuple[float, float | None]:
    """The interval of top / below of two values that are 0 or more; None for no upper end.

    There is none where the lower end of what stands below is 0: the ratio may be any number then.

    Raises:
        ValueError: a value is negative, or what stands below is 0.

    Source: Donner & Zou 2012, https://doi.org/10.1177/0962280210384714 (MOVER for ratios).
    """
    if min(top, *top_ends, *below_ends) < 0 or below <= 0:
        raise ValueError(f"the ratio of {top} to {below} has no interval: give values of 0 or more")
    product = top * below
    (low, high), (least, most) = top_ends, below_ends
    inside = product**2 - low * most * (2 * top - low) * (2 * below - most)
    lower = low * (2 * top - low) / (product + math.sqrt(max(0.0, inside))) if low else 0.0
    if least <= 0:
        return lower, None
    inside = product**2 - high * least * (2 * top - high) * (2 * below - least)
    return lower, (product + math.sqrt(max(0.0, inside))) / (least * (2 * below - least))


def hybrid_p_value(difference: float, ends: Ends, level: float) -> float | None:
    """The two-sided p-value of "no difference", read from an interval.

    The distance from the difference to the end towards 0 is taken for as many standard errors as
    the level asks for. 1 where the difference is 0; None where that distance is 0.
    """
    check_level(level)
    if not difference:
        return 1.0
    side = difference - ends[0] if difference > 0 else ends[1] - difference
    if side <= 0:
        return None
    z = float(scipy.special.ndtri((1 + level) / 2)) * abs(difference) / side
    return 2 * float(scipy.special.ndtr(-z))
