"""What a test of a given size can show, and what size shows a given difference."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

import numpy as np
import scipy

from evalharness.stats.proportions import clopper_pearson
from evalharness.stats.records import Interval, check_level

__all__ = [
    "at_most",
    "demonstrates",
    "design_effect",
    "detectable",
    "mcnemar_power",
    "paired_size",
    "passing_chance",
    "passing_rate",
    "unpaired_size",
]


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


def mcnemar_power(n: int, margin: float, discordant: float, level: float = 0.95) -> float:
    """The chance, 0 to 1, that McNemar's exact test finds a difference of ``margin`` in n pairs.

    Enumerated over the number of pairs that differ, and over how they split. Arguments and errors
    as `paired_size`.
    """
    check_level(level)
    _check_pairs(margin, discordant)
    binomial = scipy.stats.binom
    # all but 1e-12 of the distribution: a few thousand counts even of a million pairs
    first, last = (float(binomial.ppf(end, n, discordant)) for end in (1e-12, 1 - 1e-12))
    differ = np.arange(first, last + 1)
    tail = (1 - level) / 2
    # the largest smaller part that is still significant; -1 where none is
    critical = binomial.ppf(tail, differ, 0.5)
    critical = np.where(binomial.cdf(critical, differ, 0.5) <= tail, critical, critical - 1)
    towards = (discordant + margin) / 2 / discordant
    found = binomial.cdf(critical, differ, towards) + binomial.sf(
        differ - critical - 1, differ, towards
    )
    return float(binomial.pmf(differ, n, discordant) @ np.where(critical < 0, 0.0, found))


def paired_size(margin: float, discordant: float, power: float = 0.8, level: float = 0.95) -> int:
    """How many pairs show a difference of ``margin`` between two models on the same items.

    By McNemar's exact test; the usual formula (Connor 1987, https://doi.org/10.2307/2531961) gives
    some 5 % fewer and a power of some 2 to 7 points less than asked, for it forgets that the exact
    test keeps below its level.

    Args:
        margin: difference of two proportions, above 0.
        discordant: share of the pairs in which the two differ, at least ``margin``.

    Raises:
        ValueError: a share outside its range.
    """
    _check_pairs(margin, discordant)
    variance = discordant - margin**2
    least = max(2, math.ceil(variance * (_factor(power, level) / margin) ** 2))
    sizes = range(least, 3 * least + 100)
    return sizes[
        bisect.bisect_left(sizes, power, key=lambda n: mcnemar_power(n, margin, discordant, level))
    ]


def _check_pairs(margin: float, discordant: float) -> None:
    if not 0 < margin <= discordant <= 1:
        raise ValueError("give a margin above 0, at most the share of pairs that differ")


def design_effect(sizes: Sequence[int], icc: float) -> float:
    """How many times more items a test needs whose items share clusters, at least 1.

    Args:
        sizes: items of each cluster.
        icc: intra-cluster correlation of the outcomes, 0 to 1.

    Raises:
        ValueError: ``icc`` outside its range, or no items.

    Source: Kish 1987, Weighting in deft², The Survey Statistician, 17, 26-30 (sizes that differ).
    """
    if not 0 <= icc <= 1:
        raise ValueError("give an intra-cluster correlation from 0 to 1")
    total = sum(sizes)
    if not total:
        raise ValueError("no items: a design effect needs at least one")
    return 1 + (sum(size**2 for size in sizes) / total - 1) * icc


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


def passing_chance(need: int, n: int, rate: float) -> float:
    """The chance, 0 to 1, of ``need`` or more successes in ``n`` at this rate: exact."""
    return float(scipy.stats.binom.sf(need - 1, n, rate))


def passing_rate(need: int, n: int, power: float = 0.8) -> float:
    """The rate, 0 to 1, with which ``need`` or more of ``n`` come with chance ``power``: exact.

    Which is how good an item must be to pass a test so often; the rest is the producer's risk.
    The binomial's upper tail is the regularised incomplete beta function, here inverted.

    Raises:
        ValueError: ``need`` outside 0 to ``n``, or ``power`` outside 0 to 1.
    """
    if not (0 <= need <= n and 0 < power < 1):
        raise ValueError("give a count from 0 to n and a power between 0 and 1")
    return float(scipy.special.betaincinv(need, n - need + 1, power)) if need else 0.0
