"""Confidence, Brier score and correctness of a choice by log-likelihood, by hand."""

from __future__ import annotations

import math

import pytest

from evalharness.errors import ScorerError
from evalharness.scorers.calibration import Calibration
from evalharness.scorers.choice import Choice
from tests.scorers.driving import outcome, said, sample, weighed


def test_by_hand():
    """Likelihoods 3 : 1 : 0.001 of sum 4.001, the second is right."""
    item = sample("a", "b", "c", answer=1)
    found = outcome(Calibration(), item, weighed(math.log(3), math.log(1), math.log(0.001)))
    shares = [3 / 4.001, 1 / 4.001, 0.001 / 4.001]
    assert found.scores["confidence"] == pytest.approx(shares[0])
    assert found.scores["correct"] == 0
    brier = shares[0] ** 2 + (shares[1] - 1) ** 2 + shares[2] ** 2
    assert found.scores["brier"] == pytest.approx(brier)
    assert found.answer == "a"


@pytest.mark.parametrize("count", [2, 4])
def test_no_preference_is_calibrated(count):
    """1 - 1/k, and right as often as a fair draw would be."""
    item = sample(*"abcd"[:count], answer=0)
    found = outcome(Calibration(), item, weighed(*[-7.0] * count))
    assert found.scores["brier"] == pytest.approx(1 - 1 / count)
    assert found.scores["confidence"] == found.scores["correct"] == pytest.approx(1 / count)
    assert found.answer is None


def test_certain_and_wrong_is_the_worst_and_no_more():
    item = sample("a", "b", answer=0)
    assert outcome(Calibration(), item, weighed(-5000.0, -1.0)).scores["brier"] == 2.0
    assert outcome(Calibration(), item, weighed(-1.0, -5000.0)).scores["brier"] == 0.0


def test_by_characters_the_choice_is_that_of_the_base():
    """Sums -4 and -6 over 2 and 6 characters: -2 and -1 a character, so the longer one wins."""
    item = sample("ab", "abcdef", answer=1)
    found = outcome(Calibration("characters"), item, weighed(-4.0, -6.0))
    plain = outcome(Calibration(), item, weighed(-4.0, -6.0))
    assert found.answer == outcome(Choice("characters"), item, weighed(-4.0, -6.0)).answer
    assert found.scores["correct"] == 1
    assert found.scores["confidence"] == pytest.approx(1 / (1 + math.exp(-1)))
    assert plain.scores["correct"] == 0


def test_an_answer_in_words_says_nothing_of_certainty():
    with pytest.raises(ScorerError, match="finite log-likelihoods"):
        outcome(Calibration(), sample("a", "b", answer=0), said("A"))
    with pytest.raises(ScorerError, match="no answer to compare with"):
        outcome(Calibration(), sample("a", "b"), weighed(-1.0, -2.0))
