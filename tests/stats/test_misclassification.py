"""Rates behind an imperfect judge: the published example, a worked interval, coverage."""

from __future__ import annotations

import numpy as np
import pytest

from evalharness import stats
from evalharness.stats import Calibration


def test_five_percent_seen_by_an_imperfect_judge_are_2_4_percent():
    """standards.md, section 7: sensitivity .85, specificity .97."""
    found = stats.corrected_rate(50, 1000, Calibration(85, 100, 97, 100))
    assert round(100 * found.value, 1) == 2.4


def test_the_interval_by_hand():
    # z = 1.959964: p (30 + 1.92073) / (100 + 3.84146) = .30740; q1 46/52, q0 91/102
    p, q1, q0 = 31.92073 / 103.84146, 46 / 52, 91 / 102
    rate = (p + q0 - 1) / (q0 + q1 - 1)
    of_q1, of_q0 = q1 * (1 - q1) / 52, q0 * (1 - q0) / 102
    shift = 2 * 3.84146 * (rate * of_q1 - (1 - rate) * of_q0)
    error = (p * (1 - p) / 103.84146 + (1 - rate) ** 2 * of_q0 + rate**2 * of_q1) ** 0.5
    error /= q0 + q1 - 1
    found = stats.corrected_rate(30, 100, Calibration(45, 50, 90, 100)).interval
    assert found.low == pytest.approx(rate + shift - 1.959964 * error, abs=1e-5)
    assert found.high == pytest.approx(rate + shift + 1.959964 * error, abs=1e-5)
    assert found.method == "lang-reiczigel"


def test_the_calibration_s_size_is_in_the_interval():
    def width(size):
        part = Calibration(int(0.9 * size), size, int(0.9 * size), size)
        found = stats.corrected_rate(300, 1000, part).interval
        return found.high - found.low

    assert width(20) > 2 * width(2000)
    # with much calibration it is the sampling error of the rate over Youden's index
    assert width(200_000) == pytest.approx(2 * 1.96 * (0.3 * 0.7 / 1000) ** 0.5 / 0.8, rel=0.02)


def test_what_leaves_the_range_is_clipped_and_says_so():
    found = stats.corrected_rate(5, 100, Calibration(90, 100, 90, 100))
    assert found.value == 0
    assert found.notes == ("clipped: the correction gives -0.0625",)
    assert found.interval.low == 0
    assert found.interval.high > 0


def test_a_calibration_that_does_not_fit_gives_no_interval():
    """One call in ten is the judge's error, and yet there was none in a hundred."""
    found = stats.corrected_rate(0, 100, Calibration(90, 100, 90, 100))
    assert found.interval is None
    assert found.notes[1].startswith(
        "no interval: the judge's errors alone give more than was seen"
    )


def test_a_judge_no_better_than_chance_gives_no_rate():
    found = stats.corrected_rate(40, 100, Calibration(50, 100, 50, 100))
    assert (found.value, found.interval) == (None, None)
    assert found.notes == ("the judge agrees no better than chance",)


def test_a_peer_s_clipped_zero_has_an_interval():
    """garak: 3 of 30 called at a specificity of .75 became 0 with the interval (0, 0)."""
    found = stats.corrected_rate(3, 30, Calibration(90, 100, 75, 100))
    assert found.value == 0
    assert found.notes == ("clipped: the correction gives -0.2308",)
    assert found.interval.low == 0
    assert found.interval.high > 0.05


def test_labels_of_the_very_items_narrow_the_interval():
    """With every item labelled nothing is left but the share's own error, Wilson's or nearly."""
    every = Calibration(240, 300, 640, 700)
    found = stats.corrected_rate(300, 1000, every, among=1000)
    plain = stats.wilson(300, 1000, 0.95)
    assert found.value == pytest.approx(0.3)
    assert found.interval.low == pytest.approx(plain.low, abs=2e-3)
    assert found.interval.high == pytest.approx(plain.high, abs=2e-3)
    apart = stats.corrected_rate(300, 1000, every).interval
    assert apart.high - apart.low > 1.5 * (found.interval.high - found.interval.low)
    assert found.interval.method == "lang-reiczigel, of the same items"


@pytest.mark.parametrize("true_rate", [0.1, 0.3])
def test_the_interval_covers_where_the_labelled_are_a_draw_of_the_same_items(true_rate):
    rng = np.random.default_rng(7)
    hit, rounds, n, labelled = 0, 400, 400, 150
    for _ in range(rounds):
        truth = rng.random(n) < true_rate
        called = np.where(truth, rng.random(n) < 0.85, rng.random(n) < 0.08)
        yes, said = truth[:labelled], called[:labelled]
        part = Calibration(
            int((yes & said).sum()), int(yes.sum()), int((~yes & ~said).sum()), int((~yes).sum())
        )
        found = stats.corrected_rate(int(called.sum()), n, part, among=n).interval
        hit += found.low <= true_rate <= found.high
    # of 400 at 95 %, 365 or more; too wide an interval would hold all but a handful
    assert 365 <= hit <= 396


def test_an_effective_size_is_no_whole_number():
    found = stats.corrected_rate(2.5, 25.5, Calibration(17.2, 20.1, 38.0, 40.0))
    assert found.n == 26
    assert found.interval.high - found.interval.low > 0.1


@pytest.mark.parametrize("true_rate", [0.05, 0.3])
def test_the_interval_covers(true_rate):
    rng = np.random.default_rng(5)
    q1, q0, hit, rounds = 0.85, 0.95, 0, 400
    for _ in range(rounds):
        called = rng.binomial(500, true_rate * q1 + (1 - true_rate) * (1 - q0))
        part = Calibration(rng.binomial(100, q1), 100, rng.binomial(200, q0), 200)
        found = stats.corrected_rate(int(called), 500, part).interval
        hit += found.low <= true_rate <= found.high
    # 400 rounds at 95 %: 365 or more with a chance of 99.9 %
    assert hit >= 365


def test_without_a_calibration_of_these_items_there_is_a_range():
    low, high = stats.sensitivity_range(50, 1000, (0.8, 0.9), (0.96, 0.98))
    assert low == pytest.approx((0.05 - 0.04) / (0.9 + 0.96 - 1))
    assert high == pytest.approx((0.05 - 0.02) / (0.8 + 0.98 - 1))
    with pytest.raises(ValueError, match="no better than chance"):
        stats.sensitivity_range(5, 10, (0.4, 0.9), (0.5, 0.9))


def test_a_calibration_needs_items_of_both_kinds():
    with pytest.raises(ValueError, match="0 of 0 negative"):
        Calibration(1, 2, 0, 0)
    with pytest.raises(ValueError, match="3 of 2 positive"):
        Calibration(3, 2, 1, 1)
