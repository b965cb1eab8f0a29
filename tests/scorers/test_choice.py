"""A choice: right or wrong, never a guess; log-likelihoods compared as declared."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import ScorerError
from evalharness.records import Attempt, OutcomeKind, Response
from evalharness.scorers.choice import Choice, Rating, TrueMass, loglikelihoods
from tests.scorers.driving import outcome, outcomes, said, sample, weighed

LETTERED = sample("dog", "cat", "fish", order=(2, 0, 1), answer=1)
TEXTED = sample("dog", "cat", "fish", answer=1)
RATED = sample("-100", "-50", "0", "50", "100", target={"human": -12.5})


@pytest.mark.parametrize(
    ("text", "kind", "correct", "answer"),
    [
        ("C", OutcomeKind.ANSWERED, 1.0, "cat"),
        ("A", OutcomeKind.ANSWERED, 0.0, "fish"),
        ("It is a cat.", OutcomeKind.ANSWERED, 1.0, "cat"),
        ("I'm sorry, but I can't help with that.", OutcomeKind.REFUSED, None, None),
        ("抱歉，我无法回答。", OutcomeKind.REFUSED, None, None),
        ("qzx vrrk 7#! blorp", OutcomeKind.UNPARSED, None, None),
        ("A or B", OutcomeKind.UNPARSED, None, None),
        ("E", OutcomeKind.UNPARSED, None, None),
        ("", OutcomeKind.EMPTY, None, None),
        (" \n\t", OutcomeKind.EMPTY, None, None),
        ("I'm sorry, I can't be sure, but the answer is C.", OutcomeKind.ANSWERED, 1.0, "cat"),
    ],
)
def test_an_answer_by_letter(text, kind, correct, answer):
    found = outcome(Choice(), LETTERED, said(text))
    assert (found.kind, found.scores.get("correct"), found.answer) == (kind, correct, answer)
    assert (found.reason is None) == (kind is OutcomeKind.ANSWERED)


def test_what_is_shown_listed_again_is_no_refusal_and_no_answer():
    text = "I cannot help: Which?\n\nA. fish\nB. dog\nC. cat\n"
    assert outcome(Choice(), LETTERED, said(text)).kind is OutcomeKind.UNPARSED


def test_a_letter_means_nothing_where_no_letters_were_shown():
    assert outcome(Choice(), TEXTED, said("B")).kind is OutcomeKind.UNPARSED
    assert outcome(Choice(), TEXTED, said("Cat.")).scores["correct"] == 1.0


def test_every_generation_has_its_own_outcome():
    found = outcomes(Choice(), LETTERED, said("C", "", "A", "hm"))
    assert [o.kind.value for o in found] == ["answered", "empty", "answered", "unparsed"]
    assert [o.scores.get("correct") for o in found] == [1.0, None, 0.0, None]


def test_wrong_and_not_read_are_two_things():
    """A peer passed any answer but "she", another failed "True." against "TRUE"."""
    item = sample("she", "he", answer=1)
    assert outcome(Choice(), item, said("they")).scores == {}
    assert outcome(Choice(), item, said("she")).scores["correct"] == 0.0


# --- by log-likelihood ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ((-3.0, -1.0, -2.0), 1),
        ((-1.0, -1.5, -9.0), 0),
        ((0.0, -0.1, -0.2), 0),
        ((-1.0 - 1e-9, -1.0, -2.0), 1),
    ],
)
def test_the_likeliest_option_is_chosen(values, chosen):
    found = outcome(Choice(), TEXTED, weighed(*values))
    assert found.answer == TEXTED.choices[chosen]
    assert found.scores == {"correct": float(chosen == 1), "chosen": float(chosen)}


@pytest.mark.parametrize(
    ("values", "count"), [((-1.0, -1.0, -2.0), 2), ((-1.0, -1.0, -1.0), 3), ((0.0, 0.0, -1.0), 2)]
)
def test_equal_likelihoods_are_no_choice(values, count):
    found = outcome(Choice(), TEXTED, weighed(*values))
    assert found.kind is OutcomeKind.UNPARSED
    assert (found.scores, found.reason) == ({}, f"tie of {count} choices")


def test_a_tie_below_the_best_is_none():
    assert outcome(Choice(), TEXTED, weighed(-2.0, -1.0, -2.0)).scores["correct"] == 1.0


@pytest.mark.parametrize(
    ("normalise", "chosen"),
    [
        ("none", "no"),  # -2 > -3 > -9
        ("tokens", "it depends on it"),  # -9/6 = -1.5 > -2/1 ... = -2 and -3/1 = -3
        ("characters", "it depends on it"),  # -9/16 = -0.56 > -2/2 = -1 and -3/3 = -1
    ],
)
def test_normalisation_by_hand(normalise, chosen):
    item = sample("no", "yes", "it depends on it", answer=0)
    attempt = weighed(-2.0, -3.0, -9.0, tokens=(1, 1, 6))
    assert outcome(Choice(normalise=normalise), item, attempt).answer == chosen


def test_a_tie_after_normalisation_is_a_tie():
    item = sample("no", "yes", answer=0)
    assert outcome(Choice(normalise="characters"), item, weighed(-2.0, -3.0)).reason
    assert outcome(Choice(normalise="tokens"), item, weighed(-2.0, -4.0, tokens=(1, 2))).reason


def test_normalising_by_tokens_needs_their_number():
    with pytest.raises(ScorerError, match="does not say how many tokens"):
        outcome(Choice(normalise="tokens"), TEXTED, weighed(-1.0, -2.0, -3.0, tokens=(1, None, 2)))


def test_an_empty_option_does_not_stop_normalising_by_characters():
    item = sample("yes", "", answer=0)
    assert outcome(Choice(normalise="characters"), item, weighed(-3.0, -2.0)).answer == "yes"


@pytest.mark.parametrize("scorer", [Choice(), TrueMass()])
@pytest.mark.parametrize(
    "attempt",
    [
        weighed(-1.0, None, -2.0),
        weighed(-1.0, float("nan"), -2.0),
        weighed(-1.0, float("-inf"), -2.0),
        weighed(-1.0, -2.0),
        Attempt((), per_choice=True),
    ],
)
def test_a_choice_without_a_finite_likelihood_cannot_be_scored(scorer, attempt):
    item = sample("dog", "cat", "fish", answer=1, target={"labels": [0, 1, 0]})
    with pytest.raises(ScorerError, match="finite log-likelihoods for 3 choices"):
        outcome(scorer, item, attempt)


def test_answers_are_no_likelihoods():
    attempt = Attempt((Response(loglikelihood=-1.0), Response(loglikelihood=-2.0)))
    with pytest.raises(ScorerError):
        loglikelihoods(sample("a", "b"), attempt)


@pytest.mark.parametrize("attempt", [said("B"), weighed(-1.0, -2.0, -3.0)])
def test_an_item_without_an_answer_cannot_be_right_or_wrong(attempt):
    with pytest.raises(ScorerError, match="s1 has no answer to compare with"):
        outcome(Choice(), sample("a", "b", "c"), attempt)


@given(
    st.lists(st.floats(-50, 0), min_size=2, max_size=6, unique=True),
    st.sampled_from(["none", "tokens"]),
    st.randoms(use_true_random=False),
)
def test_permuting_the_options_permutes_the_choice(values, normalise, chance):
    names = [f"o{i}" for i in range(len(values))]
    mixed = list(range(len(values)))
    chance.shuffle(mixed)
    first = outcome(Choice(normalise=normalise), sample(*names, answer=0), weighed(*values))
    second = outcome(
        Choice(normalise=normalise),
        sample(*(names[i] for i in mixed), answer=mixed.index(0)),
        weighed(*(values[i] for i in mixed)),
    )
    assert (first.answer, first.scores["correct"]) == (second.answer, second.scores["correct"])
    assert mixed[int(second.scores["chosen"])] == first.scores["chosen"]


# --- ratings and mass ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rating"),
    [("-100", -100.0), ("0", 0.0), ("50) somewhat agree", 50.0), ("−50", -50.0)],
)
def test_a_rating_is_the_number_chosen_zero_included(text, rating):
    """A peer dropped every neutral answer: its test was truthiness."""
    found = outcome(Rating(), RATED, said(text))
    assert found.scores == {"rating": rating, "human": -12.5}


@pytest.mark.parametrize("text", ["75", "agree", "", "50 or 100"])
def test_what_is_no_rating_has_no_value(text):
    assert outcome(Rating(), RATED, said(text)).scores == {}


def test_a_rating_by_likelihood():
    assert outcome(Rating(), RATED, weighed(-5, -4, -1, -2, -3)).scores["rating"] == 0.0


@pytest.mark.parametrize(
    ("weights", "labels", "mass"),
    [
        ((1, 1, 2), (1, 0, 0), 0.25),
        ((1, 1, 2), (0, 1, 1), 0.75),
        ((1, 3), (1, 1), 1.0),
        ((1, 3), (0, 0), 0.0),
        ((5, 5, 5, 5), (1, 0, 1, 0), 0.5),
    ],
)
def test_the_mass_on_true_options_by_hand(weights, labels, mass):
    item = sample(*"abcd"[: len(weights)], target={"labels": list(labels)})
    attempt = weighed(*(math.log(weight) - 1000 for weight in weights))
    assert outcome(TrueMass(), item, attempt).scores["true_mass"] == pytest.approx(mass, abs=1e-12)


@given(
    st.lists(st.tuples(st.floats(-2000, 0), st.integers(0, 1)), min_size=2, max_size=8),
    st.floats(-500, 500),
)
def test_mass_is_a_share_and_does_not_see_a_common_factor(options, shift):
    values, labels = zip(*options, strict=True)
    names = [str(i) for i in range(len(values))]

    def mass(numbers, marks):
        item = sample(*names, target={"labels": list(marks)})
        return outcome(TrueMass(), item, weighed(*numbers)).scores["true_mass"]

    true, false = mass(values, labels), mass(values, [1 - label for label in labels])
    assert 0 <= true <= 1
    assert true + false == pytest.approx(1)
    assert mass([value + shift for value in values], labels) == pytest.approx(true, abs=1e-9)


def test_mass_needs_a_label_for_every_option():
    with pytest.raises(ValueError, match="shorter"):
        outcome(TrueMass(), sample("a", "b", target={"labels": [1]}), weighed(-1.0, -2.0))
