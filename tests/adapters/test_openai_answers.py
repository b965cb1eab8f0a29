"""What is read from an OpenAI-compatible endpoint's reply, and how servers deviate."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.records import Decoding, Failure, Request, Response
from tests.adapters.openai_asking import TURNS, ask, make, one
from tests.adapters.openai_server import Asked, chat, serving


def test_an_answer_with_its_tokens() -> None:
    assert one("Because.") == Response(text="Because.", input_tokens=7, output_tokens=2)


@pytest.mark.parametrize(
    ("reply", "text", "finish"),
    [
        (chat(None), "", "stop"),
        (chat(""), "", "stop"),
        (chat("cut", finish_reason="length"), "cut", "length"),
        (chat("par", finish_reason="content_filter"), "par", "content_filter"),
        (chat("x", finish_reason="eos"), "x", "stop"),
        (chat(None, message={"refusal": "No."}), "No.", "stop"),
        (chat("x", message={"reasoning_content": "hm"}), "x", "stop"),
        (chat([{"type": "text", "text": "a"}, {"type": "image"}]), "a", "stop"),
        (chat("x", choices=[], error={"code": "content_filter"}), "", "content_filter"),
        (chat([{"type": "refusal", "refusal": "I cannot."}]), "I cannot.", "stop"),
        (chat([{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "b"}]), "a", "stop"),
        (chat([{"type": "refusal", "refusal": None}, {"type": "refusal"}]), "", "stop"),
    ],
)
def test_what_came_back_keeps_its_kind(reply: Any, text: str, finish: str) -> None:
    answer = one(reply)
    assert isinstance(answer, Response)
    assert (answer.text, answer.finish_reason) == (text, finish)


@pytest.mark.parametrize("reason", ["model_length", "max_tokens", "MAX_TOKENS"])
def test_a_cut_answer_is_cut_in_every_servers_words(reason: str) -> None:
    assert one(chat("cut", finish_reason=reason)).finish_reason == "length"
    assert one(chat("", finish_reason=reason)).finish_reason == "length"


FILTERS = [
    "SAFETY", "PROHIBITED_CONTENT", "RECITATION", "BLOCKLIST", "SPII", "sensitive",
    "content_filter: PROHIBITED_CONTENT", "content_filter",
]  # fmt: skip


@pytest.mark.parametrize("reason", FILTERS)
def test_a_filtered_answer_is_blocked_in_every_servers_words(reason: str) -> None:
    assert one(chat("par", finish_reason=reason)).finish_reason == "content_filter"
    for choice in ({}, {"message": None}, {"message": {"content": None}}):
        answer = one({"choices": [{"finish_reason": reason, **choice}]})
        assert answer == Response(finish_reason="content_filter")


@pytest.mark.parametrize("reason", ["UNEXPECTED_TOOL_CALL", "function_call_filter: MALFORMED"])
def test_a_model_that_stops_without_an_answer(reason: str) -> None:
    answer = one(chat(None, finish_reason=reason))
    why = reason.partition(":")[0]
    assert answer == Failure(f"the model stopped without an answer ({why})", retryable=True)
    assert one(chat("x", finish_reason=reason)).text == "x"


CALL: dict[str, Any] = {"name": "search", "arguments": "{}"}
TOOL = {"type": "function", "function": {"name": "search"}}


@pytest.mark.parametrize("text", [None, "", "\n\n"])
@pytest.mark.parametrize(
    ("finish", "message", "why"),
    [
        ("tool_calls", {}, "tool_calls"),
        ("tool_calls", {"tool_calls": [CALL]}, "tool_calls"),
        ("function_call", {"function_call": CALL}, "function_call"),
        ("stop", {"tool_calls": [CALL]}, "tool_calls"),
        ("length", {"function_call": CALL}, "function_call"),
    ],
)
def test_a_call_of_a_tool_that_nobody_offered_is_no_answer(
    text: Any, finish: str, message: dict[str, Any], why: str
) -> None:
    reply = chat(text, finish_reason=finish, message=message)
    failure = Failure(f"the model stopped without an answer ({why})", retryable=True)
    assert one(reply) == failure
    assert one(reply, body={"tools": [], "functions": None}) == failure
    for offered in ("tools", "functions"):
        answer = one(reply, body={offered: [TOOL]})
        assert (answer.text, answer.input_tokens) == (text or "", 7)
    assert one(chat("x", finish_reason=finish, message=message)).text == "x"
    assert one(chat("", message={**message, "refusal": "No."})).text == "No."


def test_a_call_that_a_filter_stopped_is_blocked() -> None:
    reply = chat(None, finish_reason="content_filter", message={"tool_calls": [CALL]})
    assert one(reply).finish_reason == "content_filter"


@pytest.mark.parametrize("calls", [[], None])
def test_a_message_without_calls_is_an_empty_answer(calls: Any) -> None:
    assert one(chat("", message={"tool_calls": calls, "function_call": None})).text == ""


@pytest.mark.parametrize("kind", ["function_call", "custom_tool_call", "web_search_call"])
def test_responses_with_a_call_alone_are_no_answer(kind: str) -> None:
    def reply(*items: Any, **fields: Any) -> Any:
        output = [{"type": "reasoning"}, 3, {"type": kind, **CALL}, *items]
        return {"status": "completed", "output": output, **fields}

    failure = Failure(f"the model stopped without an answer ({kind})", retryable=True)
    assert one(reply(), api="responses") == failure
    assert one(reply(), api="responses", body={"tools": [TOOL]}) == Response()
    said = {"type": "message", "content": [{"type": "output_text", "text": "x"}]}
    assert one(reply(said), api="responses") == Response("x")
    filtered = reply(incomplete_details={"reason": "content_filter"})
    assert one(filtered, api="responses").finish_reason == "content_filter"


@pytest.mark.parametrize("reason", [None, 3, [], {"a": 1}, "", ":", "x" * 10_000, "\ud800"])
def test_a_strange_reason_to_end_is_a_stop(reason: Any) -> None:
    assert one(chat("x", finish_reason=reason)).finish_reason == "stop"
    assert one(chat("", finish_reason=reason)) == Response(input_tokens=7, output_tokens=2)


@pytest.mark.parametrize("count", [2**31, 2**53, 10**400])
def test_an_impossible_count_costs_no_answer(count: int) -> None:
    usage = {"prompt_tokens": count, "completion_tokens": 2**31 - 1}
    answer = one(chat("x", usage=usage))
    assert (answer.text, answer.input_tokens, answer.output_tokens) == ("x", None, 2**31 - 1)


@pytest.mark.parametrize("usage", [None, "x", {"prompt_tokens": True, "completion_tokens": -1}])
def test_a_strange_usage_is_no_count(usage: Any) -> None:
    answer = one(chat("x", usage=usage))
    assert (answer.input_tokens, answer.output_tokens) == (None, None)


def test_completions_give_text() -> None:
    reply = {"choices": [{"text": " Paris", "finish_reason": "length"}]}
    assert one(reply, api="completions") == Response(text=" Paris", finish_reason="length")


def test_an_ignored_stop_is_cut_and_said_once() -> None:
    request = Request("generate", messages=TURNS, decoding=Decoding(stop=("END", "\n")))
    with serving(lambda _: chat("one\ntwo END", finish_reason="length")) as server:
        adapter = make(server.url)
        answers = ask(adapter, request, request)
    assert [(a.text, a.finish_reason) for a in answers] == [("one", "stop")] * 2
    assert adapter.deviations == [
        "the server ignores `stop` or leaves it in the text; answers are cut at it"
    ]


def test_other_differences_are_said_once() -> None:
    def says(asked: Asked) -> Any:
        return chat("x", system_fingerprint=f"f{asked.number}", model=f"m{asked.number}")

    request = Request("generate", messages=TURNS, decoding=Decoding(max_tokens=1))
    with serving(says) as server:
        adapter = make(server.url)
        ask(adapter, request, request, request)
    assert sorted(adapter.deviations) == [
        "`system_fingerprint` changed: the server's configuration did",
        "the server answered as another model than the one asked for: 'm1', not 'm'",
        "the server answered under several names of models",
        "the server ignores the limit of new tokens in some answers",
    ]
