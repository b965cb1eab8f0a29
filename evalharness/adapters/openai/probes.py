"""What a server can do is probed, not believed: asked once, by whoever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from evalharness.records import Decoding, Failure, Message, Request, Response

__all__ = ["Once", "SeedProbe"]

Found = TypeVar("Found")

#: Many ways to go on, for a model that chats and for one that only continues.
_TEXT = "Continue this text: The students"
_SEED = 1_234_567
#: Failed tries after which the probe is given up.
_MOST_TRIES = 3


class Once(Generic[Found]):
    """A question whose answer many wait for, and one asks; of one event loop at a time."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.AbstractEventLoop, asyncio.Task[Found]] = {}

    async def ask(self, question: Callable[[], Awaitable[Found]]) -> Found:
        """The answer; ``question`` is asked if nobody is asking it now."""
        loop = asyncio.get_running_loop()
        task = self._tasks.get(loop)
        if task is None:
            task = self._tasks[loop] = asyncio.ensure_future(_awaited(question))
        try:
            return await asyncio.shield(task)
        finally:
            if task.done() and self._tasks.get(loop) is task:
                del self._tasks[loop]

    async def aclose(self) -> None:
        """Stop asking on the running event loop."""
        task = self._tasks.pop(asyncio.get_running_loop(), None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class SeedProbe:
    """Whether a server honours `seed`, by two equal sampled requests and one with another seed.

    Args:
        ask: makes a call; a `Failure` says nothing about the server.
        note: takes what was found.
    """

    def __init__(
        self,
        ask: Callable[[Request], Awaitable[Response | Failure]],
        note: Callable[[str], None],
    ) -> None:
        self._ask = ask
        self._note = note
        self._once: Once[None] = Once()
        self._tries = 0
        #: Calls made so far.
        self.calls = 0
        self.settled = False

    async def run(self) -> None:
        """Probe, unless that was done; what goes wrong costs no answer."""
        await self._once.ask(self._probe)

    async def aclose(self) -> None:
        await self._once.aclose()

    async def _probe(self) -> None:
        texts = []
        for seed in (_SEED, _SEED, _SEED + 1):
            self.calls += 1
            answer = await self._ask(_request(seed))
            if isinstance(answer, Failure):
                self._tries += 1
                if self._tries >= _MOST_TRIES or not answer.retryable:
                    self.settled = True
                    self._note("it is not known whether the server honours `seed`: no probe worked")
                return
            texts.append((answer.reasoning or "") + answer.text)
        self.settled = True
        first, again, other = texts
        if first != again:
            self._note(
                "the server ignores `seed`: the same request with the same seed got two answers, "
                "so sampled answers cannot be had again"
            )
        elif first and first == other:
            self._note(
                "the server may not sample where it was asked to: two seeds got the same answer"
            )


def _request(seed: int) -> Request:
    return Request(
        "generate",
        messages=(Message("user", _TEXT),),
        decoding=Decoding(max_tokens=24, temperature=1.0),
        seed=seed,
    )


async def _awaited(question: Callable[[], Awaitable[Found]]) -> Found:
    return await question()
