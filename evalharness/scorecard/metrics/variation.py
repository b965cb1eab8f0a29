"""How the variance of single answers divides into that within items and that between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from evalharness.scorecard.metrics.base import (
    KNOWLEDGE,
    Computed,
    Numbers,
    Units,
    per_sample,
    row_values,
)
from evalharness.scorecard.metrics.figure import Figure, over, share
from evalharness.scorecard.metrics.samples import bootstrapped, mean_of
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["BetweenItemVariance", "WithinItemVariance"]

#: Of the bootstrap.
_SEED = 20_240_102


def _within(rows: TaskRows) -> tuple[Units, Numbers, Numbers]:
    """The unbiased variance of each item's repeats; their mean, and how many were measured.

    An item that was asked once is excluded, one with fewer than two measured repeats is missing.
    """
    values, missing, excluded = row_values(rows, "correct", KNOWLEDGE)
    means = per_sample(rows, values, missing, excluded, (0.0, 1.0))
    first, item = rows.sample.units()
    count = len(first)
    known = np.bincount(item[~missing], minlength=count).astype(np.float64)
    repeated = np.bincount(item, minlength=count) > 1
    p = np.nan_to_num(means.value)
    squares = np.where(missing, 0.0, np.nan_to_num(values) ** 2)
    squares = np.bincount(item, weights=squares, minlength=count)
    variance = np.maximum(squares - known * p**2, 0.0) / np.maximum(known - 1, 1)
    measured = repeated & (known > 1)
    units = Units(
        value=np.where(measured, variance, np.nan),
        low=np.where(measured, variance, 0.0),
        high=np.where(measured, variance, 0.5),
        measured=measured,
        excluded=~repeated,
        cluster=means.cluster,
        coverage=float(measured[repeated].mean()) if repeated.any() else 0.0,
    )
    return units, means.value, known


@dataclass(frozen=True)
class WithinItemVariance:
    """Mean over items of the variance of a single answer's correctness among an item's repeats.

    0 where an item is always right or always wrong; .25 in the long run where it is as often the
    one as the other (.5 is the most that two repeats can show). Source: the conditional variance
    of Miller 2024, Adding Error Bars to Evals, 2411.00640, section 3.
    """

    name: ClassVar[str] = "within_item_variance"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("correct",)
    title: ClassVar[str] = "Variance within items"
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "variance"
    range: ClassVar[tuple[float, float]] = (0.0, 0.5)
    counted: ClassVar[str] = "items"

    def compute(self, rows: TaskRows, level: float) -> Computed:
        return mean_of(self.units(rows), level, self.range)

    def units(self, rows: TaskRows) -> Units:
        """The variance of each item's repeats."""
        return _within(rows)[0]


@dataclass(frozen=True)
class BetweenItemVariance:
    """The variance between items of how often each is answered right.

    The variance of the items' means, less what their repeats alone put into it (the variance
    within, by the number of repeats); 0 where that is more. With the variance within it makes up
    the variance of a single answer, so of two models with one accuracy the one with more of it
    answers each item more alike. Source: Miller 2024, 2411.00640, section 3 (law of total
    variance); the estimator is that of a one-way analysis of variance.
    """

    name: ClassVar[str] = "between_item_variance"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("correct",)
    title: ClassVar[str] = "Variance between items"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "variance"
    range: ClassVar[tuple[float, float]] = (0.0, 0.5)
    counted: ClassVar[str] = "items"

    def compute(self, rows: TaskRows, level: float) -> Computed:
        units, means, known = _within(rows)
        measured = units.measured
        mean, noise = means[measured], (units.value / np.maximum(known, 1))[measured]

        def between(chosen: npt.NDArray[np.intp]) -> float | None:
            if len(chosen) < 2:
                return None
            return max(0.0, float(mean[chosen].var(ddof=1) - noise[chosen].mean()))

        return bootstrapped(units, between, level, self.range, _SEED)

    def figure(self, rows: TaskRows) -> Figure:
        """The sums of the items' means, their squares, and what their repeats put into them."""
        units, means, known = _within(rows)
        measured = units.measured
        mean = np.where(measured, means, 0.0)
        noise = np.where(measured, units.value / np.maximum(known, 1), 0.0)

        def between(sums: Numbers) -> Numbers:
            n, total, squares, within = sums.T
            spread = share(squares - total * share(total, n), n - 1)
            return np.maximum(0.0, spread - share(within, n))

        return over(units, rows, np.stack([measured, mean, mean**2, noise], axis=1), between)
