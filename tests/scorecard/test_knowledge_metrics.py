"""Abstention, balanced accuracy and overlap: by hand."""

from __future__ import annotations

import pytest

from evalharness.scorecard.metrics.abstention import AbstentionRate
from evalharness.scorecard.metrics.balanced import BalancedAccuracy
from evalharness.scorecard.metrics.overlap import OverlapDifference
from evalharness.scorecard.metrics.shares import Accuracy
from tests.scorecard.test_metrics import answered, rows


def labelled(name, label, correct):
    return (name, "answered", {"correct": correct}, {"label": label})


def test_refusals_are_abstentions_and_no_hallucinations():
    """A peer grades 386 refusals and no fabrication as hallucination: here they stand apart."""
    table = rows(
        *[(f"r{n}", "refused", {}) for n in range(386)],
        *[answered(f"a{n}", correct=1) for n in range(14)],
    )
    abstained, right = AbstentionRate().compute(table, 0.95), Accuracy().compute(table, 0.95)
    assert abstained.value == 386 / 400
    assert right.value == 14 / 400
    assert abstained.value + right.value == 1  # not one wrong answer


def test_a_filter_abstains_and_silence_does_not():
    found = AbstentionRate().compute(
        rows(answered("a"), ("b", "blocked", {}), ("c", "empty", {}), ("d", "unparsed", {}),
             ("e", "errored", {})),
        0.95,
    )  # fmt: skip
    assert (found.value, found.n_planned, found.n_measured) == (0.5, 5, 2)
    assert found.bounds == (1 / 5, 4 / 5)


def test_an_option_that_says_it_is_not_known_is_an_abstention():
    table = rows(answered("a", unknown=1), answered("b", unknown=0), ("c", "refused", {}))
    assert AbstentionRate(score="unknown").reads == ("unknown",)
    assert AbstentionRate(score="unknown").compute(table, 0.95).value == pytest.approx(2 / 3)
    assert AbstentionRate().reads == ()
    assert AbstentionRate().compute(table, 0.95).value == pytest.approx(1 / 3)


def test_always_the_same_answer_is_worth_a_half():
    """90 of 100 right by always saying No; balanced: (1 + 0) / 2."""
    table = rows(*[labelled(f"n{i}", "no", 1) for i in range(90)],
                 *[labelled(f"y{i}", "yes", 0) for i in range(10)])  # fmt: skip
    found = BalancedAccuracy().compute(table, 0.95)
    assert (found.value, found.n_measured) == (0.5, 100)
    assert found.interval.low < 0.5 < found.interval.high


def test_balanced_accuracy_with_what_is_missing():
    """Class a: 1 of 2 measured of 4; class b: 1 of 1 of 1. Bounds: (1/4 + 1) / 2, (3/4 + 1) / 2."""
    table = rows(
        labelled("a1", "a", 1), ("a2", "refused", {}, {"label": "a"}),
        ("a3", "unparsed", {}, {"label": "a"}), ("a4", "errored", {}, {"label": "a"}),
        labelled("b1", "b", 1),
    )  # fmt: skip
    found = BalancedAccuracy().compute(table, 0.95)
    assert found.value == (1 / 2 + 1) / 2
    assert found.bounds == ((1 / 4 + 1) / 2, (3 / 4 + 1) / 2)
    assert (found.n_planned, found.n_measured) == (5, 3)


def test_a_class_of_which_nothing_was_measured_leaves_no_value():
    table = rows(labelled("a", "a", 1), ("b", "empty", {}, {"label": "b"}))
    found = BalancedAccuracy().compute(table, 0.95)
    assert (found.value, found.interval) == (None, None)
    assert found.notes == ("nothing was measured of the class b",)
    assert found.bounds == (0.5, 1.0)


def test_without_the_tag_there_are_no_classes():
    found = BalancedAccuracy(tag="kind").compute(rows(answered("a", correct=1)), 0.95)
    assert found.value is None
    assert "no sample has the tag 'kind'" in found.notes[0]


def test_one_class_only_is_said():
    found = BalancedAccuracy().compute(rows(labelled("a", "yes", 1), labelled("b", "yes", 0)), 0.95)
    assert found.value == 0.5
    assert "one class only: yes" in found.notes


def test_a_difference_of_0_is_a_value():
    """A peer drops every 0 before it averages (`if extract(res)`)."""
    table = rows(answered("a", difference=0.0), answered("b", difference=0.5), ("c", "refused", {}))
    found = OverlapDifference().compute(table, 0.95)
    assert (found.value, found.n_measured, found.n_excluded) == (0.25, 2, 1)


def test_balanced_accuracy_is_known_as_well_as_its_least_known_class():
    """Two of the ten samples of a small class are lost: a fifth of half the figure, not 2 %."""
    table = rows(
        *[(f"a{i}", "answered", {"correct": 1.0}, {"label": "rare"}) for i in range(8)],
        *[(f"l{i}", "errored", {}, {"label": "rare"}) for i in range(2)],
        *[(f"b{i}", "answered", {"correct": 0.0}, {"label": "common"}) for i in range(90)],
    )
    found = BalancedAccuracy().compute(table, 0.95)
    assert (found.value, found.coverage) == (0.5, 0.8)
