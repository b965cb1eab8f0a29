"""Binomial intervals against enumeration, published figures and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from statsmodels.stats.proportion import proportion_confint

from evalharness.stats import Interval, clopper_pearson, proportion, wilson

P_GRID = np.linspace(0.005, 0.995, 199)

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
levels = st.sampled_from([0.8, 0.9, 0.95, 0.99])


def coverage(intervals: list[Interval], n: int) -> np.ndarray:
    """Exact coverage at each p of the grid, by summing the binomial over all outcomes."""
    low = np.array([i.low for i in intervals])[:, None]
    high = np.array([i.high for i in intervals])[:, None]
    chances = binom.pmf(np.arange(n + 1)[:, None], n, P_GRID)
    return np.asarray((chances * ((low <= P_GRID) & (high >= P_GRID))).sum(axis=0))


@pytest.mark.parametrize("n", [*range(1, 61, 5), 60])
def test_clopper_pearson_covers_at_every_p(n: int) -> None:
    assert coverage([clopper_pearson(x, n) for x in range(n + 1)], n).min() >= 0.95
    upper = [clopper_pearson(x, n, sides=1, side="upper") for x in range(n + 1)]
    lower = [clopper_pearson(x, n, sides=1, side="lower") for x in range(n + 1)]
    assert coverage(upper, n).min() >= 0.95
    assert coverage(lower, n).min() >= 0.95


@pytest.mark.parametrize("n", [10, 20, 40, 60, 100, 300])
def test_wilson_covers_on_average_over_p(n: int) -> None:
    found = coverage([wilson(x, n) for x in range(n + 1)], n)
    assert 0.94 <= found.mean() <= 0.96
    assert found.min() >= 0.83  # near the ends at small n; docs/statistics.md prints it


@given(counts | st.tuples(st.just(1.7), st.floats(2, 500)), levels)
def test_the_intervals_are_those_of_statsmodels_to_the_last_bit(
    counted: tuple[float, float], level: float
) -> None:
    successes, n = counted
    for made, method in ((clopper_pearson, "beta"), (wilson, "wilson")):
        low, high = proportion_confint(successes, n, alpha=1 - level, method=method)
        found = made(successes, n, level)
        assert found.low == (max(0.0, low) if successes else 0.0)
        assert found.high == (min(1.0, high) if successes < n else 1.0)


def test_trap_48_nothing_of_fifty_is_not_zero() -> None:
    """Inspect's ci() of 0 of 50 is [0, 0], of 1 of 50 starts below 0, of 1 of 1 is [1, 1]."""
    assert clopper_pearson(0, 50).high == pytest.approx(0.071, abs=5e-4)
    assert clopper_pearson(0, 50, sides=1, side="upper").high == pytest.approx(0.058, abs=5e-4)
    assert wilson(1, 50).low > 0
    assert wilson(1, 1).low < 0.21


@pytest.mark.parametrize(
    ("successes", "n", "printed"), [(0, 50, "7.1"), (0, 300, "1.2"), (0, 1000, "0.37")]
)
def test_published_upper_limits(successes: int, n: int, printed: str) -> None:
    digits = len(printed.split(".")[1])
    assert f"{100 * clopper_pearson(successes, n).high:.{digits}f}" == printed


def test_900_of_1000_does_not_demonstrate_90_percent() -> None:
    claim = clopper_pearson(900, 1000, sides=1, side="lower")
    assert f"{100 * claim.low:.1f}" == "88.3"
    assert (claim.high, claim.sides) == (1.0, 1)


@pytest.mark.parametrize(("successes", "n", "rate"), [(916, 1000, 0.9), (292, 300, 0.95)])
def test_the_least_counts_that_demonstrate_a_rate(successes: int, n: int, rate: float) -> None:
    assert clopper_pearson(successes, n, sides=1, side="lower").low > rate
    assert clopper_pearson(successes - 1, n, sides=1, side="lower").low <= rate


def test_at_most_8_of_300_demonstrates_5_percent() -> None:
    assert clopper_pearson(8, 300, sides=1, side="upper").high < 0.05
    assert clopper_pearson(9, 300, sides=1, side="upper").high >= 0.05


@pytest.mark.parametrize("n", [1, 7, 50, 300])
def test_closed_forms_at_the_ends(n: int) -> None:
    z2 = 1.959963984540054**2
    assert clopper_pearson(0, n).high == pytest.approx(1 - 0.025 ** (1 / n), rel=1e-9)
    assert clopper_pearson(n, n).low == pytest.approx(0.025 ** (1 / n), rel=1e-9)
    assert wilson(0, n).high == pytest.approx(z2 / (n + z2), rel=1e-9)
    assert (wilson(0, n).low, wilson(n, n).high) == (0.0, 1.0)
    assert (clopper_pearson(0, n).low, clopper_pearson(n, n).high) == (0.0, 1.0)


def test_wilson_by_hand() -> None:
    # 8 of 10: centre (.8 + .19207) / 1.38415, half width 1.96 sqrt(.016 + .0096036) / 1.38415
    found = wilson(8, 10)
    assert (found.low, found.high) == pytest.approx((0.49016, 0.94332), abs=1e-5)
    assert (found.level, found.sides, found.method) == (0.95, 2, "wilson")


@pytest.mark.parametrize(("x", "n"), [(3, 17), (29, 30), (120, 400)])
def test_clopper_pearson_against_the_search_of_scipy(x: int, n: int) -> None:
    found, other = clopper_pearson(x, n, 0.9), binomtest(x, n).proportion_ci(0.9, "exact")
    assert (found.low, found.high) == pytest.approx((other.low, other.high), rel=1e-6)


@settings(derandomize=True, deadline=None)
@given(counts, levels)
def test_intervals_hold_the_estimate_and_stay_in_range(
    count: tuple[int, int], level: float
) -> None:
    x, n = count
    for found in (wilson(x, n, level), clopper_pearson(x, n, level)):
        assert 0 <= found.low <= x / n <= found.high <= 1
        assert found.low < found.high


@settings(derandomize=True, deadline=None)
@given(counts, levels)
def test_intervals_mirror_when_successes_and_failures_swap(
    count: tuple[int, int], level: float
) -> None:
    x, n = count
    for method in (wilson, clopper_pearson):
        found, mirror = method(x, n, level), method(n - x, n, level)
        assert found.low == pytest.approx(1 - mirror.high, abs=1e-9)
        assert found.high == pytest.approx(1 - mirror.low, abs=1e-9)


@settings(derandomize=True, deadline=None)
@given(counts, st.integers(2, 20))
def test_intervals_shrink_with_n(count: tuple[int, int], times: int) -> None:
    x, n = count
    for method in (wilson, clopper_pearson):
        small, large = method(x, n), method(x * times, n * times)
        assert large.high - large.low < small.high - small.low


@settings(derandomize=True, deadline=None)
@given(st.floats(0.05, 500), st.floats(0, 1))
def test_effective_sizes_may_be_real(n: float, p: float) -> None:
    for found in (wilson(p * n, n), clopper_pearson(p * n, n)):
        assert math.isfinite(found.low)
        assert found.low <= p + 1e-9
        assert found.high >= p - 1e-9


def test_a_real_size_lies_between_its_neighbours() -> None:
    ends = [clopper_pearson(0.1 * n, n).high for n in (20, 20.5, 21)]
    assert ends == sorted(ends, reverse=True)


@pytest.mark.parametrize("method", [wilson, clopper_pearson])
def test_impossible_counts_are_errors(method: type) -> None:
    for x, n in ((0, 0), (3, 2), (-1, 2), (1, math.nan), (math.nan, 2)):
        with pytest.raises(ValueError, match=r"n is|successes"):
            method(x, n)
    with pytest.raises(ValueError, match="confidence level"):
        method(1, 2, 95)


def test_a_side_goes_with_one_sided_bounds_only() -> None:
    with pytest.raises(ValueError, match="name the side"):
        clopper_pearson(1, 2, sides=1)
    with pytest.raises(ValueError, match="name the side"):
        clopper_pearson(1, 2, side="upper")
    with pytest.raises(ValueError, match="neither"):
        clopper_pearson(1, 2, sides=1, side="left")  # type: ignore[arg-type]


def test_a_proportion_has_both_intervals() -> None:
    found = proportion(45, 50, claim_side="lower")
    assert (found.value, found.n, found.n_clusters) == (0.9, 50, None)
    assert found.interval == wilson(45, 50)
    assert found.claim == clopper_pearson(45, 50, sides=1, side="lower")


def test_a_proportion_of_nothing_is_none_with_the_reason() -> None:
    found = proportion(0, 0)
    assert (found.value, found.interval, found.claim) == (None, None, None)
    assert found.notes == ("nothing was measured",)
    with pytest.raises(ValueError, match="n is 0"):
        proportion(1, 0)
