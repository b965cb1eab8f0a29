"""A figure that can be drawn again: what compares two runs in a metric that is no mean.

Nearly every figure is a function of a few sums over units: a ratio, the largest of several gaps
between means, a correlation. So a unit brings its addends, and the figure of any draw of units is
that function of their sums; thousands of draws are then one product of matrices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from evalharness import stats
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import Flags, Numbers, Units
from evalharness.scorecard.rows import TaskRows

__all__ = ["Drawable", "Figure", "drawn_together", "over", "share"]

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Figure:
    """A figure and the units that it is made of.

    Args:
        names: what each unit is called in every run of the same test, shape (u,).
        missing: not measured; such a unit is left out of both runs, shape (u,).
        excluded: out by definition in this run: it adds nothing here, shape (u,).
        cluster: units with the same one are drawn together; a unit without one stands alone.
        columns: what each unit adds, shape (u, k); finite where the unit is measured.
        value: from sums, shape (r, k), to r figures; NaN where undefined.
    """

    names: Labels
    missing: Flags
    excluded: Flags
    cluster: Labels
    columns: Numbers
    value: Callable[[Numbers], Numbers]

    def weighted(self, places: Places, codes: Places, count: int) -> stats.Weighted:
        """The figure by how often each of ``count`` sets of units counts.

        Args:
            places: the units that take part, shape (p,).
            codes: the set of each, from 0, shape (p,).
        """
        added = np.where(self.excluded[places, None], 0.0, self.columns[places])
        totals = np.stack(
            [np.bincount(codes, weights=column, minlength=count) for column in added.T], axis=1
        )
        return lambda counts: self.value(counts @ totals)


@runtime_checkable
class Drawable(Protocol):
    """A metric that can be drawn again. None where this use of it has no interval to draw for."""

    def figure(self, rows: TaskRows) -> Figure | None: ...


def drawn_together(rows: TaskRows) -> Labels:
    """What may not be torn apart: the rows' clusters, or their groups where there are none."""
    return rows.group if rows.cluster.missing.all() else rows.cluster


def over(
    units: Units, rows: TaskRows, columns: Numbers, value: Callable[[Numbers], Numbers]
) -> Figure:
    """A figure over the samples of ``rows``, whose ``units`` say what was measured."""
    first, _ = rows.sample.units()
    return Figure(
        names=rows.sample[first],
        missing=~units.measured & ~units.excluded,
        excluded=units.excluded,
        cluster=drawn_together(rows)[first],
        columns=np.where(units.measured[:, None], columns, 0.0),
        value=value,
    )


def share(top: Numbers, below: Numbers) -> Numbers:
    """``top / below``, NaN where ``below`` is 0."""
    found: Numbers = np.divide(top, below, out=np.full(np.shape(top), np.nan), where=below > 0)
    return found
