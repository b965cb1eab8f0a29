"""Metrics over an item and its variants, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.scorecard.metrics.base import Sliced
from evalharness.scorecard.metrics.variants import VariantDrop, WorstCaseAccuracy, WorstCaseDrop
from tests.scorecard.test_metrics import rows


def item(name, clean, repeats=(), **variants):
    """Rows of one item: right (1), wrong (0), or an outcome by name."""

    def row(key, value, variant):
        answered = not isinstance(value, str)
        return (
            f"{name}~{key}",
            "answered" if answered else value,
            {"correct": float(value)} if answered else {},
            {"variant": variant, "perturbation": key, "topic": name[0]},
            name,
        )

    found = [row("clean", clean, "clean")]
    found += [row(kind, value, "attacked") for kind, value in variants.items()]
    found += [row(f"repeat_{n}", value, "repeat") for n, value in enumerate(repeats)]
    return found


TABLE = rows(
    *item("a", 1, typos=1, case=0, repeats=(1, 1)),
    *item("b", 1, typos=1, case=1, repeats=(1, 0)),
    *item("c", 0, typos=1, repeats=(0,)),
    *item("d", 1),
)


def test_the_worst_case_by_hand():
    # a: wrong once; b: right throughout; c: wrong as it is; d: nothing changed it
    found = WorstCaseAccuracy().compute(TABLE, 0.95)
    assert found.value == pytest.approx(1 / 3)
    assert (found.n_planned, found.n_measured, found.n_excluded) == (4, 3, 1)
    floor = WorstCaseAccuracy("repeat").compute(TABLE, 0.95)
    assert floor.value == pytest.approx(1 / 3)  # a


def test_the_drop_to_the_worst_case_by_hand():
    found = WorstCaseDrop().compute(TABLE, 0.95)
    assert found.value == pytest.approx(1 / 3)  # a, of a, b and c
    assert found.interval.low > 0
    assert WorstCaseDrop("repeat").compute(TABLE, 0.95).value == pytest.approx(1 / 3)  # b


def test_the_mean_drop_by_hand():
    found = VariantDrop().compute(TABLE, 0.95)
    assert found.value == pytest.approx(((1 - 0.5) + (1 - 1) + (0 - 1)) / 3)
    assert (found.n_planned, found.n_measured, found.n_excluded) == (4, 3, 1)
    assert VariantDrop("repeat").compute(TABLE, 0.95).value == pytest.approx((0 + 0.5 + 0) / 3)


def test_a_slice_by_kind_keeps_the_clean_half_and_counts_what_it_left_alone():
    metric = VariantDrop()
    assert isinstance(metric, Sliced)
    found = {
        kind: metric.compute(part, 0.95) for kind, part in metric.slices(TABLE, "perturbation")
    }
    assert set(found) == {"typos", "case"}
    assert found["typos"].value == pytest.approx((0 + 0 - 1) / 3)
    assert (found["typos"].n_planned, found["typos"].n_excluded) == (4, 1)
    assert found["case"].value == pytest.approx((1 + 0) / 2)
    assert (found["case"].n_planned, found["case"].n_excluded) == (4, 2)


def test_a_slice_by_what_items_differ_in_has_those_items_only():
    found = {
        topic: VariantDrop().compute(part, 0.95)
        for topic, part in VariantDrop().slices(TABLE, "topic")
    }
    assert {topic: (c.value, c.n_planned, c.n_excluded) for topic, c in found.items()} == {
        "a": (0.5, 1, 0), "b": (0.0, 1, 0), "c": (-1.0, 1, 0), "d": (None, 1, 1)
    }  # fmt: skip


def test_a_tag_that_differs_within_items_and_tells_no_variants_apart_gives_no_slices():
    table = rows(
        ("a", "answered", {"correct": 1.0}, {"variant": "clean", "place": "A"}, "i"),
        ("b", "answered", {"correct": 1.0}, {"variant": "attacked", "place": "B"}, "i"),
        ("c", "answered", {"correct": 1.0}, {"variant": "clean", "place": "B"}, "j"),
        ("d", "answered", {"correct": 1.0}, {"variant": "attacked", "place": "B"}, "j"),
    )
    assert list(VariantDrop().slices(table, "place")) == []
    assert list(VariantDrop().slices(table, "no such tag")) == []


def test_what_failed_is_missing_and_bounds_say_what_it_could_have_been():
    table = rows(
        *item("a", 1, typos=1, case="errored"),
        *item("b", 1, typos=0, case="errored"),
        *item("c", 1, typos=1, case=1),
        *item("d", "errored", typos=1),
    )
    worst = WorstCaseAccuracy().compute(table, 0.95)
    assert (worst.value, worst.n_measured, worst.n_planned) == (1.0, 1, 4)
    # a and d may be either, b is wrong whatever its other variant is
    assert worst.bounds == (1 / 4, 3 / 4)
    drop = WorstCaseDrop().compute(table, 0.95)
    assert (drop.value, drop.n_measured) == (0.0, 1)
    # a may have lost 0 or 1, b has lost 1, d 0 or (were it right and the variant wrong) 0 or 1
    assert drop.bounds == (1 / 4, 3 / 4)
    mean = VariantDrop().compute(table, 0.95)
    assert mean.value == pytest.approx((0 + 1 + 0) / 3)
    assert (mean.n_measured, mean.coverage) == (3, pytest.approx(5 / 7))
    # a 0 to .5, b .5 to 1, c 0, d -1 to 0
    assert mean.bounds == pytest.approx(((0 + 0.5 + 0 - 1) / 4, (0.5 + 1 + 0 + 0) / 4))


def test_a_refusal_is_no_right_answer_and_no_lost_one():
    table = rows(*item("a", 1, typos="refused"), *item("b", "refused", typos=1))
    assert VariantDrop().compute(table, 0.95).value == 0
    assert WorstCaseDrop().compute(table, 0.95).value == 0.5
    assert WorstCaseAccuracy().compute(table, 0.95).value == 0


def test_generations_are_averaged_before_the_worst_is_taken():
    one = item("a", 1, typos=1)
    other = item("a", 1, typos=0)
    found = WorstCaseAccuracy().compute(rows(*one, *other), 0.95)
    assert found.value == 0.5


def in_epochs(*epochs):
    """The rows of several epochs."""
    numbers = [n for n, entries in enumerate(epochs) for _ in entries]
    table = rows(*[row for entries in epochs for row in entries])
    return replace(table, epoch=np.array(numbers, dtype=np.int16))


def test_the_worst_is_of_one_epoch_and_averaged_over_the_epochs():
    """Another variant fails in each epoch: no epoch is right throughout, though each mean is .5."""
    table = in_epochs(item("a", 1, typos=1, case=0), item("a", 1, typos=0, case=1))
    assert WorstCaseAccuracy().compute(table, 0.95).value == 0
    assert WorstCaseDrop().compute(table, 0.95).value == 1
    assert VariantDrop().compute(table, 0.95).value == 0.5
    third = item("a", 0, typos=1, case=1)
    table = in_epochs(item("a", 1, typos=1, case=0), item("a", 1, typos=1, case=1), third)
    assert WorstCaseAccuracy().compute(table, 0.95).value == pytest.approx(1 / 3)
    assert WorstCaseDrop().compute(table, 0.95).value == pytest.approx(1 / 3)


def test_an_epoch_that_was_not_measured_widens_the_bounds():
    table = in_epochs(item("a", 1, typos=1), item("a", 1, typos="errored"), item("a", 1, typos=0))
    worst = WorstCaseAccuracy().compute(table, 0.95)
    assert (worst.value, worst.n_measured, worst.n_planned) == (0.5, 1, 1)
    assert worst.bounds == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert worst.coverage == pytest.approx(2 / 3)
    drop = WorstCaseDrop().compute(table, 0.95)
    assert drop.bounds == (pytest.approx(1 / 3), pytest.approx(2 / 3))


@given(st.lists(st.lists(st.booleans(), min_size=2, max_size=4), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_epochs_that_repeat_one_another_change_nothing(items):
    once = [
        row
        for n, (clean, *variants) in enumerate(items)
        for row in item(f"i{n}", clean, **{f"k{k}": v for k, v in enumerate(variants)})
    ]
    for metric in (WorstCaseAccuracy(), WorstCaseDrop(), VariantDrop()):
        alone, repeated = metric.units(rows(*once)), metric.units(in_epochs(once, once, once))
        assert alone.names.tolist() == repeated.names.tolist()
        assert alone.value.tolist() == pytest.approx(repeated.value.tolist())
        assert alone.measured.tolist() == repeated.measured.tolist()


def test_no_loss_in_thirty_items_is_not_zero_plus_minus_zero():
    table = rows(*[row for n in range(30) for row in item(f"i{n}", 1, typos=1)])
    for metric in (VariantDrop(), WorstCaseDrop()):
        found = metric.compute(table, 0.95)
        assert found.value == 0
        assert 0.05 < found.interval.high < 0.13


@pytest.mark.parametrize("metric", [VariantDrop(), WorstCaseAccuracy(), WorstCaseDrop()])
def test_without_variants_there_is_nothing_to_measure(metric):
    for table in (rows(*item("a", 1), *item("b", 0)), rows(("a", "answered", {"correct": 1.0}))):
        found = metric.compute(table, 0.95)
        assert (found.value, found.n_measured) == (None, 0)
        assert found.n_planned == found.n_excluded


@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.booleans(), min_size=1, max_size=4)), min_size=1,
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_definitions_whatever_the_order_of_rows(items, draw):
    entries = [
        row
        for n, (clean, variants) in enumerate(items)
        for row in item(f"i{n}", clean, **{f"k{k}": v for k, v in enumerate(variants)})
    ]
    draw.shuffle(entries)
    table = rows(*entries)
    worst = [clean and all(variants) for clean, variants in items]
    mean = [clean - sum(variants) / len(variants) for clean, variants in items]
    clean = sum(c for c, _ in items) / len(items)
    assert WorstCaseAccuracy().compute(table, 0.95).value == pytest.approx(sum(worst) / len(items))
    drop = WorstCaseDrop().compute(table, 0.95)
    assert drop.value == pytest.approx(clean - sum(worst) / len(items))
    assert drop.interval is None or 0 <= drop.interval.low <= drop.interval.high <= 1
    assert VariantDrop().compute(table, 0.95).value == pytest.approx(sum(mean) / len(items))
