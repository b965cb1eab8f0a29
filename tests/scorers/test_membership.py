"""Attacks on a text from its tokens' log-likelihoods: by hand."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import ScorerError
from evalharness.records import Attempt, OutcomeKind, Response
from evalharness.scorers.membership import Membership
from tests.scorers.driving import outcome, said, sample

TEXT = "a text, and a text again"


def scored(*logprobs: float, k: float = 0.2, **more):
    item = sample(TEXT, target={"member": True, "blind": 0.25})
    response = Response(loglikelihood=sum(logprobs), token_logprobs=logprobs or None, **more)
    return outcome(Membership(k=k), item, Attempt((response,), per_choice=True))


def test_each_attack_by_hand():
    # ten tokens: 20 % are the two least likely, -8 and -6
    found = scored(-1, -8, -1, -1, -6, -1, -2, -3, -1, -1, token_zscores=(0, -3, *[1.0] * 7, -2))
    assert found.kind is OutcomeKind.ANSWERED
    assert found.scores == {
        "member": 1.0,
        "blind": 0.25,
        "loss": pytest.approx(-2.5),  # -25 / 10
        "zlib": pytest.approx(-2.5 / len(zlib.compress(TEXT.encode()))),
        "min_k": pytest.approx(-7.0),  # (-8 - 6) / 2
        "min_k_plus_plus": pytest.approx(-2.5),  # (-3 - 2) / 2
    }


@pytest.mark.parametrize(
    ("k", "expected"), [(0.1, -8), (0.25, -8), (0.5, -7), (0.99, -16 / 3), (1, -17 / 4)]
)
def test_the_share_of_tokens_is_rounded_down_and_never_none(k, expected):
    assert scored(-1, -8, -6, -2, k=k).scores["min_k"] == pytest.approx(expected)


def test_without_z_scores_there_is_no_min_k_plus_plus():
    assert "min_k_plus_plus" not in scored(-1.0, -2.0).scores


def test_a_model_that_gives_no_tokens_is_not_run():
    found = scored()
    assert found.kind is OutcomeKind.NOT_RUN
    assert found.scores == {}
    assert "single tokens" in str(found.reason)


@pytest.mark.parametrize("k", [0, -0.2, 1.5])
def test_a_share_is_above_0_and_at_most_1(k):
    with pytest.raises(ScorerError, match="membership: k is"):
        scored(-1.0, k=k)


def test_one_text_is_weighed():
    with pytest.raises(ScorerError, match="log-likelihood of one text"):
        outcome(Membership(), sample("a", "b"), said("a"))


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=30), st.floats(0.01, 1))
def test_the_least_likely_tokens_are_no_likelier_than_all(values, k):
    found = scored(*values, k=k).scores
    assert found["min_k"] <= found["loss"] + 1e-9
    assert min(values) - 1e-9 <= found["min_k"] <= max(values) + 1e-9
