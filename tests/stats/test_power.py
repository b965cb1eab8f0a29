"""Sizes and bounds: against the published figures, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, multinomial, norm

from evalharness import stats


@pytest.mark.parametrize(
    ("rate", "n", "expected"),
    [(0.9, 1000, 916), (0.95, 300, 292), (0.96, 4000, 3861), (0.999, 300, None), (0.0, 5, 0)],
)
def test_the_fewest_that_demonstrate_a_rate(rate, n, expected):
    assert stats.demonstrates(rate, n) == expected


def test_900_of_1000_does_not_demonstrate_90_percent():
    low = stats.clopper_pearson(900, 1000, sides=1, side="lower").low
    assert round(100 * low, 1) == 88.3


@pytest.mark.parametrize(
    ("rate", "n", "expected"), [(0.05, 300, 8), (0.001, 300, None), (0.001, 2995, 0), (1.0, 9, 9)]
)
def test_the_most_that_demonstrate_a_rate(rate, n, expected):
    assert stats.at_most(rate, n) == expected


def test_0_of_2994_does_not_demonstrate_one_in_a_thousand():
    assert stats.at_most(0.001, 2994) is None


@pytest.mark.parametrize(
    ("n", "points"), [(100, 11.9), (300, 6.9), (1000, 3.8), (4000, 1.9)]
)  # fmt: skip
def test_sizes_without_pairs_are_the_published_ones(n, points):
    assert stats.unpaired_size(points / 100, 0.9) == pytest.approx(n, rel=0.04)


@pytest.mark.parametrize(("n", "points"), [(300, 3.6), (1000, 2.0), (4000, 1.0)])
def test_sizes_of_pairs_are_the_published_ones(n, points):
    """The one for 100 pairs, 6.3 points, is more than the 5 % of pairs that differ could make."""
    assert stats.paired_size(points / 100, 0.05) == pytest.approx(n, rel=0.06)


@pytest.mark.parametrize(("margin", "discordant"), [(0.03, 0.1), (0.1, 0.2), (0.05, 0.05)])
def test_the_size_of_pairs_is_the_least_that_the_exact_test_needs(margin, discordant):
    n = stats.paired_size(margin, discordant)
    assert stats.mcnemar_power(n - 1, margin, discordant) < 0.8
    assert 0.8 <= stats.mcnemar_power(n, margin, discordant) < 0.81


@pytest.mark.parametrize(("margin", "discordant"), [(0.03, 0.1), (0.1, 0.1), (0.05, 0.3)])
def test_the_usual_formula_falls_short_of_the_exact_test(margin, discordant):
    factor = norm.ppf(0.975) + norm.ppf(0.8)
    n = int(np.ceil((discordant - margin**2) * (factor / margin) ** 2))
    assert 0.72 < stats.mcnemar_power(n, margin, discordant) < 0.79
    assert n < stats.paired_size(margin, discordant) < 1.15 * n


@pytest.mark.parametrize(("n", "margin", "discordant"), [(12, 0.3, 0.5), (30, 0.2, 0.2)])
def test_the_power_of_pairs_is_that_of_every_table(n, margin, discordant):
    only_b, only_a = (discordant + margin) / 2, (discordant - margin) / 2
    power = sum(
        multinomial.pmf([a, b, n - a - b], n, [only_a, only_b, 1 - discordant])
        for a in range(n + 1)
        for b in range(n + 1 - a)
        if stats.mcnemar(a, b) <= 0.05
    )
    assert stats.mcnemar_power(n, margin, discordant) == pytest.approx(power, abs=1e-9)


def test_the_size_without_pairs_has_its_power_in_every_table():
    """Of the test of two proportions, over all pairs of counts."""
    n, margin = stats.unpaired_size(0.1, 0.8), 0.1
    x = np.arange(n + 1)
    a, b = binom.pmf(x, n, 0.75), binom.pmf(x, n, 0.85)
    pooled = (x[:, None] + x) / (2 * n)
    error = np.sqrt(np.maximum(2 * pooled * (1 - pooled) / n, 1e-12))
    found = np.abs(x[:, None] - x) / n / error > norm.ppf(0.975)
    assert margin == pytest.approx(0.85 - 0.75)
    assert float(a @ found @ b) == pytest.approx(0.8, abs=0.02)


def test_a_design_effect_counts_each_item_by_the_size_of_its_cluster():
    assert stats.design_effect([10] * 5, 0.3) == pytest.approx(3.7)
    assert stats.design_effect([1] * 5, 0.3) == 1
    assert stats.design_effect([1, 3], 1) == pytest.approx(10 / 4)
    with pytest.raises(ValueError, match="no items"):
        stats.design_effect([], 0.1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        stats.design_effect([3], 1.2)


def test_a_detectable_difference_is_found_with_its_power():
    n, level = 400, 0.95
    rng = np.random.default_rng(8)
    interval = stats.paired_proportions(*_pairs(rng, n, 0.1, 0.1), level=level).interval
    margin = stats.detectable(interval, 0.8)
    found = sum(
        stats.mcnemar(*_counts(*_pairs(rng, n, 0.1 - margin / 2, 0.1 + margin / 2))) < 0.05
        for _ in range(300)
    )
    assert 0.7 < found / 300 < 0.9


def _pairs(rng, n, only_a, only_b):
    kind = rng.choice(3, size=n, p=[only_a, only_b, 1 - only_a - only_b])
    return (kind == 0).astype(float), (kind == 1).astype(float)


def _counts(a, b):
    return int(((a == 1) & (b == 0)).sum()), int(((b == 1) & (a == 0)).sum())


def test_impossible_questions_are_refused():
    with pytest.raises(ValueError, match="margin above 0"):
        stats.paired_size(0.2, 0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.unpaired_size(0.1, 1.2)
    with pytest.raises(ValueError, match="power"):
        stats.paired_size(0.1, 0.2, power=1.0)
