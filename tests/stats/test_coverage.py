"""How often intervals hold the truth: the designs of benchmarks/coverage.py, fewer times.

The benchmark draws 2,000 and more and prints the table of docs/statistics.md; here a method that
stopped covering shows.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from evalharness import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
designs = importlib.import_module("designs")
sys.path.pop(0)

#: Draws of a design here; of one that resamples.
DRAWS, SLOW = 100, 20


def named(design):
    return f"{design.interval}, {design.design}"


@pytest.mark.parametrize("design", [d for d in designs.DESIGNS if d.inside], ids=named)
def test_in_the_declared_region_an_interval_holds_the_truth(design):
    draws = SLOW if design.slow else DRAWS
    share, absent = designs.covered(design, draws)
    hits = round(share * draws)
    assert absent == 0
    # of 93 and of 97 in 100, a chance of one in a thousand
    assert hits >= binom.ppf(0.001, draws, 0.93)
    assert design.safe or hits <= binom.ppf(0.999, draws, 0.97)


@pytest.mark.parametrize(
    ("m", "p", "inside"), [(30, 0.3, True), (40, 0.15, True), (25, 0.3, False), (40, 0.02, False)]
)
def test_an_estimate_outside_the_region_says_so(m, p, inside):
    values = designs.answers(np.random.default_rng(6), m, 20, p, 0.3)
    found = stats.clustered_proportion(values, np.repeat(np.arange(m), 20))
    assert any(map(stats.is_mark, found.notes)) != inside


@pytest.mark.parametrize("times", [1, 2])
def test_one_mark_for_one_reason(times):
    """Few clusters and few events: the first is said, and says enough."""
    found = stats.clustered_proportion([0, 1] * 10 * times, np.repeat(np.arange(10 * times), 2))
    assert sum(map(stats.is_mark, found.notes)) == 1


@pytest.mark.parametrize("p", [0.3, 0.1])
def test_plain_wilson_with_25_clusters_of_20_covers_53_to_57_percent(p):
    rng = np.random.default_rng(7)
    held = sum(
        (i := stats.wilson(int(designs.answers(rng, 25, 20, p, 0.3).sum()), 500)).low <= p <= i.high
        for _ in range(1000)
    )
    assert 0.53 - 0.05 < held / 1000 < 0.57 + 0.05


def test_cluster_t_and_bootstrap_fall_to_73_percent_at_a_rate_of_2_percent():
    """25 clusters of 20; where there is no variance there is no such interval to hold anything."""
    rng, p = np.random.default_rng(8), 0.02
    by_t = resampled = ours = 0
    for _ in range(300):
        values = designs.answers(rng, 25, 20, p, 0.3)
        clusters = np.repeat(np.arange(25), 20)
        interval = stats.mean(values, clusters).interval
        by_t += interval is not None and interval.low <= p <= interval.high
        means = values.reshape(25, 20).mean(axis=1)
        low, high = np.quantile(means[rng.integers(0, 25, (500, 25))].mean(axis=1), [0.025, 0.975])
        resampled += low <= p <= high
        claim = stats.clustered_proportion(values, clusters).claim
        ours += claim is not None and claim.low <= p <= claim.high
    assert 0.66 < by_t / 300 < 0.80
    assert 0.66 < resampled / 300 < 0.80
    assert ours / 300 > 0.83


def test_mcnemar_s_5_percent_become_26_with_25_templates_of_40():
    """Flipping whole clusters keeps the level."""
    draws = {f"{name}, {design}": draw for name, design, draw, _ in designs.TESTS}
    naive = draws["McNemar, ignoring the clusters, 25 templates of 40, ICC 0.3"]
    flipped = draws["sign flip over clusters, 25 templates of 40, ICC 0.3"]
    rng = np.random.default_rng(9)
    assert 0.2 < sum(naive(rng) for _ in range(400)) / 400 < 0.32
    assert sum(flipped(rng) for _ in range(20)) <= 5
