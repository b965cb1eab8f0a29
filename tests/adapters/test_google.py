"""Google's Gemini API: what is sent, and what its own replies and faults mean."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.errors import AdapterError
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.adapters.openai_server import Say, serving
from tests.adapters.providers import KEY, PROVIDERS, TURNS, VARIABLE, ask, google_reply, one, sent

GEMINI = PROVIDERS["google"]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("GOOGLE_API_KEY", "another-key-of-the-machine")
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", "v9")


def test_what_is_sent() -> None:
    decoding = Decoding(5, 0.7, 0.9, ("x",))
    turns = (*TURNS, Message("assistant", "Be"), Message("assistant", "cause"))
    asked = sent(GEMINI, Request("generate", messages=turns, decoding=decoding, seed=2**40 + 3))
    assert asked.path == "/v1beta/models/m:generateContent"
    assert asked.query == ""
    assert asked.headers["x-goog-api-key"] == KEY
    assert asked.body == {
        "contents": [
            {"role": "user", "parts": [{"text": "Why?"}]},
            {"role": "model", "parts": [{"text": "Be\n\ncause"}]},
        ],
        "systemInstruction": {"parts": [{"text": "Be brief."}], "role": "user"},
        "generationConfig": {
            "maxOutputTokens": 5, "temperature": 0.7, "topP": 0.9, "stopSequences": ["x"],
            "seed": 3,
        },
    }  # fmt: skip


def test_safety_and_thinking_are_sent_and_told_in_the_identity() -> None:
    options = {"safety": {"harassment": "BLOCK_NONE"}, "thinking_budget": 0}
    body = sent(GEMINI, **options).body
    harassment = {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}
    assert body["safetySettings"] == [harassment]
    # the SDK spells this one in snake case, which the API's JSON takes as well
    assert list(body["generationConfig"]["thinkingConfig"].values()) == [0]
    extra = GEMINI.make("http://127.0.0.1:1/v1", **options).identity.extra
    assert extra["safety"] == {"HARM_CATEGORY_HARASSMENT": "BLOCK_NONE"}
    assert extra["thinking_budget"] == 0
    everywhere = sent(GEMINI, safety="OFF").body["safetySettings"]
    assert {setting["threshold"] for setting in everywhere} == {"OFF"}
    assert len(everywhere) == 4


def test_more_stops_than_the_api_takes_are_cut_here() -> None:
    stops = ("1", "2", "3", "4", "5", "END")
    request = Request("generate", messages=TURNS, decoding=Decoding(stop=stops))
    with serving(lambda _: google_reply("a END b")) as server:
        adapter = GEMINI.make(server.url)
        (answer,) = ask(adapter, request)
        assert server.asked[0].body["generationConfig"]["stopSequences"] == list(stops[:5])
    assert answer.text == "a "
    assert any("only five stop strings" in text for text in adapter.deviations)


@pytest.mark.parametrize(
    "why",
    ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"],
)
def test_a_blocked_answer(why: str) -> None:
    bare = google_reply(candidates=[{"finishReason": why, "index": 0}])
    assert one(GEMINI, bare).finish_reason == "content_filter"
    partial = one(GEMINI, google_reply("Hel", why))
    assert (partial.text, partial.finish_reason) == ("Hel", "content_filter")


@pytest.mark.parametrize("why", ["SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT"])
def test_a_blocked_prompt(why: str) -> None:
    reply = {"promptFeedback": {"blockReason": why}, "usageMetadata": {"promptTokenCount": 4}}
    assert one(GEMINI, reply) == Response(finish_reason="content_filter", input_tokens=4)


@pytest.mark.parametrize(
    ("candidate", "text", "finish"),
    [
        ({"content": {"role": "model"}, "finishReason": "STOP"}, "", "stop"),
        ({"finishReason": "MAX_TOKENS"}, "", "length"),
        ({"content": {"parts": [{"text": "hm", "thought": True}, {"text": "a"}, {"text": "b"}]},
          "finishReason": "STOP"}, "ab", "stop"),
        ({"content": {"parts": [{"text": "x"}]}, "finishReason": "OTHER"}, "x", "stop"),
    ],
)  # fmt: skip
def test_what_came_back_keeps_its_kind(candidate: Any, text: str, finish: str) -> None:
    answer = one(GEMINI, google_reply(candidates=[candidate]))
    assert isinstance(answer, Response)
    assert (answer.text, answer.finish_reason) == (text, finish)


@pytest.mark.parametrize(
    ("why", "retryable"),
    [
        ("OTHER", True),
        ("MALFORMED_RESPONSE", True),
        ("LANGUAGE", False),
        ("MALFORMED_FUNCTION_CALL", True),
        ("UNEXPECTED_TOOL_CALL", True),
        ("TOO_MANY_TOOL_CALLS", True),
        ("FINISH_REASON_UNSPECIFIED", True),
    ],
)
def test_a_model_that_stops_without_an_answer(why: str, retryable: bool) -> None:
    answer = one(GEMINI, google_reply(candidates=[{"finishReason": why}]))
    assert answer == Failure(f"the model stopped without an answer ({why})", retryable=retryable)


def test_a_call_of_a_tool_that_nobody_offered_is_no_answer() -> None:
    def said(*parts: Any, why: str = "STOP") -> Any:
        return google_reply(candidates=[{"content": {"parts": list(parts)}, "finishReason": why}])

    call = {"functionCall": {"name": "search", "args": {}}}
    failure = Failure("the model stopped without an answer (functionCall)", retryable=True)
    assert one(GEMINI, said(call)) == failure
    assert one(GEMINI, said({"text": "hm", "thought": True}, call)) == failure
    assert one(GEMINI, said({"text": "x"}, call)).text == "x"
    assert one(GEMINI, said(call, why="SAFETY")).finish_reason == "content_filter"


def test_an_end_without_a_reason_is_an_answer_only_with_a_text() -> None:
    bare = one(GEMINI, google_reply(candidates=[{"content": {"role": "model"}}]))
    reason = "the model stopped without an answer (FINISH_REASON_UNSPECIFIED)"
    assert bare == Failure(reason, retryable=True)
    said = {"content": {"parts": [{"text": "x"}]}}
    assert one(GEMINI, google_reply(candidates=[said])).text == "x"


def test_thoughts_are_counted_as_output() -> None:
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 2, "thoughtsTokenCount": 30}
    assert one(GEMINI, google_reply(usageMetadata=usage)).output_tokens == 32
    usage = {"candidatesTokenCount": 2**30, "thoughtsTokenCount": 2**30}
    assert one(GEMINI, google_reply(usageMetadata=usage)).output_tokens is None


@pytest.mark.parametrize(
    ("delay", "seconds"), [("34.5s", 34.5), ("99999s", 300.0), ("soon", None), (None, None)]
)
def test_how_long_to_wait_stands_in_the_details(delay: Any, seconds: float | None) -> None:
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    error = {"code": 429, "message": "q", "status": "RESOURCE_EXHAUSTED", "details": [detail]}
    answer = one(GEMINI, Say({"error": error}, 429))
    assert answer == Failure(
        "the server answered HTTP 429: q", retryable=True, retry_after=seconds, throttled=True
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ({"message": "API key not valid. Please pass a valid API key.",
          "status": "INVALID_ARGUMENT"}, "refuses the key"),
        ({"message": "no", "details": [{"reason": "API_KEY_INVALID"}]}, "refuses the key"),
        ({"message": "Please enable billing.", "status": "FAILED_PRECONDITION"},
         "cannot pay for more"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_a_400(error: Any, words: str) -> None:
    with pytest.raises(AdapterError, match=words):
        one(GEMINI, Say({"error": error}, 400))
