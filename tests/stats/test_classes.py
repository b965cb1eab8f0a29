"""The mean of proportions: by hand, and its coverage by enumeration and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as reference

from evalharness.stats import mean_of_proportions, wilson


def test_by_hand():
    """8 of 10 and 1 of 2: (0.8 + 0.5) / 2, whatever their sizes."""
    values = [1] * 8 + [0] * 2 + [1, 0]
    found = mean_of_proportions(values, ["a"] * 10 + ["b"] * 2)
    assert found.value == pytest.approx(0.65)
    a, b = wilson(8, 10), wilson(1, 2)
    low = 0.65 - math.hypot(0.8 - a.low, 0.5 - b.low) / 2
    high = 0.65 + math.hypot(a.high - 0.8, b.high - 0.5) / 2
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high))
    assert found.claim.low < found.interval.low
    assert (found.n, found.n_clusters) == (12, None)


@pytest.mark.parametrize("share", [0, 1])
def test_never_of_zero_width_at_the_ends(share):
    found = mean_of_proportions([share] * 40, [n % 2 for n in range(40)])
    assert found.value == share
    assert found.interval.high - found.interval.low > 0.05
    assert 0 <= found.interval.low <= found.interval.high <= 1


def test_one_class_is_a_plain_proportion():
    found = mean_of_proportions([1, 1, 0, 1], ["x"] * 4)
    plain = wilson(3, 4)
    assert (found.interval.low, found.interval.high) == pytest.approx((plain.low, plain.high))


def test_nothing_measured_is_no_number():
    found = mean_of_proportions([], [])
    assert (found.value, found.interval, found.notes) == (None, None, ("nothing was measured",))


def test_a_cluster_that_helps_one_class_as_it_hurts_the_other_widens_less():
    """Models that say Yes in some documents and No in others: the two shares move against each
    other, and their mean is surer than the shares are. And the other way round."""
    clusters = np.repeat(np.arange(40), 10)
    classes = np.tile([0, 1], 200)
    says_yes = np.repeat(np.arange(40) % 2, 10)
    against = np.where(classes == 1, says_yes, 1 - says_yes)
    along = np.repeat(np.arange(40) % 2, 10)
    narrow = mean_of_proportions(against, classes, clusters).interval
    wide = mean_of_proportions(along, classes, clusters).interval
    assert narrow.high - narrow.low < 0.05
    assert wide.high - wide.low > 0.28


@pytest.mark.parametrize(("n", "m"), [(30, 30), (20, 60)])
@pytest.mark.parametrize(("p", "q"), [(0.5, 0.5), (0.9, 0.7), (0.97, 0.97), (0.99, 0.6)])
def test_coverage_by_enumeration(n, m, p, q):
    truth, covered, claimed = (p + q) / 2, 0.0, 0.0
    first = reference.binom.pmf(np.arange(n + 1), n, p)
    second = reference.binom.pmf(np.arange(m + 1), m, q)
    classes = [0] * n + [1] * m
    for i in np.flatnonzero(first > 1e-4):
        for j in np.flatnonzero(second > 1e-4):
            values = [1] * i + [0] * (n - i) + [1] * j + [0] * (m - j)
            found = mean_of_proportions(values, classes)
            weight = first[i] * second[j]
            covered += weight * (found.interval.low <= truth <= found.interval.high)
            claimed += weight * (found.claim.low <= truth <= found.claim.high)
    assert covered > 0.9
    assert claimed > 0.95


def test_coverage_with_clusters_that_hold_both_classes():
    random = np.random.default_rng(5)
    covered, runs = 0, 300
    for _ in range(runs):
        shares = random.beta(4, 2, 40)
        values = (random.random((40, 8)) < shares[:, None]).astype(float).ravel()
        classes, clusters = np.tile([0, 0, 0, 1, 1, 0, 1, 0], 40), np.repeat(np.arange(40), 8)
        found = mean_of_proportions(values, classes, clusters).interval
        covered += found.low <= 4 / 6 <= found.high
    assert covered / runs > 0.92
