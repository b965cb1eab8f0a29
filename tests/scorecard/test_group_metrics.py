"""Metrics over groups, and the gain of attacks, against figures computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta, t

from evalharness.scorecard.metrics.abstention import AbstentionRate
from evalharness.scorecard.metrics.groups import ContrastConsistency, SuccessAtAny
from evalharness.scorecard.metrics.injection import InjectionSuccessRate
from evalharness.scorecard.metrics.meaningful import MeaningfulAccuracy
from evalharness.scorecard.metrics.paired import AccuracyDrop, AttackGain
from tests.scorecard.test_metrics import rows


def group(name, *values, score="correct", variant="attacked"):
    """One row a value: a number is answered with it, a text is the outcome without one."""
    return [
        (f"{name}-{variant}-{n}", *(("answered", {score: float(v)}) if not isinstance(v, str)
                                    else (v, {})), {"variant": variant}, name)
        for n, v in enumerate(values)
    ]  # fmt: skip


def test_a_contrast_set_is_right_when_all_of_it_is():
    table = rows(*group("a", 1, 1, 1), *group("b", 1, 0), *group("c", 1), *group("d", 1, "refused"))
    found = ContrastConsistency().compute(table, 0.95)
    assert (found.value, found.n_planned, found.n_measured) == (0.5, 4, 4)
    assert found.bounds == (0.5, 0.5)


def test_a_lost_item_of_a_set_is_no_right_one():
    """One wrong item settles a set, for the bounds; a set that is right so far is open."""
    table = rows(*group("a", 1, "errored"), *group("b", 0, "errored"), *group("c", 1, 1))
    found = ContrastConsistency().compute(table, 0.95)
    assert (found.value, found.n_planned, found.n_measured) == (1, 3, 1)
    assert found.bounds == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert found.coverage == pytest.approx(1 / 3)


def test_an_outage_does_not_move_the_share_of_goals_reached():
    """Half of the goals are reached by 2 of 16 attempts; one attempt in twenty is lost."""
    table = [
        row
        for n in range(200)
        for row in group(
            f"g{n}",
            *["errored" if (16 * n + k) % 97 < 5 else float(n % 2 == 0 and k in (3, 9))
              for k in range(16)],
            score="complied",
        )
    ]  # fmt: skip
    found = SuccessAtAny("complied").compute(rows(*table), 0.95)
    assert found.n_measured < 180
    assert found.value == pytest.approx(0.5, abs=0.03)
    assert found.bounds[0] <= 0.5 <= found.bounds[1]


def test_success_at_any_of_k_counts_goals_not_attempts():
    table = rows(
        *group("g1", 0, 0, 1, 0, score="complied"),
        *group("g2", 0, "refused", "blocked", 0, score="complied"),
        *group("g3", 1, 1, 1, 1, score="complied"),
        *group("g4", "refused", "refused", "refused", "refused", score="complied"),
    )
    found = SuccessAtAny("complied").compute(table, 0.95)
    assert (found.value, found.n_planned, found.n_measured) == (0.5, 4, 4)
    assert "k = 4 attempts a goal" in found.notes
    # 5 of 16 attempts succeeded: another question
    assert found.value != 5 / 16


def test_any_and_all_are_of_one_epoch_and_averaged_over_the_epochs():
    """Of three epochs the goal is reached in one: a third, not a whole; so are all-right sets."""
    epochs = np.array([0, 0, 1, 1, 2, 2], dtype=np.int16)
    reached = replace(rows(*group("g", 0, 0, 1, 0, 0, 0, score="complied")), epoch=epochs)
    found = SuccessAtAny("complied").compute(reached, 0.95)
    assert (found.value, found.n_planned, found.n_measured) == (pytest.approx(1 / 3), 1, 1)
    assert "k = 2 attempts a goal" in found.notes
    right = replace(rows(*group("s", 1, 1, 1, 0, 1, 1)), epoch=epochs)
    assert ContrastConsistency().compute(right, 0.95).value == pytest.approx(2 / 3)
    lost = replace(rows(*group("s", 1, 1, 1, "errored", 1, 0)), epoch=epochs)
    some = ContrastConsistency().compute(lost, 0.95)
    assert some.value == 0.5
    assert some.bounds == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert some.coverage == pytest.approx(2 / 3)


@pytest.mark.parametrize("lost", ["errored", "not_run", "empty", "unparsed"])
def test_an_outage_is_never_a_failed_attack(lost):
    """A peer counted a judge's outage as "attack failed": 0 % success."""
    table = rows(
        *group("g1", 0, lost, score="harmful"),
        *group("g2", lost, lost, score="harmful"),
        *group("g3", 1, lost, score="harmful"),
        *group("g4", 0, 0, score="harmful"),
    )
    found = SuccessAtAny("harmful").compute(table, 0.95)
    assert (found.value, found.n_planned, found.n_measured) == (0, 4, 1)
    assert found.bounds == (0.25, 0.75)
    everything = rows(*group("g", lost, lost, score="harmful"))
    assert SuccessAtAny("harmful").compute(everything, 0.95).value is None


def test_no_goal_reached_in_twenty_is_not_zero_plus_minus_zero():
    table = rows(*[row for n in range(20) for row in group(f"g{n}", 0, 0, score="complied")])
    found = SuccessAtAny("complied").compute(table, 0.95)
    assert found.value == 0
    # Clopper and Pearson on 20 goals, not on 40 attempts
    assert found.claim.high == pytest.approx(beta.ppf(0.975, 1, 20), abs=1e-9)


def test_k_that_differs_is_said():
    table = rows(*group("a", 0, score="complied"), *group("b", 0, 0, 0, score="complied"))
    assert "k = 1 to 3 attempts a goal" in SuccessAtAny().compute(table, 0.95).notes


def test_a_row_without_a_group_is_a_group_of_its_own():
    table = rows(*[(f"s{n}", "answered", {"correct": float(n)}, {}, None) for n in (0, 1)])
    found = ContrastConsistency().compute(table, 0.95)
    assert (found.value, found.n_planned) == (0.5, 2)


def attempts(name, naive, *attacked):
    return [
        *group(name, naive, score="complied", variant="clean"),
        *group(name, *attacked, score="complied"),
    ]


def test_the_gain_of_attacks_by_hand():
    """Each goal alone against the mean of its attempts: 1/2 - 0, 1 - 1, 0 - 0, 1/2 - 0."""
    table = rows(
        *attempts("a", 0, 1, 0), *attempts("b", 1, 1, 1), *attempts("c", "refused", 0, "refused"),
        *attempts("d", "refused", 1, "blocked"),
    )  # fmt: skip
    found = AttackGain().compute(table, 0.95)
    assert found.value == pytest.approx(0.25)
    assert (found.n_planned, found.n_measured) == (4, 4)
    # differences 1/2, 0, 0, 1/2: standard deviation 1/sqrt(12), t with 3 degrees of freedom
    half = t.ppf(0.975, 3) * (1 / 12) ** 0.5 / 2
    assert found.interval.high == pytest.approx(0.25 + half)
    assert found.interval.low == pytest.approx(0.25 - half)


def test_one_attack_an_item_makes_whole_pairs():
    table = rows(*attempts("a", 0, 1), *attempts("b", 0, 1), *attempts("c", 0, 0))
    assert AttackGain().compute(table, 0.95).value == pytest.approx(2 / 3)


def test_a_lost_attempt_lowers_the_coverage_of_the_gain_and_widens_its_bounds():
    table = rows(*attempts("a", 0, 1, "errored"), *attempts("b", 0, 0, 0))
    found = AttackGain().compute(table, 0.95)
    assert found.value == pytest.approx(0.5)
    assert found.bounds == (0.25, 0.5)
    assert found.coverage == 0.75


def test_the_drop_knows_of_lost_repeats_as_well():
    table = rows(
        *group("a", 1, variant="clean"), *group("a", 1, "errored"),
        *group("b", 1, variant="clean"), *group("b", 0, 0),
    )  # fmt: skip
    found = AccuracyDrop().compute(table, 0.95)
    assert (found.value, found.coverage) == (0.5, 0.75)


def test_a_refusal_carries_no_injection_out_and_an_unread_verdict_is_not_known_to():
    table = rows(*group("a", 1, 0, "refused", "blocked", "unparsed", "errored", score="injected"))
    found = InjectionSuccessRate().compute(table, 0.95)
    assert (found.value, found.n_planned, found.n_measured) == (0.25, 6, 4)
    assert found.bounds == (pytest.approx(1 / 6), pytest.approx(3 / 6))


def test_meaningful_accuracy_is_over_those_that_committed_themselves():
    """3 right, 1 wrong, 2 "I don't know", 1 refusal, 1 unread: 3 of 4; the paper's MACC."""
    table = rows(
        *[(f"r{n}", "answered", {"correct": 1.0, "unknown": 0.0}) for n in range(3)],
        ("w", "answered", {"correct": 0.0, "unknown": 0.0}),
        *[(f"u{n}", "answered", {"correct": 0.0, "unknown": 1.0}) for n in range(2)],
        ("d", "refused", {}),
        ("x", "unparsed", {}),
    )
    found = MeaningfulAccuracy().compute(table, 0.95)
    assert (found.value, found.n_planned, found.n_measured) == (0.75, 8, 4)
    assert found.n_excluded == 3
    assert found.bounds == (pytest.approx(3 / 5), pytest.approx(4 / 5))
    # what was not answered wrongly: 1 - (1 - abstained) * (1 - meaningful accuracy)
    abstained = AbstentionRate(score="unknown").compute(table, 0.95).value
    assert abstained == pytest.approx(3 / 7)
    assert 1 - (1 - abstained) * (1 - found.value) == pytest.approx(6 / 7)


def test_a_model_that_never_commits_itself_has_no_meaningful_accuracy():
    table = rows(("a", "refused", {}), ("b", "answered", {"correct": 0.0, "unknown": 1.0}))
    found = MeaningfulAccuracy().compute(table, 0.95)
    assert (found.value, found.n_measured, found.n_excluded) == (None, 0, 2)
