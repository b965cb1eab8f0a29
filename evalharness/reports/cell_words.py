"""What stands beside a figure, in words: what it demonstrates, its grade, its denominator."""

from __future__ import annotations

from evalharness.reports import numbers
from evalharness.reports.language import _, said
from evalharness.reports.numbers import Quantity, count
from evalharness.scorecard.model import Cell

__all__ = ["demonstrated", "details", "grading"]


def demonstrated(cell: Cell, scale: Quantity) -> str | None:
    """What each side alone is shown to be, in words."""
    found = cell.demonstrated
    if found is None:
        return None
    return _(
        "one-sided {level}: at least {low}; at most {high}",
        level=numbers.level(found.level),
        low=scale.value(found.low),
        high=scale.value(found.high),
    )


def grading(cell: Cell) -> str | None:
    """How a grade came about, or why there is none; silent where a policy has no say."""
    found = cell.grading
    if found is None:
        return None
    if found.reason is not None:
        return None if cell.grade is None and cell.value is None else said(found.reason)
    parts = [_("by its value") if found.by == "value" else _("by its bound")]
    if found.at_ends is not None:
        worse, better = found.at_ends
        ends = _(
            "{worse} to {better} at the ends of what is demonstrated", worse=worse, better=better
        )
        parts.append(ends)
    if found.counterpart is not None:
        parts.append(_("the worse of two with {counterpart}", counterpart=found.counterpart))
    return _("; ").join(parts)


def details(cell: Cell, scale: Quantity) -> tuple[str, ...]:
    """The rest of the denominator: what is missing or excluded, how it clusters and varies."""
    missing = _("{n} missing", n=count(cell.n_missing)) if cell.n_missing else _("none missing")
    parts = [missing]
    if cell.n_excluded:
        parts.append(_("{n} excluded by definition", n=count(cell.n_excluded)))
    if cell.n_clusters is not None:
        parts.append(_("{n} clusters", n=count(cell.n_clusters)))
    if cell.variance is not None:
        parts.append(numbers.spread(cell.variance, scale))
    return tuple(parts)
