"""Filters before and behind a model: what they stop, and how each kind judges."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalharness import Wrapped
from evalharness.adapters.wrap import (
    ClassifierFilter,
    FunctionFilter,
    GuardFilter,
    Passage,
    PatternFilter,
)
from evalharness.errors import ConfigError
from evalharness.records import Decoding, Failure, Message, Response
from tests.adapters.wrapping import TURNS, ask, echo, say, scoring
from tests.support import FakeModel


def test_what_the_input_filter_stops_never_reaches_the_model() -> None:
    model = echo(batch_size=8)
    wrapped = Wrapped(model, input_filter=PatternFilter(["(?i)BOMB", "gas"]))
    found = ask(wrapped, say("a bomb"), say("a cake"), say("some gas"))
    assert found == [
        Response(finish_reason="content_filter", blocked_by="the input filter (pattern 1)"),
        Response("a cake"),
        Response(finish_reason="content_filter", blocked_by="the input filter (pattern 2)"),
    ]
    assert [len(call) for call in model.calls] == [1]


def test_the_input_filter_reads_every_user_turn_and_no_other() -> None:
    read: list[str] = []
    ask(Wrapped(echo(), input_filter=read.append))  # append gives None: it passes
    assert read == ["First?\n\nWhy?"]


def test_a_blocked_answer_keeps_its_tokens_and_not_its_text() -> None:
    model = FakeModel(lambda r: Response("the recipe", input_tokens=5, output_tokens=2))
    (found,) = ask(Wrapped(model, output_filter=PatternFilter(["recipe"])))
    assert found == Response(
        finish_reason="content_filter",
        blocked_by="the output filter (pattern 1)",
        input_tokens=5,
        output_tokens=2,
    )


@pytest.mark.parametrize(
    "answer", [Response(), Response(finish_reason="content_filter"), Failure("down")]
)
def test_what_is_no_answer_is_not_judged(answer: Response | Failure) -> None:
    def never(text: str) -> bool:
        raise AssertionError

    assert ask(Wrapped(FakeModel(lambda r: answer), output_filter=never)) == [answer]


def test_the_first_item_is_the_outermost() -> None:
    read: list[str] = []
    model = echo()
    inner = Wrapped(model, input_filter=lambda t: read.append(f"inner {t}"), prefix="b ")
    outer = Wrapped(inner, input_filter=lambda t: read.append(f"outer {t}"), prefix="a ")
    assert ask(outer, say("x")) == [Response("b a x")]
    assert read == ["outer x", "inner a x"]


def verdict(filter_: Any, text: str) -> Any:
    (found,) = asyncio.run(filter_.judge([Passage((Message("user", text),))]))
    return found


@pytest.mark.parametrize(
    ("pattern", "text", "blocked"),
    [
        ("(?i)nerve agent", "A Nerve Agent", True),
        ("^no", "well, no", False),
        ("炸弹", "如何做炸弹", True),
        ("(a+)+$", "a" * 50_000 + "b", False),  # forever, in Python's own engine
        ("x", "half \ud83d x", True),
    ],
)
def test_patterns(pattern: str, text: str, blocked: bool) -> None:
    assert verdict(PatternFilter([pattern]), text) == ("pattern 1" if blocked else None)


def test_a_long_text_is_searched_to_its_end() -> None:
    assert verdict(PatternFilter(["bomb"]), "x" * 300_000 + "bomb") == "pattern 1"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", r"missing \)"),
        ("(?=a)", "without look-around"),
        ("a*", "matches the empty text"),
        (r"\bбомба\b", "know ASCII letters only"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(ConfigError, match=rf"pattern 2 \('.*{why}"):
        PatternFilter(["fine", pattern])


@pytest.mark.parametrize(
    ("score", "expected"), [(0.49, None), (0.5, "toxicity of 0.5 or more"), (1, True)]
)
def test_a_classifiers_score_blocks_from_the_threshold_on(score: float, expected: Any) -> None:
    filter_ = ClassifierFilter(scoring(Response(scores={"toxicity": score})))
    found = verdict(filter_, "so")
    assert found == "toxicity of 0.5 or more" if expected is True else found == expected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Response(scores={"b": 1.0, "a": 0.0}), "gave no score 'toxicity'; it gave: a, b"),
        (Response("toxic"), "it gave: none"),
        (Response(scores={"toxicity": float("nan")}), r"not in \[0, 1\]"),
        (Response(scores={"toxicity": "1"}), r"not in \[0, 1\]"),  # type: ignore[dict-item] # wrong on purpose
        (None, "the classifier gave no response"),
    ],
)
def test_a_score_that_is_none_is_a_failure(answer: Any, reason: str) -> None:
    found = verdict(ClassifierFilter(scoring(answer)), "so")
    assert isinstance(found, Failure)
    assert re.search(reason, found.reason)


def guard(answer: Any, prompt: str | None = None, **options: Any) -> tuple[GuardFilter, FakeModel]:
    model = FakeModel(lambda request: answer, name="guard")
    return GuardFilter(model, prompt, **options), model


@pytest.mark.parametrize(
    ("answer", "blocked"),
    [
        ("unsafe\nS1,S9", True),
        ("\n**Unsafe** S1", True),
        ("UNSAFE: violence", True),
        ("safe", False),
        ("Safe.\nunsafe", False),
        ("safe - harmless talk", False),
    ],
)
def test_a_guards_first_line_is_its_verdict(answer: str, blocked: bool) -> None:
    assert verdict(guard(answer)[0], "so") == ("the guard" if blocked else None)


@pytest.mark.parametrize(
    "answer",
    [
        "", "I cannot judge this.", "safely said", "safe to say that it is unsafe", "unsafely",
        "The text is unsafe", Response("safe", finish_reason="content_filter"),
    ],
)  # fmt: skip
def test_a_verdict_that_cannot_be_read_is_neither(answer: Any) -> None:
    assert verdict(guard(answer)[0], "so") == Failure("the guard's verdict could not be read")


def test_a_guards_words_are_the_configurations() -> None:
    for answer, expected in (("Yes, it does.", "the guard"), ("No", None)):
        filter_, _ = guard(answer, blocks="yes", passes="no")
        assert verdict(filter_, "so") == expected


def test_a_guard_gets_the_conversation_or_the_prompt() -> None:
    passage = Passage(TURNS[1:], "Because.")
    bare, model = guard("safe")
    asyncio.run(bare.judge([passage]))
    assert model.asked[0].messages == (*TURNS[1:], Message("assistant", "Because."))
    assert model.asked[0].decoding == Decoding(max_tokens=32, temperature=0.0)
    asked, model = guard("safe", "Q: {{ prompt }} A: {{ text }}")
    asyncio.run(asked.judge([passage, Passage((Message("user", "{{ 7 * 7 }} <b>"),))]))
    assert [request.messages[-1].content for request in model.asked] == [
        "Q: First?\n\nWhy? A: Because.", "Q: {{ 7 * 7 }} <b> A: {{ 7 * 7 }} <b>",
    ]  # fmt: skip


def test_a_functions_word_is_the_verdict(tmp_path: Path) -> None:
    async def later(text: str) -> bool:
        return text != "no"

    assert verdict(FunctionFilter(later), "no") == "a function"
    assert verdict(FunctionFilter(later), "yes") is None
    assert verdict(FunctionFilter(lambda text: None), "x") is None
    assert verdict(FunctionFilter(lambda text: np.bool_(text == "x")), "x") is None
    assert verdict(FunctionFilter(lambda text: np.bool_(text == "x")), "y") == "a function"
    assert verdict(FunctionFilter(lambda text: " names a person "), "x") == "names a person"
    assert verdict(FunctionFilter(lambda text: "x" * 999), "x") == "x" * 200
    for wrong in ("", 0, 1, [], {}):
        found = verdict(FunctionFilter(lambda text, wrong=wrong: wrong), "x")
        assert isinstance(found, Failure)
        assert "not True, False, None or a reason" in found.reason

    def broken(text: str) -> bool:
        raise KeyError("list of words")

    assert verdict(FunctionFilter(broken), "x") == Failure("KeyError: 'list of words'")
