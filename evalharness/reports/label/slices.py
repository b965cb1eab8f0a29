"""The slice in which a metric did worst."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.reports.label.model import Figure
from evalharness.scorecard.model import Cell, Direction

__all__ = ["FEWEST", "WorstSlice", "worst_slice"]

#: Units that a slice needs to take part: of the smallest ones, one is always bad by chance.
FEWEST = 10


@dataclass(frozen=True, slots=True)
class WorstSlice:
    """A slice of a metric: tag and value, its figure, and out of how many it was chosen."""

    tag: str
    value: str
    figure: Figure
    of: int


def worst_slice(cell: Cell) -> WorstSlice | None:
    """The slice with the worst value, where that is worse than the whole's; else None.

    Slices with fewer than ``FEWEST`` units, or of which too little was measured, take no part. The
    choice comes after looking, so the interval of what was chosen is too narrow.
    """
    if cell.value is None:
        return None
    slices = [
        WorstSlice(tag, value, figure, 0)
        for tag, parts in sorted(cell.slices.items())
        for value, part in sorted(parts.items())
        if len(parts) > 1
        and (figure := Figure.of(part)) is not None
        and figure.n_measured >= FEWEST
    ]
    if not slices:
        return None
    worst = max(slices, key=lambda one: _badness(one.figure.value, cell.direction))
    if _badness(worst.figure.value, cell.direction) <= _badness(cell.value, cell.direction):
        return None
    return WorstSlice(worst.tag, worst.value, worst.figure, len(slices))


def _badness(value: float, direction: Direction) -> float:
    """How bad a value is; more is worse."""
    if direction == "higher":
        return -value
    return value if direction == "lower" else abs(value - direction)
