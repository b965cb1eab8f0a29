"""The gate: places that adapt, an order, nothing leaked."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from evalharness.engine.gate import Gate, Limits
from evalharness.engine.halt import Halt, Halted
from evalharness.records import Failure, Response
from tests.support import FakeModel, in_loop

OK = Response(text="A")
BUSY = Failure("HTTP 429", retryable=True, throttled=True)
DOWN = Failure("HTTP 500", retryable=True)


async def answers(gate, stream):
    """One call after the other."""
    for answer in stream:
        gate.saw(answer, await gate.enter(), fresh=True)
        gate.leave()


@in_loop
async def test_it_begins_low_and_doubles_each_round():
    gate = Gate(Limits(places=64), Halt())
    assert gate.limit == 16
    await answers(gate, [OK] * 16)
    assert gate.limit == 32
    await answers(gate, [OK] * 100)
    assert gate.limit == 64


@in_loop
async def test_a_crowded_endpoint_is_asked_less_and_then_slowly_more():
    gate = Gate(Limits(places=64), Halt())
    await answers(gate, [OK] * 60)
    await answers(gate, [BUSY, OK] * 60)
    low = gate.limit
    assert low < 32
    assert gate.fewest <= low
    await answers(gate, [OK] * 200)
    assert low < gate.limit <= low + 6
    assert gate.throttled == 60


@in_loop
async def test_a_few_throttled_calls_are_noise():
    draw = random.Random(4)
    gate = Gate(Limits(places=64), Halt())
    await answers(gate, [BUSY if draw.random() < 0.05 else OK for _ in range(5000)])
    assert gate.limit == 64


@in_loop
async def test_it_settles_near_what_the_endpoint_takes():
    """An endpoint that serves 8 at once and throttles the rest."""
    gate, busy, served, limits = Gate(Limits(places=64), Halt()), 0, 0, []

    async def call(number):
        nonlocal busy, served
        since = await gate.enter()
        busy += 1
        answer = OK if busy <= 8 else BUSY
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        busy -= 1
        served += answer is OK
        gate.saw(answer, since, fresh=True)
        limits.append(gate.limit)
        gate.leave()

    await asyncio.gather(*(call(number) for number in range(4000)))
    settled = limits[1000:]
    assert 5 <= sum(settled) / len(settled) <= 12
    assert served > 0.85 * 4000


@in_loop
async def test_no_more_are_inside_than_the_limit():
    gate, inside, most = Gate(Limits(places=5), Halt()), 0, 0

    async def call(number):
        nonlocal inside, most
        since = await gate.enter()
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.001)
        inside -= 1
        gate.saw(OK, since, fresh=True)
        gate.leave()

    await asyncio.gather(*(call(number) for number in range(50)))
    assert most == 5


@in_loop
async def test_a_further_try_goes_before_first_ones():
    gate, order = Gate(Limits(places=1), Halt()), []
    await gate.enter()

    async def call(name, again):
        await gate.enter(again=again)
        order.append(name)
        gate.leave()

    waiting = [asyncio.create_task(call(f"new {n}", again=False)) for n in range(3)]
    await asyncio.sleep(0)
    waiting.append(asyncio.create_task(call("again", again=True)))
    await asyncio.sleep(0)
    gate.leave()
    await asyncio.gather(*waiting)
    assert order == ["again", "new 0", "new 1", "new 2"]


@pytest.mark.parametrize("moment", ["waiting", "just let in"])
@in_loop
async def test_whoever_goes_away_takes_no_place_along(moment):
    gate = Gate(Limits(places=1), Halt())
    await gate.enter()
    gone = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    if moment == "just let in":
        gate.leave()
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    if moment == "waiting":
        gate.leave()
    await asyncio.wait_for(gate.enter(), 1)


@in_loop
async def test_a_stopped_run_sends_all_away():
    halt = Halt()
    gate = Gate(Limits(places=1), halt)
    await gate.enter()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    halt.stop("enough")
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(fault) for fault in found] == ["enough"] * 3
    with pytest.raises(Halted, match="enough"):
        await gate.enter()
    gate.leave()


@in_loop
async def test_an_open_circuit_lets_one_in_and_closes_on_its_answer():
    gate = Gate(Limits(places=8, max_outage=100), Halt())
    await answers(gate, [DOWN] * 5)
    entered = []

    async def call(number):
        since = await gate.enter()
        entered.append(number)
        if number == 0:
            await asyncio.sleep(0.01)
            assert entered == [0], "one call looks, the others wait for what it finds"
        gate.saw(OK, since, fresh=True)
        gate.leave()

    await asyncio.wait_for(asyncio.gather(*(call(n) for n in range(6))), 5)
    assert sorted(entered) == list(range(6))


@in_loop
async def test_requests_that_failed_before_and_late_ones_are_no_witnesses():
    gate = Gate(Limits(places=8, max_outage=100), Halt())
    late = await gate.enter()
    gate.leave()
    await answers(gate, [OK])
    for _ in range(50):
        gate.saw(DOWN, late, fresh=True)  # sent before the answer that came since
        gate.saw(DOWN, await gate.enter(again=True), fresh=False)
        gate.leave()
    await asyncio.wait_for(gate.enter(), 0.5)


@in_loop
async def test_nobody_is_left_waiting_when_an_outage_ends(monkeypatch):
    """Calls that fail, pause and come again at all moments of a pause: every one gets through."""
    monkeypatch.setattr("evalharness.engine.circuit._FIRST_PAUSE", 0.005)

    async def outage(seed):
        draw, halt = random.Random(seed), Halt()
        gate = Gate(Limits(places=64, max_outage=300), halt)
        heals = time.monotonic() + draw.uniform(0, 0.015)

        async def call():
            answer, fresh = DOWN, True
            while answer is DOWN:
                since = await gate.enter(again=not fresh)
                await asyncio.sleep(draw.uniform(0.0002, 0.002))
                answer = OK if time.monotonic() > heals else DOWN
                gate.saw(answer, since, fresh=fresh)
                gate.leave()
                fresh = False
                await halt.sleep(draw.uniform(0.002, 0.01) if answer is DOWN else 0)

        await asyncio.wait_for(asyncio.gather(*(call() for _ in range(60))), 10)

    for seed in range(25):
        await outage(seed)


@in_loop
async def test_an_outage_stops_the_run():
    halt = Halt()
    gate = Gate(Limits(places=8, whose="judge", max_outage=0.01), halt)
    await answers(gate, [DOWN] * 5)
    await asyncio.sleep(0.02)
    gate.saw(DOWN, 0, fresh=True)
    assert halt.reason.startswith("judge: ")
    assert "no answer for" in halt.reason


@in_loop
async def test_a_rate_is_kept_and_a_place_is_not_lost_by_waiting():
    gate = Gate(Limits(places=4, requests_per_minute=3000), Halt())
    start = asyncio.get_running_loop().time()
    for _ in range(60):  # 49 may start at once, then one every 20 ms
        gate.saw(OK, await gate.enter(), fresh=True)
        gate.leave()
    assert asyncio.get_running_loop().time() - start > 0.15


@in_loop
async def test_a_limit_of_tokens_holds_for_every_role_behind_the_gate(tmp_path):
    from evalharness.adapters.base import Capabilities
    from evalharness.engine.drive import Means, _gates

    target, judge = FakeModel(lambda r: ""), FakeModel(lambda r: "")
    target.capabilities = Capabilities(frozenset({"generate"}), concurrency=9, endpoint="e")
    judge.capabilities = Capabilities(
        frozenset({"generate"}), concurrency=3, endpoint="e", tokens_per_minute=600
    )
    gates = _gates(Means(adapters={"target": target, "judge": judge}), Halt())
    assert gates["target"] is gates["judge"]
    assert gates["target"].counts_tokens
    assert gates["target"].fewest == 3


@in_loop
async def test_a_local_model_is_not_adapted_to():
    gate = Gate(Limits(places=1, fixed=True, max_outage=0.001), Halt())
    await answers(gate, [DOWN] * 100)
    assert gate.limit == 1
