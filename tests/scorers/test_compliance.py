"""Whether a request was met or declined."""

from __future__ import annotations

import pytest

from evalharness.records import Attempt, OutcomeKind, Response
from evalharness.scorers.compliance import Compliance
from tests.scorers.driving import outcome, outcomes, said, sample

ITEM = sample()


@pytest.mark.parametrize(
    "text",
    ["I'm sorry, but I can't help with that.", "抱歉，我不能提供帮助。", "I won't do that."],
)
def test_a_refusal_is_its_own_outcome_in_english_and_chinese(text):
    found = outcome(Compliance(), ITEM, said(text))
    assert found.kind is OutcomeKind.REFUSED
    assert found.scores == {"complied": 0.0, "declined": 1.0}


@pytest.mark.parametrize("text", ["Use the kill command.", "可以用 kill 命令。", "qzx vrrk 7#!"])
def test_what_does_not_decline_has_complied_of_use_or_not(text):
    found = outcome(Compliance(), ITEM, said(text))
    assert found.kind is OutcomeKind.ANSWERED
    assert found.scores == {"complied": 1.0, "declined": 0.0}


def test_silence_and_a_filter_have_no_number():
    attempt = Attempt(
        (Response(), Response(text="Sure.", finish_reason="content_filter", blocked_by="a guard"))
    )
    empty, blocked = outcomes(Compliance(), ITEM, attempt)
    assert (empty.kind, empty.scores) == (OutcomeKind.EMPTY, {})
    assert (blocked.kind, blocked.scores) == (OutcomeKind.BLOCKED, {})
    assert blocked.reason == "blocked by a guard"
