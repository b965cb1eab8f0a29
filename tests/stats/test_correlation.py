"""Correlations against scipy, hand-computed figures and simulation."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats as reference

from evalharness.stats import Estimate, pearson, spearman

Method = Callable[..., Estimate]
BOTH = pytest.mark.parametrize("method", [pearson, spearman])


def pairs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return x, 0.5 * x + rng.normal(size=n)


def test_pearson_is_that_of_scipy() -> None:
    x, y = pairs(40, 1)
    found, other = pearson(x, y, level=0.9), reference.pearsonr(x, y)
    ends = other.confidence_interval(0.9)
    assert found.interval is not None
    assert found.value == pytest.approx(other.statistic)
    assert (found.interval.low, found.interval.high) == pytest.approx((ends.low, ends.high))
    assert found.interval.method == "fisher z"


def test_fisher_by_hand() -> None:
    # r = .5, n = 28: z = .549306 +- 1.959964 / 5
    x = np.concatenate([[1, 1, 1, 1], np.zeros(20), [-1, -1, -1, -1]])
    y = np.concatenate([[1, 1, 0, 0], np.ones(2), -np.ones(2), np.zeros(16), [-1, -1, 0, 0]])
    found = pearson(x, y)
    r = 4 / math.sqrt(8 * 8)
    assert found.value == pytest.approx(r)
    assert found.interval is not None
    z = 0.549306
    assert found.interval.low == pytest.approx(math.tanh(z - 0.391993), abs=1e-6)
    assert found.interval.high == pytest.approx(math.tanh(z + 0.391993), abs=1e-6)


def test_spearman_is_that_of_scipy_with_ties() -> None:
    x, y = pairs(50, 2)
    x, y = x.round(1), y.round(0)
    found = spearman(x, y)
    assert found.value == pytest.approx(reference.spearmanr(x, y).statistic)
    assert found.interval is not None
    half = 1.959963985 * math.sqrt((1 + found.value**2 / 2) / 47)
    assert math.atanh(found.interval.high) - math.atanh(found.value) == pytest.approx(half)
    assert found.interval.method == "fisher z, bonett-wright"


@BOTH
def test_clusters_give_a_jackknife_over_clusters(method: Method) -> None:
    x, y = pairs(60, 3)
    clusters = np.repeat(np.arange(60), 5)
    repeated = method(x[clusters], y[clusters], clusters)
    once = method(x, y)
    assert repeated.interval is not None
    assert once.interval is not None
    assert repeated.value == pytest.approx(once.value)
    assert repeated.interval.method == "jackknife of fisher z over clusters"
    assert repeated.n_clusters == 60
    # five copies of each pair know no more than one
    ignoring = method(x[clusters], y[clusters]).interval
    assert ignoring is not None
    width = repeated.interval.high - repeated.interval.low
    assert width > 1.5 * (ignoring.high - ignoring.low)
    assert width == pytest.approx(once.interval.high - once.interval.low, rel=0.25)
    assert method(x, y, np.arange(60)).interval == once.interval


def test_the_jackknife_leaves_each_cluster_out_once() -> None:
    x, y = pairs(40, 6)
    clusters = np.repeat(np.arange(20), 2)
    kept = [clusters != out for out in range(20)]
    z = np.array([math.atanh(reference.pearsonr(x[k], y[k]).statistic) for k in kept])
    error = math.sqrt(19 / 20 * ((z - z.mean()) ** 2).sum())
    found = pearson(x, y, clusters)
    assert found.interval is not None
    half = reference.t.ppf(0.975, 19) * error
    assert math.atanh(found.interval.high) == pytest.approx(math.atanh(found.value or 0) + half)


@BOTH
@pytest.mark.parametrize(
    ("x", "y", "note"),
    [
        ([], [], "n is 0"),
        ([1, 2], [2, 1], "n is 2: a correlation needs 3 pairs"),
        ([1, 1, 1, 1], [1, 2, 3, 4], "all 4 values of x are equal: no correlation"),
        ([1, 2, 3, 4], [0.1] * 4, "all 4 values of y are equal: no correlation"),
    ],
)
def test_no_correlation_has_a_reason(
    method: Method, x: list[float], y: list[float], note: str
) -> None:
    found = method(x, y)
    assert (found.value, found.interval) == (None, None)
    assert found.notes[0].startswith(note)


@BOTH
def test_no_interval_has_a_reason(method: Method) -> None:
    three = method([1, 2, 3], [1, 3, 2])
    assert (three.value, three.interval) == (pytest.approx(0.5), None)
    assert three.notes == ("n is 3: an interval needs 4 pairs",)
    perfect = method([1, 2, 3, 4, 5], [5, 4, 3, 2, 1])
    assert (perfect.value, perfect.interval) == (pytest.approx(-1), None)
    assert "correlation is -1" in perfect.notes[0]


@BOTH
def test_swapping_sides_changes_nothing(method: Method) -> None:
    x, y = pairs(12, 4)
    assert method(x, y) == method(y, x)
    mirrored, found = method(-x, y).interval, method(x, y).interval
    assert mirrored is not None
    assert found is not None
    assert mirrored.low == pytest.approx(-found.high)


def test_a_side_that_varies_in_one_cluster_alone_has_no_interval() -> None:
    clusters = np.repeat(np.arange(10), 2)
    x = np.zeros(20)
    x[0] = 1
    found = pearson(x, np.arange(20.0), clusters)
    assert found.value is not None
    assert found.interval is None
    assert found.notes[0].startswith("no interval: without one of the clusters")
    assert pearson(x, np.arange(20.0), np.zeros(20, dtype=int)).notes[0].startswith("all units")


def test_faulty_input_is_named() -> None:
    with pytest.raises(ValueError, match="x has 2 values, y has 3"):
        pearson([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match=r"y\[1\] is nan"):
        spearman([1, 2], [1, math.nan])


def test_coverage() -> None:
    """50 normal pairs with r = .5; Spearman's is then 6/pi arcsin(r/2)."""
    rng = np.random.default_rng(17)
    truths = {pearson: 0.5, spearman: 6 / math.pi * math.asin(0.25)}
    hits = dict.fromkeys(truths, 0)
    for _ in range(1000):
        x = rng.normal(size=50)
        y = 0.5 * x + math.sqrt(0.75) * rng.normal(size=50)
        for method, truth in truths.items():
            found = method(x, y).interval
            assert found is not None
            hits[method] += found.low <= truth <= found.high
    assert all(0.93 <= hit / 1000 <= 0.975 for hit in hits.values())
