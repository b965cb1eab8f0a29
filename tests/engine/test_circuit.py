"""The circuit breaker: holds back, looks, gives up."""

from __future__ import annotations

from evalharness.engine.circuit import Circuit


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def made(max_outage=100.0):
    clock = Clock()
    return Circuit(max_outage, clock), clock


def fail(circuit, count, *, witness=True):
    return [circuit.failed("HTTP 500", witness=witness) for _ in range(count)]


def test_a_few_failures_among_answers_change_nothing():
    circuit, _ = made()
    for _ in range(100):
        fail(circuit, 4)
        circuit.answered()
    assert circuit.is_closed


def test_failures_in_a_row_open_it_and_one_call_goes_to_see():
    circuit, clock = made()
    fail(circuit, 5)
    assert not circuit.is_closed
    assert circuit.remaining == 1.0
    assert not circuit.probe()
    clock.now = 1.0
    assert circuit.probe()
    assert not circuit.probe(), "only one call looks"
    circuit.answered()
    assert circuit.is_closed


def test_each_failed_look_doubles_the_pause_up_to_a_limit():
    circuit, clock = made(max_outage=1000.0)
    fail(circuit, 5)
    pauses = []
    for _ in range(8):
        pauses.append(circuit.remaining)
        clock.now += circuit.remaining
        assert circuit.probe()
        fail(circuit, 1)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_server_may_ask_for_a_longer_pause():
    circuit, _ = made()
    fail(circuit, 4)
    circuit.failed("HTTP 429", retry_after=20.0, witness=True)
    assert circuit.remaining == 20.0


def test_an_endpoint_that_never_answered_is_given_up_sooner():
    circuit, clock = made(max_outage=300.0)
    fail(circuit, 5)
    clock.now = 59.0
    assert fail(circuit, 1) == [None]
    clock.now = 60.0
    assert fail(circuit, 1) == ["no answer for 60 s, the last try: HTTP 500"]


def test_a_call_that_was_not_made_leaves_the_look_to_another():
    circuit, clock = made()
    fail(circuit, 5)
    clock.now = 1.0
    assert circuit.probe()
    circuit.silent()
    assert circuit.probe()


def test_an_outage_is_given_up_after_its_time():
    circuit, clock = made(max_outage=100.0)
    circuit.answered()
    assert fail(circuit, 20) == [None] * 20
    clock.now = 99.0
    assert fail(circuit, 1) == [None]
    clock.now = 100.0
    assert circuit.failed("HTTP 503", witness=True) == "no answer for 100 s, the last try: HTTP 503"


def test_what_bears_no_witness_opens_nothing():
    circuit, clock = made(max_outage=10.0)
    fail(circuit, 4)
    clock.now = 1000.0
    assert fail(circuit, 100, witness=False) == [None] * 100
    assert circuit.is_closed


def test_an_answer_begins_the_count_anew():
    circuit, clock = made(max_outage=10.0)
    fail(circuit, 5)
    circuit.answered()
    clock.now = 50.0
    assert fail(circuit, 5) == [None] * 5


def test_nothing_but_refusals_is_given_up_but_not_after_an_answer():
    circuit, _ = made()
    told = [circuit.refused("HTTP 404: no such model") for _ in range(50)]
    assert told[:49] == [None] * 49
    assert told[49] == ("the first 50 requests were all refused, the last: HTTP 404: no such model")
    circuit, _ = made()
    circuit.answered()
    assert not any(circuit.refused("too long") for _ in range(500))


def test_without_a_limit_nothing_is_held_back_or_given_up():
    circuit, clock = made(max_outage=None)
    fail(circuit, 10)
    clock.now = 1e6
    assert fail(circuit, 1) == [None]
    assert circuit.is_closed
    assert not any(circuit.refused("too long") for _ in range(500))
