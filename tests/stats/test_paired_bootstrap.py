"""The paired bootstrap: against the tests of means, by simulation, and at its boundaries."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as reference

from evalharness.stats import MOST_CLUSTERS, paired_bootstrap


def sums(columns, value):
    return lambda counts: value(counts @ columns)


def ratio(columns):
    return sums(columns, lambda found: found[:, 0] / np.where(found[:, 1] > 0, found[:, 1], np.nan))


def of(before, after, **options):
    ones = np.ones(len(before))
    return paired_bootstrap(
        ratio(np.stack([before, ones], 1)), ratio(np.stack([after, ones], 1)),
        len(before), len(before), seed=1, **options,
    )  # fmt: skip


def test_of_means_it_agrees_with_the_paired_t_test():
    rng = np.random.default_rng(2)
    before = rng.normal(size=80)
    after = before + rng.normal(0.2, 0.8, 80)
    found = of(before, after)
    other = reference.ttest_rel(after, before)
    ends = other.confidence_interval()
    interval = found.difference.interval
    assert found.difference.value == pytest.approx((after - before).mean())
    assert (interval.low, interval.high) == pytest.approx((ends.low, ends.high), abs=0.02)
    assert interval.method == "bootstrap, BCa"
    assert found.p_value == pytest.approx(other.pvalue, abs=0.015)
    assert found.bound.level == pytest.approx(0.9)
    assert interval.low < found.bound.low < found.bound.high < interval.high


def test_the_p_value_is_the_level_at_which_the_interval_ends_at_nothing():
    rng = np.random.default_rng(3)
    before = rng.exponential(size=60)
    after = before + rng.exponential(0.5, 60) - 0.42
    p_value = of(before, after).p_value
    assert 0.001 < p_value < 0.5
    interval = of(before, after, level=1 - p_value).difference.interval
    assert min(abs(interval.low), abs(interval.high)) < 0.01


def test_far_from_nothing_the_p_value_is_not_bounded_by_the_number_of_replicates():
    before = np.random.default_rng(4).normal(size=300)
    after = before + 1 + np.random.default_rng(5).normal(0, 0.5, 300)
    assert 0 < of(before, after).p_value < 1e-6


def test_without_a_difference_five_in_a_hundred_are_called_one():
    """Clustered ratios whose denominators vary: 200 simulated pairs of runs."""
    rng = np.random.default_rng(6)
    shown = covered = 0
    for _ in range(200):
        size = rng.integers(1, 12, 40).astype(float)
        rate = rng.beta(2, 3, 40)
        one, other = (rng.binomial(size.astype(int), rate).astype(float) for _ in range(2))
        found = paired_bootstrap(
            ratio(np.stack([one, size], 1)), ratio(np.stack([other, size], 1)), 40, 240, seed=1
        )
        interval = found.difference.interval
        shown += found.p_value < 0.05
        covered += interval.low <= 0 <= interval.high
    assert 0.02 < shown / 200 < 0.08
    assert abs(200 - covered - shown) <= 4


def test_on_two_sides_of_a_target_nobody_is_nearer():
    rng = np.random.default_rng(7)
    before = rng.normal(-0.5, 1, 400)
    after = rng.permutation(-before)
    found = of(before, after, target=0.0)
    assert found.p_value < 1e-4
    assert found.p_target > 0.9
    assert of(before - 1, after, target=0.0).p_target < 1e-3


@pytest.mark.parametrize(
    ("before", "after", "p_value", "reason"),
    [
        (np.zeros(30), np.zeros(30), 1.0, "the statistic is the same on every replicate"),
        (np.zeros(30), np.ones(30), None, "the statistic is the same on every replicate"),
        (np.zeros(1), np.ones(1), None, "n is 1"),
        (np.zeros(4), np.arange(4.0), None, "4 clusters are too few"),
        (np.zeros(0), np.zeros(0), None, "nothing was measured"),
    ],
)
def test_where_there_is_nothing_to_resample_there_is_a_reason_and_no_interval(
    before, after, p_value, reason
):
    found = of(before, after)
    assert found.difference.interval is None
    assert found.bound is None
    assert found.difference.notes[0].startswith(reason)
    assert found.p_value == p_value


def test_an_undefined_figure_has_no_difference():
    none = np.zeros((20, 2))
    found = paired_bootstrap(ratio(none), ratio(np.ones((20, 2))), 20, 20, seed=1)
    assert (found.a, found.b, found.difference.value) == (None, 1.0, None)
    assert found.difference.notes == ("the statistic is undefined on these units",)


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ValueError, match="put them together"):
        paired_bootstrap(
            ratio(np.ones((1, 2))), ratio(np.ones((1, 2))), MOST_CLUSTERS + 1, 1, seed=1
        )
    with pytest.raises(ValueError, match=r"between \.5 and 1"):
        of(np.zeros(9), np.ones(9), level=0.3)
