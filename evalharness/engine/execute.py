"""Attempts and scorings: samples in, results out, window by window, through the journal."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalharness.engine.again import Again
from evalharness.engine.dialogue import Crashed, Dialogue, Failed
from evalharness.engine.keys import entry_digest, stamped
from evalharness.engine.known import Known
from evalharness.engine.lanes import Lane
from evalharness.engine.scoring import SampleScoring, failed_outcomes, same_outcomes
from evalharness.engine.windows import Waiting, Window
from evalharness.records import (
    Failure,
    Outcome,
    OutcomeKind,
    Request,
    Role,
    Sample,
    Slot,
    digest,
)
from evalharness.scorers.base import Scorer
from evalharness.store.journal import Entry, Journal
from evalharness.tasks.attempts import attempt as start_attempt
from evalharness.tasks.planned import PlannedTask

__all__ = ["Executor", "SampleResult"]

#: Samples of a window, and of one without a packing lane, which has nothing to sort. That one is
#: small: its samples begin in one turn of the loop, which calls in flight wait for.
_WINDOW = 1024
_SMALL_WINDOW = 16
#: When the target streams, the next window begins while at most so many attempts are under way (and
#: more than the calls in flight), and so many windows wait for their slowest answer: one that hangs
#: does not idle the others, and what waits for it stays bounded.
_ATTEMPTS = 512
_WINDOWS = 2048


@dataclass(frozen=True, slots=True)
class SampleResult:
    """All that became of one sample in one epoch: one outcome a generation."""

    task: PlannedTask
    sample: Sample
    epoch: int
    outcomes: Sequence[Outcome]
    entries: Sequence[Entry]


class Executor:
    """Runs planned tasks against the models.

    Args:
        lanes: one a role that the run has; a role without a lane is ``not_run``.
        known: the answers that need no call.
        again: the failures that are tried again.
        on_result: told of every sample, in no particular order (progress).
        on_replayed: told of every answer that was there already.
    """

    def __init__(
        self,
        journal: Journal,
        lanes: Mapping[Role, Lane],
        known: Known,
        again: Again,
        *,
        seed: int,
        identities: Mapping[Role, Mapping[str, Any]],
        on_result: Callable[[SampleResult], None] | None = None,
        on_replayed: Callable[[Entry], None] | None = None,
    ) -> None:
        self._journal = journal
        self._lanes = lanes
        self._known = known
        self._again = again
        self._seed = seed
        self._identity = {role: digest(dict(identity)) for role, identity in identities.items()}
        #: Classifiers that are shown the conversation; the others read the answer alone.
        self._conversing = {
            role
            for role, identity in identities.items()
            if (identity.get("extra") or {}).get("reads") == "conversation"
        }
        self._on_result = on_result
        self._on_replayed = on_replayed
        places = max((lane.places for lane in lanes.values()), default=1)
        self._attempts = max(_ATTEMPTS, 2 * places)
        self._under_way = 0
        self._changed = asyncio.Event()
        self._fault: BaseException | None = None

    async def run(
        self, tasks: Sequence[tuple[PlannedTask, Scorer]]
    ) -> AsyncGenerator[list[SampleResult], None]:
        """Results window by window, in the plan's order whatever finished first."""
        running: deque[asyncio.Task[list[SampleResult]]] = deque()
        try:
            for window in self._windows(tasks):
                running.append(asyncio.create_task(window))
                running[-1].add_done_callback(self._window_ended)
                await asyncio.sleep(0)  # its calls go out before the next one is read
                self._check()
                while self._is_full(len(running)):
                    if running[0].done():
                        yield running.popleft().result()
                    else:
                        await self._change()
            while running:
                if running[0].done():
                    yield running.popleft().result()
                else:
                    await self._change()
        finally:
            for window_task in running:
                window_task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _windows(
        self, tasks: Sequence[tuple[PlannedTask, Scorer]]
    ) -> Iterator[Coroutine[Any, Any, list[SampleResult]]]:
        size = _WINDOW if any(lane.packs for lane in self._lanes.values()) else _SMALL_WINDOW
        for task, scorer in tasks:
            for epoch in range(task.epochs):
                for samples in self._journal.windows(task.name, size):
                    self._under_way += len(samples)
                    yield self._window(task, scorer, epoch, samples)

    def _is_full(self, windows: int) -> bool:
        """Whether the next window has to wait."""
        target = self._lanes.get("target")
        if target is None or target.packs:
            return windows >= 1
        return self._under_way > self._attempts or windows >= _WINDOWS

    async def _change(self) -> None:
        """Wait until a window or enough attempts have ended.

        Raises:
            BaseException: see `_check`.
        """
        if self._fault is None:
            self._changed.clear()
            await self._changed.wait()
        self._check()

    def _check(self) -> None:
        """See that no window met what ends the run.

        Raises:
            BaseException: a window's fault, also when it is not the one whose turn it is.
        """
        if self._fault is not None:
            raise self._fault

    def _window_ended(self, window: asyncio.Task[list[SampleResult]]) -> None:
        if not window.cancelled():
            self._fault = self._fault or window.exception()
        self._changed.set()

    async def _window(
        self, task: PlannedTask, scorer: Scorer, epoch: int, samples: Sequence[Sample]
    ) -> list[SampleResult]:
        window = Window(active=len(samples))
        sampling = [
            asyncio.create_task(self._sample(window, task, scorer, epoch, sample))
            for sample in samples
        ]
        try:
            await window.run(self._lanes)
            return list(await asyncio.gather(*sampling))
        except BaseException:
            for one in sampling:
                one.cancel()
            await asyncio.gather(*sampling, return_exceptions=True)
            raise

    async def _sample(
        self, window: Window, task: PlannedTask, scorer: Scorer, epoch: int, sample: Sample
    ) -> SampleResult:
        try:
            result = await self._attempt_and_score(window, task, scorer, epoch, sample)
        except BaseException as fault:
            window.stop(fault)
            raise
        finally:
            window.rest()
            self._under_way -= 1
            if self._under_way == self._attempts:
                self._changed.set()
        if self._on_result is not None:
            self._on_result(result)
        return result

    async def _attempt_and_score(
        self, window: Window, task: PlannedTask, scorer: Scorer, epoch: int, sample: Sample
    ) -> SampleResult:
        reason = task.not_run or task.unreadable(sample.language)
        if reason is not None:
            outcomes = same_outcomes(OutcomeKind.NOT_RUN, reason, task)
            return SampleResult(task, sample, epoch, outcomes, ())
        dialogue = Dialogue(
            task.name, sample.id, epoch, lambda requests: self._ask(window, requests), self._stamp
        )
        try:
            # generations are independent draws: one that fails does not cost the others
            made = await dialogue.hold(
                lambda: start_attempt(sample, task.method, task.decoding, task.generations),
                partial=task.method == "generate",
            )
        except Failed as stop:
            outcomes = failed_outcomes(stop.failure, task)
            return SampleResult(task, sample, epoch, outcomes, tuple(dialogue.entries))
        except Crashed as crash:
            raise crash.fault from crash
        entries, failed = tuple(dialogue.entries), dict(dialogue.failed)
        scoring = SampleScoring(dialogue, task, scorer, sample)
        came = [at for at in range(len(failed) + len(made.responses)) if at not in failed]
        scored = await scoring.outcomes(made, came)
        dialogue.failed = failed
        return SampleResult(task, sample, epoch, dialogue.with_failures(scored), entries)

    async def _ask(self, window: Window, requests: Sequence[Request]) -> Sequence[Entry]:
        """One entry a request: what is known already, else what the lane gives."""
        return [self._again.settled(entry) for entry in await self._asked(window, requests)]

    async def _asked(self, window: Window, requests: Sequence[Request]) -> Sequence[Entry]:
        """The same, before it is known what that means for a failure that was tried again."""
        lanes = [self._lanes.get(request.role) for request in requests]
        if len(requests) == 1 and not (lanes[0] is not None and lanes[0].packs):
            return [await self._streamed(requests[0], lanes[0])]  # most samples: no task of its own
        packed: dict[int, asyncio.Future[Entry]] = {}
        for place, (request, lane) in enumerate(zip(requests, lanes, strict=True)):
            if lane is not None and lane.packs:
                packed[place] = await self._packed(window, request)
        streamed = {
            place: asyncio.create_task(self._streamed(request, lane))
            for place, (request, lane) in enumerate(zip(requests, lanes, strict=True))
            if place not in packed
        }
        answers = dict(zip(streamed, await _all_or_none(list(streamed.values())), strict=True))
        if packed:
            window.wait_for_pack()
        return [
            await packed[place] if place in packed else answers[place]
            for place in range(len(requests))
        ]

    async def _streamed(self, request: Request, lane: Lane | None) -> Entry:
        """The answer to one request, as soon as it is there."""
        digest_ = self._digest_of(request)
        stored = await self._there(request, digest_, lane)
        if stored is not None:
            return stored
        if lane is None:
            missing = Failure(f"the run has no {request.role}", outcome="not_run")
            return Entry.of(request, digest_, missing)
        entry, was_asked = await self._known.once(
            request,
            digest_,
            lambda key: lane.single(request, digest_, key, self._again.before(request.slot)),
        )
        if not was_asked and self._on_replayed is not None:
            self._on_replayed(entry)
        return entry

    async def _packed(self, window: Window, request: Request) -> asyncio.Future[Entry]:
        """What will be the answer, once the pack that the request is in was asked for."""
        digest_ = self._digest_of(request)
        stored = await self._there(request, digest_, self._lanes[request.role])
        future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        key = self._known.key(request, digest_) if self._known.looks_elsewhere else None
        window.waiting[request.role].append(Waiting(request, digest_, key, stored, future))
        return future

    async def _there(self, request: Request, digest_: bytes, lane: Lane | None) -> Entry | None:
        """The answer that is there already: recorded in this run, or (with a lane) elsewhere."""
        stored = self._known.recorded(request, digest_, ask=lane is not None)
        if stored is None and lane is not None and self._known.looks_elsewhere:
            stored = await self._known.elsewhere(request, digest_)
        if stored is not None and self._on_replayed is not None:
            self._on_replayed(stored)
        return stored

    def _digest_of(self, request: Request) -> bytes:
        return entry_digest(self._identity.get(request.role, "-"), request)

    def _stamp(self, request: Request, slot: Slot) -> Request:
        """Give a request its slot and, if it samples, a seed that depends on nothing else."""
        if request.kind == "classify" and request.role not in self._conversing:
            request = replace(request, messages=())
        return stamped(request, slot, self._seed)


async def _all_or_none(tasks: Sequence[asyncio.Task[Entry]]) -> list[Entry]:
    """Wait for all; when one raises, the others are not left behind."""
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
