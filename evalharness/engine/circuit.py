"""A circuit breaker: notices that an endpoint is down, holds the calls back, ends a hopeless run.

Closed: calls pass. Open: after some failures in a row none passes for a while, so that no call
wears out its tries on an endpoint that is away. Half open: one call goes to see; its answer closes
the circuit, its failure opens it again for longer.

Only a fresh request that was sent after the last answer bears witness: one that failed before while
others were answered may be at fault itself (also where that was in an earlier session), and one
that hangs fails long after it was sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Circuit"]

#: Witnesses in a row that open the circuit, and the first and longest pause in seconds.
_OPENS_AFTER = 5
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
#: Seconds: patience with an endpoint that never answered (a wrong port is not healed by time).
_NEVER_ANSWERED = 60.0
#: Refusals in a row, without any answer before, after which waiting or going on is pointless.
_REFUSALS = 50


class Circuit:
    """One endpoint's circuit.

    Args:
        max_outage: seconds without an answer after which the run is given up; None: no call is
            ever held back, and no run given up.
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

    def refused(self, reason: str, *, witness: bool = True) -> str | None:
        """The endpoint is there, but will not take this request, now or later.

        Args:
            witness: nobody knew of this request that it would be refused.

        Returns:
            Why the run is given up, if it is: nothing but refusals ever came.
        """
        self._failed = 0
        self._close()
        if self._refused is not None and witness:
            self._refused += 1
            if self._max_outage is not None and self._refused >= _REFUSALS:
                return f"the first {self._refused} requests were all refused, the last: {reason}"
        return None

    def failed(self, reason: str, retry_after: float = 0.0, *, witness: bool) -> str | None:
        """A try failed that another may heal.

        Args:
            witness: it was a request's first, sent after the last answer.

        Returns:
            Why the run is given up, if it is.
        """
        if self._max_outage is None:
            return None
        now = self._clock()
        if witness:
            self._since = self._since if self._failed else now
            self._failed += 1
        if self._until is None:
            if witness and self._failed >= _OPENS_AFTER:
                self._until = now + max(self._pause, retry_after)
            return None
        if self._probing:
            self._probing = False
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            self._until = now + max(self._pause, retry_after)
        away = now - self._since
        patience = self._max_outage
        if self._refused is not None:
            patience = min(patience, _NEVER_ANSWERED)
        if away < patience:
            return None
        return f"no answer for {away:.0f} s, the last try: {reason}"

    def silent(self) -> None:
        """A call was not made after all: another may go to see in its place."""
        self._probing = False

    def _close(self) -> None:
        self._until, self._probing, self._pause = None, False, _FIRST_PAUSE
