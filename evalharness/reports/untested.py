"""What a run planned and measured nothing of: dimensions and tasks, with the reasons."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.reports.language import _, listed, said
from evalharness.reports.numbers import count
from evalharness.reports.outcomes import word_of
from evalharness.reports.view import DimensionView, TaskView, View
from evalharness.scorecard.metrics.registry import ANSWER_RATE

__all__ = ["NothingMeasured", "UnmeasuredTask", "nothing_measured"]


@dataclass(frozen=True, slots=True)
class UnmeasuredTask:
    """A task that ran, or tried to, and of which no metric has a single unit; and why."""

    task: TaskView
    why: str


@dataclass(frozen=True, slots=True)
class NothingMeasured:
    """Planned, and nothing measured.

    Args:
        dimensions: those of whose tasks none measured anything.
        tasks: those that were not left out from the beginning (``not_run`` says why those were).
    """

    dimensions: tuple[DimensionView, ...]
    tasks: tuple[UnmeasuredTask, ...]


def nothing_measured(view: View, *, reasons: bool = True) -> NothingMeasured:
    """What a scorecard has tasks for and not one measured unit of.

    Args:
        reasons: whether recorded reasons are told; a fault's own words may quote the texts.
    """
    return NothingMeasured(
        dimensions=tuple(
            dimension
            for dimension in view.dimensions
            if dimension.tasks and all(map(_nothing, dimension.tasks))
        ),
        tasks=tuple(
            UnmeasuredTask(task, _why(task, reasons))
            for task in view.tasks
            if task.card.not_run is None and _nothing(task)
        ),
    )


def _nothing(task: TaskView) -> bool:
    metrics = task.card.metrics
    # how often it answered says nothing of what is measured
    own = [cell for name, cell in metrics.items() if name != ANSWER_RATE] or metrics.values()
    return not any(cell.n_measured for cell in own)


def _why(task: TaskView, told: bool) -> str:
    """What became of its answers, and the reason that came most often."""
    counts = listed(
        _("{n} {what}", n=count(number), what=word_of(kind))
        for kind, number in sorted(task.counts.items(), key=lambda item: (-item[1], item[0]))
        if number
    )
    reasons = sorted(
        (-number, outcome, reason)
        for outcome, given in task.card.reasons.items()
        for reason, number in given.items()
    )
    if not reasons or not told:
        return counts or _("it has no items")
    number, _outcome, reason = reasons[0]
    if number == -1:  # each has its own
        return _("{counts}; for instance: {reason}", counts=counts, reason=said(reason))
    return _(
        "{counts}; most often: {reason} ({n})", counts=counts, reason=said(reason), n=count(-number)
    )
