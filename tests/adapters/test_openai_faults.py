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


# -- errors within a good status -----------------------------------------------------------------


def within(code: Any, message: str = "no", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


def at_the_choice(error: Any, content: Any = "") -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {"choices": [{"finish_reason": "error", "error": error, "message": message}]}


def beside_a_choice(error: Any, content: Any = "") -> dict[str, Any]:
    return {**chat(content, finish_reason=None), "error": error}


@pytest.mark.parametrize("shape", [lambda e: {"error": e}, at_the_choice, beside_a_choice])
@pytest.mark.parametrize("code", [429, "429", "rate_limit_exceeded"])
def test_a_rate_limit_within_a_good_status_is_throttling(shape: Any, code: Any) -> None:
    reply = Say(shape({"message": "Rate limit exceeded", "code": code}), 200, {"Retry-After": "7"})
    reason = "the server answered HTTP 200 with error 429: Rate limit exceeded"
    assert one(reply) == Failure(reason, "errored", True, 7.0, True)


@pytest.mark.parametrize(
    ("code", "retryable", "throttled"),
    [(400, False, False), (404, False, False), (500, True, False), (502, True, False),
     (503, True, True), (408, True, False)],
)  # fmt: skip
def test_an_error_within_a_good_status_acts_as_its_status(
    code: int, retryable: bool, throttled: bool
) -> None:
    reason = f"the server answered HTTP 200 with error {code}: context length"
    expected = Failure(reason, retryable=retryable, throttled=throttled)
    assert one(within(code, "context length")) == expected
    assert one(at_the_choice({"code": code, "message": "context length"})) == expected
    top = {"object": "error", "code": code, "message": "context length"}  # older vLLM
    assert one(top) == expected


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (within(401, "No auth"), r"refuses the key \(HTTP 200 with error 401: No auth\)"),
        (within("invalid_api_key"), r"refuses the key \(HTTP 200 with error 401"),
        (within(403), r"refuses the key \(HTTP 200 with error 403"),
        (within(402, "Insufficient credits"), r"cannot pay for more \(HTTP 200 with error 402"),
        (within("insufficient_quota"), r"cannot pay for more \(HTTP 200 with error 429"),
        (at_the_choice({"code": 402, "message": "x"}), r"cannot pay for more"),
    ],
)
def test_a_refused_key_or_account_within_a_good_status_stops_the_run(
    key: str, error: Any, words: str
) -> None:
    with serving(lambda _: error) as server:
        adapter = make(server.url)

        async def twice() -> None:
            for _ in range(2):
                with pytest.raises(AdapterError, match=words):
                    await adapter.respond([ASK])
            await adapter.aclose()

        asyncio.run(twice())
        assert len(server.asked) == 1


FLAGGED = {"code": 403, "message": "flagged", "metadata": {"reasons": ["x"], "flagged_input": "y"}}


@pytest.mark.parametrize(
    "reply",
    [
        {"error": FLAGGED},
        at_the_choice(FLAGGED),
        beside_a_choice(FLAGGED),
        at_the_choice({"code": "content_filter"}),
        beside_a_choice({"code": "data_inspection_failed"}),
    ],
)
def test_a_providers_filter_within_a_good_status_is_an_outcome(reply: Any) -> None:
    assert one(reply) == Response(finish_reason="content_filter")


@pytest.mark.parametrize(
    ("error", "said"),
    [("backend down", "backend down"), ({"message": "backend down"}, "backend down"),
     ({"code": 1302, "message": "busy"}, "busy"), ({"code": True, "message": "x"}, "x")],
)  # fmt: skip
def test_an_error_beside_an_empty_answer_is_no_empty_answer(error: Any, said: str) -> None:
    reason = f"the server's reply holds an error and no answer: {said}"
    assert one(beside_a_choice(error)) == Failure(reason, retryable=True)
    assert one(beside_a_choice(error, None)) == Failure(reason, retryable=True)


@pytest.mark.parametrize("error", [None, "", {}, False, []])
def test_an_error_that_is_none_leaves_the_answer(error: Any) -> None:
    assert one(beside_a_choice(error)).text == ""
    assert one({**chat("x"), "error": {"code": 429, "message": "a warning"}}).text == "x"


def test_an_error_within_a_good_status_meets_every_api(key: str) -> None:
    reply = within(429)
    text = Request("classify", role="classifier", text="x")
    likely = Request("loglikelihood", messages=(Message("user", "a"),), continuation=" b")
    answers = [
        one(reply, api="responses"),
        one(reply, api="completions"),
        one({**reply, "results": []}, text, api="moderations"),
        one(reply, likely, api="completions", loglikelihood="auto"),
        one({**reply, "status": "failed", "output": ["x"]}, api="responses"),
    ]
    assert all(isinstance(answer, Failure) and answer.throttled for answer in answers)


# -- a firewall before the server ----------------------------------------------------------------

PAGE = Say("<!DOCTYPE html><title>Attention Required! | Cloudflare</title>", 403)


def guarded(reply: Say, *prompts: str, **options: Any) -> tuple[list[Any], int]:
    """The answers, one after the other, of a server before which a firewall stops "bomb"."""

    def says(asked: Asked) -> Any:
        return reply if "bomb" in asked.prompt else "ok"

    with serving(says) as server:
        adapter = make(server.url, **options)

        async def work() -> list[Any]:
            found = []
            try:
                for prompt in prompts:
                    request = Request("generate", messages=(Message("user", prompt),))
                    found += await adapter.respond([request])
            finally:
                await adapter.aclose()
            return found

        return asyncio.run(work()), len(server.asked)


@pytest.mark.parametrize(
    "reply", [PAGE, Say(b"", 403), Say({"message": "Forbidden"}, 403), Say("Forbidden", 403)]
)
def test_a_firewall_that_stops_one_prompt_stops_no_run(key: str, reply: Say) -> None:
    (first, stopped, last), asked = guarded(reply, "tea", "bomb", "cake")
    assert (first.text, last.text, asked) == ("ok", "ok", 3)
    assert (stopped.outcome, stopped.retryable) == ("errored", False)
    assert stopped.reason.startswith("the server answered HTTP 403")


def test_a_firewalls_page_says_nothing_of_the_key(key: str) -> None:
    (stopped, answer), _ = guarded(PAGE, "bomb", "tea")
    assert "Cloudflare" in stopped.reason
    assert answer.text == "ok"


@pytest.mark.parametrize(
    ("reply", "prompts"),
    [
        (Say({"message": "Forbidden"}, 403), ["bomb"]),
        (Say(b"", 403), ["bomb"]),
        (Say({"error": {"code": "invalid_api_key", "message": "x"}}, 403), ["tea", "bomb"]),
        (Say({"error": {"type": "authentication_error"}}, 403), ["tea", "bomb"]),
        (Say("<html>who are you?", 401), ["tea", "bomb"]),
    ],
)
def test_a_403_that_may_mean_the_key_stops_the_run(
    key: str, reply: Say, prompts: list[str]
) -> None:
    with pytest.raises(AdapterError, match=r"refuses the key \(HTTP 40"):
        guarded(reply, *prompts)


def test_a_403_on_resuming_is_one_prompts_where_the_key_had_answers_before(key: str) -> None:
    with serving(lambda _: Say({"message": "Forbidden"}, 403)) as server:
        adapter = make(server.url)
        adapter.has_answered()

        async def work() -> Any:
            (answer,) = await adapter.respond(
                [Request("generate", messages=(Message("user", "x"),))]
            )
            await adapter.aclose()
            return answer

        assert asyncio.run(work()) == Failure("the server answered HTTP 403: Forbidden")


def test_a_refused_key_names_the_way_round_a_firewall(key: str) -> None:
    with pytest.raises(AdapterError, match=r"blocked: \{statuses: \[403\]\}"):
        guarded(Say({"message": "Forbidden"}, 403), "bomb")


def test_a_status_may_be_named_as_a_block(key: str) -> None:
    blocked = Response(finish_reason="content_filter", blocked_by="the endpoint's filter")
    rule = {"statuses": [403, 451]}
    for reply in (PAGE, Say({"message": "Forbidden"}, 403), Say(b"", 451), Say(within(403))):
        (answer, _), _ = guarded(reply, "bomb", "tea", blocked=rule)
        assert answer == blocked
    with pytest.raises(AdapterError, match="refuses the key"):
        guarded(Say(b"", 401), "bomb", blocked=rule)


# -- what is no reply ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [201, 202, 203, 206])
def test_another_good_status_with_an_answer_is_an_answer(status: int) -> None:
    assert one(Say(chat("hi"), status)).text == "hi"
    failure = one(Say({"id": "x", "message": "later"}, status))
    assert failure == Failure(f"the server answered HTTP {status}: later")


@pytest.mark.parametrize(
    "reply",
    [Say("<!doctype html><html>login"), Say("\ufeff\n<HTML>"),
     Say("sign in", headers={"Content-Type": "text/html"})],
)  # fmt: skip
def test_a_page_in_place_of_a_reply_is_named_and_may_heal(reply: Say) -> None:
    reason = "the server sends an HTML page: is `base_url` the right address?"
    assert one(reply) == Failure(reason, retryable=True)


@pytest.mark.parametrize(
    "reply",
    [Say('data: {"choices": [{"delta": {"content": "hi"}}]}\n\ndata: [DONE]\n\n'),
     Say("event: message\ndata: x\n\n"),
     Say(": wait\n\ndata: x", headers={"Content-Type": "text/event-stream"})],
)  # fmt: skip
def test_a_stream_of_events_is_named(reply: Say) -> None:
    answer = one(reply)
    assert answer.reason.startswith("the server sends a stream of events")
    assert not answer.retryable
