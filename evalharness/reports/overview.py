"""Headlines side by side: a row a dimension, a row a task."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.reports.language import _, said
from evalharness.reports.view import CellView, DimensionView, TaskView, View

__all__ = ["OverviewRow", "dimension_rows", "task_rows"]


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """A headline in one line, or the reason why there is none. ``anchor`` is where the rest is."""

    name: str
    anchor: str
    cell: CellView | None
    reason: str = ""
    title: str = ""


def dimension_rows(view: View) -> tuple[OverviewRow, ...]:
    """The five dimensions, each with its headline."""
    return tuple(_dimension(dimension) for dimension in view.dimensions)


def _dimension(dimension: DimensionView) -> OverviewRow:
    reason = ""
    if dimension.headline is None:
        reason = _("No headline") if dimension.tasks else _("Not tested")
    return OverviewRow(dimension.title, dimension.anchor, dimension.headline, reason)


def task_rows(view: View) -> tuple[OverviewRow, ...]:
    """Every task, with its first metric: a dimension's headline where it is one."""
    return tuple(_task(task) for task in view.tasks)


def _task(task: TaskView) -> OverviewRow:
    if task.card.not_run is not None:
        why = _("Not run: {reason}", reason=said(task.card.not_run))
        return OverviewRow(task.name, task.anchor, None, why, task.title)
    cell = task.metrics[0] if task.metrics else None
    return OverviewRow(task.name, task.anchor, cell, "" if cell else _("No metric"), task.title)
