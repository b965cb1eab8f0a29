"""The one writer of the journal: commits everything that arrived since its last commit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from evalharness.records import Response
from evalharness.store.cache import ResponseCache
from evalharness.store.journal import Entry, Journal

__all__ = ["Writer"]


#: Seconds: a commit that takes longer would hold up the loop.
_SLOW = 0.02


class _Waiting(NamedTuple):
    entries: Sequence[Entry]
    keys: Sequence[bytes | None]
    done: asyncio.Future[None]


class Writer:
    """Commits entries, and remembers where in the journal an answer of a key stands.

    Args:
        cache: gets the answers that have a key, too.
        in_thread: commit in a thread of its own, as is done in any case once a commit took long. A
            quick one costs less than the way to the thread and back.
    """

    def __init__(
        self, journal: Journal, cache: ResponseCache | None = None, *, in_thread: bool = False
    ) -> None:
        self._journal = journal
        self._cache = cache
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._in_thread = in_thread
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None
        #: The first eight bytes of a key -> the number of its answer in the journal. A collision is
        #: harmless: whoever looks compares the digest.
        self._numbers: dict[bytes, int] = {}

    def number(self, key: bytes) -> int | None:
        """Where the answer of ``key`` stands in the journal, if it was committed."""
        return self._numbers.get(key[:8])

    def remember(self, key: bytes, number: int) -> None:
        """An answer of ``key`` stands in the journal already."""
        self._numbers[key[:8]] = number

    async def commit(self, entries: Sequence[Entry], keys: Sequence[bytes | None]) -> None:
        """Return once the entries are on disk; those of one call share a transaction.

        Args:
            keys: for each entry, under what its answer may serve other requests; None: it may not.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(entries, keys, done))
        if self._running is None:
            self._running = asyncio.create_task(self._drain())
        await done

    async def _drain(self) -> None:
        """Commit until nothing waits. What arrived in one turn of the loop goes together."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    if self._in_thread:
                        first = await loop.run_in_executor(self._thread, self._append, batch)
                    else:
                        first = self._append(batch)
                        await asyncio.sleep(0)
                except Exception as fault:  # noqa: BLE001 - handed to whoever waits for the commit
                    for waiting in batch:
                        if not waiting.done.done():
                            waiting.done.set_exception(fault)
                else:
                    self._settle(batch, first)
        finally:
            self._running = None

    def _append(self, batch: Sequence[_Waiting]) -> int:
        """Returns the number of the batch's first entry."""
        start = time.perf_counter()
        first = self._journal.append([entry for waiting in batch for entry in waiting.entries])
        if self._cache is not None:
            self._cache.put(
                [
                    (key, entry.answer)
                    for waiting in batch
                    for key, entry in zip(waiting.keys, waiting.entries, strict=True)
                    if key is not None and isinstance(entry.answer, Response)
                ]
            )
        self._in_thread = self._in_thread or time.perf_counter() - start > _SLOW
        return first

    def _settle(self, batch: Sequence[_Waiting], number: int) -> None:
        for waiting in batch:
            for key, entry in zip(waiting.keys, waiting.entries, strict=True):
                if key is not None and isinstance(entry.answer, Response):
                    self.remember(key, number)
                number += 1
            if not waiting.done.done():
                waiting.done.set_result(None)

    async def close(self) -> None:
        """Finish what is under way."""
        try:
            if self._running is not None:
                await asyncio.shield(self._running)
        finally:
            self._thread.shutdown(wait=True)
