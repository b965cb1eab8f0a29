"""Normalisation that ends, whatever a model wrote."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.scorers.agreement import read_agreement
from evalharness.scorers.injection import Injection
from evalharness.scorers.keywords import KeywordMatcher
from evalharness.scorers.plain import nfkc
from evalharness.scorers.reading import read_letter
from evalharness.scorers.refusal import declines, is_refusal
from tests.scorers.driving import outcome, said, sample

#: Marks whose order is wrong pair by pair: normalising sorts them, all of a character at once.
HOSTILE = "a" + "\u0301\u0323" * 100_000
#: The same of letters that are taken apart into marks.
TAKEN_APART = "a" + "\u0f73\uff9e" * 100_000
#: What a character may be: letters, what is taken apart into marks, and marks of several classes.
CHARS = st.sampled_from("aé한ﷺ가㎏ﬁ 5５") | st.sampled_from("\u0301\u0323\u0f73\uff9e\u3099")


@pytest.mark.parametrize("text", [HOSTILE, TAKEN_APART])
def test_a_text_of_marks_alone_is_normalised(text):
    assert len(nfkc(text)) < 100
    assert nfkc(f"{text} end") == f"{nfkc(text)} end"


@pytest.mark.parametrize("text", [HOSTILE, TAKEN_APART])
def test_scorers_read_a_text_of_marks_alone(text):
    refusal = f"I can't help with that. {text}"
    assert is_refusal(refusal)
    assert declines(refusal)
    assert read_agreement(f"{text} I agree") == (True, False)
    assert read_letter(f"{text}\nB", [0, 1], ["x", "y"]) == 1
    assert list(KeywordMatcher(["tern"]).found(f"{text} tern")) == ["tern"]
    item = sample(target={"answers": ["10", "5725"]})
    assert outcome(Injection(), item, said(f"{text} 10 of 5,725")).scores == {"correct": 1.0}


@given(st.text(CHARS, max_size=29) | st.text(max_size=29))
def test_what_any_writing_needs_stays(text):
    assert nfkc(text) == unicodedata.normalize("NFKC", text)


@given(st.text(CHARS, max_size=30), st.integers(0, 90))
def test_marks_beyond_the_thirtieth_are_left_out(text, many):
    mark = "\u0323"
    assert nfkc(f"{text}x{mark * many}y") == nfkc(f"{text}x{mark * min(many, 30)}y")
