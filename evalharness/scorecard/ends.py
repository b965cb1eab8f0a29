"""How far a figure may lie from what it shows: its intervals, and what missing samples could do."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.scorecard.model import Cell, Interval

__all__ = ["Ends"]

_Span = tuple[float, float]


@dataclass(frozen=True)
class Ends:
    """The least and the greatest that an estimate, its interval and its one-sided bounds allow.

    None where there is no such thing.
    """

    value: _Span | None
    interval: _Span | None
    demonstrated: _Span | None

    @classmethod
    def of(cls, cell: Cell, missing: str) -> Ends:
        """The ends of one cell.

        Args:
            missing: ``left out``; or ``worst case``, which moves every end by as much as the
                missing samples could have moved the estimate (Manski's bounds).
        """
        if cell.value is None:
            return cls(None, None, None)
        down = up = 0.0
        if missing == "worst case" and cell.n_missing:
            if cell.bounds is None:
                return cls(None, None, None)
            down, up = cell.value - cell.bounds[0], cell.bounds[1] - cell.value
        low, high = cell.range

        def moved(found: Interval | None) -> _Span | None:
            if found is None:
                return None
            return max(low, found.low - down), min(high, found.high + up)

        value = (cell.value - down, cell.value + up)
        return cls(value, moved(cell.interval), moved(cell.demonstrated))
