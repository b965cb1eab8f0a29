"""Metrics over an item and its variants: the mean and the worst case of each item.

The worst case is of one epoch, in which each variant is asked once, and is averaged over the
epochs: a variant that fails in one epoch and another one in the next leave no epoch without a
failure. An item without a variant of the wanted kind (a perturbation that found nothing to change)
is excluded, and counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from evalharness import stats
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import (
    KNOWLEDGE,
    Computed,
    Flags,
    Numbers,
    Units,
    per_sample,
    row_values,
)
from evalharness.scorecard.metrics.epochs import rounds_of
from evalharness.scorecard.metrics.items import CLEAN, item_slices, tagged
from evalharness.scorecard.metrics.samples import share_of
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["VariantDrop", "WorstCaseAccuracy", "WorstCaseDrop"]


class _Items:
    """The samples of each item, correct from 0 to 1 after repeats were averaged.

    Args:
        variant: the tag ``variant`` of the samples that are set against the clean ones.
        by_epoch: an item is a unit anew in each epoch (`over_epochs` averages these).
    """

    def __init__(self, rows: TaskRows, variant: str, *, by_epoch: bool = False) -> None:
        chosen = rows.only(tagged(rows, CLEAN, variant))
        if not by_epoch:
            chosen = replace(chosen, epoch=None)
        values, missing, excluded = row_values(chosen, "correct", KNOWLEDGE)
        chosen = replace(chosen, sample=_in_each_epoch(chosen))
        self._samples = per_sample(chosen, values, missing, excluded, (0.0, 1.0))
        first, _ = chosen.sample.units()
        names, item = chosen.group[first].ranked()
        self.names = Labels.of(names.tolist())
        is_first = np.zeros(len(chosen), dtype=bool)
        is_first[first] = True
        self._rounds = rounds_of(chosen.only(is_first), item, len(names))
        self._item, self.count = self._rounds.of_row, len(self._rounds)
        self._is_clean = tagged(chosen, CLEAN)[first]
        self._first = np.full(self.count, len(first))
        np.minimum.at(self._first, self._item, np.arange(len(first)))

    def clean(self) -> Units:
        """The clean sample of each item."""
        return self._mean(self._is_clean)

    def varied(self) -> Units:
        """The mean over those variants of each item that were measured."""
        units = self._mean(~self._is_clean)
        return replace(units, excluded=self._total(~self._is_clean) == 0)

    def worst(self) -> Units:
        """The least of an item's samples; measured where all are, for of fewer it is higher."""
        samples, excluded = self._samples, self._total(~self._is_clean) == 0

        def least(values: Numbers) -> Numbers:
            found = np.ones(self.count)
            np.minimum.at(found, self._item, values)
            return found

        measured = (self._total(~samples.measured) == 0) & ~excluded
        counted = ~excluded
        return Units(
            value=np.where(measured, least(np.nan_to_num(samples.value)), np.nan),
            low=least(samples.low),
            high=least(samples.high),
            measured=measured,
            excluded=excluded,
            cluster=samples.cluster[self._first],
            coverage=float(measured[counted].mean()) if counted.any() else 0.0,
        )

    def over_epochs(self, units: Units) -> Units:
        """Items, each the mean of its epochs."""
        rounds = self._rounds
        at = np.full(rounds.n_units, len(rounds))
        np.minimum.at(at, rounds.unit, np.arange(len(rounds)))
        return rounds.averaged(
            units.value,
            (units.low, units.high),
            (units.measured, units.excluded),
            units.cluster[at],
            self.names,
        )

    def _mean(self, which: Flags) -> Units:
        """The mean of some samples of each item; an item that has none of them is missing."""
        samples, there = self._samples, self._total(which)
        known = self._total(which & samples.measured)

        def total(values: Numbers) -> Numbers:
            return self._total(np.where(which, np.nan_to_num(values), 0.0))

        return Units(
            value=np.where(known > 0, total(samples.value) / np.maximum(known, 1), np.nan),
            low=total(samples.low) / np.maximum(there, 1),
            high=np.where(there > 0, total(samples.high) / np.maximum(there, 1), 1.0),
            measured=known > 0,
            excluded=np.zeros(self.count, dtype=bool),
            cluster=samples.cluster[self._first],
            coverage=float(known.sum() / there.sum()) if there.any() else 0.0,
        )

    def _total(self, values: Numbers | Flags) -> Numbers:
        """The sum over the samples of each item."""
        sums = np.bincount(self._item, weights=values, minlength=self.count)
        return sums.astype(np.float64)


def _in_each_epoch(rows: TaskRows) -> Labels:
    """The sample of each row; where there are epochs, another one in each of them."""
    if rows.epoch is None:
        return rows.sample
    first, codes = rows.sample.units()
    asked = rounds_of(rows, codes, len(first)).of_row
    return Labels.of(map(str, asked.tolist()))


class _OverVariants:
    """What the metrics here share: a slice by what tells variants apart keeps the clean samples."""

    variant: str
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("correct",)
    counted: ClassVar[str] = "items"

    @property
    def detail(self) -> str:
        """What makes this use differ from another of the same metric."""
        return self.variant

    def slices(self, rows: TaskRows, tag: str) -> Iterator[tuple[str, TaskRows]]:
        """The rows of each slice, by value."""
        return item_slices(rows, tag, self.variant, by_variant=True)


@dataclass(frozen=True)
class VariantDrop(_OverVariants):
    """Accuracy on clean items minus accuracy on their variants, averaged within the item first.

    From -1 to 1; a model that is always wrong drops by 0, so accuracy stands beside it.

    Args:
        variant: the tag ``variant`` of what is compared with the clean samples.
    """

    variant: str = "attacked"

    name: ClassVar[str] = "variant_drop"
    title: ClassVar[str] = "Accuracy lost"
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "percentage points"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def compute(self, rows: TaskRows, level: float) -> Computed:
        items = _Items(rows, self.variant)
        clean, varied = items.clean(), items.varied()
        measured, counted = clean.measured & varied.measured, ~varied.excluded
        before, after = clean.value[measured], varied.value[measured]
        clusters = clean.clusters_of(measured)
        if np.isin(before, (0, 1)).all() and np.isin(after, (0, 1)).all():
            estimate = stats.paired_proportions(after, before, clusters, level)
        else:
            estimate = stats.paired_means(after, before, clusters, level, value_range=(0.0, 1.0))
        low, high = (clean.low - varied.high)[counted], (clean.high - varied.low)[counted]
        n_counted = int(counted.sum())
        return Computed(
            value=estimate.value,
            n_planned=items.count,
            n_measured=int(measured.sum()),
            interval=estimate.interval,
            claim=estimate.claim,
            bounds=(float(low.mean()), float(high.mean())) if n_counted else None,
            n_excluded=items.count - n_counted,
            n_clusters=estimate.n_clusters,
            coverage=min(varied.coverage, float(measured.sum() / n_counted)) if n_counted else 0.0,
            notes=estimate.notes,
        )

    def units(self, rows: TaskRows) -> Units:
        """The drop of each item."""
        items = _Items(rows, self.variant)
        clean, varied = items.clean(), items.varied()
        measured = clean.measured & varied.measured
        return replace(
            varied,
            value=np.where(measured, clean.value - varied.value, np.nan),
            low=clean.low - varied.high,
            high=clean.high - varied.low,
            measured=measured,
            names=items.names,
        )


@dataclass(frozen=True)
class WorstCaseAccuracy(_OverVariants):
    """Share of items answered right as they are and in each of their variants.

    Source: worst-case performance over perturbations of an instance, as HELM's robustness (Liang et
    al. 2022, 2211.09110, section 4.5): the least of one answer to each. So it is taken within each
    epoch and averaged over the epochs; the least of the variants' means over epochs would be
    another figure, which rises with their number.
    """

    variant: str = "attacked"

    name: ClassVar[str] = "worst_case_accuracy"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Right in every variant"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "proportion"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def compute(self, rows: TaskRows, level: float) -> Computed:
        return share_of(self.units(rows), level)

    def units(self, rows: TaskRows) -> Units:
        """Of each item whether it is right in every variant, averaged over the epochs."""
        items = _Items(rows, self.variant, by_epoch=True)
        return items.over_epochs(items.worst())


@dataclass(frozen=True)
class WorstCaseDrop(_OverVariants):
    """Accuracy on clean items minus the share answered right in every variant.

    Never below 0, and above 0 by chance alone where answers vary: the same figure over as many
    clean repeats is its noise floor.
    """

    variant: str = "attacked"

    name: ClassVar[str] = "worst_case_drop"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Accuracy lost in the worst case"
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "proportion"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def compute(self, rows: TaskRows, level: float) -> Computed:
        return share_of(self.units(rows), level)

    def units(self, rows: TaskRows) -> Units:
        """What each item loses, never less than nothing: the worst case is no better than clean."""
        items = _Items(rows, self.variant, by_epoch=True)
        clean, worst = items.clean(), items.worst()
        lost = replace(
            worst,
            value=clean.value - worst.value,
            low=np.maximum(clean.low - worst.high, 0.0),
            high=clean.high - worst.low,
        )
        return items.over_epochs(lost)
