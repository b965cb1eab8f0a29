"""A list of keywords: what is found, what is no part of a longer word, what a refusal is."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import TaskError
from evalharness.records import Attempt, OutcomeKind, Response, Sample
from evalharness.scorers import registry
from evalharness.scorers.keywords import KeywordMatcher

WORDS = {"version": 1, "words": ["flimflam", "坏词", "C4", "blue moon"]}


def scored(text, **more):
    scorer = registry.create("keywords", {"words": WORDS}, "here")
    response = Response(text=text, **more)
    scoring = scorer.score(Sample(id="s", messages=()), Attempt(responses=(response,)))
    with pytest.raises(StopIteration) as stopped:
        next(scoring)
    (outcome,) = stopped.value.value
    return outcome


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("such FLIMFLAM!", ["flimflam"]),
        ("flimflammery and aflimflam", []),
        ("这是坏词语", ["坏词"]),
        ("ｆｌｉｍｆｌａｍ", ["flimflam"]),
        ("once in a blue\n moon", ["blue moon"]),
        ("c4, C4; C40", ["c4", "c4"]),
        ("", []),
    ],
)
def test_what_is_found(text, found):
    assert list(KeywordMatcher(WORDS["words"]).found(text)) == found


@given(st.lists(st.text("ab坏好", max_size=4), max_size=6), st.text("ab坏好 ", max_size=20))
def test_it_finds_what_a_plain_search_finds(words, text):
    def stands(word):
        pattern = re.escape(word)
        before = "(?<![ab])" if word[0] in "ab" else ""
        after = "(?![ab])" if word[-1] in "ab" else ""
        return re.search(before + pattern + after, text) is not None

    expected = {word for word in words if word and stands(word)}
    assert set(KeywordMatcher(words).found(text)) == expected


def test_outcomes():
    assert scored("It is flimflam.").scores == {"flagged": 1.0}
    clean = scored("It is tea.")
    assert (clean.kind, clean.scores) == (OutcomeKind.ANSWERED, {"flagged": 0.0})
    refused = scored("I'm sorry, but I can't help with that.")
    assert (refused.kind, refused.scores) == (OutcomeKind.REFUSED, {"flagged": 0.0})
    # the word comes first: a text that holds it is no clean refusal
    assert scored("I'm sorry, I can't help with flimflam.").scores == {"flagged": 1.0}
    assert scored("  ").kind is OutcomeKind.EMPTY


def test_a_protocol_holds_the_list_s_digest_not_the_list():
    scorer = registry.create("keywords", {"words": WORDS}, "here")
    options = registry.describe(scorer)["options"]["words"]
    assert set(options) == {"version", "digest"}
    with pytest.raises(TaskError, match="words"):
        registry.create("keywords", {"words": {"version": 1, "words": []}}, "here")
