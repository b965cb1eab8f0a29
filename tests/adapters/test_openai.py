"""An OpenAI-compatible endpoint: what is sent, every fault, log-likelihoods, keys kept secret."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import random
import re
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import evalharness
from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.adapters.openai import OpenAIAdapter, OpenAIOptions
from evalharness.adapters.openai.logprobs import continuation_logprobs
from evalharness.errors import AdapterError, ConfigError, UnavailableError
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.adapters.openai_server import Asked, Say, Server, chat, echoed, serving
from tests.support import TASK, item, write_suite

KEY = "sk-very/secret+key=123"
KEY_VARIABLE = "OPENAI_API_KEY"
TURNS = (Message("system", "Be brief."), Message("user", "Why?"))
ASK = Request("generate", messages=TURNS)
LETTER = TASK.replace("method: choose", "method: letter")


@pytest.fixture(autouse=True)
def _no_key_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return KEY


def named(options: dict[str, Any]) -> dict[str, Any]:
    """With the key's variable named where one is set, as an endpoint other than OpenAI's needs."""
    return {"api_key_env": KEY_VARIABLE, **options} if os.environ.get(KEY_VARIABLE) else options


def make(url: str, **options: Any) -> OpenAIAdapter:
    return OpenAIAdapter(OpenAIOptions(base_url=url, model="m", **named(options)))


def ask(adapter: OpenAIAdapter, *requests: Request) -> list[Any]:
    async def work() -> Sequence[Response | Failure]:
        try:
            return await adapter.respond(requests or (ASK,))
        finally:
            await adapter.aclose()

    return list(asyncio.run(work()))


def one(says: Any, request: Request = ASK, **options: Any) -> Any:
    """The answer of a server that says ``says`` (a reply, or a function of the request)."""
    with serving(says if callable(says) else lambda _: says) as server:
        return ask(make(server.url, **options), request)[0]


def sent(request: Request = ASK, **options: Any) -> Asked:
    """What the server is asked."""
    with serving(lambda _: "ok") as server:
        ask(make(server.url, **options), request)
        return server.asked[-1]


def spec(server: Server, **options: Any) -> dict[str, Any]:
    return {"adapter": "openai", "base_url": server.url, "model": "m", **named(options)}


def create(**options: Any) -> Adapter:
    fields = {"adapter": "openai", "model": "m", **options}
    return registry.create(fields, base_dir=Path(), where="target")


# -- what is sent --------------------------------------------------------------------------------


def test_it_is_an_adapter_and_the_registry_knows_it(key: str) -> None:
    adapter = create()
    assert isinstance(adapter, Adapter)
    assert isinstance(adapter, OpenAIAdapter)
    assert adapter.capabilities.kinds == {"generate"}
    assert (adapter.capabilities.batch_size, adapter.capabilities.concurrency) == (1, 32)


def test_a_chat_request_carries_messages_and_decoding(key: str) -> None:
    decoding = Decoding(max_tokens=5, temperature=0.7, top_p=0.9, stop=("\n",))
    asked = sent(Request("generate", messages=TURNS, decoding=decoding, seed=11))
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why?"},
        ],
        "max_tokens": 5, "temperature": 0.7, "top_p": 0.9, "stop": ["\n"], "seed": 11,
    }  # fmt: skip


def test_a_greedy_request_sends_no_seed_no_stop_no_top_p() -> None:
    assert set(sent().body) == {"model", "messages", "max_tokens", "temperature"}


def test_top_p_is_sent_whenever_it_matters() -> None:
    asked = sent(Request("generate", messages=TURNS, decoding=Decoding(temperature=1.0)))
    assert asked.body["top_p"] == 1.0  # a server's own default may be another


def test_completions_join_the_messages() -> None:
    asked = sent(api="completions", system="You are polite.")
    assert asked.path == "/v1/completions"
    assert asked.body["prompt"] == "You are polite.\n\nBe brief.\n\nWhy?"


def test_the_system_prompt_comes_first_and_is_one_message() -> None:
    messages = sent(system="You are polite.").body["messages"]
    assert [m["role"] for m in messages] == ["system", "user"]
    assert messages[0]["content"] == "You are polite.\n\nBe brief."


def test_body_headers_and_organisation_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_KEY", f"  {KEY}\n")
    asked = sent(
        body={"top_k": -1, "nested": {"a": [1]}},
        headers={"X-Title": "tests", "api-key": "env:GATE_KEY", "user-agent": "mine"},
        organization="org-1",
        max_tokens_field="max_completion_tokens",
    )
    assert asked.body["top_k"] == -1
    assert asked.body["nested"] == {"a": [1]}
    assert asked.body["max_completion_tokens"] == 256
    assert "max_tokens" not in asked.body
    assert asked.headers["X-Title"] == "tests"
    assert asked.headers["api-key"] == KEY
    assert asked.headers["OpenAI-Organization"] == "org-1"
    assert [v for k, v in asked.headers.items() if k.lower() == "user-agent"] == ["mine"]
    assert "Authorization" not in asked.headers


def test_null_in_the_body_leaves_a_field_out_and_is_a_deviation() -> None:
    decoding = Decoding(temperature=0.7, stop=("!",))
    body = {"temperature": None, "stop": None, "other": None}
    with serving(lambda _: "a!b") as server:
        adapter = make(server.url, body=body)
        answer = ask(adapter, Request("generate", messages=TURNS, decoding=decoding))[0]
        asked = server.asked[0].body
    assert "temperature" not in asked
    assert "stop" not in asked
    assert asked["other"] is None
    assert answer.text == "a"
    assert adapter.deviations == [
        "`stop` is not sent, as the configuration asks",
        "`temperature` is not sent, as the configuration asks",
    ]


def test_send_seed_off_sends_none() -> None:
    request = Request("generate", messages=TURNS, decoding=Decoding(temperature=1.0), seed=3)
    assert "seed" not in sent(request, send_seed=False).body


def test_a_query_in_the_address_is_kept() -> None:
    with serving(lambda _: "ok") as server:
        ask(make(server.url + "/?api-version=preview"))
        assert (server.asked[0].path, server.asked[0].query) == (
            "/v1/chat/completions", "api-version=preview",
        )  # fmt: skip


def test_an_explicit_authorization_header_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_AUTH", "Basic abcdefgh")
    assert sent(headers={"Authorization": "env:MY_AUTH"}).headers["Authorization"] == (
        "Basic abcdefgh"
    )


def test_other_kinds_are_not_run() -> None:
    answer = one("ok", Request("classify", text="x"))
    assert isinstance(answer, Failure)
    assert answer.outcome == "not_run"


# -- options and identity ------------------------------------------------------------------------


def test_the_identity_holds_no_address_no_key_and_no_prompt(key: str) -> None:
    adapter = make("https://example.org/v1", system="Hush.", body={"top_k": 1}, revision="r1")
    identity = adapter.identity.to_json()
    text = json.dumps(identity)
    assert (identity["provider"], identity["model"], identity["revision"]) == ("openai", "m", "r1")
    assert identity["backend"] == "chat"
    assert len(identity["system_prompt"]) == 64
    assert identity["extra"]["body"] == {"top_k": 1}
    for hidden in ("example", "Hush", KEY):
        assert hidden not in text


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "https://other.example/v1"},
        {"model": "n"},
        {"api": "completions"},
        {"system": "x"},
        {"body": {"a": 1}},
        {"headers": {"X-Route": "b"}},
        {"revision": "2"},
        {"send_seed": False},
    ],
)
def test_what_can_change_an_answer_changes_the_identity(key: str, changes: dict[str, Any]) -> None:
    plain = {"base_url": "https://example.org/v1", "model": "m", "api_key_env": None}
    assert (
        OpenAIAdapter(OpenAIOptions(**plain)).identity
        != OpenAIAdapter(OpenAIOptions(**{**plain, **changes})).identity
    )


def test_what_changes_no_answer_is_not_in_the_identity(key: str) -> None:
    one_ = make("https://example.org/v1", concurrency=2, timeout_total=5)
    assert one_.identity == make("https://example.org/v1/").identity


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(UnavailableError, match=r"OPENAI_API_KEY is not set.*api_key_env: null"):
        create()
    with pytest.raises(UnavailableError, match=r"GATE_KEY is not set, and headers\.api-key"):
        create(api_key_env=None, headers={"api-key": "env:GATE_KEY"})
    # named on purpose: also an endpoint on this machine then needs it
    with pytest.raises(UnavailableError, match="MY_KEY is not set"):
        create(base_url="http://127.0.0.1:8000/v1", api_key_env="MY_KEY")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.0.1"])
def test_an_endpoint_on_this_machine_needs_no_key(host: str) -> None:
    create(base_url=f"http://{host}:8000/v1")
    with pytest.raises(AdapterError, match="which key this endpoint gets"):
        create(base_url="http://localhost.example.org/v1")


def test_openais_key_goes_to_no_other_host_by_itself(key: str) -> None:
    with pytest.raises(AdapterError, match=r"api\.openai\.com alone"):
        create(base_url="https://api.openai.com.example.org/v1")
    create(base_url="https://example.org/v1", api_key_env="OPENAI_API_KEY")
    create(base_url="https://example.org/v1", api_key_env=None)
    with serving(lambda _: "ok") as server:
        ask(OpenAIAdapter(OpenAIOptions(base_url=server.url, model="m")))
        assert "Authorization" not in server.asked[0].headers


def test_no_key_is_sent_where_none_is_named(key: str) -> None:
    assert "Authorization" not in sent(api_key_env=None).headers


def test_a_key_that_no_header_can_carry_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one\nsk-two")
    with pytest.raises(AdapterError, match="line breaks") as caught:
        create()
    assert "sk-one" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": f"https://me:{KEY[:5]}@example.org/v1"}, "may not hold a user name"),
        ({"base_url": f"https://example.org/v1?api_key={KEY[:5]}"}, "parameter 'api_key'"),
        ({"base_url": "ftp://example.org"}, "http:// or https://"),
        ({"base_url": "http://[::1"}, "no address"),
        ({"headers": {"Authorization": f"Bearer {KEY[:5]}"}}, "Authorization: env:NAME"),
        ({"headers": {"X-API-Key": KEY[:5]}}, "X-API-Key: env:NAME"),
        ({"headers": {"api_key": KEY[:5]}}, "api_key: env:NAME"),
        ({"headers": {"X-Auth-Token": KEY[:5]}}, "X-Auth-Token: env:NAME"),
        ({"headers": {"X-A": "env:"}}, "names no variable"),
        ({"headers": {"X-A": "a\r\nb: c"}}, "a header cannot carry"),
        ({"headers": {"X A": "b"}}, "no name of a header"),
        ({"headers": {"Host": "b"}}, "set by the adapter"),
        ({"body": {"api_key": KEY[:5]}}, "secret into the run"),
        ({"body": {"temperature": 1}}, "only null may stand here"),
        ({"body": {"messages": []}}, "set by the adapter"),
        ({"body": {"top_k": float("nan")}}, "cannot be sent as JSON"),
        ({"loglikelihood": "auto"}, "needs `api: completions`"),
        ({"api": "chats"}, "allowed: 'chat', 'completions', 'responses' or 'moderations'"),
        ({"scores": {"toxicity": "hate"}}, "'scores' has no effect with `api: chat`"),
        ({"api": "moderations", "system": "x"}, "'system' has no effect"),
        ({"api": "responses", "send_seed": True}, "'send_seed' has no effect"),
        ({"start": "<s>"}, "'start' has no effect without `loglikelihood: auto`"),
        ({"concurency": 3}, "did you mean 'concurrency'"),
    ],
)
def test_what_is_wrong_in_the_options_is_said_without_the_secret(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match="target") as caught:
        create(**options)
    assert message in str(caught.value)
    assert KEY[:5] not in str(caught.value)


# -- answers -------------------------------------------------------------------------------------


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


# -- faults --------------------------------------------------------------------------------------


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


# -- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 429, 200])
def test_an_echoed_key_never_leaves_the_adapter(key: str, status: int) -> None:
    def says(asked: Asked) -> Any:
        words = f"got {asked.headers['Authorization']}"
        return chat(words) if status == 200 else Say({"error": {"message": words}}, status)

    try:
        said = repr(one(says))
    except AdapterError as fault:
        said = str(fault)
    assert KEY not in said
    assert "[secret]" in said


def test_a_repr_holds_no_key(key: str) -> None:
    adapter = make("https://example.org/v1")
    assert KEY not in repr(adapter) + repr(adapter.identity) + repr(adapter.__dict__["_secrets"])


# -- connections ---------------------------------------------------------------------------------


def test_connections_are_kept_and_closed() -> None:
    with serving(lambda _: "ok") as server:
        adapter = make(server.url)

        async def work() -> None:
            for _ in range(5):
                await adapter.respond([ASK])
            await adapter.aclose()
            await adapter.aclose()  # nothing is left to close

        asyncio.run(work())
        assert len(server.connections) == 1
        asyncio.run(work())  # another event loop
        assert len(server.connections) == 2
    gc.collect()  # an unclosed session would warn here, and warnings are errors


def test_a_run_uses_the_concurrency_and_leaves_nothing_open(tmp_path, monkeypatch) -> None:
    closed = []
    close = OpenAIAdapter.aclose

    async def watched(self: OpenAIAdapter) -> None:
        await close(self)
        closed.append(self._http.open)

    monkeypatch.setattr(OpenAIAdapter, "aclose", watched)
    suite = write_suite(tmp_path, [item(n) for n in range(24)], task=LETTER)
    with serving(lambda _: Say(chat("A"), delay=0.05)) as server:
        config = {"target": spec(server, concurrency=6), "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
        assert server.most_in_flight == 6
        assert len(server.connections) == 6
    assert run.exit_code == 0
    assert closed == [0]
    gc.collect()


# -- log-likelihoods -----------------------------------------------------------------------------

LIKELY = Request(
    "loglikelihood", messages=(Message("user", "One two"),), continuation=" three four"
)
AUTO = {"api": "completions", "loglikelihood": "auto"}


def test_log_likelihoods_are_declared_only_where_asked_for() -> None:
    assert make("http://127.0.0.1:1/v1").capabilities.kinds == {"generate"}
    assert make("http://127.0.0.1:1/v1", **AUTO).capabilities.kinds == {"generate", "loglikelihood"}


@pytest.mark.parametrize(
    "shape", [{}, {"start": "<s>"}, {"more": " five"}, {"start": "<s>", "more": "!"}]
)
def test_a_server_that_echoes_gives_log_likelihoods(shape: dict[str, str]) -> None:
    with serving(lambda asked: echoed(asked, **shape)) as server:
        adapter = make(server.url, **AUTO)
        answers = ask(adapter, LIKELY, LIKELY)
    expected = Response(loglikelihood=-1.0, token_logprobs=(-0.5, -0.5), output_tokens=2)
    assert answers == [expected, expected]
    assert len(server.asked) == 3  # one probe
    body = server.asked[1].body
    assert body["prompt"] == "One two three four"
    assert (body["echo"], body["logprobs"], body["max_tokens"]) == (True, 1, 1)
    assert adapter.deviations == []


def test_white_space_before_the_border_belongs_to_the_continuation() -> None:
    request = Request("loglikelihood", messages=(Message("user", "One "),), continuation="two")
    assert one(echoed, request, **AUTO).token_logprobs == (-0.5,)


def ignores(asked: Asked) -> Any:
    return {"choices": [{"text": "ok", "logprobs": None}]}


def generates(asked: Asked) -> Any:
    """logprobs of its own new tokens, no echo."""
    logprobs = {"tokens": [" ok"], "token_logprobs": [-0.1], "text_offset": [0]}
    return {"choices": [{"text": " ok", "logprobs": logprobs}]}


def refuses(asked: Asked) -> Any:
    return Say({"error": {"message": "echo is not supported"}}, 400)


def lies(asked: Asked) -> Any:
    reply = echoed(asked)
    values = reply["choices"][0]["logprobs"]["token_logprobs"]
    reply["choices"][0]["logprobs"]["token_logprobs"] = [None, *[0.9] * (len(values) - 1)]
    return reply


@pytest.mark.parametrize("says", [ignores, generates, refuses, lies])
def test_the_capability_is_probed_not_believed(says: Any) -> None:
    with serving(says) as server:
        adapter = make(server.url, **AUTO)
        answers = ask(adapter, LIKELY, LIKELY, LIKELY)
        assert len(server.asked) == 1
    assert {answer.outcome for answer in answers} == {"not_run"}
    assert "`echo` or `logprobs`" in answers[0].reason
    assert len(adapter.deviations) == 1
    assert adapter.deviations[0].startswith("no log-likelihoods: ")


def test_a_fault_at_the_probe_says_nothing_about_the_server() -> None:
    def says(asked: Asked) -> Any:
        return Say(b"", 503) if asked.number == 1 else echoed(asked)

    with serving(says) as server:
        adapter = make(server.url, **AUTO)

        async def work() -> list[Any]:
            found = [*await adapter.respond([LIKELY, LIKELY]), *await adapter.respond([LIKELY])]
            await adapter.aclose()
            return found

        first, second, third = asyncio.run(work())
    down = Failure("the server answered HTTP 503", retryable=True, throttled=True)
    assert first == second == down
    assert third.loglikelihood == -1.0
    assert adapter.deviations == []


def test_a_wrong_key_at_the_probe_stops_the_run() -> None:
    with pytest.raises(AdapterError, match="refuses the key"):
        one(Say(b"", 401), LIKELY, **AUTO)


def test_closing_during_the_probe_leaves_nothing_behind() -> None:
    with serving(lambda _: Say(delay=30)) as server:
        adapter = make(server.url, **AUTO)

        async def work() -> None:
            asking = asyncio.create_task(adapter._one(LIKELY))
            await asyncio.sleep(0.1)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await adapter.aclose()

        asyncio.run(work())


@pytest.mark.parametrize(
    ("tokens", "offsets", "expected"),
    [
        ([" One", " tw", "o th", "ree four"], None, "a token straddles the border"),
        (["One two", " three four"], None, (-0.5,)),
        (["One two", " thr\ufffd", "\ufffd", " four"], [0, 7, 11, 13], (-0.5, -0.5, -0.5)),
        (["One two", " thr\ufffd", "x", " four"], [0, 7, 11, 13], "do not spell the prompt"),
        (["One two", " thr\ufffd", "\ufffd", " four"], [0, 7, 13, 11], "do not spell the prompt"),
        (["One two", " thr\ufffd", " four"], ["0", 7, 13], "do not spell the prompt"),
        (["One two", " thr\ufffd", " four"], [0], "do not spell the prompt"),
        ([], None, "no log-probabilities"),
    ],
)
def test_tokens_are_placed_or_refused(tokens: Any, offsets: Any, expected: Any) -> None:
    prompt = "One two three four"
    tokens = [token.lstrip() if n == 0 else token for n, token in enumerate(tokens)]
    starts = [sum(map(len, tokens[:n])) for n in range(len(tokens))]
    logprobs = {
        "tokens": tokens,
        "token_logprobs": [None, *[-0.5] * (len(tokens) - 1)][: len(tokens)],
        "text_offset": starts if offsets is None else offsets,
    }
    found = continuation_logprobs({"logprobs": logprobs}, prompt, len("One two"))
    assert found == expected if isinstance(expected, tuple) else expected in found


def test_a_first_token_has_no_probability() -> None:
    request = Request("loglikelihood", continuation="three four")
    answer = one(echoed, request, **AUTO)
    assert answer.reason.startswith("there is no context before the continuation")


def test_a_text_with_nothing_before_it_begins_with_a_start_token() -> None:
    """The server's own, or the one that the configuration names."""
    request = Request("loglikelihood", messages=(Message("user", ""),), continuation="three four")
    assert one(lambda asked: echoed(asked, start="<s>"), request, **AUTO).loglikelihood == -1.0

    def says(asked: Asked) -> Any:
        spelled = re.findall(r"<s>|\s*[^\s<]+", asked.prompt)
        return echoed(asked, tokens=spelled)

    with serving(says) as server:
        adapter = make(server.url, **AUTO, start="<s>")
        (answer, after) = ask(adapter, request, LIKELY)
        prompts = [asked.prompt for asked in server.asked[1:]]
    assert answer.token_logprobs == after.token_logprobs == (-0.5, -0.5)
    assert sorted(prompts) == ["<s>three four", "One two three four"]
    assert adapter.identity.extra["start"] == "<s>"
    assert "start" not in make("http://127.0.0.1:1/v1", **AUTO).identity.extra


def test_a_filtered_or_failed_echo_is_errored() -> None:
    def says(asked: Asked) -> Any:
        return (
            echoed(asked) if asked.number == 1 else Say({"error": {"code": "content_filter"}}, 400)
        )

    answer = one(says, LIKELY, **AUTO)
    assert (answer.outcome, answer.retryable) == ("errored", False)
    assert "content filter" in answer.reason


# -- whole runs ----------------------------------------------------------------------------------


def right(asked: Asked) -> str:
    """The right letter."""
    return next(line[0] for line in asked.prompt.splitlines() if line[3:].startswith("right"))


def accuracy(run: Any) -> Any:
    return run.scorecard.dimensions["factuality"].tasks["small"].metrics["accuracy"]


def test_faults_that_heal_cost_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("evalharness.engine.lanes._LONGEST_WAIT", 0.01)
    kinds = [Say(b"", 429, {"Retry-After": "0.01"}), Say(b"", 500), Say(b'{"choi'), Say(abort=True),
             Say({"choices": []}), Say(delay=30)]  # fmt: skip
    rng, seen = random.Random(5), {}

    def says(asked: Asked) -> Any:
        tries = seen[asked.prompt] = seen.get(asked.prompt, 0) + 1
        return rng.choice(kinds) if tries == 1 and rng.random() < 0.5 else right(asked)

    suite = write_suite(tmp_path, [item(n) for n in range(60)], task=LETTER)
    with serving(says) as server:
        config = {"target": spec(server, timeout_first_byte=0.3), "suites": [str(suite)]}
        run = evalharness.run(config, out=tmp_path / "results")
    cell = accuracy(run)
    assert (cell.value, cell.n_planned, cell.n_measured) == (1.0, 60, 60)
    assert len(server.asked) > 60
    assert run.exit_code == 0


def test_faults_that_stay_are_errored_and_a_resume_can_ask_again(tmp_path) -> None:
    broken = [True]

    def says(asked: Asked) -> Any:
        if "number 3?" in asked.prompt and broken[0]:
            return Say({"error": {"message": "down"}}, 500)
        return chat(None) if "number 5?" in asked.prompt else right(asked)

    suite = write_suite(tmp_path, [item(n) for n in range(40)], task=LETTER)
    with serving(says) as server:
        config = {"target": spec(server), "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
        assert run.exit_code == 3
        counts = run.scorecard.dimensions["factuality"].tasks["small"].outcomes
        assert (counts["errored"], counts["empty"], counts["answered"]) == (1, 1, 38)
        reasons = set(run.samples["reason"].dropna())
        assert "the server answered HTTP 500: down" in reasons
        broken[0] = False
        asked = len(server.asked)
        again = evalharness.run(config, out=tmp_path / "results", retry_errored=True)
        assert len(server.asked) == asked + 1
    assert again.exit_code == 0
    assert again.run_id == run.run_id


def test_a_wrong_key_stops_a_run_that_a_good_one_resumes(tmp_path, monkeypatch) -> None:
    def says(asked: Asked) -> Any:
        if asked.headers["Authorization"] != "Bearer good-key" and asked.number > 10:
            return Say({"error": {"message": f"no: {asked.headers['Authorization']}"}}, 401)
        return right(asked)

    suite = write_suite(tmp_path, [item(n) for n in range(200)], task=LETTER)
    with serving(says) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        config = {"target": spec(server, concurrency=4), "suites": [str(suite)], "retries": 0}
        with pytest.raises(
            AdapterError, match=r"refuses the key \(HTTP 401: no: Bearer \[secret\]\)"
        ):
            evalharness.run(config, out=tmp_path / "results")
        asked = len(server.asked)
        assert asked <= 10 + 4
        monkeypatch.setenv("OPENAI_API_KEY", "good-key")
        run = evalharness.run(config, out=tmp_path / "results")
        assert len(server.asked) == asked + 200 - 10
    assert accuracy(run).n_measured == 200
    gc.collect()


def test_no_file_of_a_run_holds_the_key(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GATE_KEY", "gate-secret-value")

    def says(asked: Asked) -> Any:
        words = f"{asked.headers['Authorization']} {asked.headers['X-Gate-Key']}"
        if asked.number % 4 == 0:
            return Say({"error": {"message": words}}, 400)
        if asked.number % 4 == 1:
            return Say(words, 500, {"X-Echo": KEY})
        return chat(words, system_fingerprint=f"{words}{asked.number}", model=words)

    suite = write_suite(tmp_path, [item(n) for n in range(20)], task=LETTER)
    with serving(says) as server:
        target = spec(server, headers={"X-Gate-Key": "env:GATE_KEY"})
        config = {"target": target, "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
        sent_headers = server.asked[0].headers
    assert sent_headers["X-Gate-Key"] == "gate-secret-value"
    files = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content, path
        assert b"gate-secret-value" not in content, path
    # the parquet file is compressed: look at what it says
    assert KEY not in run.samples.to_json()
    assert "[secret]" in run.samples.to_json()


def knows(asked: Asked) -> Any:
    """Finds the right option likelier than the others."""
    reply = echoed(asked)
    found = reply["choices"][0]["logprobs"]
    likely = [-0.1 if word == " right" else -0.5 for word in found["tokens"]]
    found["token_logprobs"] = [None, *likely[1:]]
    return reply


def test_log_likelihoods_run_a_task_that_compares_them(tmp_path) -> None:
    suite = write_suite(tmp_path, [item(n) for n in range(5)])
    with serving(knows) as server:
        config = {"target": spec(server, **AUTO), "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
        assert len(server.asked) == 1 + 5 * 3
    assert run.info["tasks"]["small"]["method"] == "loglikelihood"
    assert (accuracy(run).value, run.exit_code) == (1.0, 0)


def test_a_failed_probe_is_not_run_with_the_reason(tmp_path) -> None:
    suite = write_suite(tmp_path, [item(n) for n in range(5)])
    with serving(ignores) as server:
        config = {"target": spec(server, **AUTO), "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
    assert run.exit_code == 3
    assert run.scorecard.dimensions["factuality"].tasks["small"].outcomes["not_run"] == 5
    assert any("no log-likelihoods" in text for text in run.info["deviations"])
