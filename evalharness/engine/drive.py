"""Drives every planned sample through the journal into samples.parquet.

Sets the engine up: for each role a lane, for each endpoint a gate, one writer, one budget, and the
switch that stops them all.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from evalharness.adapters.base import Adapter, Capabilities
from evalharness.engine.again import Again
from evalharness.engine.budget import Allowance, Budget, Used
from evalharness.engine.collection import rare_collections
from evalharness.engine.execute import Executor, SampleResult
from evalharness.engine.gate import Gate, Limits
from evalharness.engine.halt import Halt
from evalharness.engine.known import Known
from evalharness.engine.lanes import Lane, Retries
from evalharness.engine.writer import Writer
from evalharness.records import Role
from evalharness.scorers.base import Scorer
from evalharness.store.cache import ResponseCache
from evalharness.store.journal import Entry, Journal
from evalharness.store.samples import SamplesWriter, rows_of
from evalharness.tasks.planned import PlannedTask

__all__ = ["Driven", "Means", "Watch", "drive"]


@dataclass(frozen=True)
class Means:
    """What may be used to get answers; by default nothing but the journal.

    Args:
        adapters: the models that may be asked.
        max_outage: seconds without an answer after which the run is given up; None: never.
        used: role -> what earlier sessions used of the allowance.
        seconds: what earlier sessions took.
        retry_errored: try the failures of earlier sessions again.
        reuse: another run's journal whose answers to equal requests are taken over.
    """

    adapters: Mapping[Role, Adapter] = field(default_factory=dict)
    retries: Retries = field(default_factory=Retries)
    allowance: Allowance = field(default_factory=Allowance)
    max_outage: float | None = None
    used: Mapping[Role, Used] = field(default_factory=dict)
    seconds: float = 0.0
    retry_errored: bool = False
    reuse: Journal | None = None
    cache: ResponseCache | None = None


@dataclass(frozen=True)
class Watch:
    """Who is told: of every sample, of every answer on disk, of every one that was there before.

    ``on_wait`` is told of a role whose endpoint asks to wait, and for how many seconds; ``on_end``
    how it went, however it ended.
    """

    on_result: Callable[[SampleResult], None] | None = None
    on_response: Callable[[Entry], None] | None = None
    on_replayed: Callable[[Entry], None] | None = None
    on_end: Callable[[Driven], None] | None = None
    on_wait: Callable[[Role, float], None] | None = None


@dataclass(frozen=True)
class Driven:
    """How it went.

    Args:
        stopped: why samples were left out, where a budget or an outage ended it early.
        used: role -> what was used, earlier sessions included.
        cost: of all that, in the price table's currency; None without prices.
        gates: role -> tries that its endpoint throttled, and the fewest calls at once after that.
        retried: role -> why calls were tried again -> how often, in this session.
        again: of the failures of earlier sessions that were tried again, how many were
            ``answered``, ``failed`` again, or are ``left`` as they were.
    """

    stopped: str | None
    used: Mapping[Role, Used]
    cost: float | None
    gates: Mapping[Role, tuple[int, int]]
    retried: Mapping[Role, Counter[str]]
    again: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """For summary.json."""
        return {
            "used": {role: asdict(used) for role, used in self.used.items()},
            "cost": self.cost,
            "endpoints": {
                role: {"throttled": throttled, "fewest_at_once": fewest}
                for role, (throttled, fewest) in self.gates.items()
            },
            "retry_reasons": {
                role: dict(reasons.most_common()) for role, reasons in self.retried.items()
            },
            **({"tried_again": dict(self.again)} if self.again else {}),
        }


async def drive(
    journal: Journal,
    tasks: Sequence[tuple[PlannedTask, Scorer]],
    samples: Path,
    *,
    seed: int,
    identities: Mapping[Role, Mapping[str, Any]],
    means: Means | None = None,
    watch: Watch | None = None,
) -> None:
    """Ask what is missing, score everything, write samples.parquet.

    Raises:
        RunConflictError: the journal holds answers to something else.
        AdapterError: a model cannot be asked at all; what was answered is kept.
    """
    means, watch = means or Means(), watch or Watch()
    halt = Halt()
    models = {role: str(identity["model"]) for role, identity in identities.items()}
    budget = Budget(means.allowance, halt, models, dict(means.used), means.seconds)
    writer = Writer(journal, means.cache, in_thread=journal.full)
    gates = _gates(means, halt)
    told = (watch.on_response, watch.on_wait)
    lanes = {
        role: Lane(role, adapter, writer, gates[role], budget, means.retries, *told)
        for role, adapter in means.adapters.items()
    }
    _tell_who_answered(journal, means.adapters)
    again, before = Again(journal, everything=means.retry_errored), journal.last
    repeatable = [role for role, a in means.adapters.items() if a.capabilities.repeatable]
    executor = Executor(
        journal,
        lanes,
        Known(journal, writer, repeatable, means.reuse, means.cache, again),
        again,
        seed=seed,
        identities=identities,
        on_result=watch.on_result,
        on_replayed=watch.on_replayed,
    )
    alarm = _alarm(budget)
    try:
        with rare_collections():
            await _write_samples(executor, tasks, samples)
        if halt.reason is None:
            again.close()
    finally:
        if alarm is not None:
            alarm.cancel()
        await writer.close()
        for adapter in means.adapters.values():
            if (close := getattr(adapter, "aclose", None)) is not None:
                await close()
        if unheard := [role for role, gate in gates.items() if gate.unheard]:
            journal.suspect(unheard, before + 1)
        if watch.on_end is not None:
            watch.on_end(_driven(halt, budget, gates, lanes, again))


def _tell_who_answered(journal: Journal, adapters: Mapping[Role, Adapter]) -> None:
    """Tell the models that answered in an earlier session that they did."""
    answered = journal.answered()
    for role, adapter in adapters.items():
        if role in answered and (told := getattr(adapter, "has_answered", None)) is not None:
            told()


def _driven(
    halt: Halt,
    budget: Budget,
    gates: Mapping[Role, Gate],
    lanes: Mapping[Role, Lane],
    again: Again,
) -> Driven:
    # what an endpoint that never answered refused is to be asked again, also where it was all
    left_out = halt.turned_away or any(gate.unheard for gate in gates.values())
    return Driven(
        stopped=halt.reason if left_out else None,
        used=budget.used,
        cost=budget.cost(),
        gates={role: (gate.throttled, gate.fewest) for role, gate in gates.items()},
        retried={role: lane.retried for role, lane in lanes.items() if lane.retried},
        again=again.counts,
    )


def _gates(means: Means, halt: Halt) -> dict[Role, Gate]:
    """Role -> gate; the roles of one endpoint share theirs, with the tighter limits of both."""
    groups: dict[str, list[Role]] = {}
    for role, adapter in means.adapters.items():
        groups.setdefault(adapter.capabilities.endpoint or f"role {role}", []).append(role)
    gates: dict[Role, Gate] = {}
    for roles in groups.values():
        known = [means.adapters[role].capabilities for role in roles]
        limits = replace(_limits(known, means.max_outage), whose=" and ".join(sorted(roles)))
        gate = Gate(limits, halt)
        gates.update(dict.fromkeys(roles, gate))
    return gates


def _limits(known: Sequence[Capabilities], max_outage: float | None) -> Limits:
    packs = any(capabilities.batch_size > 1 for capabilities in known)
    calls = [c.requests_per_minute for c in known if c.requests_per_minute is not None]
    tokens = [c.tokens_per_minute for c in known if c.tokens_per_minute is not None]
    return Limits(
        places=1 if packs else max(1, min(c.concurrency for c in known)),
        fixed=packs,
        requests_per_minute=min(calls, default=None),
        tokens_per_minute=min(tokens, default=None),
        max_outage=max_outage,
    )


def _alarm(budget: Budget) -> asyncio.TimerHandle | None:
    left = budget.remaining_seconds
    if left is None:
        return None
    return asyncio.get_running_loop().call_later(max(0.0, left), budget.out_of_time)


async def _write_samples(
    executor: Executor, tasks: Sequence[tuple[PlannedTask, Scorer]], path: Path
) -> None:
    scores = (score for _, scorer in tasks for score in scorer.scores)
    # closed before the journal is: nothing may be asked that could not be recorded any more
    async with aclosing(executor.run(tasks)) as windows:
        with SamplesWriter(path, scores) as table:
            await _write_rows(windows, table)


async def _write_rows(windows: AsyncIterable[list[SampleResult]], table: SamplesWriter) -> None:
    async for window in windows:
        rows = [
            row
            for result in window
            for row in rows_of(
                task=result.task.name,
                dimension=result.task.dimension,
                epoch=result.epoch,
                sample=result.sample,
                outcomes=result.outcomes,
                entries=result.entries,
            )
        ]
        table.write(rows)
