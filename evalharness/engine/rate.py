"""A limit per minute: calls or tokens, spread evenly."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Rate"]

_MINUTE = 60.0


class Rate:
    """Gives each call its moment (the generic cell rate algorithm, ITU-T I.371).

    A moment is reserved when it is asked for, so that whoever slept needs no second look and no two
    callers take the same one. Within any minute at most ``per_minute`` units start: a burst of one
    second's worth is let through, and the steady rate is lowered by as much.

    Args:
        per_minute: units a minute, at least 1.
        clock: seconds; monotonic.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        burst = max(1, per_minute // 60)
        steady = per_minute if burst == 1 else per_minute - burst
        self._spacing = _MINUTE / steady
        self._slack = (burst - 1) * self._spacing
        self._clock = clock
        self._next = clock()

    def reserve(self, amount: float = 1) -> float:
        """How many seconds to wait before ``amount`` units may start."""
        now = self._clock()
        start = max(self._next, now)
        self._next = start + amount * self._spacing
        return max(0.0, start - self._slack - now)

    def correct(self, difference: float) -> None:
        """The last call took ``difference`` units more than reserved (less, if negative)."""
        self._next += difference * self._spacing
