"""The one writer of the journal: commits everything that arrived since its last commit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from evalharness.records import Response
from evalharness.store.cache import ResponseCache
from evalharness.store.journal import Entry, Journal

__all__ = ["Writer"]


#: Seconds: commits that take longer would hold up the loop. One alone may be a checkpoint.
_SLOW = 0.02
_SLOW_IN_A_ROW = 3
#: Of those that waited for one commit, so many go on in one turn of the loop. Were it all of them,
#: they would ask their next questions in one burst, get the answers in one burst, and so on: each
#: would wait for the work of all (engine.py in benchmarks/: 1.26 times the limit, not 1.11).
_AT_ONCE = 2


class _Waiting(NamedTuple):
    entries: Sequence[Entry]
    keys: Sequence[bytes | None]
    done: asyncio.Future[None]
    then: Callable[[], None] | None


class Writer:
    """Commits entries, and remembers where in the journal an answer of a key stands.

    Args:
        cache: gets the answers that have a key, too.
        in_thread: commit in a thread of its own, as is done in any case once commits take long. A
            quick one costs less than the way to the thread and back.
    """

    def __init__(
        self, journal: Journal, cache: ResponseCache | None = None, *, in_thread: bool = False
    ) -> None:
        self._journal = journal
        self._cache = cache
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._in_thread = in_thread
        #: How many slow commits came one after another.
        self._slow = 0
        self._waiting: list[_Waiting] = []
        #: A commit of what waits is due in the loop's next turn, or under way in the thread.
        self._due = False
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

    async def commit(
        self,
        entries: Sequence[Entry],
        keys: Sequence[bytes | None],
        then: Callable[[], None] | None = None,
    ) -> None:
        """Return once the entries are on disk; those of one call share a transaction.

        Args:
            keys: for each entry, under what its answer may serve other requests; None: it may not.
            then: called as soon as they are on disk, a turn of the loop before this returns.
        """
        if len(entries) != len(keys):
            raise ValueError(f"{len(entries)} entries and {len(keys)} keys")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Waiting(entries, keys, done, then))
        if not self._due:
            self._due = True
            loop.call_soon(self._flush)
        await done

    def _flush(self) -> None:
        """Commit what waits: what arrived in one turn of the loop goes together."""
        if not self._waiting or self._running is not None:
            return  # closed meanwhile: all of it is on its way
        if self._in_thread:
            self._running = asyncio.get_running_loop().create_task(self._flush_in_thread())
            return
        batch, self._waiting = self._waiting, []
        self._due = False
        try:
            first = self._append(batch)
        except Exception as fault:  # noqa: BLE001 - handed to whoever waits for the commit
            _fail(batch, fault)
        else:
            self._settle(batch, first)

    async def _flush_in_thread(self) -> None:
        """The same until nothing waits, beside the loop."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    first = await loop.run_in_executor(self._thread, self._append, batch)
                except Exception as fault:  # noqa: BLE001 - handed to whoever waits for the commit
                    _fail(batch, fault)
                else:
                    self._settle(batch, first)
        finally:
            self._running, self._due = None, False

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
        self._slow = self._slow + 1 if time.perf_counter() - start > _SLOW else 0
        self._in_thread = self._in_thread or self._slow >= _SLOW_IN_A_ROW
        return first

    def _settle(self, batch: Sequence[_Waiting], number: int) -> None:
        """Let go on who waited for a commit, in order, a few in each turn of the loop.

        Args:
            number: of the batch's first entry.
        """
        for waiting in batch[:_AT_ONCE]:
            for key, entry in zip(
                waiting.keys, waiting.entries, strict=True
            ):  # as `commit` checked
                if key is not None and isinstance(entry.answer, Response):
                    self.remember(key, number)
                number += 1
            if not waiting.done.done():
                if waiting.then is not None:
                    waiting.then()
                waiting.done.set_result(None)
        if rest := batch[_AT_ONCE:]:
            asyncio.get_running_loop().call_soon(self._settle, rest, number)

    async def close(self) -> None:
        """Finish what is under way."""
        try:
            if self._due and self._running is None:
                self._flush()
            if self._running is not None:
                await asyncio.shield(self._running)
        finally:
            self._thread.shutdown(wait=True)


def _fail(batch: Sequence[_Waiting], fault: Exception) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(fault)
