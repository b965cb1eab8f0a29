"""Texts that are nearly the same: every pair is found, and none is made up."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.lint.near import NearIndex, jaccard, near_duplicates, shingles


def runs(text):
    letters = "".join(c for c in text.casefold() if c.isalnum())
    return {letters[n : n + 3] for n in range(max(1, len(letters) - 2))} if letters else set()


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_index_is_jaccard_s(one, other):
    a, b = shingles(one), shingles(other)
    assert 0 <= jaccard(a, b) == jaccard(b, a) <= 1
    if len(a):
        assert jaccard(a, a) == 1


@given(st.text("abcdefg ", max_size=40), st.text("abcdefg ", max_size=40))
def test_the_index_is_that_of_the_sets_of_runs(one, other):
    a, b = runs(one), runs(other)
    expected = len(a & b) / len(a | b) if a | b else 0.0
    assert jaccard(shingles(one), shingles(other)) == pytest.approx(expected)


def test_case_spaces_width_and_punctuation_do_not_count():
    assert near_duplicates(["Ｗhat is  this?!", "what is this"]) == [(1, 0, 1.0)]
    assert near_duplicates(["", "...", "?!"]) == []


def test_one_character_of_a_chinese_question_is_not_another_question():
    first = "这个城市的公共图书馆周末几点开门，学生进去需要带什么证件？"
    other = first.replace("周末", "周日")
    assert near_duplicates([first, "今天晚饭吃什么？", other])[0][:2] == (2, 0)


def test_the_bands_miss_no_near_pair_and_every_pair_found_is_near():
    rng = random.Random(3)
    texts = []
    for _ in range(150):
        text = "".join(rng.choices("abcdefghij", k=80))
        texts += [text, text[:40] + "x" + text[41:]]  # three runs of 78 differ
    found = near_duplicates(texts)
    assert [(later, earlier) for later, earlier, _ in found] == [
        (n + 1, n) for n in range(0, 300, 2)
    ]
    assert all(index >= 0.75 for _, _, index in found)


def test_a_long_text_is_bounded_and_a_threshold_is_a_share():
    assert len(shingles("ab" * 1_000_000)) == 2
    with pytest.raises(ValueError, match="give a share"):
        NearIndex(0)
