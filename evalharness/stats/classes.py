"""The plain mean of several proportions, each of its own class: balanced accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from evalharness.stats._clusters import FloatArray, IntArray, as_values, group
from evalharness.stats.clustered import clustered_proportion
from evalharness.stats.records import Estimate, Interval, check_level

__all__ = ["mean_of_proportions"]


def mean_of_proportions(
    values: ArrayLike,
    classes: ArrayLike,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
) -> Estimate:
    """The mean over classes of the share within each, with both intervals.

    Args:
        values: 0/1, or shares within [0, 1], shape (n,).
        classes: labels (strings or integers), shape (n,); each class has the same weight.
        clusters: labels, shape (n,), which may hold units of several classes; None for
            independent units.
        level: confidence level.

    Returns:
        The mean of the classes' shares. Its interval is put together from those of the classes
        (Wilson's to show, Clopper-Pearson's to claim, on effective sizes): the distance of an end
        is the root of the squared distances of the classes', with their covariance where clusters
        hold several classes. It never has zero width. Near 0 and 1, with some 30 units a class,
        it covers 90 % or more where 95 % is meant, and the claim at least 95 %. Without values:
        no estimate; where one class has no interval, none, and its note.

    Raises:
        ValueError: values outside [0, 1] or not finite, or shapes that differ.

    Source: Zou & Donner 2008 (MOVER), https://doi.org/10.1002/sim.3095, section 2; the mean of
    shares: Brodersen et al. 2010, https://doi.org/10.1109/ICPR.2010.764.
    """
    check_level(level)
    checked = as_values(values)
    grouped = group(classes, len(checked))
    if grouped is None or not len(checked):
        return Estimate(None, None, None, 0, notes=("nothing was measured",))
    labels = None if clusters is None else np.asarray(clusters)
    parts = [
        clustered_proportion(
            checked[grouped.codes == place],
            None if labels is None else labels[grouped.codes == place],
            level,
        )
        for place in range(grouped.count)
    ]
    correlations = _correlations(checked, grouped.codes, grouped.count, labels)
    value = math.fsum(part.value or 0.0 for part in parts) / len(parts)
    notes = tuple(dict.fromkeys(note for part in parts for note in part.notes))
    count = group(clusters, len(checked))
    bare = Estimate(
        value, None, None, len(checked), None if count is None else count.count, notes=notes
    )
    shown = _joined(parts, [part.interval for part in parts], correlations)
    claimed = _joined(parts, [part.claim for part in parts], correlations)
    return replace(bare, interval=shown, claim=claimed)


def _joined(
    parts: Sequence[Estimate], intervals: Sequence[Interval | None], correlations: FloatArray
) -> Interval | None:
    known = [interval for interval in intervals if interval is not None]
    if len(known) < len(parts):
        return None
    shares = np.array([part.value for part in parts], dtype=np.float64)
    lows, highs = (
        shares - np.array([interval.low for interval in known]),
        np.array([interval.high for interval in known]) - shares,
    )
    value = float(shares.mean())

    def reach(distances: FloatArray) -> float:
        return math.sqrt(max(0.0, float(distances @ correlations @ distances))) / len(parts)

    method = " and ".join(dict.fromkeys(interval.method for interval in known))
    return Interval(
        max(0.0, value - reach(lows)),
        min(1.0, value + reach(highs)),
        known[0].level,
        2,
        f"mover of {len(parts)} classes, {method}",
    )


def _correlations(
    values: FloatArray, classes: IntArray, count: int, clusters: ArrayLike | None
) -> FloatArray:
    """Between the classes' shares, shape (k, k), from the clusters that they have in common."""
    same = np.eye(count)
    grouped = group(clusters, len(values))
    if grouped is None or grouped.singletons or grouped.count < 2:
        return same
    totals = []
    for place in range(count):
        own = classes == place
        totals.append(grouped.totals(np.where(own, values - values[own].mean(), 0.0)))
    products = np.array([[float(one @ other) for other in totals] for one in totals])
    scale = np.sqrt(np.outer(np.diag(products), np.diag(products)))
    found: FloatArray = np.divide(products, scale, out=same.copy(), where=scale > 0)
    return found
