"""Gaps between groups against figures computed by hand, and what their intervals promise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalharness import stats
from evalharness.scorecard.metrics.group_gaps import (
    AccuracyGap,
    LengthGap,
    RefusalGap,
    SentimentGap,
    ToxicityGap,
)
from tests.scorecard.test_metrics import rows


def of(group, *values, score="toxicity", kind="answered", domain="d", start=0):
    """One sample a value in a group."""
    return [
        (f"{domain}-{group}-{n + start}", kind, {} if value is None else {score: value},
         {"group": group, "domain": domain}, f"item {n + start}")
        for n, value in enumerate(values)
    ]  # fmt: skip


def test_the_gap_is_the_largest_difference_of_two_means():
    table = rows(*of("a", 0.1, 0.3), *of("b", 0.5, 0.5), *of("c", 0.2, 0.4))
    found = ToxicityGap("group").compute(table, 0.95)
    assert found.value == pytest.approx(0.5 - 0.2)
    assert (found.n_planned, found.n_measured, found.n_excluded) == (6, 6, 0)
    assert found.notes[-1] == "a 0.2 (2 of 2), b 0.5 (2 of 2), c 0.3 (2 of 2)"


def test_groups_are_compared_only_within_their_domain():
    table = rows(
        *of("a", 0.1, 0.1, domain="x"), *of("b", 0.2, 0.2, domain="x"),
        *of("c", 0.8, 0.8, domain="y"), *of("d", 0.9, 0.95, domain="y"),
    )  # fmt: skip
    assert ToxicityGap("group", ("domain",)).compute(table, 0.95).value == pytest.approx(0.125)
    assert ToxicityGap("group").compute(table, 0.95).value == pytest.approx(0.825)


def test_a_group_of_which_nothing_was_measured_has_no_estimate_and_is_named():
    """A peer drops unparsed answers silently, and calls an unparsed group perfectly fair."""
    table = rows(*of("a", 0.1, 0.3), *of("b", 0.4, 0.4), *of("c", None, None, kind="unparsed"))
    found = ToxicityGap("group").compute(table, 0.95)
    assert found.value == pytest.approx(0.2)
    assert found.coverage == 0
    assert "c nothing measured (0 of 2)" in found.notes[-1]
    assert found.bounds[1] == 1 - 0.2


@pytest.mark.parametrize("kind", ["empty", "errored", "unparsed", "not_run", "refused"])
def test_without_two_measured_groups_there_is_no_gap(kind):
    table = rows(*of("a", 0.1, 0.3), *of("b", None, None, kind=kind))
    found = ToxicityGap("group").compute(table, 0.95)
    assert (found.value, found.interval) == (None, None)
    assert found.notes[0] == "no two groups were measured"
    everyone = rows(*of("a", None, None, kind=kind), *of("b", None, None, kind=kind))
    assert ToxicityGap("group").compute(everyone, 0.95).value is None


def test_all_refused_is_no_fairness_of_tone_but_a_gap_of_refusals_of_0():
    refused = [*of("a", 0.0, 0.0, kind="refused"), *of("b", 0.0, 0.0, kind="refused")]
    found = ToxicityGap("group").compute(rows(*refused), 0.95)
    assert (found.value, found.n_excluded, found.n_measured) == (None, 4, 0)
    found = RefusalGap("group").compute(rows(*refused), 0.95)
    assert (found.value, found.n_measured) == (0, 4)


def test_a_block_counts_as_declined():
    table = rows(*of("a", None, None, kind="blocked"), *of("b", 0.0, 0.0, score="refused"))
    assert RefusalGap("group").compute(table, 0.95).value == 1


def test_zero_scores_everywhere_are_a_gap_of_0_with_an_exact_bound_and_no_nan():
    """A peer's BOLD becomes NaN where one domain scores 0 throughout."""
    table = rows(*of("a", *[0.0] * 50), *of("b", *[0.0] * 50))
    found = ToxicityGap("group").compute(table, 0.95)
    assert found.value == 0
    assert found.interval.low == 0
    high = stats.wilson(0, 50, 0.95).high
    assert found.interval.high == pytest.approx(high)
    assert found.bounds == (0, 0)


def test_equal_values_amid_the_range_have_no_interval_and_say_why():
    table = rows(*of("a", *[0.5] * 9, score="sentiment"), *of("b", 0.1, 0.2, score="sentiment"))
    found = SentimentGap("group").compute(table, 0.95)
    assert found.value == pytest.approx(0.35)
    assert found.interval is None
    assert found.notes[0].startswith("no interval: a: all 9 values are equal")


def test_one_sample_in_a_group_is_no_certainty():
    found = LengthGap("group").compute(
        rows(*of("a", 3, score="length"), *of("b", 5, 9, score="length")), 0.95
    )
    assert found.value == 4
    assert (found.interval, found.notes[0]) == (
        None, "no interval: a: n is 1: no variance to estimate from"
    )  # fmt: skip


def test_a_group_without_an_interval_leaves_the_others_their_lower_end():
    """BOLD's prompts on Hinduism are of one page: what they would be of others is not known."""
    sure = [*of("a", *[0.0] * 40, score="correct"), *of("b", *[1.0] * 40, score="correct")]
    lone = [*of("c", 1.0, 1.0, score="correct")]
    cluster = {name: name for name, *_ in sure} | {name: "one page" for name, *_ in lone}
    found = AccuracyGap("group").compute(rows(*sure, *lone, cluster=cluster), 0.95)
    two = AccuracyGap("group").compute(rows(*sure), 1 - 0.05 / 3)
    assert (found.value, found.interval.high) == (1, 1)
    assert found.interval.low == pytest.approx(two.interval.low)
    assert found.notes[0].startswith("open upwards, for want of an interval: c: all units share")


def test_two_proportions_get_newcombes_interval():
    """Newcombe 1998, Statistics in Medicine 17: 873-890, table II, method 10: 56/70 - 48/80."""
    table = rows(
        *of("a", *[1.0] * 56, *[0.0] * 14, score="correct"),
        *of("b", *[1.0] * 48, *[0.0] * 32, score="correct"),
    )
    found = AccuracyGap("group").compute(table, 0.95)
    assert found.value == pytest.approx(0.2)
    assert found.interval.low == pytest.approx(0.0524, abs=5e-5)
    assert found.interval.high == pytest.approx(0.3339, abs=5e-5)
    assert found.interval.method == "hybrid score"


def test_of_nothing_and_all_newcombes_interval_ends_below_one():
    """The same table: 0/10 and 10/10, here as 10/10 - 0/10: .6075 to 1; 0/10 - 0/20 stays open."""
    found = AccuracyGap("group").compute(
        rows(*of("a", *[1.0] * 10, score="correct"), *of("b", *[0.0] * 10, score="correct")), 0.95
    )
    assert (found.value, found.interval.high) == (1, 1)
    assert found.interval.low == pytest.approx(0.6075, abs=5e-5)
    found = AccuracyGap("group").compute(
        rows(*of("a", *[0.0] * 10, score="correct"), *of("b", *[0.0] * 20, score="correct")), 0.95
    )
    assert (found.value, found.interval.low) == (0, 0)
    assert found.interval.high == pytest.approx(0.2775, abs=5e-5)


def test_the_bounds_are_what_the_missing_could_have_made():
    table = rows(
        *of("a", 1.0, score="correct"), *of("a", None, kind="errored", start=1),
        *of("b", 0.0, 0.0, score="correct"),
    )  # fmt: skip
    found = AccuracyGap("group").compute(table, 0.95)
    assert (found.value, found.bounds) == (1, (0.5, 1.0))
    assert found.coverage == 0.5


def test_pairs_take_the_difference_within_the_item():
    """Items differ by 100 words, groups by 2: unpaired the two would drown in the items."""
    base = [10.0 * n for n in range(30)]
    short, long = base, [b + 2 + (n % 3 - 1) for n, b in enumerate(base)]
    table = rows(*of("a", *short, score="length"), *of("b", *long, score="length"))
    paired = LengthGap("group", paired=True).compute(table, 0.95)
    loose = LengthGap("group").compute(table, 0.95)
    assert paired.value == loose.value == pytest.approx(2)
    by_hand = stats.mean(np.array(long) - np.array(short)).interval
    assert (paired.interval.low, paired.interval.high) == pytest.approx((by_hand.low, by_hand.high))
    assert loose.interval.low == 0
    assert (paired.n_planned, paired.n_measured) == (30, 30)


def test_an_item_that_lacks_a_group_is_missing_and_one_that_was_refused_is_left_out():
    table = rows(
        *of("a", 0.1, 0.2, 0.3, 0.4), *of("b", 0.3, 0.4), *of("b", None, kind="errored", start=2),
        *of("b", None, kind="refused", start=3),
    )  # fmt: skip
    found = ToxicityGap("group", paired=True).compute(table, 0.95)
    assert found.value == pytest.approx(0.2)
    assert (found.n_planned, found.n_measured, found.n_excluded) == (4, 2, 1)
    assert found.coverage == pytest.approx(2 / 3)
    absent = rows(*of("a", 0.1, 0.2, 0.3), *of("b", 0.3, 0.4))
    found = ToxicityGap("group", paired=True).compute(absent, 0.95)
    assert (found.n_planned, found.n_measured, found.n_excluded) == (3, 2, 0)


def test_no_difference_in_thirty_pairs_is_not_zero_plus_minus_zero():
    table = rows(*of("a", *[0.0] * 30, score="refused"), *of("b", *[0.0] * 30, score="refused"))
    found = RefusalGap("group", paired=True).compute(table, 0.95)
    assert (found.value, found.interval.low) == (0, 0)
    assert found.interval.high == pytest.approx(1 - 0.05 ** (1 / 30))


def test_repeats_are_averaged_within_the_item_first():
    table = rows(
        *of("a", 0.0, 0.0, 0.0), *of("b", 0.6, 0.0, 0.0),
        ("again", "answered", {"toxicity": 0.0}, {"group": "b", "domain": "d"}, "item 0"),
    )  # fmt: skip
    assert ToxicityGap("group", paired=True).compute(table, 0.95).value == pytest.approx(0.1)


@pytest.mark.parametrize("paired", [False, True])
def test_the_order_of_rows_changes_nothing(paired):
    draw = np.random.default_rng(5)
    entries = [e for g in "abc" for e in of(g, *draw.random(12))]
    metric = ToxicityGap("group", paired=paired)
    one = metric.compute(rows(*entries), 0.95)
    other = metric.compute(rows(*[entries[n] for n in draw.permutation(len(entries))]), 0.95)
    assert one.value == pytest.approx(other.value)
    assert one.interval.high == pytest.approx(other.interval.high)
    assert one.notes == other.notes


@pytest.mark.parametrize("paired", [False, True])
def test_without_a_difference_the_interval_reaches_0_at_least_as_often_as_it_says(paired):
    """A bootstrap of the largest of six differences would nearly always stay above 0."""
    draw = np.random.default_rng(11)
    held = sum(
        ToxicityGap("group", paired=paired)
        .compute(rows(*[e for g in "abcd" for e in of(g, *draw.beta(2, 5, 25))]), 0.8)
        .interval.low
        == 0
        for _ in range(40)
    )
    assert held >= 32 - 2.6 * math.sqrt(40 * 0.8 * 0.2)


def test_a_true_gap_lies_in_the_interval_as_often_as_it_says():
    draw = np.random.default_rng(12)
    held = 0
    for _ in range(40):
        table = [e for g, p in (("a", 0.2), ("b", 0.5), ("c", 0.5))
                 for e in of(g, *(draw.random(40) < p).astype(float), score="correct")]  # fmt: skip
        interval = AccuracyGap("group").compute(rows(*table), 0.8).interval
        held += interval.low <= 0.3 <= interval.high
    assert held >= 32 - 2.6 * math.sqrt(40 * 0.8 * 0.2)
