"""Checked arrays and clusters: what the estimators of this package share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evalharness.stats.records import marks

__all__ = [
    "Clusters",
    "FloatArray",
    "IntArray",
    "all_equal",
    "as_values",
    "check_range",
    "cluster_marks",
    "group",
    "one_cluster",
    "variance_of_mean",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

#: Sums of residuals below this share of the sums of magnitudes are rounding, not variance.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Clusters:
    """Which cluster each unit belongs to.

    ``codes`` has shape (n,) with values 0..m-1 in the sorted order of the labels, so that results
    do not depend on the order of the rows; ``sizes`` has shape (m,).
    """

    codes: IntArray
    sizes: IntArray

    @property
    def count(self) -> int:
        """The number of clusters, m."""
        return len(self.sizes)

    @property
    def singletons(self) -> bool:
        """Whether every unit is a cluster of its own: clustering then changes nothing."""
        return bool(len(self.sizes) == len(self.codes))

    def totals(self, values: FloatArray) -> FloatArray:
        """The sum of ``values`` (shape (n,)) within each cluster, shape (m,)."""
        sums = np.bincount(self.codes, weights=values, minlength=self.count)
        return sums.astype(np.float64)


def as_values(values: ArrayLike, name: str = "values") -> FloatArray:
    """``values`` as floats of shape (n,); ValueError if they are not 1-D or not all finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} have shape {array.shape}: give one value a unit, shape (n,)")
    if not np.isfinite(array).all():
        at = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(
            f"{name}[{at}] is {array[at]}: leave units without a value out and count them as "
            "missing (missing_bounds)"
        )
    return array


def check_range(values: FloatArray, value_range: tuple[float, float], name: str = "values") -> None:
    """ValueError unless ``value_range`` is (low, high) with low < high and holds all ``values``."""
    low, high = value_range
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"the range ({low}, {high}) is empty or unbounded: give (low, high)")
    outside = np.flatnonzero((values < low) | (values > high))
    if outside.size:
        at = int(outside[0])
        raise ValueError(f"{name}[{at}] is {values[at]}, outside the range [{low}, {high}]")


def group(clusters: ArrayLike | None, n: int) -> Clusters | None:
    """The clusters of ``n`` units, from their labels (strings or integers); None for no labels."""
    if clusters is None:
        return None
    labels = np.asarray(clusters)
    if labels.shape != (n,):
        raise ValueError(f"clusters have shape {labels.shape}: give a label a unit, shape ({n},)")
    if labels.dtype.kind == "f" and n:
        raise ValueError("cluster labels are floats: give strings or integers")
    if labels.dtype.kind == "O":
        if any(label is None for label in labels):
            raise ValueError("a cluster label is None: give every unit a cluster, or none to any")
        labels = labels.astype(str)
    _, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return Clusters(codes.astype(np.intp), sizes.astype(np.intp))


def all_equal(values: FloatArray) -> bool:
    """Whether ``values`` (at least one) differ by no more than rounding."""
    return bool(np.ptp(values) <= _ROUNDING * np.abs(values).max())


def cluster_marks(clusters: Clusters | None, events: float | None = None) -> tuple[str, ...]:
    """The mark of an interval over clusters (`marks`); none where each unit is its own."""
    if clusters is None or clusters.singletons:
        return ()
    return marks(clusters.count, events)


def one_cluster() -> str:
    """Why there is no interval where all units share one cluster."""
    return "all units share one cluster: no variance between clusters to estimate from"


def variance_of_mean(values: FloatArray, clusters: Clusters | None) -> float:
    """The linearised cluster-robust variance of the mean; 0.0 exactly where all clusters agree.

    The mean is the ratio of sums over clusters, so clusters of different sizes count by their
    size: m/(m-1) times the sum of the squared cluster totals of the residuals, over n squared.
    Without clusters every unit is one, which gives s²/n. At least two clusters are needed.

    Source: Cameron & Miller 2015, A Practitioner's Guide to Cluster-Robust Inference,
    https://doi.org/10.3368/jhr.50.2.317 (a regression on a constant).
    """
    residuals = values - values.mean()
    if clusters is not None:
        scale = clusters.totals(np.abs(values)).max()
        residuals = clusters.totals(residuals)
    else:
        scale = np.abs(values).max()
    if np.abs(residuals).max() <= _ROUNDING * scale:
        return 0.0
    m, n = len(residuals), len(values)
    return float(m / (m - 1) * np.square(residuals).sum() / n**2)
