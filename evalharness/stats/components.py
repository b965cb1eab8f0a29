"""How the variance of single answers divides into that between items and that within them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from evalharness.stats._clusters import FloatArray, as_values, group

__all__ = ["VarianceComponents", "variance_components"]


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """The variance of a single answer, by where it comes from, in the squared unit of the values.

    Args:
        between: between items, at least 0: of what an item would give in the long run.
        within: within items, at least 0: of one item's answers.
        repeats: answers of an item, on average.
        share_within: 0 to 1: of the variance of the items' means, how much stems from within
            items. On the safe side: as if one item more had varied like the one that varies most
            (or had had one answer at the other end of what was seen, where none varies), so it is
            0 only in theory; 1 where all means are equal.
    """

    between: float
    within: float
    repeats: float
    share_within: float


def variance_components(values: ArrayLike, items: ArrayLike) -> VarianceComponents | None:
    """One-way random effects: answers within items.

    Args:
        values: one an answer, shape (n,), finite.
        items: the item of each, labels (strings or integers), shape (n,).

    Returns:
        The estimates of the analysis of variance (within: the mean square within items; between:
        the mean square between items less that, over the effective number of repeats, and 0 where
        it would be negative). None with fewer than two items, or where none was asked twice.

    Raises:
        ValueError: values not finite, or shapes that differ.

    Source: Searle, Casella & McCulloch 1992, Variance Components, section 3.6 (unbalanced data);
    what it is for: Miller 2024, Adding Error Bars to Evals, https://arxiv.org/abs/2411.00640.
    """
    checked = as_values(values)
    grouped = group(items, len(checked))
    if grouped is None or grouped.count < 2 or grouped.singletons:
        return None
    n, m = len(checked), grouped.count
    sizes = grouped.sizes.astype(np.float64)
    means = grouped.totals(checked) / sizes
    own = grouped.totals(np.square(checked - means[grouped.codes]))
    own[own <= np.finfo(float).eps * n * np.square(checked).max()] = 0.0  # rounding
    within = float(own.sum() / (n - m))
    square_between = float(sizes @ np.square(means - checked.mean()) / (m - 1))
    effective = (n - float(np.square(sizes).sum()) / n) / (m - 1)
    return VarianceComponents(
        between=max(0.0, (square_between - within) / effective),
        within=within,
        repeats=n / m,
        share_within=_share_within(checked, means, own, sizes),
    )


def _share_within(
    values: FloatArray, means: FloatArray, own: FloatArray, sizes: FloatArray
) -> float:
    """The share of the variance of the items' means that is the noise of their answers."""
    of_means = float(means.var(ddof=1))
    if of_means == 0:
        return 1.0
    most = float(own.max())
    if not most:
        k = float(sizes.max())
        most = float(np.ptp(values)) ** 2 * (k - 1) / k
    within = (float(own.sum()) + most) / (len(values) - len(sizes))
    return min(1.0, within * float((1 / sizes).mean()) / of_means)
