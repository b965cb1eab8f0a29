"""Answers that need no call: recorded in this run or another, in a cache, or being asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from evalharness.engine.again import Again
from evalharness.engine.keys import answer_key
from evalharness.engine.writer import Writer
from evalharness.errors import RunConflictError
from evalharness.records import Request, Response, Role
from evalharness.store.cache import ResponseCache
from evalharness.store.journal import Entry, Journal

__all__ = ["Known"]


class Known:
    """Finds answers, and copies those from elsewhere into this run's journal.

    Args:
        repeatable: the roles whose models may give one answer to several equal requests.
        reuse: another run's journal; its answers to the same requests by the same models count.
        cache: answers of any run.
        again: which of this run's failures are tried again; by default none.
    """

    def __init__(
        self,
        journal: Journal,
        writer: Writer,
        repeatable: Collection[Role] = (),
        reuse: Journal | None = None,
        cache: ResponseCache | None = None,
        again: Again | None = None,
    ) -> None:
        self._journal = journal
        self._writer = writer
        self._repeatable = frozenset(repeatable)
        self._reuse = reuse
        self._cache = cache
        self._again = again
        self.looks_elsewhere = reuse is not None or cache is not None
        self._resuming = journal.count() > 0
        #: Key -> what comes of it, for the requests that are being asked for.
        self._asking: dict[bytes, asyncio.Future[Entry | None]] = {}

    def recorded(self, request: Request, digest: bytes, *, ask: bool = False) -> Entry | None:
        """This run's own answer.

        Args:
            ask: there is a model to be asked; what is to be tried again is not given then.

        Raises:
            RunConflictError: the journal has one that was given to something else.
        """
        if not self._resuming or request.slot is None:
            return None
        entry = self._journal.get(request.slot)
        if entry is None or (ask and self._again is not None and self._again.takes(entry)):
            return None
        if entry.digest != digest:
            s = request.slot
            raise RunConflictError(
                f"the journal holds an answer for {s.task}/{s.sample} (epoch {s.epoch}, {s.role}) "
                "that was given to another request or by another model; use --fresh for a new run"
            )
        key = self.key(request, digest)
        if key is not None and entry.number is not None and isinstance(entry.answer, Response):
            self._writer.remember(key, entry.number)
        return entry

    async def elsewhere(self, request: Request, digest: bytes) -> Entry | None:
        """An answer of another run or of the cache, copied into this run's journal."""
        if request.slot is None:
            return None
        if self._reuse is not None:
            entry = self._reuse.get(request.slot)
            if entry is not None and entry.digest == digest and entry.status == "ok":
                taken = replace(entry, number=None, attempts=0, latency_s=0.0)
                return await self._take(taken, self.key(request, digest))
        if self._cache is not None:
            key = self.key(request, digest)
            answer = None if key is None else self._cache.get(key)
            if answer is not None:
                return await self._take(Entry.of(request, digest, answer), key)
        return None

    async def once(
        self,
        request: Request,
        digest: bytes,
        ask: Callable[[bytes | None], Awaitable[Entry]],
    ) -> tuple[Entry, bool]:
        """The answer to a request, asked for only if no equal one was answered or is under way.

        Args:
            ask: asks the model and commits the answer under the key that it is given.

        Returns:
            The answer under the request's own slot, and whether the model was asked for it. A
            failure serves nobody else: each request has its own tries.
        """
        key = self.key(request, digest)
        if key is None:
            return await ask(None), True
        if (under_way := self._asking.get(key)) is not None:
            other = await asyncio.shield(under_way)
            if other is not None:
                return await self._copy(request, other), False
            return await ask(key), True  # side by side: a failure waits for no other's tries
        number = self._writer.number(key)
        if number is not None:
            before = self._journal.at(number)
            if before is not None and before.digest == digest and before.status == "ok":
                return await self._copy(request, before), False
        asking: asyncio.Future[Entry | None] = asyncio.get_running_loop().create_future()
        self._asking[key] = asking
        answered = None
        try:
            entry = await ask(key)
            answered = entry if entry.status == "ok" else None
        finally:
            del self._asking[key]
            asking.set_result(answered)
        return entry, True

    def key(self, request: Request, digest: bytes) -> bytes | None:
        """Under what the answer may serve other requests; None: it may not."""
        return answer_key(request, digest) if request.role in self._repeatable else None

    async def _copy(self, request: Request, entry: Entry) -> Entry:
        return await self._take(Entry.of(request, entry.digest, entry.answer), None)

    async def _take(self, entry: Entry, key: bytes | None) -> Entry:
        await self._writer.commit([entry], [key])
        return entry
