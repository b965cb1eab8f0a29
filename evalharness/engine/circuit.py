"""A circuit breaker: notices that an endpoint is down, holds the calls back, ends a hopeless run.

Closed: calls pass. Open: after some failed tries in a row none passes for a while, so that no call
wears out its tries on an endpoint that is away. Half open: one call goes to see; its answer closes
the circuit, its failure opens it again for longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

__all__ = ["Circuit"]

#: Failed tries in a row that open the circuit, and the first and longest pause in seconds.
_OPENS_AFTER = 5
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
#: One request that always fails is its own fault: an outage has met at least so many of them.
_DIFFERENT = 3
#: Refusals in a row, without any answer before, after which waiting or going on is pointless.
_REFUSALS = 50


class Circuit:
    """One endpoint's circuit.

    Args:
        max_outage: seconds without an answer after which the run is given up; None: never.
        clock: seconds; monotonic.
    """

    def __init__(
        self, max_outage: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_outage = max_outage
        self._clock = clock
        self._failed = 0
        self._refused: int | None = 0
        self._since = 0.0
        self._requests: set[Hashable] = set()
        self._pause = _FIRST_PAUSE
        #: The end of the pause, while the circuit is open.
        self._until: float | None = None
        self._probing = False

    @property
    def is_closed(self) -> bool:
        """Whether calls pass as usual."""
        return self._until is None

    @property
    def remaining(self) -> float:
        """Seconds until one call may go to see; 0 when it may now."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock())

    def probe(self) -> bool:
        """Whether a call may go to see, while the circuit is not closed; true once a pause."""
        if self._probing or self.remaining > 0:
            return False
        self._probing = True
        return True

    def answered(self) -> None:
        """An answer came: the endpoint is there."""
        self._failed, self._refused = 0, None
        self._close()

    def refused(self, reason: str) -> str | None:
        """The endpoint is there, but will not take this request, now or later.

        Returns:
            Why the run is given up, if it is: nothing but refusals ever came.
        """
        self._failed = 0
        self._close()
        if self._refused is not None:
            self._refused += 1
            if self._max_outage is not None and self._refused >= _REFUSALS:
                return f"the first {self._refused} requests were all refused, the last: {reason}"
        return None

    def failed(self, request: Hashable, reason: str, retry_after: float = 0.0) -> str | None:
        """A try failed that another may heal.

        Returns:
            Why the run is given up, if it is.
        """
        now = self._clock()
        if not self._failed:
            self._since = now
            self._requests.clear()
        self._failed += 1
        if len(self._requests) < _DIFFERENT:
            self._requests.add(request)
        if self._until is None and self._failed >= _OPENS_AFTER:
            self._until = now + max(self._pause, retry_after)
        elif self._probing:
            self._probing = False
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            self._until = now + max(self._pause, retry_after)
        away = now - self._since
        if (
            self._max_outage is not None
            and away >= self._max_outage
            and len(self._requests) >= _DIFFERENT
        ):
            return f"no answer for {away:.0f} s, the last try: {reason}"
        return None

    def _close(self) -> None:
        self._until, self._probing, self._pause = None, False, _FIRST_PAUSE
