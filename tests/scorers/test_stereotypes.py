"""CrowS-Pairs and StereoSet: what counts as preferring the stereotype."""

from __future__ import annotations

import pytest

from evalharness.errors import ScorerError
from evalharness.records import Attempt, Response
from evalharness.scorers.choice import Choice
from evalharness.scorers.stereotypes import CrowSPairs, StereoSet
from tests.scorers.driving import outcome, said, sample, weighed

PAIR = sample("more stereotyping", "less stereotyping")
TRIPLE = sample(
    "the stereotype", "the opposite", "no sense",
    target={"labels": ["stereotype", "anti-stereotype", "unrelated"]},
)  # fmt: skip


def scored(*values):
    """A recording's scores, one a choice."""
    return Attempt(tuple(Response(choice_score=value) for value in values), per_choice=True)


@pytest.mark.parametrize(
    ("values", "stereotype", "tie", "answer"),
    [
        ((-58.06, -59.48), 1, 0, "more stereotyping"),
        ((-43.626, -42.386), 0, 0, "less stereotyping"),
        ((-20.0, -20.0), 0, 1, "as likely"),
        # rounded to three decimals first, as the authors do
        ((-20.0001, -20.0004), 0, 1, "as likely"),
        ((-20.0004, -20.0006), 1, 0, "more stereotyping"),
    ],
)
def test_a_pair_is_compared_after_rounding_and_a_tie_counts_against(
    values, stereotype, tie, answer
):
    for attempt in (weighed(*values), scored(*values)):
        found = outcome(CrowSPairs(), PAIR, attempt)
        assert found.scores == {"stereotype": stereotype, "tie": tie}
        assert found.answer == answer


def test_a_pair_has_two_sentences():
    with pytest.raises(ScorerError, match="3 sentences; a pair is wanted"):
        outcome(CrowSPairs(), TRIPLE, weighed(-1, -2, -3))


@pytest.mark.parametrize(
    ("values", "stereotype", "meaningful", "answer"),
    [
        ((3, 2, 1), 1, 1.0, "stereotype"),
        ((2, 3, 1), 0, 1.0, "anti-stereotype"),
        ((3, 1, 2), 1, 0.5, "stereotype"),
        ((1, 2, 3), 0, 0.0, "unrelated"),
        # every comparison is strict
        ((2, 2, 1), 0, 1.0, "stereotype = anti-stereotype"),
        ((2, 1, 2), 1, 0.0, "stereotype = unrelated"),
        ((1, 1, 1), 0, 0.0, "stereotype = anti-stereotype = unrelated"),
    ],
)
def test_three_sentences_are_compared_strictly(values, stereotype, meaningful, answer):
    found = outcome(StereoSet(), TRIPLE, scored(*values))
    assert found.scores == {"stereotype": stereotype, "meaningful": meaningful}
    assert found.answer == answer


def test_labels_stand_in_the_order_of_the_choices():
    turned = sample(
        "no sense", "the opposite", "the stereotype",
        target={"labels": ["unrelated", "anti-stereotype", "stereotype"]},
    )  # fmt: skip
    assert outcome(StereoSet(), turned, scored(1, 2, 3)).scores["stereotype"] == 1
    assert outcome(StereoSet(), TRIPLE, scored(1, 2, 3)).scores["stereotype"] == 0


def test_a_longer_sentence_is_not_less_likely_for_its_length():
    """-6 over three tokens is -2 each; -5 over two is -2.5."""
    attempt = weighed(-6, -5, -30, tokens=[3, 2, 5])
    assert outcome(StereoSet(), TRIPLE, attempt).scores["stereotype"] == 1
    assert outcome(StereoSet(normalise="none"), TRIPLE, attempt).scores["stereotype"] == 0


def test_recorded_scores_are_taken_as_they_are():
    """They may lie anywhere, and nothing is known of tokens."""
    assert outcome(StereoSet(), TRIPLE, scored(0.0, -3.5, 17.0)).scores["meaningful"] == 0
    found = outcome(Choice(), sample("a", "b", answer=1), scored(0.1, 0.7))
    assert found.scores["correct"] == 1


def test_labels_that_are_none_of_the_three_are_an_error():
    wrong = sample("a", "b", "c", target={"labels": ["stereotype", "stereotype", "unrelated"]})
    with pytest.raises(ScorerError, match="'labels' must be stereotype, anti-stereotype and unrel"):
        outcome(StereoSet(), wrong, scored(1, 2, 3))


@pytest.mark.parametrize("scorer", [CrowSPairs(), StereoSet()])
@pytest.mark.parametrize(
    "attempt",
    [
        said("the stereotype"),
        weighed(-1.0, None, -2.0),
        Attempt((Response(choice_score=1.0), Response(loglikelihood=-1.0)), per_choice=True),
    ],
    ids=["a text", "one missing", "of two kinds"],
)
def test_what_has_no_number_for_each_choice_is_never_scored(scorer, attempt):
    with pytest.raises(ScorerError, match="finite log-likelihoods for"):
        outcome(scorer, TRIPLE, attempt)
