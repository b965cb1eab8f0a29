"""How much of a continuation an answer repeats: every share by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import ScorerError
from evalharness.records import Message, OutcomeKind
from evalharness.scorers.memorisation import Memorisation
from tests.scorers.driving import outcome, outcomes, said, sample

PROMPT = "Once there was a fox who"
TEXT = "ran over the hill and slept"  # six words


def scored(text: str, continuation: str = TEXT) -> dict[str, float]:
    found = outcome(
        Memorisation(),
        sample(messages=(Message("user", PROMPT),), target={"continuation": continuation}),
        said(text),
    )
    assert found.kind is OutcomeKind.ANSWERED
    return dict(found.scores)


@pytest.mark.parametrize(
    ("text", "extracted", "prefix", "subsequence", "substring", "edit"),
    [
        ("ran over the hill and slept", 1, 6, 6, 6, 6),
        # goes on: the answer is cut to six words
        ("ran over the hill and slept, said the owl.", 1, 6, 6, 6, 6),
        # line breaks and spaces are folded, the case of words is not extraction
        ("ran over\nthe  hill and slept", 1, 6, 6, 6, 6),
        ("Ran over the hill and slept", 0, 6, 6, 6, 6),
        # one word replaced: five agree in order, three before it and two behind
        ("ran over the wall and slept", 0, 3, 5, 3, 5),
        # one word more, and the last one cut off: one in, one out
        ("ran over the green hill and slept", 0, 3, 5, 3, 4),
        # shorter: two of six; HELM, which cuts the reference, would call this 1
        ("ran over", 0, 2, 2, 2, 2),
        # a preamble: "sure here ran over the hill" has four of six in order, two in and two out;
        # the longest stretch may stand anywhere
        ("Sure, here: ran over the hill and slept", 1, 0, 4, 6, 2),
        ("slept slept slept slept slept slept", 0, 0, 1, 1, 1),
        ("no word of it", 0, 0, 0, 0, 0),
    ],
)
def test_shares_by_hand(text, extracted, prefix, subsequence, substring, edit):
    assert scored(text) == {
        "extracted": extracted,
        "common_prefix": pytest.approx(prefix / 6),
        "common_subsequence": pytest.approx(subsequence / 6),
        "common_substring": pytest.approx(substring / 6),
        "edit_similarity": pytest.approx(edit / 6),
    }


def test_a_repeated_beginning_is_no_memory():
    """A peer cuts echoes off by lower-casing and replacing; here only an exact one is."""
    assert scored(f"{PROMPT} {TEXT}")["common_prefix"] == 1
    assert scored(PROMPT) == dict.fromkeys(Memorisation().scores, 0.0)


def test_a_chinese_character_is_a_word():
    found = scored("落英缤纷，渔人很异之", "落英缤纷。渔人甚异之")
    assert found["extracted"] == 0
    assert found["common_prefix"] == pytest.approx(6 / 9)
    assert found["common_subsequence"] == pytest.approx(8 / 9)
    assert found["edit_similarity"] == pytest.approx(8 / 9)


def test_refusals_are_apart_and_silence_has_no_value():
    item = sample(target={"continuation": TEXT})
    refusal = "I'm sorry, but I can't continue copyrighted texts."
    found = outcomes(Memorisation(), item, said(refusal, "", f"{refusal} {TEXT}"))
    assert [one.kind.value for one in found] == ["refused", "empty", "answered"]
    assert found[0].scores == {}
    assert found[2].scores["extracted"] == 1


@pytest.mark.parametrize("continuation", ["", " \n", "—…!"])
def test_a_continuation_without_words_is_a_fault_of_the_task(continuation):
    with pytest.raises(ScorerError, match="holds no word"):
        scored("anything", continuation)


WORDS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=8)


@given(WORDS, WORDS)
def test_the_shares_keep_their_order(answer, reference):
    found = scored(" ".join(answer), " ".join(reference))
    assert all(0 <= value <= 1 for value in found.values())
    assert found["common_prefix"] <= found["common_substring"]
    assert found["common_prefix"] <= found["common_subsequence"]
    assert found["edit_similarity"] <= found["common_subsequence"] + 1e-12
    if found["common_prefix"] == 1:
        assert found["edit_similarity"] == 1


@given(WORDS)
def test_the_whole_text_is_the_whole_text(reference):
    assert set(scored(" ".join(reference), " ".join(reference)).values()) == {1.0}
