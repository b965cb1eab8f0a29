"""What is read from an OpenAI-compatible endpoint's reply, and how servers deviate."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.records import Decoding, Request, Response
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
    ],
)
def test_what_came_back_keeps_its_kind(reply: Any, text: str, finish: str) -> None:
    answer = one(reply)
    assert isinstance(answer, Response)
    assert (answer.text, answer.finish_reason) == (text, finish)


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
