"""What a figure and its interval are about: the population of items, or the set that there is.

NIST AI 800-3 (2026) tells the accuracy on a benchmark from the generalised one. By default a figure
estimates the rate over the population that the items stand for. On the *fixed set* the n drawn
items stand for the N that are available, and the rest of them is all that is not known::

    variance of the mean = (s² / n) ((1 - f) + f r)

with f = n/N, s² the variance of the items' means, and r the share of s² that is noise of an item's
own answers, which seeing every item does not take away (Cochran 1977, Sampling Techniques, 2.6 and
10.5: the finite-population correction, and subsampling within units). Greedy decoding has r = 0.
Clusters count as for the population: on the safe side, since items were drawn, not clusters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

from evalharness import stats
from evalharness.scorecard.metrics.base import Computed, Flags, Metric, Numbers
from evalharness.scorecard.rows import TaskRows
from evalharness.tasks.planned import PlannedTask

__all__ = ["WORDS", "components", "of", "on_fixed_set", "scale"]

WORDS = {
    "population": "the rate or mean over the population of items that these stand for",
    "fixed_set": "the rate or mean over the complete set of the available items, and no others",
}

COMPLETE = "the set is complete and decoding greedy: no sampling error"
UNKNOWN = "how much an item's sampled answers vary is not known: the interval is the population's"
NOT_NARROWED = "no plain mean: the interval is the population's"


@runtime_checkable
class _Averaged(Protocol):
    """A metric that averages an item's answers, and gives the value of each."""

    def values(self, rows: TaskRows) -> tuple[Numbers, Flags, Flags]: ...


def of(settings: Mapping[str, Any]) -> str:
    """The estimand of a run's settings; runs of before it could be chosen have the default."""
    return str(settings.get("estimand", "population"))


def components(metric: Metric, rows: TaskRows) -> stats.VarianceComponents | None:
    """The variance of a metric's answers; None where it is no mean over them, or asked once."""
    if not isinstance(metric, _Averaged):
        return None
    values, missing, excluded = metric.values(rows)
    measured = ~missing & ~excluded
    _, item = rows.sample.units()
    return stats.variance_components(values[measured], item[measured])


def scale(drawn: float, share_within: float) -> float:
    """By what an interval for the population shrinks on the fixed set, 0 to 1.

    Args:
        drawn: share of the available items that was measured, 0 to 1.
        share_within: of the variance of the items' means, how much is noise of their answers.
    """
    return math.sqrt(max(0.0, (1 - drawn) + drawn * share_within))


def on_fixed_set(
    computed: Computed,
    metric: Metric,
    task: PlannedTask,
    found: stats.VarianceComponents | None,
) -> Computed:
    """A figure with its interval for the complete set of available items.

    Each end moves towards the value by `scale`. An end that was cut to the metric's range stays
    where it is. The claim stays that of the population, which is wider; complete and greedy, there
    is neither, and a note says why. What was planned and is missing counts as not drawn.
    """
    if computed.value is None or (computed.interval is None and not hasattr(metric, "units")):
        return computed
    share_within = _share_within(task, found)
    if share_within is None:
        return replace(computed, notes=(*computed.notes, UNKNOWN))
    counted = computed.n_planned - computed.n_excluded
    factor = scale(min(1.0, task.drawn) * computed.n_measured / counted, share_within)
    if factor == 0:
        kept = (note for note in computed.notes if not stats.is_mark(note))
        return replace(computed, interval=None, claim=None, notes=(COMPLETE, *kept))
    if computed.interval is None or factor == 1:
        return computed
    if not getattr(metric, "narrows", True):
        return replace(computed, notes=(*computed.notes, NOT_NARROWED))
    return replace(
        computed, interval=_narrowed(computed.interval, computed.value, factor, metric.range)
    )


def _share_within(task: PlannedTask, found: stats.VarianceComponents | None) -> float | None:
    """None where it is not known: sampled answers, and no repeats to see how they vary."""
    if task.greedy and (found is None or not found.within):
        return 0.0
    return None if found is None else found.share_within


def _narrowed(
    interval: stats.Interval, value: float, factor: float, ends: tuple[float, float]
) -> stats.Interval:
    low, high = (
        end if end == limit and end != value else value + factor * (end - value)
        for end, limit in zip((interval.low, interval.high), ends, strict=True)
    )
    return replace(interval, low=low, high=high, method=f"{interval.method}, finite population")
