"""Guards that fail, crash or are slow: nothing passes because of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from evalharness import Wrapped
from evalharness.adapters.wrap import ClassifierFilter, GuardFilter
from evalharness.errors import UnavailableError
from evalharness.records import Failure, Request, Response, Slot
from tests.adapters.wrapping import ASK, ask, echo, say
from tests.support import FakeModel


def test_a_guard_that_is_down_fails_the_item_and_lets_nothing_pass() -> None:
    down = Failure("503", retryable=True, retry_after=7.0, throttled=True)
    model = FakeModel(lambda r: down if "b" in (r.text or "") else Response(scores={"toxicity": 0}),
                      kinds=["classify"])  # fmt: skip
    wrapped = Wrapped(echo(batch_size=4), output_filter=ClassifierFilter(model))
    expected = replace(down, reason="the output filter could not judge: 503")
    assert ask(wrapped, say("a"), say("b"), say("c")) == [Response("a"), expected, Response("c")]


def test_a_guard_that_crashes_or_miscounts_fails_its_items() -> None:
    def crash(request: Request) -> Response:
        raise RuntimeError("no memory")

    broken = Wrapped(echo(), input_filter=ClassifierFilter(FakeModel(crash, kinds=["classify"])))
    (found,) = ask(broken)
    assert isinstance(found, Failure)
    assert "the classifier's adapter failed: RuntimeError: no memory" in found.reason

    class Short(FakeModel):
        async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
            return []

    (found,) = ask(Wrapped(echo(), input_filter=GuardFilter(Short(lambda r: "safe"))))
    assert isinstance(found, Failure)
    assert "the guard gave 0 answers to 1 requests" in found.reason


def test_a_guard_that_cannot_be_had_stops_the_run() -> None:
    def gone(request: Request) -> Response:
        raise UnavailableError("no weights")

    class Gone(FakeModel):
        async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
            raise UnavailableError("no weights")

    with pytest.raises(UnavailableError, match="no weights"):
        ask(Wrapped(echo(), input_filter=GuardFilter(Gone(gone))))


def test_the_model_is_not_asked_again_when_only_its_guard_was_down() -> None:
    answers = iter([Failure("busy", retryable=True), Response("safe")])
    model = echo()
    wrapped = Wrapped(model, output_filter=GuardFilter(FakeModel(lambda r: next(answers))))
    request = replace(ASK, slot=Slot("t", "s", 0, "target", 0))

    async def twice() -> list[Any]:
        return [*await wrapped.respond([request]), *await wrapped.respond([request])]

    first, second = asyncio.run(twice())
    assert isinstance(first, Failure)
    assert second == Response("Why?")
    assert len(model.calls) == 1


def test_a_guards_own_limits_are_kept() -> None:
    one_by_one = FakeModel(lambda r: "safe", concurrency=2, delay=0.005)
    packing = FakeModel(lambda r: Response(scores={"toxicity": 0}), kinds=["classify"],
                        batch_size=3, delay=0.005)  # fmt: skip
    wrapped = Wrapped(
        echo(batch_size=8),
        input_filter=GuardFilter(one_by_one),
        output_filter=ClassifierFilter(packing),
    )

    async def at_once() -> None:
        requests = [say(str(n)) for n in range(7)]
        await asyncio.gather(wrapped.respond(requests), wrapped.respond(requests[:2]))

    asyncio.run(at_once())
    assert one_by_one.most_in_flight == 2
    assert packing.most_in_flight == 1
    assert sorted(len(call) for call in packing.calls) == [1, 2, 3, 3]
    asyncio.run(at_once())  # on another event loop
