"""Whether a data set was trained on: tests on its order, and its overlap with a corpus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy

from evalharness.scorecard.metrics.base import (
    AMONG_ANSWERED,
    Computed,
    Flags,
    Numbers,
    per_sample,
    row_values,
)
from evalharness.scorecard.metrics.samples import MeanMetric, ShareMetric
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["OrderPValue", "OrderPreference", "OverlapRate"]


@dataclass(frozen=True)
class OrderPreference(MeanMetric):
    """Mean share of shuffled orders that are less likely than the data set's own, over shards.

    .5 for a model that never saw the file: every order is then as likely to come out on top. 1
    where the file's own order always wins.
    """

    name: ClassVar[str] = "order_preference"
    score: ClassVar[str] = "rank"
    title: ClassVar[str] = "Shuffled orders less likely than the file's"
    direction: ClassVar[Direction] = 0.5
    unit: ClassVar[str] = "proportion"
    counted: ClassVar[str] = "shards"


@dataclass(frozen=True)
class OrderPValue:
    """The probability of the order's advantage, or a greater one, were the file never seen.

    One-sided t test over shards of the log-likelihood of the file's order minus the mean of
    shuffled ones. Source: Oren et al. 2023, 2310.17623, section 3.2 (the sharded test). Small
    values speak for contamination; large ones do not speak against it, for a set may be known
    without its order.
    """

    name: ClassVar[str] = "order_p_value"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("advantage",)
    title: ClassVar[str] = "p-value of the file's order"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "probability"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    counted: ClassVar[str] = "shards"

    def compute(self, rows: TaskRows, level: float) -> Computed:
        del level
        values, missing, excluded = row_values(rows, "advantage", AMONG_ANSWERED)
        units = per_sample(rows, values, missing, excluded, (-1.0, 1.0))
        found = units.measured_values
        value, note = None, "a p-value has no interval"
        if len(found) < 2:
            note = f"{len(found)} shards: a t test needs two or more"
        elif (spread := float(found.std(ddof=1))) <= 1e-12 * max(1.0, float(np.abs(found).max())):
            note = "every shard has the same advantage: no variance to test against"
        else:
            t = float(found.mean()) / (spread / math.sqrt(len(found)))
            value = float(scipy.special.stdtr(len(found) - 1, -t))
        return Computed(
            value,
            n_planned=len(units.measured),
            n_measured=len(found),
            n_excluded=int(units.excluded.sum()),
            coverage=units.coverage,
            notes=(note,),
        )


@dataclass(frozen=True)
class OverlapRate(ShareMetric):
    """Share of items of which a stretch stands in the corpus; items too short are excluded.

    A figure of the data and the corpus: it asks nothing of the model.
    """

    name: ClassVar[str] = "overlap_rate"
    reads: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = "Items found in the corpus"
    direction: ClassVar[Direction] = "lower"

    def values(self, rows: TaskRows) -> tuple[Numbers, Flags, Flags]:
        column = rows.tags.get("overlap")
        none = np.zeros(len(rows), dtype=bool)
        found = none if column is None else column.are("yes")
        looked_for = found if column is None else found | column.are("no")
        return found.astype(float), none, ~looked_for
