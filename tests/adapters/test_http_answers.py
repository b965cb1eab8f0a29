"""What is read from an application's reply: answers, blocks and a classifier's scores."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.records import Failure, Request, Response
from tests.adapters.http_asking import ASK, ask, make, one
from tests.adapters.openai_server import Say, serving

# -- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "text"),
    [("hello", "hello"), (None, ""), ("", ""), (3, "3"), (True, "true"), (["a", "b"], "ab")],
)
def test_an_answer_by_its_path(found: Any, text: str) -> None:
    reply = {"choices": [{"out": found}]}
    assert one(reply, answer="$.choices[0].out") == Response(text=text)


def test_several_places_are_one_text() -> None:
    reply = {"parts": [{"text": "Be"}, {"image": 1}, {"text": "cause."}]}
    assert one(reply, answer="$.parts[*].text") == Response(text="Because.")


def test_without_a_path_the_reply_is_the_answer() -> None:
    assert one("Because é.\n", answer=None) == Response(text="Because é.\n")
    assert one(b"", answer=None) == Response()
    assert one(b"\xff", answer=None) == Response(text="\ufffd")


def test_reasons_to_end_and_tokens() -> None:
    reply = {"a": "x", "why": "MAX_TOKENS", "usage": {"in": 7, "out": 2}}
    paths = {
        "finish_reason": "$.why", "input_tokens": "$.usage.in", "output_tokens": "$.usage.out",
    }  # fmt: skip
    expected = Response(text="x", finish_reason="length", input_tokens=7, output_tokens=2)
    assert one(reply, **paths) == expected
    assert one({"a": "x", "why": "SAFETY", "usage": {"in": "7", "out": -1}}, **paths) == Response(
        text="x", finish_reason="content_filter"
    )
    assert one({"a": "x", "why": 3}, **paths) == Response(text="x")


BLOCKED = Response(finish_reason="content_filter", blocked_by="the application's filter")


@pytest.mark.parametrize(
    ("reply", "rule"),
    [
        ({"blocked": True}, {"path": "$.blocked"}),
        ({"status": "denied", "a": None}, {"path": "$.status", "values": ["denied", "held"]}),
        (Say({"status": "held"}, 400), {"path": "$.status", "values": ["denied", "held"]}),
        (Say("<html>no", 403), {"statuses": [403]}),
        ({"f": [{"hit": False}, {"hit": True}]}, {"path": "$.f[*].hit"}),
        ({"blocked": True, "a": {"no": "text"}}, {"path": "$.blocked"}),
    ],
)
def test_the_applications_own_filter_is_an_outcome(reply: Any, rule: Any) -> None:
    assert one(reply, blocked=rule) == BLOCKED


def test_what_a_blocked_reply_says_is_kept() -> None:
    answer = one({"a": "I may not say that.", "b": True}, blocked={"path": "$.b"})
    assert (answer.text, answer.finish_reason) == ("I may not say that.", "content_filter")


@pytest.mark.parametrize("value", [False, None, 1, "true", [], {}])
def test_only_the_named_values_are_a_block(value: Any) -> None:
    assert one({"a": "x", "blocked": value}, blocked={"path": "$.blocked"}).text == "x"


def test_other_statuses_that_bring_an_answer() -> None:
    assert one(Say({"a": "x"}, 201), ok=[200, 201]) == Response(text="x")
    failure = one(Say({"a": "x"}, 201))
    assert failure == Failure('the server answered HTTP 201: {"a": "x"}')


# -- a classifier --------------------------------------------------------------------------------


TEXT = Request("classify", role="classifier", text="You fool.")
SCORES = {"request": {"t": "{{ text }}"}, "answer": None}


@pytest.mark.parametrize(
    ("reply", "paths", "scores"),
    [
        ({"s": {"toxicity": 0.5, "hate": 1, "x": None}}, "$.s", {"toxicity": 0.5, "hate": 1.0}),
        ({"s": {"flagged": True}}, "$.s", {"flagged": 1.0}),
        (
            {"r": [{"p": 0.25}], "h": 0},
            {"toxicity": "$.r[0].p", "hate": "$.h"},
            {"toxicity": 0.25, "hate": 0.0},
        ),
    ],
)
def test_scores_by_their_paths(reply: Any, paths: Any, scores: Any) -> None:
    with serving(lambda _: Say(reply)) as server:
        adapter = make(server.url, scores=paths, **SCORES)
        answers = ask(adapter, TEXT, ASK, Request("classify"))
        assert [asked.body for asked in server.asked] == [{"t": "You fool."}]
    assert adapter.capabilities.kinds == {"classify"}
    assert answers[0] == Response(scores=scores)
    assert [answer.outcome for answer in answers[1:]] == ["not_run", "not_run"]
    assert adapter.deviations == []


@pytest.mark.parametrize(
    ("reply", "paths", "reason", "retryable"),
    [
        ({"x": 1}, "$.s", "holds no scores (nothing at $.s)", False),
        ({"s": [1]}, "$.s", "is no object of numbers but a list", False),
        ({"s": {}}, "$.s", "holds no score", True),
        ({"s": {"a": 7}}, "$.s", "score for 'a' is no number from 0 to 1", False),
        ({"s": {"a": "0.5"}}, "$.s", "score for 'a' is no number from 0 to 1", False),
        (Say('{"s": {"a": NaN}}'), "$.s", "score for 'a' is no number from 0 to 1", False),
        ({"s": 1}, {"toxicity": "$.t"}, "holds no score 'toxicity' (nothing at $.t)", False),
        (Say(b"", 503), "$.s", "HTTP 503", True),
    ],
)
def test_scores_that_are_none(reply: Any, paths: Any, reason: str, retryable: bool) -> None:
    answer = one(reply, TEXT, scores=paths, **SCORES)
    assert isinstance(answer, Failure)
    assert reason in answer.reason
    assert answer.retryable is retryable
