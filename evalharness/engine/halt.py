"""The one switch that ends a run early: a budget is used up, or an endpoint is down.

What is in flight then is still answered and recorded; what would come next is `not_run` with the
reason. The run is resumable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Halt", "Halted"]


class Halted(Exception):  # noqa: N818 - a signal within the engine, not an error
    """No further call is to be made; the message says why."""


class Halt:
    """Shared by all that wait before a call."""

    def __init__(self) -> None:
        #: Why the run ends early; None while it goes on.
        self.reason: str | None = None
        #: Requests that were not made for that reason.
        self.turned_away = 0
        self._stopped = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` once, when the run is stopped."""
        self._listeners.append(listener)

    def stop(self, reason: str) -> None:
        """End the run; of several reasons the first counts."""
        if self.reason is None:
            self.reason = reason
            self._stopped.set()
            for listener in self._listeners:
                listener()

    def check(self) -> None:
        """Go on only if the run does.

        Raises:
            Halted: it was stopped.
        """
        if self.reason is not None:
            raise Halted(self.reason)

    async def sleep(self, seconds: float) -> None:
        """Wait ``seconds``, or until the run is stopped.

        Raises:
            Halted: it was.
        """
        if seconds > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stopped.wait()
        self.check()
