"""Figures are written with their unit, their sign, and no more digits than n supports."""

from __future__ import annotations

import pytest

from evalharness.reports import numbers
from evalharness.reports.numbers import Quantity

SHARE = (0.0, 1.0)


@pytest.mark.parametrize(
    ("value", "n", "written"),
    [
        (0.6214, 817, "62.1\u00a0%"),
        (0.285, 1000, "28.5\u00a0%"),
        (0.00005, 20000, "<0.1\u00a0%"),
        (0.99999, 20000, ">99.9\u00a0%"),
        (0.009, 1000, "0.9\u00a0%"),  # a peer prints 0 % for 9 of 1000, and 28 % for 29 of 100
        (0.29, 100, "29.0\u00a0%"),
        (0.125, 8, "13\u00a0%"),
        (0.001, 50, "<1\u00a0%"),
        (0.0, 50, "0\u00a0%"),
        (1.0, 5000, "100.0\u00a0%"),
    ],
)
def test_proportion_is_percent_with_the_digits_that_n_supports(
    value: float, n: int, written: str
) -> None:
    assert Quantity("proportion", SHARE, n).value(value) == written


@pytest.mark.parametrize(
    ("value", "limit", "n", "written"),
    [
        # "at most 5 %; demonstrated: no: 5 %" contradicts itself
        (0.05034, 0.05, 58, "5.03\u00a0%"),
        (0.04966, 0.05, 58, "4.97\u00a0%"),
        (0.05, 0.05, 58, "5\u00a0%"),
        (0.0617, 0.05, 58, "6\u00a0%"),
        (0.0500001, 0.05, 20000, "5.00001\u00a0%"),
        (0.004, 0.005, 58, "0.4\u00a0%"),
        (0.004, 0.05, 58, "<1\u00a0%"),
        (0.996, 0.995, 58, "99.6\u00a0%"),
        (0.0, 0.005, 58, "0\u00a0%"),
    ],
)
def test_a_figure_beside_its_limit_shows_on_which_side_it_is(
    value: float, limit: float, n: int, written: str
) -> None:
    assert Quantity("proportion", SHARE, n).beside(value, limit) == written


def test_spans_use_an_en_dash_and_one_unit() -> None:
    assert Quantity("proportion", SHARE, 817).span(0.621, 0.784) == "62.1–78.4\u00a0%"
    assert Quantity("proportion", SHARE, 50).span(0.0, 0.0713) == "0–7\u00a0%"


def test_percentage_points_carry_their_sign_whether_stored_as_shares_or_points() -> None:
    share = Quantity("percentage points", (-1.0, 1.0), 500)
    points = Quantity("percentage points", (-100.0, 100.0), 500)
    assert share.value(-0.062) == points.value(-6.2) == "−6.2\u00a0percentage points"
    assert share.value(0.03) == "+3.0\u00a0percentage points"
    assert share.value(0.0) == "0.0\u00a0percentage points"
    assert points.span(-9.1, 3.3) == "−9.1 to +3.3\u00a0percentage points"


def test_other_units_have_three_significant_digits_and_share_their_last_one() -> None:
    assert Quantity("bits", (0, 8), 300).value(2.3456) == "2.35\u00a0bits"
    assert Quantity("bits", (0, 9999), 300).value(1234.5) == "1,235\u00a0bits"
    together = Quantity("correlation", (-1, 1), 300, (0.083, -0.02, 0.185))
    assert together.value(0.083) == "0.083"
    assert together.span(-0.02, 0.185) == "−0.020 to 0.185"
    assert Quantity("bits", (0, 8), 9, (0.0004, 2.5)).number(0.0004) == "0.0004"


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.91234, "0.912"), (1.0, "1.00"), (0.0, "0"), (-2.5, "−2.50"), (12345.0, "12,345")],
)
def test_significant(value: float, written: str) -> None:
    assert numbers.significant(value) == written


def test_a_score_that_is_no_number_is_said() -> None:
    assert numbers.significant(float("nan")) == "not a number"


def test_levels_and_marks() -> None:
    assert numbers.level(0.95) == "95\u00a0%"
    assert numbers.level(0.975) == "97.5\u00a0%"
    assert Quantity("proportion", SHARE, 10).mark(0.5) == "50\u00a0%"
    assert Quantity("bits", (0, 8), 10).mark(8.0) == "8"
    assert Quantity("correlation", (-1, 1), 10).mark(-1.0) == "−1"
