"""A mean as people would have scored it, from their scores of a few items and a judge's of all."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from evalharness.stats._clusters import (
    Clusters,
    FloatArray,
    as_values,
    check_range,
    cluster_marks,
    group,
    one_cluster,
)
from evalharness.stats.records import Estimate, Interval, check_level

__all__ = ["Labelled", "prediction_powered_mean"]

#: A variance below this share of the squared values is rounding.
_ROUNDING = 1e-24


@dataclass(frozen=True, eq=False)
class Labelled:
    """The items that people have scored.

    Args:
        labels: their scores, shape (k,), in the unit of the metric.
        predictions: the judge's scores of the same items, shape (k,).
        clusters: labels (strings or integers), shape (k,); None for independent items.
    """

    labels: ArrayLike
    predictions: ArrayLike
    clusters: ArrayLike | None = None


def prediction_powered_mean(
    labelled: Labelled,
    predictions: ArrayLike,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    *,
    value_range: tuple[float, float] | None = None,
    weight: float | None = None,
) -> Estimate:
    """People's mean over all items, where they scored a random part and a judge all of them.

    mean(labels) + w (mean of the judge on the unlabelled - mean of the judge on the labelled). With
    w = 1 this is prediction-powered inference; the weight with the smallest variance,
    Cov(labels, judge) / ((1 + k/N) Var(judge)), is PPI++. It is cut to [0, 1]: 0 leaves people's
    own mean, so a judge that knows nothing costs nothing. The interval is t with k-1 degrees of
    freedom (m-1 for the m clusters that have labelled items), over clusters with the linearised
    variance of the whole sum: a cluster may have items on both sides.

    Args:
        labelled: a random draw from the same items that ``predictions`` are of.
        predictions: the judge's scores of the items that were not labelled, shape (N,); may be
            empty.
        clusters: of the unlabelled items, shape (N,); given exactly if the labelled ones have some.
        value_range: (low, high) of a value; the estimate and its interval are cut to it.
        weight: w, to set it; by default the one with the smallest variance.

    Returns:
        The estimate, n = k + N. No interval, and a note, where fewer than two items (or clusters)
        are labelled, or where nothing varies.

    Raises:
        ValueError: nothing is labelled, lengths differ, or values are outside ``value_range``.

    Sources: Angelopoulos et al. 2023, Prediction-powered inference, Science 382,
    https://arxiv.org/abs/2301.09633; PPI++: Angelopoulos, Duchi & Zrnic 2023,
    https://arxiv.org/abs/2311.01453.
    """
    check_level(level)
    labels = as_values(labelled.labels, "labels")
    paired = as_values(labelled.predictions, "the labelled items' predictions")
    others = as_values(predictions, "predictions")
    if not len(labels) or len(labels) != len(paired):
        raise ValueError(f"{len(labels)} labels for {len(paired)} predictions: give one of each")
    if (clusters is None) != (labelled.clusters is None) and len(others):
        raise ValueError("give clusters to both the labelled and the unlabelled items, or to none")
    if value_range is not None:
        for values in (labels, paired, others):
            check_range(values, value_range)
    w = _weight(labels, paired, others) if weight is None else weight
    w = w if len(others) else 0.0
    value = float(labels.mean() + (w * (others.mean() - paired.mean()) if w else 0.0))
    grouped = _joined(labelled.clusters, clusters, len(labels), len(others))
    of_labels = group(labelled.clusters, len(labels))
    m = None if grouped is None else grouped.count
    shown = Estimate(value, None, None, len(labels) + len(others), m)
    shown = _in_range(shown, value, value_range)
    if len(labels) < 2:
        return replace(shown, notes=(*shown.notes, "one label: no variance to estimate from"))
    if of_labels is not None and of_labels.count < 2:
        return replace(shown, notes=(*shown.notes, one_cluster()))
    variance = _variance(labels - w * paired, w * others, grouped)
    scale = float(np.square(labels).sum() + np.square(paired).sum())
    if variance <= _ROUNDING * scale:
        why = "no interval: the labels leave no variance to estimate from"
        return replace(shown, notes=(*shown.notes, why))
    units = len(labels) if of_labels is None else of_labels.count
    half = float(scipy.special.stdtrit(units - 1, (1 + level) / 2)) * math.sqrt(variance)
    low, high = value - half, value + half
    if value_range is not None:
        low, high = (min(max(end, value_range[0]), value_range[1]) for end in (low, high))
    if low == high:  # both ends are the range's: nothing would be left
        return replace(shown, notes=(*shown.notes, "no interval: it lies outside of the range"))
    method = "prediction-powered" + ("" if grouped is None else ", cluster-robust")
    interval = Interval(low, high, level, 2, method)
    return replace(shown, interval=interval, notes=(*shown.notes, *cluster_marks(of_labels)))


def _in_range(
    estimate: Estimate, value: float, value_range: tuple[float, float] | None
) -> Estimate:
    """The estimate with ``value`` cut to the range."""
    cut = value if value_range is None else min(max(value, value_range[0]), value_range[1])
    notes = () if cut == value else (f"clipped: it is {value:.4f}",)
    return replace(estimate, value=cut, notes=notes)


def _weight(labels: FloatArray, paired: FloatArray, others: FloatArray) -> float:
    """The weight of the smallest variance; of the judge's variance every score tells."""
    if len(labels) < 2 or not len(others):
        return 0.0
    spread = float(np.concatenate([paired, others]).var(ddof=1))
    if spread <= 0:
        return 0.0
    together = float(np.cov(labels, paired, ddof=1)[0, 1])
    return min(1.0, max(0.0, together / ((1 + len(labels) / len(others)) * spread)))


def _joined(first: ArrayLike | None, second: ArrayLike | None, k: int, n: int) -> Clusters | None:
    """The clusters of all items, the labelled ones first."""
    if first is None:
        return None
    names = [str(label) for label in np.asarray(first).tolist()]
    names += [str(label) for label in np.asarray(second).tolist()] if n else []
    return group(names, k + n)


def _variance(labelled: FloatArray, others: FloatArray, clusters: Clusters | None) -> float:
    """Of mean(labelled) + mean(others)."""
    parts = [part for part in (labelled, others) if len(part)]
    if clusters is None or clusters.singletons:
        return sum(float(part.var(ddof=1)) / len(part) for part in parts if len(part) > 1)
    shares = np.concatenate([(part - part.mean()) / len(part) for part in parts])
    totals = clusters.totals(shares)
    m = len(totals)
    return float(m / (m - 1) * np.square(totals).sum())
