"""Tests of a paired difference, and what many tests at once do to their p-values.

`scipy.stats` and statsmodels are the tests' oracles. They are not called: they take longer to load
than ten large runs to compare, and scipy's permutation test redraws its signs for every metric.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from evalharness.stats._clusters import FloatArray, all_equal, as_values, group

__all__ = ["adjusted", "mcnemar", "sign_flip"]

#: Draws of a permutation test; the smallest p-value is one in so many and one.
_RESAMPLES = 9_999
#: With more units the mean's permutation distribution is normal to the digits that are printed.
_MOST_UNITS = 2_000
#: A sum of flipped differences that falls short of the observed one by less than this is a tie.
_TIE = 1e-12
#: Numbers of a matrix of signs that are multiplied at once.
_BATCH = 2_000_000


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p-value of McNemar's test, for independent pairs of 0/1 outcomes.

    Args:
        only_a: pairs in which the first alone is 1.
        only_b: pairs in which the second alone is 1.

    Returns:
        The binomial test of an even split of the pairs that differ; 1 where none does.

    Raises:
        ValueError: a count is negative.
    """
    if only_a < 0 or only_b < 0:
        raise ValueError(f"counts of pairs are never negative: {only_a}, {only_b}")
    if not only_a + only_b:
        return 1.0
    # an even split: both tails are alike
    tail = float(scipy.special.bdtr(min(only_a, only_b), only_a + only_b, 0.5))
    return min(1.0, 2 * tail)


def sign_flip(
    difference: ArrayLike, clusters: ArrayLike | None = None, *, seed: int
) -> tuple[float, str] | None:
    """The two-sided p-value of "no difference", by flipping signs of whole clusters.

    Under the null hypothesis a cluster's differences are as likely to have the other sign, all
    together; nothing is assumed of their distribution. Every flip is counted where there are few
    clusters, a seeded draw of 9,999 otherwise; with more than 2,000 clusters a t-test over
    clusters stands in.

    Args:
        difference: one a pair, shape (n,).
        clusters: labels, shape (n,); None for independent pairs.

    Returns:
        The p-value and the name of the test; None where there is nothing to test (no pair, or a
        single cluster). 1 where every difference is 0.
    """
    values = as_values(difference, "difference")
    grouped = group(clusters, len(values))
    sums = values if grouped is None else grouped.totals(values)
    over = "" if grouped is None or grouped.singletons else " over clusters"
    if len(sums) < 2:
        return None
    if not sums.any():
        return 1.0, f"sign-flip permutation{over}"
    if len(sums) > _MOST_UNITS:
        if all_equal(sums):  # no variance, and not zero: beyond any doubt that a p-value can say
            return 0.0, f"t{over}"
        t = float(sums.mean()) / (float(sums.std(ddof=1)) / math.sqrt(len(sums)))
        return 2 * float(scipy.special.stdtr(len(sums) - 1, -abs(t))), f"t{over}"
    return _flipped(sums, seed), f"sign-flip permutation{over}"


def _flipped(sums: FloatArray, seed: int) -> float:
    """The share of flips whose sum is as far from 0 as the observed one, which counts as a flip."""
    signs, every = _signs(len(sums), seed)
    observed = abs(float(sums.sum())) * (1 - _TIE) - _TIE * float(np.abs(sums).max())
    step = max(1, _BATCH // len(sums))
    far = sum(
        int((np.abs(signs[start : start + step] @ sums) >= observed).sum())
        for start in range(0, len(signs), step)
    )
    return far / len(signs) if every else (far + 1) / (len(signs) + 1)


@lru_cache(maxsize=2)
def _signs(count: int, seed: int) -> tuple[NDArray[np.int8], bool]:
    """Signs of ``count`` units, shape (flips, count), and whether these are all that there are.

    Kept for the next figure: those of one task are mostly over the same units.
    """
    if 2**count <= _RESAMPLES:
        places = np.arange(2**count)[:, None] >> np.arange(count)
        return (1 - 2 * (places & 1)).astype(np.int8), True
    drawn = np.random.default_rng(seed).integers(0, 2, (_RESAMPLES, count), dtype=np.int8)
    return 1 - 2 * drawn, False


def adjusted(
    p_values: Sequence[float], method: Literal["holm", "benjamini-hochberg"]
) -> list[float]:
    """p-values that may be read beside each other, in the order given.

    ``holm`` bounds the chance of any false claim in the family, ``benjamini-hochberg`` the
    expected share of false ones among the claims.

    Source: Holm 1979, https://www.jstor.org/stable/4615733; Benjamini & Hochberg 1995,
    https://doi.org/10.1111/j.2517-6161.1995.tb02031.x.

    Raises:
        ValueError: a p-value lies outside [0, 1].
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("a p-value lies between 0 and 1")
    if not p_values:
        return []
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    n, ranks = len(values), np.arange(1, len(values) + 1)
    if method == "holm":  # times n, n - 1, ... 1, and never falling
        steps = np.maximum.accumulate(values[order] * (n + 1 - ranks))
    else:  # times n / rank, and never rising from the end
        steps = np.minimum.accumulate((values[order] * n / ranks)[::-1])[::-1]
    found = np.empty(n)
    found[order] = np.minimum(1.0, steps)
    return [float(p) for p in found]
