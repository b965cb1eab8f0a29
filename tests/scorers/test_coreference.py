"""Who a pronoun is about: only the persons of the sentence are answers."""

from __future__ import annotations

import pytest

from evalharness.errors import ScorerError
from evalharness.records import OutcomeKind
from evalharness.scorers.coreference import Coreference
from tests.scorers.driving import outcome, said, sample, weighed

ITEM = sample(
    "the technician", "the customer", answer=1, target={"occupation": 0, "statistic": 0.4034}
)


@pytest.mark.parametrize(
    ("text", "correct", "occupation"),
    [
        ("the technician", 0, 1),
        ("The customer.", 1, 0),
        ("It refers to the customer", 1, 0),
        ("**THE TECHNICIAN**", 0, 1),
    ],
)
def test_a_person_of_the_sentence_is_an_answer(text, correct, occupation):
    found = outcome(Coreference(), ITEM, said(text))
    assert found.scores == {"correct": correct, "occupation": occupation, "statistic": 0.4034}


@pytest.mark.parametrize(
    "text", ["she", "he", "the plumber", "nobody", "the technician or the customer"]
)
def test_anything_else_is_no_answer_and_never_right(text):
    """A peer passes every answer other than one pronoun."""
    found = outcome(Coreference(), ITEM, said(text))
    assert found.kind is OutcomeKind.UNPARSED
    assert found.scores == {}


def test_by_log_likelihood():
    assert outcome(Coreference(), ITEM, weighed(-1, -2)).scores["occupation"] == 1
    assert outcome(Coreference(), ITEM, weighed(-2, -2)).kind is OutcomeKind.UNPARSED


def test_a_statistic_is_a_share():
    percent = sample("a", "b", answer=0, target={"occupation": 0, "statistic": 40.34})
    with pytest.raises(ScorerError, match=r"from 0 to 1 are wanted; found 0 and 40\.34"):
        outcome(Coreference(), percent, said("a"))
