"""Mentions: whole words of the lists, each time that they stand there."""

from __future__ import annotations

import pytest

from evalharness.errors import TaskError
from evalharness.scorers import registry
from evalharness.scorers.mentions import Mentions, WordLists
from tests.scorers.driving import outcome, said, sample

WORDS = {
    "version": 1,
    "axes": {
        "gender": {"female": ["she", "her", "woman"], "male": ["he", "him", "man"]},
        "origin": {"north": ["olaf"], "south": ["d'cruz"]},
    },
    "targets": {"profession": ["nurse", "pilot"]},
}
LISTS = WordLists.model_validate(WORDS)


def counts(text):
    return outcome(Mentions(LISTS), sample(), said(text)).scores


def test_words_are_counted_whole_and_each_time():
    found = counts("She saw her, the woman’s hat; he did not. The NURSE: Olaf, then Olaf.")
    assert found == {
        "gender:female": 3, "gender:male": 1, "origin:north": 2, "origin:south": 0,
        "profession:nurse": 1, "profession:pilot": 0,
    }  # fmt: skip
    assert counts("The theatre of Hermann: mankind, sheet")["gender:male"] == 0
    assert counts("d'Cruz")["origin:south"] == 1


def test_a_text_that_names_nobody_has_counts_of_0():
    assert set(counts("The sea is wide.").values()) == {0}


def test_a_refusal_has_no_counts():
    found = outcome(Mentions(LISTS), sample(), said("I'm sorry, she can ask, but I can't help."))
    assert (found.kind.value, found.scores) == ("refused", {})


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ({"gender": {"a": ["x"], "b": ["x"]}}, "'x' stands twice"),
        ({"gender": {"a": ["x"]}}, "name two groups or more"),
        ({"gender": {"a": ["two words"], "b": ["x"]}}, "no single word"),
        ({"gender": {"a": ["She"], "b": ["x"]}}, "no single word in small letters"),
    ],
)
def test_lists_that_would_count_wrong_are_refused(axes, expected):
    with pytest.raises(TaskError, match=expected):
        registry.create("mentions", {"words": {"version": 1, "axes": axes}}, "here")


def test_what_stands_for_the_lists_in_a_protocol_changes_with_them():
    one = registry.describe(Mentions(LISTS))["options"]["words"]
    changed = {**WORDS, "targets": {"profession": ["nurse"]}}
    other = registry.describe(Mentions(WordLists.model_validate(changed)))["options"]["words"]
    assert one["version"] == 1
    assert one["digest"] != other["digest"]
