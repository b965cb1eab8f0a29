"""Windows: the attempts that run side by side and share their packs.

A packing lane may only be asked when every attempt of a window waits for it. What waits is then
cut into packs: over everything that was asked for, what the journal has already included, or a
resumed run would meet other packs than an uninterrupted one.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from evalharness.engine.lanes import Lane
from evalharness.records import Request, Role
from evalharness.store.journal import Entry

__all__ = ["Waiting", "Window"]


class Waiting(NamedTuple):
    """A request that waits for its pack; ``stored`` is what the journal has for it."""

    request: Request
    digest: bytes
    key: bytes | None
    stored: Entry | None
    answer: asyncio.Future[Entry]


@dataclass
class Window:
    """Counts its attempts, and flushes the packing lanes when all of them wait.

    Args:
        active: attempts that neither ended nor wait for a pack.
    """

    active: int
    waiting: dict[Role, list[Waiting]] = field(default_factory=lambda: defaultdict(list))
    waiters: int = 0
    #: What ends the run: the window waits for nothing more then.
    fault: BaseException | None = None
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)

    def wait_for_pack(self) -> None:
        """One attempt waits from now on, until its pack is answered."""
        self.waiters += 1
        self.rest()

    def rest(self) -> None:
        """One attempt stops being active: it ended, or waits."""
        self.active -= 1
        if self.active == 0:
            self._quiet.set()

    def stop(self, fault: BaseException) -> None:
        """End the window with the first fault that it meets."""
        self.fault = self.fault or fault
        self._quiet.set()

    async def run(self, lanes: Mapping[Role, Lane]) -> None:
        """Answer packs until every attempt has ended.

        Raises:
            BaseException: the fault of an attempt that ends the run.
        """
        while True:
            await self._quiet.wait()
            self._quiet.clear()
            if self.fault is not None:
                raise self.fault
            if not self.waiters:
                return
            await self._flush(lanes)

    async def _flush(self, lanes: Mapping[Role, Lane]) -> None:
        waiting, self.waiting = self.waiting, defaultdict(list)
        answered: list[tuple[asyncio.Future[Entry], Entry]] = []
        for role in sorted(waiting, reverse=True):  # the target first
            lane = lanes[role]
            for pack in _packs(waiting[role], lane.batch_size):
                answered += [(w.answer, w.stored) for w in pack if w.stored is not None]
                missing = [w for w in pack if w.stored is None]
                if missing:
                    entries = await lane.pack(
                        [w.request for w in missing],
                        [w.digest for w in missing],
                        [w.key for w in missing],
                    )
                    answered += zip((w.answer for w in missing), entries, strict=True)
        self.active, self.waiters = self.waiters, 0
        for future, entry in answered:
            if not future.done():
                future.set_result(entry)


def _packs(waiting: Sequence[Waiting], size: int) -> list[Sequence[Waiting]]:
    """Fixed packs: longest context first (memory fails early, if at all), one sample's together.

    The choices of one sample share their context, which a local model then reads once.
    """

    def key(item: Waiting) -> tuple[Any, ...]:
        request = item.request
        slot = request.slot
        place = ("", "", 0, 0) if slot is None else (
            slot.task, slot.sample, slot.epoch, slot.ordinal
        )  # fmt: skip
        return (request.kind, -request.context_size, place)

    ordered = sorted(waiting, key=key)
    return [ordered[start : start + size] for start in range(0, len(ordered), size)]
