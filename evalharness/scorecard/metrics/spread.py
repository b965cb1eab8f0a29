"""How far the accuracy of one and the same set of items lies apart over formats."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import KNOWLEDGE, Computed, Units, per_sample, row_values
from evalharness.scorecard.metrics.figure import Figure, share
from evalharness.scorecard.metrics.items import CLEAN, item_slices, tagged
from evalharness.scorecard.metrics.samples import bootstrapped
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["FormatSpread"]

#: Of the bootstrap, and of the shuffles that show what chance does.
_SEED = 20_240_103
_SHUFFLES = 500

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class FormatSpread:
    """The largest accuracy over formats minus the smallest, over items measured in every format.

    Source: Sclar et al. 2023, 2310.11324 ("performance spread"). The largest of several noisy
    figures lies above the smallest also where no format matters; ``by_chance`` is the mean spread
    after each item's results were shuffled over the formats, which is what that alone would show.

    Args:
        by_chance: shuffle the results of each item (seeded) before the spread is taken.
    """

    by_chance: bool = False

    name: ClassVar[str] = "format_spread"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("correct",)
    title: ClassVar[str] = "Spread of accuracy over formats"
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "percentage points"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    counted: ClassVar[str] = "items"

    @property
    def detail(self) -> str:
        """What makes this use differ from another of the same metric."""
        return "by chance" if self.by_chance else ""

    def slices(self, rows: TaskRows, tag: str) -> Iterator[tuple[str, TaskRows]]:
        """The rows of each slice, by value; items stay whole."""
        return item_slices(rows, tag, "format")

    def compute(self, rows: TaskRows, level: float) -> Computed:
        results, units = _by_format(rows.only(tagged(rows, CLEAN, "format")))
        measured = units.measured
        if self.by_chance:
            return Computed(
                _by_chance(results[measured]) if measured.any() else None,
                n_planned=len(measured),
                n_measured=int(measured.sum()),
                coverage=units.coverage,
                notes=(f"the mean of {_SHUFFLES} seeded shuffles has no interval",),
            )
        right = results[measured]

        def spread(chosen: npt.NDArray[np.intp]) -> float:
            accuracies = right[chosen].mean(axis=0)
            return float(accuracies.max() - accuracies.min())

        return bootstrapped(units, spread, level, self.range, _SEED)

    def figure(self, rows: TaskRows) -> Figure | None:
        """Right answers by format, over items that have every format."""
        if self.by_chance:
            return None
        chosen = rows.only(tagged(rows, CLEAN, "format"))
        results, units = _by_format(chosen)

        def spread(sums: Numbers) -> Numbers:
            accuracies = share(sums[:, 1:], np.broadcast_to(sums[:, :1], sums[:, 1:].shape))
            return np.asarray(np.ptp(accuracies, axis=1))

        return Figure(
            names=Labels.of(chosen.group.ranked()[0].tolist()),
            missing=~units.measured,
            excluded=units.excluded,
            cluster=units.cluster,
            columns=np.where(
                units.measured[:, None],
                np.concatenate([np.ones((len(results), 1)), results], axis=1),
                0.0,
            ),
            value=spread,
        )


def _by_format(rows: TaskRows) -> tuple[Numbers, Units]:
    """Correctness by item and format, shape (items, formats), and which items have all of it."""
    values, missing, excluded = row_values(rows, "correct", KNOWLEDGE)
    samples = per_sample(rows, values, missing, excluded, (0.0, 1.0))
    first, _ = rows.sample.units()
    items, item = rows.group[first].ranked()
    # without the tag, one format of everything
    column = rows.tags.get("format", Labels.of([""] * len(rows)))
    formats, place = column[first].ranked()
    results = np.full((len(items), len(formats)), np.nan)
    results[item, place] = samples.value
    measured = ~np.isnan(results).any(axis=1)
    at = np.full(len(items), len(first))
    np.minimum.at(at, item, np.arange(len(first)))
    none = np.zeros(len(items))
    units = Units(
        value=none, low=none, high=none, measured=measured,
        excluded=np.zeros(len(items), dtype=bool), cluster=samples.cluster[at],
        coverage=float(measured.mean()) if len(items) else 0.0,
    )  # fmt: skip
    return results, units


def _by_chance(results: Numbers) -> float:
    rng = np.random.default_rng(_SEED)
    spreads = np.empty(_SHUFFLES)
    for n in range(_SHUFFLES):
        accuracies = rng.permuted(results, axis=1).mean(axis=0)
        spreads[n] = accuracies.max() - accuracies.min()
    return float(spreads.mean())
