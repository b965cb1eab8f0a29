"""The gate before an endpoint: how many calls at once, how many a minute, and whether it is there.

Additive increase, multiplicative decrease: the limit grows while the endpoint keeps up and shrinks
when it asks to slow down. A few throttled calls among many are noise; a share of them is a sign.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from evalharness.engine.circuit import Circuit
from evalharness.engine.halt import Halt, Halted
from evalharness.engine.rate import Rate
from evalharness.records import Failure, Response

__all__ = ["Gate", "Limits"]

#: Calls at once in the beginning; doubled each round until the endpoint throttles.
_FIRST = 16
#: A round is as many answers as calls may be in flight, but at least so many; one in which most
#: are throttled is cut short.
_SHORTEST_ROUND = 40
_CUT_SHORT = 10
#: Share of throttled tries in a round above which the limit shrinks, and by what. Far above the few
#: per cent that a healthy endpoint throttles at random: those would bring any limit down.
_CONGESTED = 0.15
_SHRINK = 0.7


@dataclass(frozen=True, slots=True)
class Limits:
    """What an endpoint is spared.

    Args:
        places: calls in flight at most.
        whose: for messages: the role, or the roles, behind the endpoint.
        fixed: no adaptation (a local model, which takes one pack at a time).
        requests_per_minute, tokens_per_minute: None: no limit.
        max_outage: seconds without an answer after which the run is given up; None: never.
    """

    places: int
    whose: str = "target"
    fixed: bool = False
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    max_outage: float | None = None


class Gate:
    """Lets calls in and learns from what comes back. For one event loop.

    Args:
        halt: stopped when the endpoint is given up; whoever waits is then sent away.
    """

    def __init__(
        self, limits: Limits, halt: Halt, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._halt = halt
        self._clock = clock
        self._limit: float = limits.places if limits.fixed else min(limits.places, _FIRST)
        self._slow_start = True
        self._inside = 0
        self._new: deque[asyncio.Future[None]] = deque()
        self._again: deque[asyncio.Future[None]] = deque()
        self._circuit = Circuit(limits.max_outage, clock)
        self._timer: asyncio.TimerHandle | None = None
        self._answers = self._seen = self._throttled = 0
        self._retry_after = 0.0
        self._closed_until = 0.0
        self._calls = self._rate(limits.requests_per_minute)
        self._tokens = self._rate(limits.tokens_per_minute)
        #: Tries that the endpoint throttled, and the fewest calls at once that this led to.
        self.throttled = 0
        self.fewest = limits.places
        #: Whether the run was given up for this endpoint's sake, which never answered.
        self.unheard = False
        halt.listen(self._send_away)

    def _rate(self, per_minute: int | None) -> Rate | None:
        return None if per_minute is None else Rate(per_minute, self._clock)

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return max(1, int(self._limit))

    @property
    def counts_tokens(self) -> bool:
        """Whether it is to be told what calls take."""
        return self._tokens is not None

    async def enter(self, tokens: int = 0, *, again: bool = False) -> int:
        """Wait for a place and a moment; `leave` must follow.

        Args:
            tokens: what the call will take, as estimated.
            again: a further try, which goes before first ones.

        Returns:
            How many answers have come so far: for `saw`.

        Raises:
            Halted: the run was stopped; no place is held.
        """
        self._halt.check()
        waiting = self._again if again else self._new
        if not (self._again or self._new) and self._admit():
            self._inside += 1
        else:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            waiting.append(place)
            self._wake()
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled() and place.exception() is None:
                    self.leave()  # the place was given while its taker went away
                raise
        delay = max(
            0.0 if self._calls is None else self._calls.reserve(),
            0.0 if self._tokens is None else self._tokens.reserve(tokens),
        )
        if delay > 0:
            try:
                await self._halt.sleep(delay)
            except BaseException:
                self.leave()
                raise
        return self._answers

    def leave(self) -> None:
        """Give the place back."""
        self._inside -= 1
        self._wake()

    def saw(
        self,
        answer: Response | Failure,
        since: int,
        *,
        fresh: bool,
        known: bool = False,
        tokens: int = 0,
    ) -> None:
        """Learn from one answer.

        Args:
            since: what `enter` returned.
            fresh: it is a request's first try.
            known: the request failed so in an earlier session, which says nothing of the endpoint.
            tokens: how many more it took than estimated.
        """
        if self._tokens is not None and tokens:
            self._tokens.correct(tokens)
        if not self._limits.fixed:
            self._heed(answer, witness=fresh and since == self._answers, known=known)
            self._learn(answer)
        self._wake()

    def _heed(self, answer: Response | Failure, *, witness: bool, known: bool) -> None:
        given_up = None
        if isinstance(answer, Response):
            self._answers += 1
            self._circuit.answered()
        elif answer.retryable:
            after = answer.retry_after or 0.0
            given_up = self._circuit.failed(answer.reason, after, witness=witness and not known)
        elif answer.outcome == "errored":
            given_up = self._circuit.refused(answer.reason, witness=not known)
        else:
            self._circuit.silent()
        if given_up is not None:
            self.unheard = not self._answers
            whose = self._limits.whose
            self._halt.stop(f"{whose}: {given_up}; see to it and run the same command again")

    def _learn(self, answer: Response | Failure) -> None:
        self._seen += 1
        if isinstance(answer, Failure) and answer.throttled:
            self.throttled += 1
            self._throttled += 1
            self._retry_after = max(self._retry_after, answer.retry_after or 0.0)
        elif self._slow_start and isinstance(answer, Response):
            self._grow()
        mostly = self._seen >= _CUT_SHORT and 2 * self._throttled > self._seen
        if self._seen < max(self._limit, _SHORTEST_ROUND) and not mostly:
            return
        if self._throttled > _CONGESTED * self._seen:
            self._slow_start = False
            self._limit = max(1.0, self._limit * _SHRINK)
            self.fewest = min(self.fewest, self.limit)
            self._closed_until = self._clock() + self._retry_after
        elif not self._slow_start:
            self._grow()
        self._seen = self._throttled = 0
        self._retry_after = 0.0

    def _grow(self) -> None:
        self._limit = min(float(self._limits.places), self._limit + 1)

    # -- who goes in -----------------------------------------------------------------------------

    def _admit(self) -> bool:
        """Whether one more call may go in now; sets the alarm where only time is missing."""
        if self._circuit.is_closed:
            if self._inside >= self.limit:
                return False
            delay = self._closed_until - self._clock() if self._closed_until else 0.0
            if delay <= 0:
                return True
        else:
            delay = self._circuit.remaining  # read once: it runs out meanwhile
            if delay <= 0:
                return self._circuit.probe()
        if delay > 0 and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(delay, self._alarm)
        return False

    def _alarm(self) -> None:
        self._timer = None
        self._wake()

    def _wake(self) -> None:
        while self._again or self._new:
            # a request that failed before may be at fault itself: it is no good probe
            first, then = (
                (self._again, self._new) if self._circuit.is_closed else (self._new, self._again)
            )
            waiting = first or then
            if waiting[0].done():  # cancelled
                waiting.popleft()
                continue
            if not self._admit():
                return
            self._inside += 1
            waiting.popleft().set_result(None)

    def _send_away(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for waiting in (self._again, self._new):
            for place in waiting:
                if not place.done():
                    place.set_exception(Halted(self._halt.reason))
            waiting.clear()
