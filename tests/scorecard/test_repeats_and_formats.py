"""Consistency, variance within and between items, spread over formats: by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.scorecard.metrics.base import Sliced
from evalharness.scorecard.metrics.consistency import SameAnswerRate
from evalharness.scorecard.metrics.spread import FormatSpread
from evalharness.scorecard.metrics.variation import BetweenItemVariance, WithinItemVariance
from tests.scorecard.test_metrics import answered, rows


def repeats(name, *values):
    """Rows of one sample asked several times: right, wrong, or an outcome by name."""
    return [
        (name, value, {}) if isinstance(value, str) else answered(name, correct=float(value))
        for value in values
    ]


def chosen(name, *values):
    return [
        (name, value, {}) if isinstance(value, str) else answered(name, chosen=float(value))
        for value in values
    ]


# --- the same answer ------------------------------------------------------------------------------


def test_the_same_option_each_time_by_hand():
    table = rows(
        *chosen("same", 2, 2, 2),
        *chosen("other", 2, 2, 1),
        *chosen("refused in part", 1, 1, "refused"),
        *chosen("refused throughout", "refused", "refused", "blocked"),
        *chosen("asked once", 1),
    )
    found = SameAnswerRate().compute(table, 0.95)
    assert found.value == pytest.approx(1 / 3)
    assert (found.n_planned, found.n_measured, found.n_excluded) == (5, 3, 2)


def test_an_unread_answer_could_have_been_the_same():
    table = rows(
        *chosen("a", 1, 1, "unparsed"), *chosen("b", 1, 2, "errored"), *chosen("c", 1, 1, 1),
        *chosen("d", "empty", "empty", "empty"),
    )  # fmt: skip
    found = SameAnswerRate().compute(table, 0.95)
    assert (found.value, found.n_measured, found.n_planned) == (1.0, 1, 4)
    assert found.bounds == (1 / 4, 3 / 4)  # b differs already


def test_over_orders_an_item_is_a_group():
    def entry(name, variant, option):
        return (f"{name}{variant}{option}", "answered", {"chosen": float(option)},
                {"variant": variant}, name)  # fmt: skip

    table = rows(
        entry("i", "clean", 1), entry("i", "order", 1), entry("i", "format", 3),
        entry("j", "clean", 1), entry("j", "order", 2), entry("j", "format", 1),
        entry("k", "clean", 0),
    )  # fmt: skip
    found = SameAnswerRate("order").compute(table, 0.95)
    assert (found.value, found.n_measured, found.n_excluded) == (0.5, 2, 1)
    assert SameAnswerRate("format").compute(table, 0.95).value == 0.5
    assert SameAnswerRate().compute(table, 0.95).value is None


# --- variance -------------------------------------------------------------------------------------


def test_variance_within_and_between_by_hand():
    table = rows(*repeats("a", 1, 1, 1, 1), *repeats("b", 1, 0, 1, 0), *repeats("c", 0, 0, 0, 1))
    within = WithinItemVariance().compute(table, 0.95)
    # 4/3 p (1 - p): 0, 1/3, 1/4
    assert within.value == pytest.approx((0 + 1 / 3 + 1 / 4) / 3)
    between = BetweenItemVariance().compute(table, 0.95)
    # the variance of 1, 1/2, 1/4 is 7/48
    assert between.value == pytest.approx(7 / 48 - within.value / 4)
    assert between.interval is None
    assert any("too few" in note for note in between.notes)


def test_variance_of_repeats_that_were_not_all_measured():
    table = rows(
        *repeats("a", 1, 0, "errored"), *repeats("b", 1, "errored", "errored"),
        *repeats("c", 1, "refused", 1), *repeats("d", 1),
    )  # fmt: skip
    found = WithinItemVariance().compute(table, 0.95)
    # a: 2 p (1 - p) = 1/2; c: 3/2 * 2/3 * 1/3 = 1/3
    assert found.value == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert (found.n_planned, found.n_measured, found.n_excluded) == (4, 2, 1)
    assert found.bounds == pytest.approx(((1 / 2 + 0 + 1 / 3) / 3, (1 / 2 + 1 / 2 + 1 / 3) / 3))


def test_the_two_add_up_to_the_variance_of_an_answer():
    """One-way analysis of variance on simulated items whose variances are known."""
    rng = np.random.default_rng(5)
    p = rng.beta(2, 2, 3000)
    table = rows(
        *[row for n, q in enumerate(p) for row in repeats(f"s{n}", *(rng.random(4) < q).tolist())]
    )
    within = WithinItemVariance().compute(table, 0.95)
    between = BetweenItemVariance().compute(table, 0.95)
    # of Beta(2, 2): E p (1 - p) = 1/5, Var p = 1/20
    assert within.interval.low < 1 / 5 < within.interval.high
    assert between.interval.low < 1 / 20 < between.interval.high
    assert within.value + between.value == pytest.approx(0.25, abs=0.01)


def test_items_that_always_get_the_same_have_no_variance_within():
    table = rows(*[row for n in range(30) for row in repeats(f"s{n}", n % 2, n % 2, n % 2)])
    within = WithinItemVariance().compute(table, 0.95)
    assert within.value == 0
    assert within.interval.high > 0
    assert BetweenItemVariance().compute(table, 0.95).value == pytest.approx(0.25 * 30 / 29)


@given(st.lists(st.lists(st.booleans(), min_size=2, max_size=5), min_size=2, max_size=12))
@settings(max_examples=40, deadline=None)
def test_variances_are_numpys(items):
    table = rows(*[row for n, values in enumerate(items) for row in repeats(f"s{n}", *values)])
    variances = [np.var(values, ddof=1) for values in items]
    assert WithinItemVariance().compute(table, 0.95).value == pytest.approx(np.mean(variances))
    noise = np.mean([v / len(values) for v, values in zip(variances, items, strict=True)])
    between = np.var([np.mean(values) for values in items], ddof=1) - noise
    assert BetweenItemVariance().compute(table, 0.95).value == pytest.approx(max(0, between))


# --- spread ---------------------------------------------------------------------------------------


def formats(name, *values):
    """Rows of one item in formats f0 (the clean one), f1, ..."""
    return [
        (
            f"{name}~{n}",
            "answered" if not isinstance(value, str) else value,
            {"correct": float(value)} if not isinstance(value, str) else {},
            {"variant": "format" if n else "clean", "format": f"f{n}", "topic": name[0]},
            name,
        )
        for n, value in enumerate(values)
    ]


def test_the_spread_by_hand_is_over_items_that_every_format_has():
    table = rows(
        *formats("a", 1, 1, 0), *formats("b", 1, 0, 0), *formats("c", 0, 1, 0),
        *formats("d", 1, 1, 1), *formats("e", 1, "errored", 1),
        ("order", "answered", {"correct": 0.0}, {"variant": "order", "format": "f0"}, "a"),
    )  # fmt: skip
    found = FormatSpread().compute(table, 0.95)
    # 3/4, 3/4, 1/4
    assert found.value == pytest.approx(1 / 2)
    assert (found.n_planned, found.n_measured) == (5, 4)
    assert found.coverage == 0.8


def test_the_spread_has_a_seeded_interval_and_what_chance_alone_shows():
    entries = [formats(f"s{n}", n % 2, n % 3 > 0, n % 5 == 0) for n in range(60)]
    table = rows(*[row for entry in entries for row in entry])
    found = FormatSpread().compute(table, 0.95)
    assert found.value == pytest.approx(40 / 60 - 12 / 60)
    assert found.interval.low < found.value < found.interval.high
    assert found == FormatSpread().compute(table, 0.95)
    chance = FormatSpread(by_chance=True).compute(table, 0.95)
    assert 0.02 < chance.value < found.interval.low
    assert chance.interval is None


def test_a_spread_by_chance_alone_is_what_shuffling_shows():
    rng = np.random.default_rng(8)
    entries = [formats(f"s{n}", *(rng.random(5) < 0.6).tolist()) for n in range(80)]
    table = rows(*[row for entry in entries for row in entry])
    found = FormatSpread().compute(table, 0.95).value
    assert found == pytest.approx(FormatSpread(by_chance=True).compute(table, 0.95).value, abs=0.08)


def test_slices_of_the_spread_keep_items_whole():
    metric = FormatSpread()
    assert isinstance(metric, Sliced)
    table = rows(*formats("a1", 1, 0), *formats("a2", 1, 1), *formats("b1", 1, 1))
    parts = dict(metric.slices(table, "topic"))
    assert {topic: metric.compute(part, 0.95).value for topic, part in parts.items()} == {
        "a": 0.5, "b": 0.0
    }  # fmt: skip
    assert list(metric.slices(table, "format")) == []


@pytest.mark.parametrize("by_chance", [False, True])
def test_no_format_no_spread(by_chance):
    for table in (rows(answered("a", correct=1)), rows(*formats("a", "empty", "empty"))):
        found = FormatSpread(by_chance).compute(table, 0.95)
        assert (found.value, found.n_measured) == (None, 0)
