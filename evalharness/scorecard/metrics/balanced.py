"""Balanced accuracy: what a model that always says the same thing cannot raise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from evalharness import stats
from evalharness.scorecard.metrics.base import KNOWLEDGE, Computed, Numbers, per_sample, row_values
from evalharness.scorecard.metrics.figure import Figure, over, share
from evalharness.scorecard.metrics.samples import share_of
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["BalancedAccuracy"]


@dataclass(frozen=True)
class BalancedAccuracy:
    """Mean over the classes of the share of right answers within each.

    With two classes, the mean of sensitivity and specificity: 0.5 for a model that always gives
    the same answer, however unbalanced the classes are. A refusal counts as not right. Where a
    class has no measured sample there is no value: the other one says nothing about it.

    Args:
        tag: the tag whose values are the classes.

    Source: Brodersen et al. 2010, https://doi.org/10.1109/ICPR.2010.764.
    """

    tag: str = "label"

    name: ClassVar[str] = "balanced_accuracy"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("correct",)
    title: ClassVar[str] = "Balanced accuracy"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "proportion"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    counted: ClassVar[str] = "samples"

    def compute(self, rows: TaskRows, level: float) -> Computed:
        values, missing, excluded = row_values(rows, "correct", KNOWLEDGE)
        units = per_sample(rows, values, missing, excluded, self.range)
        plain = share_of(units, level)
        column = rows.tags.get(self.tag)
        if column is None:
            note = f"no sample has the tag '{self.tag}' that tells the classes apart"
            return replace(plain, value=None, interval=None, claim=None, bounds=None, notes=(note,))
        first, _ = rows.sample.units()
        labels = np.array([label or "" for label in column[first].tolist()])
        names = sorted(set(labels))
        bounds = tuple(
            float(np.mean([ends[labels == name].mean() for name in names]))
            for ends in (units.low, units.high)
        )
        measured = labels[units.measured]
        counted = ~units.excluded
        known = [
            float(units.measured[of].mean())
            for name in names
            if (of := counted & (labels == name)).any()
        ]
        empty = [name for name in names if name not in measured]
        if empty or not names:
            note = f"nothing was measured of the class {', '.join(empty)}"
            found = stats.Estimate(None, None, None, 0, notes=(note,))
        else:
            found = stats.mean_of_proportions(
                units.measured_values, measured, units.clusters, level
            )
        if len(names) == 1:
            found = replace(found, notes=(*found.notes, f"one class only: {names[0]}"))
        return replace(
            plain,
            value=found.value,
            interval=found.interval,
            claim=found.claim,
            bounds=(bounds[0], bounds[1]) if names else None,
            n_clusters=found.n_clusters,
            # each class weighs the same, so the figure is known as well as its least known class
            coverage=min([plain.coverage, *known]),
            notes=found.notes,
        )

    def figure(self, rows: TaskRows) -> Figure:
        """Right answers and answers, by class; undefined without one of the classes."""
        values, missing, excluded = row_values(rows, "correct", KNOWLEDGE)
        units = per_sample(rows, values, missing, excluded, self.range)
        first, _ = rows.sample.units()
        column = rows.tags.get(self.tag)
        labels = np.zeros(len(first), dtype=int) if column is None else column[first].ranked()[1]
        classes = (labels[:, None] == np.unique(labels)) & units.measured[:, None]
        right = classes * np.nan_to_num(units.value)[:, None]

        def value(sums: Numbers) -> Numbers:
            counts, hits = np.split(sums, 2, axis=1)
            found: Numbers = share(hits, counts).mean(axis=1)
            return found if column is not None else np.full(len(sums), np.nan)

        return over(units, rows, np.concatenate([classes, right], axis=1), value)
