"""Variance within and between items: against scipy's analysis of variance, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f_oneway

from evalharness.stats import variance_components


def test_by_hand():
    found = variance_components([1, 0, 1, 1, 0, 0], ["a", "a", "b", "b", "c", "c"])
    # squares within .5 on 3 degrees of freedom; means .5, 1, 0 with variance .25
    assert found.within == pytest.approx(1 / 6)
    assert found.between == pytest.approx(0.25 - 1 / 12)
    assert found.repeats == 2
    # as if one item more had varied by .5
    assert found.share_within == pytest.approx(1 / 3 / 2 / 0.25)


@pytest.mark.parametrize("sizes", [(3, 3, 3, 3), (2, 5, 1, 4)])
def test_the_mean_squares_are_those_of_an_analysis_of_variance(sizes):
    rng = np.random.default_rng(3)
    items = np.repeat(np.arange(4), sizes)
    values = rng.normal(size=len(items)) + 2 * items
    found = variance_components(values, items)
    ratio = f_oneway(*(values[items == item] for item in range(4))).statistic
    n = len(items)
    effective = (n - np.square(sizes).sum() / n) / 3
    assert found.between == pytest.approx((ratio - 1) * found.within / effective)
    assert found.repeats == n / 4


def test_the_components_are_those_that_the_answers_were_drawn_with():
    rng = np.random.default_rng(4)
    items = np.repeat(np.arange(2000), rng.integers(1, 6, 2000))
    values = rng.normal(scale=2, size=2000)[items] + rng.normal(scale=3, size=len(items))
    found = variance_components(values, items)
    assert found.between == pytest.approx(4, rel=0.15)
    assert found.within == pytest.approx(9, rel=0.05)


@pytest.mark.parametrize("items", [["a", "b", "c"], ["a", "a", "a"]])
def test_one_item_or_no_repeat_tells_nothing(items):
    assert variance_components([1, 0, 1], items) is None


def test_no_difference_seen_is_no_certainty():
    """300 items, each alike three times: one item that varied may be missing from what was seen."""
    values, items = np.repeat([1.0, 0.0], 450), np.repeat(np.arange(300), 3)
    found = variance_components(values, items)
    assert found.within == 0
    assert 0 < found.share_within < 0.01
    assert variance_components(np.ones(900), items).share_within == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=40))
def test_properties(answers):
    values, items = np.array([v for _, v in answers], dtype=float), [i for i, _ in answers]
    found = variance_components(values, items)
    if found is None:
        assert len(set(items)) in {1, len(items)}
        return
    assert min(found.between, found.within) >= 0
    assert 0 < found.share_within <= 1
    assert found.repeats > 1
    more = variance_components(10 * values + 3, items)
    assert more.within == pytest.approx(100 * found.within, abs=1e-9)
    assert more.between == pytest.approx(100 * found.between, abs=1e-9)
