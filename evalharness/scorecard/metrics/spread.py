"""How far the accuracy of one and the same set of items lies apart over formats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import (
    KNOWLEDGE,
    Computed,
    Numbers,
    Units,
    per_sample,
    row_values,
)
from evalharness.scorecard.metrics.chance import by_chance
from evalharness.scorecard.metrics.figure import Figure
from evalharness.scorecard.metrics.gaps import LargestGap, Stratum
from evalharness.scorecard.metrics.items import CLEAN, item_slices, tagged
from evalharness.scorecard.rows import TaskRows

__all__ = ["FormatSpread"]

#: Of the shuffles that show what chance does.
_SEED = 20_240_103


@dataclass(frozen=True)
class FormatSpread(LargestGap):
    """The largest accuracy over formats minus the smallest, over items measured in every format.

    Source: Sclar et al. 2023, 2310.11324 ("performance spread"). The largest of several noisy
    figures lies above the smallest also where no format matters: the interval holds for all pairs
    of formats at once, and reaches 0 unless two of them differ (`LargestGap`). ``by_chance`` is the
    mean spread after each item's results were shuffled over the formats: what chance alone shows.

    Args:
        by_chance: shuffle the results of each item (seeded) before the spread is taken.
    """

    by_chance: bool = False

    name: ClassVar[str] = "format_spread"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("correct",)
    title: ClassVar[str] = "Spread of accuracy over formats"
    counted: ClassVar[str] = "items"

    @property
    def detail(self) -> str:
        """What makes this use differ from another of the same metric."""
        return "by chance" if self.by_chance else ""

    def slices(self, rows: TaskRows, tag: str) -> Iterator[tuple[str, TaskRows]]:
        """The rows of each slice, by value; items stay whole."""
        return item_slices(rows, tag, "format")

    def compute(self, rows: TaskRows, level: float) -> Computed:
        found = super().compute(rows, level)
        if not self.by_chance or found.value is None:
            return found
        (stratum,) = self.strata(rows)
        results = np.array([stratum.values(place) for place in range(len(stratum.groups))]).T
        return by_chance(found, results, _spread, _SEED)

    def strata(self, rows: TaskRows) -> list[Stratum]:
        """One, of all formats, over the same items; none where there is no item."""
        chosen = rows.only(tagged(rows, CLEAN, "format"))
        values, missing, excluded = row_values(chosen, "correct", KNOWLEDGE)
        samples = per_sample(chosen, values, missing, excluded, self.score_range)
        if not len(chosen):
            return []
        first, _ = chosen.sample.units()
        items, item = chosen.group[first].ranked()
        # without the tag, one format of everything
        column = chosen.tags.get("format", Labels.of([""] * len(chosen)))
        formats, place = column[first].ranked()
        at = np.full(len(items), len(first))
        np.minimum.at(at, item, np.arange(len(first)))

        def spread(units: Numbers, absent: float) -> Numbers:
            whole = np.full((len(items), len(formats)), absent)
            whole[item, place] = units
            return whole

        value = spread(samples.value, np.nan)
        low, high = spread(samples.low, 0.0), spread(samples.high, 1.0)
        units = tuple(
            Units(
                value=value[:, n],
                low=low[:, n],
                high=high[:, n],
                measured=~np.isnan(value[:, n]),
                excluded=np.zeros(len(items), dtype=bool),
                cluster=samples.cluster[at],
                coverage=float((~np.isnan(value[:, n])).mean()),
            )
            for n in range(len(formats))
        )
        named = tuple(str(name) for name in formats)
        same = (Labels.of(items.tolist()),) * len(formats)
        together = (same[0] if units[0].cluster.missing.all() else units[0].cluster,) * len(formats)
        return [Stratum("", named, units, True, same, together)]

    def figure(self, rows: TaskRows) -> Figure | None:
        """Right answers by format; nothing of the mean of shuffles can be drawn again."""
        return None if self.by_chance else super().figure(rows)


def _spread(results: Numbers) -> float:
    accuracies = results.mean(axis=0)
    return float(accuracies.max() - accuracies.min())
