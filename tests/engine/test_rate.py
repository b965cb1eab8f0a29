"""A limit per minute: never more than that in any minute, and hardly less."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalharness.engine.rate import Rate


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def most_in_a_minute(starts, amounts=None):
    """The largest sum of ``amounts`` that start within any 60 seconds (half open)."""
    amounts = amounts or [1] * len(starts)
    found = 0
    for first in starts:
        window = zip(starts, amounts, strict=True)
        inside = sum(n for at, n in window if first <= at < first + 60 - 1e-6)
        found = max(found, inside)
    return found


@given(
    per_minute=st.sampled_from([1, 2, 7, 59, 60, 61, 90, 119, 120, 600]),
    pauses=st.lists(st.floats(0, 40), min_size=1, max_size=150),
)
def test_no_minute_holds_more_than_its_limit(per_minute, pauses):
    clock = Clock()
    rate = Rate(per_minute, clock)
    starts = []
    for pause in pauses:
        clock.now += pause if pause > 20 else pause / 1000  # bursts, and now and then a rest
        starts.append(clock.now + rate.reserve())
    assert most_in_a_minute(starts) <= per_minute


def test_a_steady_stream_gets_nearly_the_whole_limit():
    clock = Clock()
    rate = Rate(600, clock)
    starts = [clock.now + rate.reserve() for _ in range(3000)]
    minutes = (starts[-1] - starts[0]) / 60
    assert 0.97 * 600 <= 3000 / minutes <= 600 * 1.01


def test_a_large_amount_makes_the_next_one_wait():
    clock = Clock()
    rate = Rate(60_000, clock)
    assert rate.reserve(30_000) == 0
    assert 28 < rate.reserve(1) < 31


def test_what_was_not_used_is_given_back():
    clock = Clock()
    rate = Rate(600, clock)
    rate.reserve(300)
    rate.correct(-299)
    assert rate.reserve(1) < 0.2


def test_two_callers_never_take_the_same_moment():
    rate = Rate(59, Clock())
    waits = [rate.reserve() for _ in range(5)]
    assert waits == sorted(set(waits))
