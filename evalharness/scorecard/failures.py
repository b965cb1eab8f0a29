"""What a failure is: derived from a metric's direction and its outcome policy, in this one place.

A metric judges single answers if it is a share of them: then each answer has a value, 0 or 1. An
answer is

- **tried** where the metric's policy gives it a value: silence and outages have none, so they are
  never a failure, and never part of the n;
- **failed** where that value is the worse end by the direction: 1 where lower is better (a leak, a
  harmful answer, a request declined), 0 where higher is better (a wrong answer). Where higher is
  better a refusal has the value 0 too, but it is an abstention, and no wrong answer: only what was
  answered can fail there.

Metrics without a line between good and bad (means of real numbers, correlations, gaps, rates with
a target) say nothing of a single answer; those over pairs or groups stand beside shares that judge
the same answers. The answer rate is about silence and gives no failure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from evalharness.records import OutcomeKind
from evalharness.scorecard.metrics.base import Flags, Numbers
from evalharness.scorecard.metrics.registry import MetricUse
from evalharness.scorecard.metrics.samples import ShareMetric
from evalharness.scorecard.rows import TaskRows

__all__ = ["Judged", "confirmed", "judge_answers"]

#: A rubric's verdict in between counts as what it is nearer to; scores are 0 or 1 otherwise.
_LINE = 0.5


@dataclass(frozen=True, eq=False)
class Judged:
    """What one metric says of each answer of a task; all columns have shape (n,).

    Args:
        about: answers that the metric is about, with a value or without.
        value: the metric's value of the answer; NaN where it has none.
        tried: answers that have a value.
        good: those of them that are not at the worse end.
        failed: those at the worse end, but for abstentions.
    """

    use: MetricUse
    about: Flags
    value: Numbers
    tried: Flags
    good: Flags
    failed: Flags

    def says_the_same(self, other: Judged) -> bool:
        """Whether the other one is about the same answers, and calls the same tried and failed."""
        pairs = (
            (self.about, other.about),
            (self.tried, other.tried),
            (self.failed, other.failed),
        )
        return all(np.array_equal(mine, theirs) for mine, theirs in pairs)


def judge_answers(uses: Iterable[MetricUse], rows: TaskRows) -> list[Judged]:
    """What each metric that judges single answers says of a task's, in the metrics' order."""
    found = (_judged(use, rows) for use in uses)
    return [judged for judged in found if judged is not None]


def confirmed(judged: Judged, rows: TaskRows) -> tuple[Flags, Flags]:
    """What people said of a metric's answers.

    Returns:
        Which of them people labelled, and which of those people call failed as well.
    """
    scores = {name: rows.people[name] for name in judged.use.metric.reads if name in rows.people}
    nobody = np.zeros(len(rows), dtype=bool)
    if not scores:
        return nobody, nobody
    again = _judged(judged.use, replace(rows, scores={**rows.scores, **scores}))
    said = np.logical_or.reduce([~np.isnan(column) for column in scores.values()])
    assert again is not None  # noqa: S101 - the same metric judged the same answers before
    labelled = said & judged.tried
    return labelled, labelled & again.failed


def _judged(use: MetricUse, rows: TaskRows) -> Judged | None:
    metric = use.metric
    if not isinstance(metric, ShareMetric) or not metric.reads:
        return None
    if metric.direction not in {"lower", "higher"}:
        return None
    values, missing, excluded = metric.values(rows)
    about = ~excluded & rows.having(use.where)
    tried = about & ~(missing | np.isnan(values))
    value = np.where(tried, values, np.nan)
    high = np.nan_to_num(value) >= _LINE
    if metric.direction == "lower":
        return Judged(use, about, value, tried, tried & ~high, tried & high)
    answered = rows.outcome.are(OutcomeKind.ANSWERED.value)
    return Judged(use, about, value, tried, tried & high, tried & ~high & answered)
