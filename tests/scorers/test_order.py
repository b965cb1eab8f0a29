"""The scorer of a data set's order."""

from __future__ import annotations

import pytest

from evalharness.errors import ScorerError
from evalharness.records import Attempt, OutcomeKind, Response
from evalharness.scorers.order import Order
from tests.scorers.driving import drive, sample


def scored(*values):
    item = sample(*[f"text {n}" for n in range(len(values))])
    attempt = Attempt(tuple(Response(loglikelihood=v) for v in values), per_choice=True)
    _, (found,) = drive(Order(), item, attempt, [])
    return found


def test_advantage_and_rank_by_hand():
    found = scored(-10.0, -12.0, -9.0, -10.0)
    assert found.kind is OutcomeKind.ANSWERED
    assert found.scores["advantage"] == pytest.approx(-10 - (-31 / 3))
    assert found.scores["rank"] == pytest.approx(1.5 / 3)
    assert found.answer == "likelier than 1.5 of 3"


def test_the_first_choice_is_the_own_order():
    assert scored(-1.0, -5.0).scores == {"advantage": 4.0, "rank": 1.0}
    assert scored(-5.0, -1.0).scores == {"advantage": -4.0, "rank": 0.0}


def test_a_log_likelihood_that_is_missing_is_an_error():
    with pytest.raises(ScorerError, match="1 finite log-likelihoods for 2 choices"):
        scored(-1.0, None)
