"""Tests of a paired difference, and what many tests at once do to their p-values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import scipy
from numpy.typing import ArrayLike

from evalharness.stats._clusters import all_equal, as_values, group

__all__ = ["adjusted", "mcnemar", "sign_flip"]

#: Draws of a permutation test; the smallest p-value is one in so many and one.
_RESAMPLES = 9_999
#: With more units the mean's permutation distribution is normal to the digits that are printed.
_MOST_UNITS = 2_000


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
    return float(scipy.stats.binomtest(only_b, only_a + only_b, 0.5).pvalue)


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
        return float(scipy.stats.ttest_1samp(sums, 0.0).pvalue), f"t{over}"
    found = scipy.stats.permutation_test(
        (sums,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=512,
        rng=np.random.default_rng(seed),
    )
    return min(1.0, float(found.pvalue)), f"sign-flip permutation{over}"


def adjusted(
    p_values: Sequence[float], method: Literal["holm", "benjamini-hochberg"]
) -> list[float]:
    """p-values that may be read beside each other, in the order given.

    ``holm`` bounds the chance of any false claim in the family, ``benjamini-hochberg`` the
    expected share of false ones among the claims.

    Raises:
        ValueError: a p-value lies outside [0, 1].
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError("a p-value lies between 0 and 1")
    if not p_values:
        return []
    from statsmodels.stats.multitest import multipletests

    names = {"holm": "holm", "benjamini-hochberg": "fdr_bh"}
    return [float(p) for p in multipletests(list(p_values), method=names[method])[1]]
