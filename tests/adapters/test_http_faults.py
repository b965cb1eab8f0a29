"""What goes wrong behind a URL: asked again, given up, or the run's end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from evalharness.errors import AdapterError
from evalharness.records import Failure, Message, Request, Response
from tests.adapters.http_asking import ASK, ask, make, one
from tests.adapters.openai_server import Say, serving


@pytest.mark.parametrize(
    ("content", "reason", "retryable"),
    [
        ({"b": 1}, "the application's reply holds no answer (nothing at $.a)", False),
        ([], "the application's reply holds no answer (nothing at $.a)", False),
        (b"null", "the application's reply holds no answer (nothing at $.a)", False),
        ({"error": {"message": "down"}}, "(nothing at $.a): down", True),
        (b'{"a": "cu', "not JSON, or was cut off", True),
        (b"[" * 200_000, "not JSON, or was cut off", True),
        (b"", "not JSON, or was cut off", True),
    ],
)
def test_a_reply_without_an_answer(content: Any, reason: str, retryable: bool) -> None:
    """An error may heal; a reply of another shape means a wrong path."""
    answer = one(Say(content))
    assert isinstance(answer, Failure)
    assert answer.reason.endswith(reason)
    assert answer.retryable is retryable


@pytest.mark.parametrize("answer", [None, ""])
@pytest.mark.parametrize(
    ("error", "said"),
    [({"message": "backend down"}, "backend down"), ("backend down", "backend down"),
     ({"code": 7}, '{"code": 7}'), (True, "true")],
)  # fmt: skip
def test_an_error_beside_an_empty_answer_is_no_empty_answer(
    answer: Any, error: Any, said: str
) -> None:
    reason = f"the application reports an error (nothing at $.a): {said}"
    assert one({"a": answer, "error": error}) == Failure(reason, retryable=True)


def test_an_error_beside_an_answer_or_a_block_is_none() -> None:
    down = {"error": {"message": "backend down"}}
    assert one({"a": "x", **down}).text == "x"
    assert one({"a": "", "error": None}).text == ""
    assert one({"a": "", "why": "SAFETY", **down}, finish_reason="$.why").text == ""
    assert one({"a": "", "b": True, **down}, blocked={"path": "$.b"}).text == ""


@pytest.mark.parametrize("answer", [None, ""])
@pytest.mark.parametrize(
    "error",
    [
        {"code": "content_filter", "message": "no"},
        {"type": "content_policy_violation"},
        {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}},
    ],
)
def test_a_filters_error_beside_an_empty_answer_is_a_block(answer: Any, error: Any) -> None:
    expected = Response(finish_reason="content_filter")
    assert one({"a": answer, "error": error}) == expected
    assert one({"a": "x", "error": error}) == Response("x")


def test_an_error_nested_beyond_writing_is_no_crash() -> None:
    deep = '{"a": null, "error":' + '{"b":' * 900 + "1" + "}" * 900 + "}"
    assert one(Say(deep)).retryable


def test_a_page_or_a_stream_in_place_of_a_reply_is_named() -> None:
    page = "the application sends an HTML page: is `url` the right address?"
    assert one(Say("<html>login")) == Failure(page, retryable=True)
    stream = one(Say('data: {"a": "x"}\n\n'))
    assert stream.reason.startswith("the application sends a stream of events")
    assert not stream.retryable


@pytest.mark.parametrize("reply", [Say({"message": "Forbidden"}, 403), Say(b"", 403)])
def test_a_firewall_that_stops_one_question_stops_no_run(reply: Say) -> None:
    def says(asked: Any) -> Any:
        return reply if asked.body["q"] == "bomb" else Say({"a": "ok"})

    questions = [Request("generate", messages=(Message("user", q),)) for q in ("tea", "bomb")]
    with serving(says) as server:
        adapter = make(server.url)

        async def work() -> list[Any]:
            found = [await adapter.respond([question]) for question in questions]
            await adapter.aclose()
            return [answer for answers in found for answer in answers]

        answered, stopped = asyncio.run(work())
    assert answered.text == "ok"
    assert (stopped.outcome, stopped.retryable) == ("errored", False)
    assert stopped.reason.startswith("the server answered HTTP 403")


def test_a_403_on_resuming_is_one_questions_where_the_key_had_answers_before() -> None:
    with serving(lambda _: Say({"message": "Forbidden"}, 403)) as server:
        adapter = make(server.url)
        adapter.has_answered()

        async def work() -> Any:
            (answer,) = await adapter.respond([ASK])
            await adapter.aclose()
            return answer

        assert asyncio.run(work()).outcome == "errored"


def test_a_firewalls_page_says_nothing_of_the_key() -> None:
    assert one(Say("<html>Attention Required!", 403)).outcome == "errored"


def test_a_reply_nested_beyond_reading_is_a_failure() -> None:
    deep = '{"b":' * 900 + "1" + "}" * 900
    assert "nothing at $..a" in one(Say(deep), answer="$..a").reason


def test_an_answer_that_is_no_text_is_not_asked_again() -> None:
    assert one({"a": {"b": 1}}) == Failure("what stands at $.a is no text but a dict")


@pytest.mark.parametrize(
    ("status", "retryable", "throttled"),
    [(400, False, False), (404, False, False), (429, True, True), (500, True, False)],
)
def test_a_status_that_brings_none(status: int, retryable: bool, throttled: bool) -> None:
    answer = one(Say({"detail": "no"}, status, {"Retry-After": "7"}))
    after = 7.0 if retryable else None
    reason = f"the server answered HTTP {status}: no"
    assert answer == Failure(reason, "errored", retryable, after, throttled)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_the_run(status: int) -> None:
    with serving(lambda _: Say({"message": "no"}, status)) as server:
        adapter = make(server.url)

        async def work() -> None:
            for _ in range(2):
                with pytest.raises(AdapterError, match=rf"refuses the key \(HTTP {status}: no\)"):
                    await adapter.respond([ASK])
            await adapter.aclose()

        asyncio.run(work())
        assert len(server.asked) == 1


def test_a_redirect_is_not_followed() -> None:
    with serving(lambda _: Say({"a": "never"})) as other:
        answer = one(Say(b"", 302, {"Location": other.url}))
        assert other.asked == []
    assert "set `url`" in answer.reason
    assert not answer.retryable


def test_timeouts_are_the_options() -> None:
    answer = one(Say({"a": "x"}, delay=30), timeout_first_byte=0.2)
    assert answer == Failure("the server was silent for 0.2 s", retryable=True)


def test_one_items_failure_is_its_own() -> None:
    requests = [Request("generate", messages=(Message("user", str(n)),)) for n in range(3)]
    with serving(lambda a: Say(b"", 500) if a.body["q"] == "1" else Say({"a": "ok"})) as server:
        answers = ask(make(server.url), *requests)
    assert [getattr(answer, "text", None) for answer in answers] == ["ok", None, "ok"]
