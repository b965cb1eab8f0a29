"""Brier score and bias-corrected calibration error, by hand and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalharness.scorecard.metrics.calibration import BrierScore, CalibrationError
from tests.scorecard.test_metrics import answered, rows


def table(confidence, correct):
    pairs = zip(confidence, correct, strict=True)
    return rows(*[answered(f"s{n}", confidence=c, correct=r) for n, (c, r) in enumerate(pairs)])


def plain(found):
    """The uncorrected error, from the note."""
    return float(found.notes[0].partition("uncorrected: ")[2].rstrip(")"))


def test_the_brier_score_is_a_mean_with_a_t_interval():
    found = BrierScore().compute(
        rows(*[answered(f"s{n}", brier=b) for n, b in enumerate([0.0, 0.5, 1.0])]), 0.95
    )
    assert found.value == 0.5
    half = 4.302653 * 0.5 / math.sqrt(3)  # t with 2 degrees of freedom, s = 0.5
    assert found.interval.low == max(0, 0.5 - half)
    assert found.interval.high == pytest.approx(0.5 + half)


def test_two_bins_by_hand():
    """Low half: sure of .3, right in 5 of 20; high half: sure of .9, right in 20 of 20.

    Plain: (.05 + .1) / 2. The upper bin has no variance, and keeps its .1. The lower one has
    sigma = sqrt(.25 * .75 / 20) = .096825; E|N(.05, sigma)| = .087333 (folded normal), so chance
    adds .037333: ((.05 - .037333) + .1) / 2 = .056334.
    """
    found = CalibrationError(bins=2).compute(
        table([0.3] * 20 + [0.9] * 20, [1] * 5 + [0] * 15 + [1] * 20), 0.95
    )
    sigma, gap = math.sqrt(0.25 * 0.75 / 20), 0.05
    phi = 0.5 * (1 + math.erf(gap / sigma / math.sqrt(2)))
    folded = sigma * math.sqrt(2 / math.pi) * math.exp(-(gap**2) / (2 * sigma**2))
    folded += gap * (2 * phi - 1)
    assert plain(found) == pytest.approx(0.075, abs=5e-4)
    assert folded == pytest.approx(0.0873325, abs=1e-6)
    assert found.value == pytest.approx(((gap - (folded - gap)) + 0.1) / 2)
    assert (found.interval, found.n_measured) == (None, 40)
    assert "promises no coverage" in found.notes[0]


def test_chance_alone_is_taken_off():
    """A perfectly calibrated model, 200 samples, 15 bins: the plain error is far from 0.

    The corrected one is a third lower; that it is not 0 either is why it has no interval.
    """
    random = np.random.default_rng(3)
    corrected, uncorrected = [], []
    for _ in range(200):
        confidence = random.uniform(0.3, 1, 200)
        found = CalibrationError().compute(
            table(confidence, (random.random(200) < confidence).astype(float)), 0.95
        )
        corrected.append(found.value)
        uncorrected.append(plain(found))
    assert np.mean(uncorrected) > 0.07
    assert np.mean(corrected) < 0.68 * np.mean(uncorrected)


def test_a_known_error_is_found():
    """Always .2 too sure, 4,000 samples."""
    random = np.random.default_rng(4)
    confidence = random.uniform(0.5, 1, 4000)
    correct = (random.random(4000) < confidence - 0.2).astype(float)
    found = CalibrationError().compute(table(confidence, correct), 0.95)
    assert found.value == pytest.approx(0.2, abs=0.02)


def test_the_order_of_the_rows_changes_nothing():
    confidence = [0.5, 0.5, 0.5, 0.7, 0.5, 0.9] * 8
    correct = [1, 0, 1, 1, 0, 0, 0, 1] * 6
    one = CalibrationError(bins=3).compute(table(confidence, correct), 0.95)
    other = CalibrationError(bins=3).compute(table(confidence[::-1], correct[::-1]), 0.95)
    assert one.value == pytest.approx(other.value)


def test_few_samples_share_a_bin_and_none_have_no_value():
    """Fifteen bins of one sample each would have no variance to correct by."""
    few = CalibrationError().compute(table([0.5, 0.7], [1, 0]), 0.95)
    assert plain(few) == pytest.approx(0.1, abs=5e-4)
    assert CalibrationError().compute(table([0.8], [1]), 0.95).value == pytest.approx(0.2)
    found = CalibrationError().compute(rows(("a", "errored", {})), 0.95)
    assert (found.value, found.notes) == (None, ("nothing was measured",))
    assert (found.n_planned, found.n_measured) == (1, 0)
