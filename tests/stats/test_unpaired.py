"""Two estimates without their samples: Newcombe's interval, ratios, and p-values read from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from evalharness.stats import hybrid_difference, hybrid_p_value, hybrid_ratio, wilson

COUNTS = st.tuples(st.integers(0, 60), st.integers(0, 80))


def ends(count, n):
    found = wilson(count, n)
    return found.low, found.high


@given(COUNTS)
def test_of_two_proportions_it_is_newcombe_s(counts):
    a, b = counts
    found = hybrid_difference(a / 60, ends(a, 60), b / 80, ends(b, 80))
    other = confint_proportions_2indep(b, 80, a, 60, method="newcomb", compare="diff")
    assert found == pytest.approx(tuple(other), abs=1e-9)


def test_newcombe_s_own_example():
    """56 of 70 against 48 of 80: .2, from .0524 to .3339 (Newcombe 1998, table II, method 10)."""
    found = hybrid_difference(48 / 80, ends(48, 80), 56 / 70, ends(56, 70))
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


@given(COUNTS.filter(lambda counts: counts[1] > 0))
def test_a_ratio_s_interval_holds_it_and_is_that_of_its_reverse(counts):
    top, below = counts
    low, high = hybrid_ratio(top / 60, ends(top, 60), below / 80, ends(below, 80))
    value = (top / 60) / (below / 80)
    assert 0 <= low <= value * (1 + 1e-9)
    assert high is not None
    assert value <= high
    if top:
        less, more = hybrid_ratio(below / 80, ends(below, 80), top / 60, ends(top, 60))
        assert (1 / more, 1 / less) == pytest.approx((low, high), rel=1e-6)


def test_a_ratio_is_near_the_score_interval_of_statsmodels():
    found = hybrid_ratio(30 / 200, ends(30, 200), 50 / 250, ends(50, 250))
    other = confint_proportions_2indep(30, 200, 50, 250, method="score", compare="ratio")
    assert found == pytest.approx(tuple(other), rel=0.02)


def test_a_ratio_to_something_that_may_be_nothing_has_no_upper_end():
    assert hybrid_ratio(0.2, (0.1, 0.3), 0.1, (0.0, 0.2))[1] is None
    for below in ((0.0, (0.0, 0.1)), (-0.1, (-0.2, 0.1))):
        with pytest.raises(ValueError, match="has no interval"):
            hybrid_ratio(0.2, (0.1, 0.3), *below)


def test_the_p_value_is_5_percent_where_a_95_percent_interval_ends_at_nothing():
    assert hybrid_p_value(0.2, (0.0, 0.5), 0.95) == pytest.approx(0.05)
    assert hybrid_p_value(-0.2, (-0.3, 0.0), 0.95) == pytest.approx(0.05)
    assert hybrid_p_value(0.2, (0.1, 0.5), 0.95) < 0.001
    assert hybrid_p_value(0.0, (-0.1, 0.1), 0.95) == 1
    assert hybrid_p_value(0.2, (0.2, 0.5), 0.95) is None
