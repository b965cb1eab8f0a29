"""What a test of a given size can show, and what size shows a given difference."""

from __future__ import annotations

import bisect
import math

import scipy

from evalharness.stats.proportions import clopper_pearson
from evalharness.stats.records import Interval, check_level

__all__ = ["at_most", "demonstrates", "detectable", "paired_size", "unpaired_size"]


def _factor(power: float, level: float) -> float:
    check_level(level)
    if not 0 < power < 1:
        raise ValueError(f"power {power!r} lies between 0 and 1, as .8")
    return float(scipy.special.ndtri((1 + level) / 2) + scipy.special.ndtri(power))


def detectable(interval: Interval, power: float = 0.8) -> float:
    """The smallest true difference that a comparison like this one finds with ``power``.

    Args:
        interval: of the difference that was seen; its half width gives the standard error.

    Returns:
        In the unit of the interval: (z for the level + z for the power) standard errors.
    """
    z = float(scipy.special.ndtri((1 + interval.level) / 2))
    error = (interval.high - interval.low) / 2 / z
    return _factor(power, interval.level) * error


def paired_size(margin: float, discordant: float, power: float = 0.8, level: float = 0.95) -> int:
    """How many pairs show a difference of ``margin`` between two models on the same items.

    Args:
        margin: difference of two proportions, above 0.
        discordant: share of the pairs in which the two differ, at least ``margin``.

    Raises:
        ValueError: a share outside its range.
    """
    if not 0 < margin <= discordant <= 1:
        raise ValueError("give a margin above 0, at most the share of pairs that differ")
    variance = discordant - margin**2
    return max(2, math.ceil(variance * (_factor(power, level) / margin) ** 2))


def unpaired_size(margin: float, rate: float, power: float = 0.8, level: float = 0.95) -> int:
    """How many items for each of two models with their own items show ``margin``.

    Args:
        margin: difference of two proportions, above 0.
        rate: the proportion about which it lies.

    Raises:
        ValueError: a share outside its range.
    """
    if not (0 < margin < 1 and 0 <= rate <= 1):
        raise ValueError("give a margin and a rate between 0 and 1")
    variance = 2 * rate * (1 - rate)
    return max(2, math.ceil(variance * (_factor(power, level) / margin) ** 2))


def demonstrates(rate: float, n: int, level: float = 0.95) -> int | None:
    """The fewest successes of ``n`` that demonstrate at least ``rate``: exact, one-sided.

    None where not even ``n`` of ``n`` do.
    """
    found = bisect.bisect_left(
        range(n + 1), rate, key=lambda x: clopper_pearson(x, n, level, 1, "lower").low
    )
    return found if found <= n else None


def at_most(rate: float, n: int, level: float = 0.95) -> int | None:
    """The most events of ``n`` that demonstrate at most ``rate``: exact, one-sided.

    None where not even 0 of ``n`` do.
    """
    found = bisect.bisect_right(
        range(n + 1), rate, key=lambda x: clopper_pearson(x, n, level, 1, "upper").high
    )
    return found - 1 if found else None
