"""How requests reach a model: one at a time and many at once, or in fixed packs.

A *lane* belongs to one role. A streaming lane (an API) keeps a number of single-request calls in
flight. A packing lane (a local model) makes one call a pack; `windows` says which requests share
one.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from evalharness.adapters.base import Adapter
from evalharness.engine.again import Before
from evalharness.engine.budget import Budget, tokens_wanted
from evalharness.engine.gate import Gate
from evalharness.engine.halt import Halt, Halted
from evalharness.engine.writer import Writer
from evalharness.errors import EvalHarnessError, UnavailableError
from evalharness.records import Failure, Request, Response, Role
from evalharness.store.journal import Entry

__all__ = ["Lane", "Retries"]

#: Longest wait between two tries, in seconds: of our own accord, and because a server asks for it.
_LONGEST_WAIT = 60.0
_LONGEST_PAUSE = 600.0

_FINISHES = frozenset(("stop", "length", "content_filter"))
_FIELDS = tuple(one.name for one in fields(Response))
_KINDS: dict[str, tuple[type, ...]] = {
    "scores": (Mapping,),
    "recorded": (Mapping,),
    "token_logprobs": (tuple, list),
    "token_zscores": (tuple, list),
    "embedding": (tuple, list),
    "blocked_by": (str,),
    "reasoning": (str,),
}
_COUNTS = ("input_tokens", "output_tokens")
#: So many different reasons for another try are told apart; what comes after them is one more.
_MOST_REASONS = 20
_OTHER_REASONS = "other reasons"
#: The samples' table holds 32 bits.
_MOST_TOKENS = 2**31


@dataclass(frozen=True)
class Retries:
    """How often, and for how long, a call whose failure may heal is tried again.

    Args:
        count: further tries at most.
        seconds: none is begun later than this after the first.
        jitter: spreads the waits between tries; changes no answer.
    """

    count: int = 0
    seconds: float = math.inf
    jitter: random.Random = field(default_factory=random.Random)

    def wait(self, attempt: int, since_first: float, failures: Sequence[Failure]) -> float | None:
        """Seconds until the next try, after the try number ``attempt``; None: there is none."""
        if not failures or attempt > self.count:
            return None
        asked = max(failure.retry_after or 0.0 for failure in failures)
        backoff = min(_LONGEST_WAIT, 0.5 * 2 ** (attempt - 1)) * self.jitter.uniform(0.5, 1.5)
        wait = max(asked, backoff)
        return wait if since_first + wait <= self.seconds else None


@dataclass
class Lane:
    """One role's way to its model.

    Args:
        gate: how many calls at once; shared by the roles of one endpoint.
        on_response: told of every answer once it is on disk.
        on_wait: told when the endpoint asks to wait, and for how many seconds.
        retried: why calls were tried again -> how often, in this session.
    """

    role: Role
    adapter: Adapter
    writer: Writer
    gate: Gate
    budget: Budget
    retries: Retries
    on_response: Callable[[Entry], None] | None = None
    on_wait: Callable[[Role, float], None] | None = None
    retried: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        capabilities = self.adapter.capabilities
        self.batch_size = capabilities.batch_size
        self.packs = capabilities.batch_size > 1
        self.places = capabilities.concurrency
        self._counts_tokens = self.gate.counts_tokens
        self._further = getattr(self.adapter, "further_calls", 0)

    @property
    def halt(self) -> Halt:
        return self.budget.halt

    async def single(
        self,
        request: Request,
        digest: bytes,
        key: bytes | None = None,
        before: Before | None = None,
    ) -> Entry:
        """Ask for one request. Its place is freed when it failed, or after the commit.

        Args:
            key: under what the answer may serve other requests.
            before: how it failed in an earlier session.
        """
        started, attempt = time.monotonic(), 0
        tokens = tokens_wanted(request) if self._counts_tokens else 0
        inside = False

        def leave() -> None:
            nonlocal inside
            if inside:
                inside = False
                self.gate.leave()

        try:
            while True:
                attempt += 1
                since = await self.gate.enter(tokens, again=attempt > 1 or before is not None)
                inside = True
                try:
                    (entry,) = await self._try([request], [digest], attempt, since, before)
                    wait = None
                    if failed := _retryable([entry]):
                        wait = self.retries.wait(attempt, time.monotonic() - started, failed)
                    if wait is None:
                        await self._store([entry], [key], then=leave)
                        return entry
                finally:
                    leave()
                self._again(failed)
                await self.halt.sleep(wait)
        except Halted as stop:
            return self._turned_away(request, digest, stop)

    async def pack(
        self, requests: Sequence[Request], digests: Sequence[bytes], keys: Sequence[bytes | None]
    ) -> list[Entry]:
        """Ask for one pack; its answers are one transaction.

        Args:
            keys: under what each answer may serve other runs.
        """
        started, attempt = time.monotonic(), 0
        found: list[Entry | None] = [None] * len(requests)
        waiting = list(range(len(requests)))
        try:
            since = await self.gate.enter()
        except Halted as stop:
            return [self._turned_away(*pair, stop) for pair in zip(requests, digests, strict=True)]
        try:
            while True:
                attempt += 1
                try:
                    asked = [requests[index] for index in waiting]
                    own = [digests[index] for index in waiting]
                    made = await self._try(asked, own, attempt, since)
                    for index, entry in zip(waiting, made, strict=True):
                        found[index] = entry
                    waiting = [i for i, e in zip(waiting, made, strict=True) if _retryable([e])]
                    failed = _retryable(made)
                    wait = self.retries.wait(attempt, time.monotonic() - started, failed)
                    if wait is None:
                        break
                    self._again(failed)
                    await self.halt.sleep(wait)
                except Halted as stop:
                    for index in waiting:
                        found[index] = self._turned_away(requests[index], digests[index], stop)
                    break
            entries = [entry for entry in found if entry is not None]
            await self._store(entries, keys)
            return entries
        finally:
            self.gate.leave()

    def _again(self, failures: Sequence[Failure]) -> None:
        """Count why another try is made: one that heals would leave no trace of the fault."""
        for failure in failures:
            told = failure.reason in self.retried or len(self.retried) < _MOST_REASONS
            self.retried[failure.reason if told else _OTHER_REASONS] += 1

    def _turned_away(self, request: Request, digest: bytes, stop: Halted) -> Entry:
        self.halt.turned_away += 1
        return Entry.of(request, digest, Failure(str(stop), outcome="not_run"))

    async def _store(
        self,
        entries: Sequence[Entry],
        keys: Sequence[bytes | None],
        then: Callable[[], None] | None = None,
    ) -> None:
        # what cannot be tried is no record of the model: it is found out again on resume
        kept = [
            (entry, key)
            for entry, key in zip(entries, keys, strict=True)
            if isinstance(entry.answer, Response) or entry.answer.outcome == "errored"
        ]
        if kept:
            await self.writer.commit([entry for entry, _ in kept], [key for _, key in kept], then)
        if self.on_response is not None:
            for entry, _ in kept:
                self.on_response(entry)

    async def _try(
        self,
        requests: Sequence[Request],
        digests: Sequence[bytes],
        attempt: int,
        since: int,
        before: Before | None = None,
    ) -> list[Entry]:
        """One call. What came back is told to the gate and counted."""
        self.budget.take(self.role, len(requests))
        start = time.perf_counter()
        try:
            answers = await self._respond(requests)
        finally:
            self._count_further()
        latency = (time.perf_counter() - start) / len(requests)
        entries = []
        for request, digest, answer in zip(requests, digests, answers, strict=True):
            self.budget.add(self.role, request, answer)
            more = 0
            if self._counts_tokens and isinstance(answer, Response):
                made = (answer.input_tokens or 0) + (answer.output_tokens or 0)
                more = made - tokens_wanted(request) if made else 0
            if self.on_wait is not None and isinstance(answer, Failure) and answer.retry_after:
                self.on_wait(self.role, answer.retry_after)
            known = before is not None and before.was(answer)
            self.gate.saw(answer, since, fresh=attempt == 1, known=known, tokens=more)
            entries.append(Entry.of(request, digest, answer, latency, attempt))
        return entries

    def _count_further(self) -> None:
        """Count what the adapter called beside the requests since it was last looked at."""
        made = getattr(self.adapter, "further_calls", 0)
        if made != self._further:
            self.budget.further(self.role, made - self._further)
            self._further = made

    async def _respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """One answer a request; what the model cannot do at all is not even asked."""
        kinds = self.adapter.capabilities.kinds
        if all(request.kind in kinds for request in requests):
            return await self._answers(requests)
        known = [request for request in requests if request.kind in kinds]
        answers = iter(await self._answers(known) if known else ())
        return [
            next(answers)
            if request.kind in kinds
            else Failure(f"the {self.role} cannot answer '{request.kind}' requests", "not_run")
            for request in requests
        ]

    async def _answers(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        try:
            answers = await self.adapter.respond(requests)
        except UnavailableError as fault:
            if self.role == "target":
                raise
            return [Failure(str(fault), outcome="not_run")] * len(requests)
        except EvalHarnessError:
            raise
        except Exception as fault:  # noqa: BLE001 - an adapter's crash is an outcome, not ours
            reason = f"{type(fault).__name__}: {fault}"[:500]
            return [Failure(f"the {self.role}'s adapter failed: {reason}")] * len(requests)
        if len(answers) != len(requests):
            reason = f"the adapter gave {len(answers)} answers to {len(requests)} requests"
            return [Failure(reason)] * len(requests)
        return [_checked(answer) for answer in answers]


def _checked(answer: object) -> Response | Failure:
    """What an adapter must give: a response or a failure, with numbers that are numbers.

    Anything else never reaches the journal: it is no measurement.
    """
    if isinstance(answer, Failure):
        wait = answer.retry_after
        if (
            isinstance(answer.reason, str)
            and answer.outcome in {"errored", "not_run"}
            and (wait is None or (_is_number(wait) and wait >= 0))
        ):
            # capped here, for the retries and the gate alike
            long = wait is not None and wait > _LONGEST_PAUSE
            return replace(answer, retry_after=_LONGEST_PAUSE) if long else answer
        return Failure("the adapter gave a failure that is none")
    if not isinstance(answer, Response) or not isinstance(answer.text, str):
        return Failure(f"the adapter gave {type(answer).__name__}, which is no response")
    wrong = _wrong_part(answer)
    return answer if wrong is None else Failure(wrong)


def _wrong_part(answer: Response) -> str | None:
    """What is wrong with a response, in words; its fields may hold anything."""
    finish = answer.finish_reason
    if not isinstance(finish, str) or finish not in _FINISHES:
        return "the adapter gave an unknown finish_reason"
    given: dict[str, Any] = {}  # most responses have few of them
    for name in _FIELDS:
        if (value := getattr(answer, name)) is not None:
            given[name] = value
    for name, value in given.items():
        if name in _KINDS and not isinstance(value, _KINDS[name]):
            return f"the adapter gave {type(value).__name__} as {name}"
        if name in _COUNTS and not (type(value) is int and 0 <= value < _MOST_TOKENS):
            return f"the adapter gave {name} that are no count"
    return _wrong_number(given) or _wrong_record(given.get("recorded"))


def _wrong_number(given: Mapping[str, Any]) -> str | None:
    numbers = [given[name] for name in ("loglikelihood", "choice_score") if name in given]
    for name in ("token_logprobs", "token_zscores", "embedding"):
        numbers += given.get(name, ())
    numbers += given.get("scores", {}).values()
    for number in numbers:
        if type(number) not in {int, float}:
            return f"the adapter gave {type(number).__name__} where a number is wanted"
        if not math.isfinite(number):
            return "the model gave a number that is not finite"
    return None


def _wrong_record(recorded: Any) -> str | None:
    if recorded is None:
        return None
    try:
        json.dumps(dict(recorded), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return "the adapter gave a recorded verdict that is no JSON"
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _retryable(entries: Sequence[Entry]) -> list[Failure]:
    return [e.answer for e in entries if isinstance(e.answer, Failure) and e.answer.retryable]
