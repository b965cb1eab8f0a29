"""One attempt's dialogue with the models: drives its generators, keeps what came back.

What a generator itself raises (a scorer's crash) is told apart from what the engine, the journal
or an adapter raises: the first costs one sample, the second ends the run.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from evalharness.records import Failure, Outcome, OutcomeKind, Request, Response, Role, Slot
from evalharness.store.journal import Entry

__all__ = ["Crashed", "Dialogue", "Failed", "broken_promise"]

Result = TypeVar("Result")
Dialogues = Generator[Sequence[Request], Sequence[Response], Result]


class Failed(Exception):  # noqa: N818 - a signal within the engine, not an error
    """A response could not be had; the failure says whose, unless it is the target's."""

    def __init__(self, failure: Failure, role: Role) -> None:
        said = failure.reason
        if role != "target" and role not in said:
            failure = replace(failure, reason=f"the {role}: {said}")
        super().__init__(failure.reason)
        self.failure = failure


class Crashed(Exception):  # noqa: N818 - a signal within the engine, not an error
    """The generator itself raised."""

    def __init__(self, fault: Exception) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass
class Dialogue:
    """Asks for what generators yield, under the slots of one sample in one epoch.

    Args:
        ask: gives one entry a request, in order.
        stamp: gives a request its slot and, if it samples, its seed.
    """

    task: str
    sample: str
    epoch: int
    ask: Callable[[Sequence[Request]], Awaitable[Sequence[Entry]]]
    stamp: Callable[[Request, Slot], Request]
    entries: list[Entry] = field(default_factory=list)
    #: Position -> failure, where a partial answer was let through.
    failed: dict[int, Failure] = field(default_factory=dict)
    _ordinals: dict[Role, int] = field(default_factory=lambda: defaultdict(int))
    #: What the attempt took of them, once it is over.
    _attempted: dict[Role, int] | None = None

    async def hold(
        self, start: Callable[[], Dialogues[Result]], *, partial: bool = False
    ) -> Result:
        """Feed a generator until it returns.

        Args:
            start: makes the generator.
            partial: go on with the responses that came when others failed (independent
                generations of one prompt); ``failed`` says which.

        Raises:
            Failed: a response could not be had (with ``partial``: none could).
            Crashed: the generator raised.
        """
        generator: Dialogues[Result] | None = None
        answers: Sequence[Response] = ()
        while True:
            try:
                if generator is None:
                    generator = start()
                    requests = next(generator)
                else:
                    requests = generator.send(answers)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            except Exception as fault:
                raise Crashed(fault) from fault
            entries = await self.ask([self._stamped(request) for request in requests])
            self.entries += entries
            answers = [e.answer for e in entries if isinstance(e.answer, Response)]
            failures = {}
            if len(answers) < len(entries):
                failures = {
                    place: entry.answer
                    for place, entry in enumerate(entries)
                    if isinstance(entry.answer, Failure)
                }
                if not (partial and answers):
                    generator.close()
                    place, failure = next(iter(failures.items()))
                    raise Failed(failure, requests[place].role)
            self.failed = failures

    def number_by(self, places: Sequence[int] | None) -> None:
        """Number the next requests apart for each set of generations that they are about.

        Which generations there are to score may differ after a resume, and a slot must mean the
        same request then.

        Args:
            places: the generations; None: all of them.
        """
        if self._attempted is None:
            self._attempted = dict(self._ordinals)
        base = 0
        if places is not None:
            told = ",".join(map(str, places)).encode()
            base = (1 + int.from_bytes(hashlib.sha256(told).digest()[:5], "big")) << 20
        self._ordinals = defaultdict(lambda: base)
        self._ordinals.update({role: base + count for role, count in self._attempted.items()})

    def _stamped(self, request: Request) -> Request:
        ordinal = self._ordinals[request.role]
        self._ordinals[request.role] += 1
        slot = Slot(self.task, self.sample, self.epoch, request.role, ordinal)
        return self.stamp(request, slot)

    def with_failures(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes of what came, with those of what failed at their places."""
        rest = iter(outcomes)
        count = len(outcomes) + len(self.failed)
        return [
            Outcome(OutcomeKind(self.failed[place].outcome), reason=self.failed[place].reason)
            if place in self.failed
            else next(rest)
            for place in range(count)
        ]


def broken_promise(scored: Any, expected: int, declared: Sequence[str]) -> str | None:
    """What a scorer promised and did not keep, in words; None when all is well.

    It promises ``expected`` outcomes whose scores are finite numbers that it declared.
    """
    if not isinstance(scored, list | tuple) or len(scored) != expected:
        count = len(scored) if isinstance(scored, list | tuple) else type(scored).__name__
        return f"gave {count} outcomes for {expected}"
    for outcome in scored:
        if not isinstance(outcome, Outcome):
            return f"gave {type(outcome).__name__}, which is no outcome"
        for name, value in outcome.scores.items():
            if name not in declared:
                return f"gave a score '{name}' that it does not declare"
            if not isinstance(value, int | float) or not math.isfinite(value):
                return f"gave '{name}', which is no finite number"
        texts: list[Any] = [outcome.answer, outcome.reason]
        if not all(text is None or isinstance(text, str) for text in texts):
            return "gave an answer or a reason that is no text"
    return None
