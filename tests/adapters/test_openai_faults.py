"""What goes wrong at an OpenAI-compatible endpoint: asked again, given up, or the run's end."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest

from evalharness.errors import AdapterError
from evalharness.records import Failure, Message, Request, Response
from tests.adapters.openai_asking import ASK, KEY, ask, make, one
from tests.adapters.openai_server import Asked, Say, chat, serving


@pytest.mark.parametrize("status", [408, 409, 424, 429, 500, 502, 503, 504, 520, 529])
def test_a_status_that_may_heal_is_retryable(status: int) -> None:
    answer = one(Say({"error": {"message": "busy"}}, status, {"Retry-After": "7"}))
    throttled = status in {429, 503, 529}
    reason = f"the server answered HTTP {status}: busy"
    assert answer == Failure(reason, "errored", True, 7.0, throttled)


@pytest.mark.parametrize("status", [400, 404, 405, 413, 422, 501, 204])
def test_a_status_that_stays_is_not_retried(status: int) -> None:
    answer = one(Say({"error": {"message": "no"}}, status, {"Retry-After": "7"}))
    assert isinstance(answer, Failure)
    assert (answer.outcome, answer.retryable, answer.retry_after) == ("errored", False, None)
    assert f"HTTP {status}" in answer.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"error": "plain"}, "plain"),
        ({"error": {"message": ""}, "detail": [{"msg": "field"}]}, '[{"msg": "field"}]'),
        ({"message": "top"}, "top"),
        ("<html>\n oh\tno\x07", "<html> oh no"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("[" * 100_000, "[" * 297 + "..."),
        ({"error": {"message": "y" * 999}}, "y" * 297 + "..."),
    ],
)
def test_the_servers_words_are_one_short_line(content: Any, reason: str) -> None:
    assert one(Say(content, 400)).reason == f"the server answered HTTP 400: {reason}"


def test_a_status_without_words() -> None:
    assert one(Say(b"", 500)).reason == "the server answered HTTP 500"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": "content_filter", "message": "filtered"}, 400),
        ({"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}}, 400),
        ({"code": "content_policy_violation"}, 400),
        ({"type": "data_inspection_failed"}, 400),
        ({"code": 403, "metadata": {"flagged_input": "x", "reasons": ["violence"]}}, 403),
    ],
)
def test_a_providers_filter_is_an_outcome_not_a_failure(error: Any, status: int) -> None:
    assert one(Say({"error": error}, status)) == Response(finish_reason="content_filter")


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, {"message": "bad key"}, r"refuses the key \(HTTP 401: bad key\); set OPENAI_API_KEY"),
        (403, {"message": "no"}, r"refuses the key \(HTTP 403"),
        (402, {"message": "no credits"}, r"cannot pay for more \(HTTP 402"),
        (429, {"code": "insufficient_quota", "message": "q"}, r"cannot pay for more \(HTTP 429"),
    ],
)
def test_a_refused_key_or_account_stops_the_run(
    key: str, status: int, error: Any, words: str
) -> None:
    with serving(lambda _: Say({"error": error}, status)) as server:
        adapter = make(server.url)
        with pytest.raises(AdapterError, match=words):
            ask(adapter)

        async def twice() -> None:
            for _ in range(2):
                with pytest.raises(AdapterError):
                    await adapter.respond([ASK])
            await adapter.aclose()

        before = len(server.asked)
        asyncio.run(twice())
        assert len(server.asked) == before + 1  # nothing is asked once it is known


@pytest.mark.parametrize(
    "content",
    [
        b'{"choices": [{"mess', b"", b"\xff", b"[]", b"null", b"[" * 200_000,
        {"choices": []}, {"choices": None}, {"choices": ["x"]}, {"choices": [{}]},
        {"choices": [{"message": None}]}, {"choices": [{"message": {"content": 3}}]},
    ],
)  # fmt: skip
def test_a_reply_that_is_no_answer_is_tried_again(content: Any) -> None:
    answer = one(Say(content))
    assert isinstance(answer, Failure)
    assert answer.retryable
    assert "the server's reply" in answer.reason


def test_an_error_within_a_good_status_is_named() -> None:
    assert "upstream down" in one({"error": {"message": "upstream down"}}).reason
    choice = {"finish_reason": "error", "error": {"message": "cut"}, "message": {"content": "par"}}
    answer = one({"choices": [choice]})
    assert isinstance(answer, Failure)
    assert answer.reason.endswith(": cut")


def test_a_dropped_connection_is_tried_again() -> None:
    answer = one(Say(abort=True))
    assert answer.retryable
    assert answer.reason.startswith("the connection to the server was lost (")


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (answer,) = ask(make(f"http://127.0.0.1:{port}/v1"))
    assert answer.retryable
    assert answer.reason.startswith("no connection to the server (")
    assert "127.0.0.1" not in answer.reason


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("timeout_first_byte", "the server was silent for 0.2 s"),
     ("timeout_total", "the call was not done within 0.2 s")],
)  # fmt: skip
def test_a_server_that_hangs(option: str, words: str) -> None:
    start = time.monotonic()
    answer = one(Say(delay=30), **{option: 0.2})
    assert answer == Failure(words, retryable=True)
    assert time.monotonic() - start < 5


def test_a_redirect_is_not_followed(key: str) -> None:
    with serving(lambda _: "never") as other:
        reply = Say(b"", 307, {"Location": f"{other.url}/chat/completions?k={KEY}"})
        answer = one(reply)
        assert other.asked == []
    assert not answer.retryable
    assert "HTTP 307" in answer.reason
    assert "base_url" in answer.reason
    assert KEY not in answer.reason


@pytest.mark.parametrize("declared", [True, False])
def test_a_huge_reply_is_not_read(monkeypatch: pytest.MonkeyPatch, declared: bool) -> None:
    monkeypatch.setattr("evalharness.adapters._http.LARGEST_REPLY", 100_000)
    answer = one(Say(chat("x" * 200_000), chunked=not declared))
    assert isinstance(answer, Failure)
    assert "larger than" in answer.reason
    assert not answer.retryable


def test_one_items_failure_is_its_own() -> None:
    def says(asked: Asked) -> Any:
        return Say(b"", 500) if asked.prompt.endswith("2") else f"to {asked.prompt}"

    requests = [Request("generate", messages=(Message("user", str(n)),)) for n in range(4)]
    with serving(says) as server:
        answers = ask(make(server.url), *requests)
    assert [getattr(a, "text", None) for a in answers] == ["to 0", "to 1", None, "to 3"]
