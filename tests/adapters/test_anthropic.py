"""Anthropic's Messages API: what is sent, and what its own replies and faults mean."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.errors import AdapterError
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.adapters.openai_server import Say, serving
from tests.adapters.providers import (
    KEY,
    PROVIDERS,
    TURNS,
    VARIABLE,
    anthropic_reply,
    ask,
    one,
    sent,
)

CLAUDE = PROVIDERS["anthropic"]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "another-key-of-the-machine")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "a-token-of-the-machine")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")


def drawn(**decoding: Any) -> Request:
    return Request("generate", messages=TURNS, decoding=Decoding(**decoding), seed=5)


def test_what_is_sent() -> None:
    asked = sent(CLAUDE, Request("generate", messages=TURNS, decoding=Decoding(5, stop=("x",))))
    assert asked.path == "/v1/messages"
    headers = {name.lower(): value for name, value in asked.headers.items()}
    assert headers["authorization"] == f"Bearer {KEY}"  # as the SDK does since its version 2
    assert headers["anthropic-version"] == "2023-06-01"
    assert not headers.keys() & {"x-api-key", "anthropic-beta"}
    assert asked.body == {
        "model": "m", "max_tokens": 5, "temperature": 0.0, "system": "Be brief.",
        "messages": [{"role": "user", "content": "Why?"}], "stop_sequences": ["x"],
    }  # fmt: skip


def test_version_beta_and_thinking_are_sent_and_told_in_the_identity() -> None:
    options = {"version": "2027-01-01", "beta": ["a-1", "b-2"], "thinking": 2048}
    asked = sent(CLAUDE, drawn(max_tokens=4096), **options)
    assert asked.headers["anthropic-version"] == "2027-01-01"
    assert asked.headers["anthropic-beta"] == "a-1,b-2"
    assert asked.body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert "temperature" not in asked.body
    extra = CLAUDE.make("http://127.0.0.1:1/v1", **options).identity.extra
    assert (extra["version"], extra["beta"], extra["thinking"]) == (
        "2027-01-01", ["a-1", "b-2"], 2048,
    )  # fmt: skip


@pytest.mark.parametrize(("thinking", "sends"), [("adaptive", False), ("disabled", True)])
def test_thinking_without_a_budget(thinking: str, sends: bool) -> None:
    body = sent(CLAUDE, drawn(), thinking=thinking).body
    assert body["thinking"] == {"type": thinking}
    assert ("temperature" in body) == sends


@pytest.mark.parametrize(
    ("temperature", "top_p", "expected", "said"),
    [
        (0.0, 1.0, {"temperature": 0.0}, False),
        (1.0, 0.9, {"top_p": 0.9}, False),
        (0.5, 0.9, {"temperature": 0.5}, True),
        (0.0, 0.9, {"temperature": 0.0}, False),
    ],
)
def test_temperature_or_top_p(temperature: float, top_p: float, expected: Any, said: bool) -> None:
    request = Request("generate", messages=TURNS, decoding=Decoding(9, temperature, top_p))
    with serving(lambda _: anthropic_reply()) as server:
        adapter = CLAUDE.make(server.url)
        ask(adapter, request, request)
        body = server.asked[0].body
    assert {name: body[name] for name in ("temperature", "top_p") if name in body} == expected
    assert len(adapter.deviations) == said


def test_a_seed_is_said_once() -> None:
    with serving(lambda _: anthropic_reply()) as server:
        adapter = CLAUDE.make(server.url)
        ask(adapter, drawn(temperature=1.0), drawn(temperature=1.0))
        assert "seed" not in server.asked[0].body
    assert adapter.deviations == [
        "`seed` is not sent: the provider has none, so sampled answers vary"
    ]


def test_a_prefill_and_a_stop_of_white_space() -> None:
    turns = (Message("user", "Why?"), Message("assistant", "Because "))
    request = Request("generate", messages=turns, decoding=Decoding(stop=("\n", "END")))
    with serving(lambda _: anthropic_reply("one\ntwo")) as server:
        adapter = CLAUDE.make(server.url, system="Own.")
        (answer,) = ask(adapter, request)
        body = server.asked[0].body
    assert body["messages"][1] == {"role": "assistant", "content": "Because"}
    assert body["system"] == "Own."
    assert body["stop_sequences"] == ["END"]
    assert answer.text == "one"
    assert len(adapter.deviations) == 3


def test_a_classifiers_refusal_is_a_block_and_the_models_own_is_text() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "declined"}
    blocked = one(CLAUDE, anthropic_reply("Hel", "refusal", stop_details=details))
    assert (blocked.text, blocked.finish_reason) == ("Hel", "content_filter")
    own = one(CLAUDE, anthropic_reply("I can't help with that."))
    assert own.finish_reason == "stop"


@pytest.mark.parametrize(
    ("reply", "text", "finish"),
    [
        (anthropic_reply(content=[]), "", "stop"),
        (anthropic_reply(content=None), "", "stop"),
        (anthropic_reply("x", "model_context_window_exceeded"), "x", "length"),
        (anthropic_reply("x", "stop_sequence"), "x", "stop"),
        (
            anthropic_reply(content=[{"type": "thinking", "thinking": "hm", "signature": "s"},
                                     {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
            "ab", "stop",
        ),
    ],
)  # fmt: skip
def test_what_came_back_keeps_its_kind(reply: Any, text: str, finish: str) -> None:
    answer = one(CLAUDE, reply)
    assert isinstance(answer, Response)
    assert (answer.text, answer.finish_reason) == (text, finish)


@pytest.mark.parametrize("why", ["pause_turn", "tool_use"])
def test_a_turn_that_ends_without_an_answer_is_a_failure(why: str) -> None:
    answer = one(CLAUDE, anthropic_reply(stop=why, content=[{"type": "server_tool_use"}]))
    assert answer == Failure(f"the model stopped without an answer ({why})", retryable=True)
    assert one(CLAUDE, anthropic_reply("so far", stop=why)).text == "so far"


def test_an_overload_is_throttled() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert one(CLAUDE, Say(error, 529)) == Failure(
        "the server answered HTTP 529: Overloaded", retryable=True, throttled=True
    )
    within = one(CLAUDE, error)  # with status 200
    assert isinstance(within, Failure)
    assert within.retryable
    assert within.reason.endswith(": Overloaded")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, "invalid_request_error", "Your credit balance is too low to access the API"),
        (402, "billing_error", "no"),
        (403, "billing_error", "no"),
    ],
)
def test_no_money_stops_the_run(status: int, kind: str, words: str) -> None:
    error = {"type": "error", "error": {"type": kind, "message": words}}
    with pytest.raises(AdapterError, match="cannot pay for more"):
        one(CLAUDE, Say(error, status))


def test_a_change_of_model_is_said() -> None:
    with serving(lambda asked: anthropic_reply(model=f"m{asked.number}")) as server:
        adapter = CLAUDE.make(server.url)
        ask(adapter, *[Request("generate", messages=TURNS)] * 3)
    assert adapter.deviations == ["the provider answered under several names of models"]


def test_headers_of_the_environment_are_said_and_never_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-Route: hidden-route")
    adapter = CLAUDE.make("http://127.0.0.1:1/v1")
    assert adapter.deviations == ["headers of ANTHROPIC_CUSTOM_HEADERS are sent with each call"]
