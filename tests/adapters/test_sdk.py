"""What the adapters of providers' SDKs have in common, each with the real SDK against a server."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import evalharness
from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.adapters.sdk.base import turns_of
from evalharness.errors import AdapterError, ConfigError, MissingExtraError, UnavailableError
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.adapters.openai_server import Asked, Say, serving
from tests.adapters.providers import (
    ASK,
    KEY,
    PROVIDERS,
    TURNS,
    VARIABLE,
    Provider,
    ask,
    one,
    sent,
)
from tests.support import TASK, item, write_suite

SECRET = "aws/secret+value=456"  # noqa: S105 - no real one
KEYED = [name for name in PROVIDERS if name != "bedrock"]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture(params=PROVIDERS.values(), ids=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=KEYED)
def keyed(request: pytest.FixtureRequest) -> Any:
    return PROVIDERS[request.param]


def create(name: str, **options: Any) -> Adapter:
    return registry.create(
        {"adapter": name, "model": "m", **options}, base_dir=Path(), where="target"
    )


# -- the seam ------------------------------------------------------------------------------------


def test_the_registry_knows_it(provider: Provider) -> None:
    adapter = create(provider.name, **({"region": "eu-west-1"} if provider.name == "bedrock" else
                                       {"api_key_env": VARIABLE}))  # fmt: skip
    assert isinstance(adapter, Adapter)
    assert isinstance(adapter, provider.adapter)
    assert adapter.capabilities.kinds == {"generate"}
    assert (adapter.capabilities.batch_size, adapter.capabilities.concurrency) == (1, 32)
    assert adapter.capabilities.endpoint == adapter.identity.extra["endpoint"]
    assert adapter.identity.provider == provider.name


def test_a_missing_sdk_is_named_with_the_line_that_installs_it(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, provider.module, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'evalharness\[{provider.name}\]'"):
        provider.make("http://127.0.0.1:1/v1")


def test_no_sdk_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, evalharness.cli; from evalharness.adapters import registry; registry.names()\n"
        "from evalharness.adapters.sdk import anthropic, bedrock, google, huggingface\n"
        "heavy = {'anthropic', 'google.genai', 'botocore', 'aiobotocore', 'huggingface_hub',"
        " 'httpx2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_kinds_are_not_run(provider: Provider) -> None:
    answer = one(provider, provider.reply(), Request("classify", text="x"))
    assert answer == Failure(f"{provider.name} answers no classify requests", outcome="not_run")


def test_system_messages_go_apart_and_neighbours_of_one_role_are_joined() -> None:
    request = Request(
        "generate",
        messages=(
            Message("user", "a"), Message("system", "s"), Message("user", "b"),
            Message("assistant", "c"), Message("assistant", "d"),
        ),
    )  # fmt: skip
    turns = turns_of(request, "own")
    assert turns.system == "own\n\ns"
    assert turns.messages == (Message("user", "a\n\nb"), Message("assistant", "c\n\nd"))
    assert turns_of(Request("generate"), None).system is None


# -- keys ----------------------------------------------------------------------------------------


def test_a_missing_variable_is_named(keyed: Provider) -> None:
    with pytest.raises(UnavailableError, match=r"NOT_THERE is not set, and api_key_env") as caught:
        create(keyed.name, api_key_env="NOT_THERE")
    assert "null" not in str(caught.value)  # these need a key
    with pytest.raises(UnavailableError, match=r"is not set"):
        create(keyed.name)


def test_a_key_that_no_header_can_carry_is_refused(
    keyed: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "hf_one\nhf_two")
    with pytest.raises(AdapterError, match="line breaks") as caught:
        create(keyed.name, api_key_env=VARIABLE)
    assert "hf_one" not in str(caught.value)


def test_a_providers_key_goes_to_no_other_host_by_itself(keyed: Provider) -> None:
    with pytest.raises(AdapterError, match=r"say which key this address gets"):
        create(keyed.name, base_url="https://example.org")


def test_a_repr_and_an_identity_hold_no_key_and_no_address(provider: Provider) -> None:
    adapter = provider.make("https://example.org/v1", system="Hush.")
    text = repr(adapter) + json.dumps(adapter.identity.to_json()) + repr(adapter._secrets)
    for hidden in (KEY, SECRET, "example", "Hush"):
        assert hidden not in text


@pytest.mark.parametrize("status", [400, 401, 429, 200])
def test_an_echoed_key_never_leaves_the_adapter(provider: Provider, status: int) -> None:
    words = f"got {KEY} and {SECRET if provider.name == 'bedrock' else KEY}"
    words += f" and {KEY[:6]}\u200b\n{KEY[6:]}"  # nor is one put together again

    def says(asked: Asked) -> Any:
        return provider.reply(words) if status == 200 else Say(provider.error(words), status)

    try:
        said = repr(one(provider, says))
    except AdapterError as fault:
        said = f"{fault!r} {fault.__cause__!r} {fault.__context__!r}"
    assert KEY[6:] not in said
    assert SECRET not in said
    assert said.count("[secret]") >= 3


def test_a_deviation_holds_no_secret_that_was_learnt_on_opening(provider: Provider) -> None:
    with serving(lambda _: provider.reply()) as server:
        adapter = provider.make(server.url)
        ask(adapter)
    adapter.deviations.note(f"the server said {KEY}")
    assert adapter.deviations[-1] == "the server said [secret]"


# -- answers -------------------------------------------------------------------------------------


def test_an_answer_with_its_tokens(provider: Provider) -> None:
    answer = one(provider, provider.reply("Because."))
    assert answer == Response(text="Because.", input_tokens=7, output_tokens=2)


def test_what_came_back_keeps_its_kind(provider: Provider) -> None:
    assert one(provider, provider.reply("cut", provider.cut)).finish_reason == "length"
    blocked = one(provider, provider.reply("par", provider.blocked))
    assert (blocked.text, blocked.finish_reason) == ("par", "content_filter")
    empty = one(provider, provider.reply(""))
    assert (empty.text, empty.finish_reason) == ("", "stop")


def test_a_stop_string_in_the_text_is_cut_and_said_once(provider: Provider) -> None:
    request = Request("generate", messages=TURNS, decoding=Decoding(stop=("END",)))
    with serving(lambda _: provider.reply("one END two", provider.cut)) as server:
        adapter = provider.make(server.url)
        answers = ask(adapter, request, request)
    assert [(a.text, a.finish_reason) for a in answers] == [("one ", "stop")] * 2
    assert len([text for text in adapter.deviations if "stop string" in text]) == 1


def test_a_temperature_that_is_not_sent_is_said(provider: Provider) -> None:
    adapter = provider.make("http://127.0.0.1:1/v1", send_temperature=False)
    assert "`temperature` is not sent, as the configuration asks" in adapter.deviations
    assert adapter.identity != provider.make("http://127.0.0.1:1/v1").identity
    assert "temperature" not in json.dumps(sent(provider, send_temperature=False).body)


def test_a_text_that_no_json_can_carry_is_no_crash(provider: Provider) -> None:
    request = Request("generate", messages=(Message("user", "half a pair: \ud800"),))
    answer = one(provider, provider.reply(), request)
    sendable = isinstance(answer, Response)  # some SDKs escape it
    assert sendable or (not answer.retryable and "cannot be sent" in answer.reason)


# -- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 424, 429, 500, 502, 503, 504, 529])
def test_a_status_that_may_heal_is_tried_once_and_retryable(
    provider: Provider, status: int
) -> None:
    reply = Say(provider.error("busy"), status, {"Retry-After": "7"})
    with serving(lambda _: reply) as server:
        (answer,) = ask(provider.make(server.url))
        assert len(server.asked) == 1  # the engine alone tries again
    assert isinstance(answer, Failure)
    assert answer.reason.startswith(f"the server answered HTTP {status}: ")
    assert "busy" in answer.reason
    assert (answer.outcome, answer.retryable, answer.retry_after) == ("errored", True, 7.0)
    assert answer.throttled == (status in {429, 503, 529})


@pytest.mark.parametrize("status", [400, 404, 413, 422, 501, 505])
def test_a_status_that_stays_is_final_with_the_servers_words(
    provider: Provider, status: int
) -> None:
    words = "bad\n field " + "y" * 999
    answer = one(provider, Say(provider.error(words), status, {"Retry-After": "7"}))
    assert isinstance(answer, Failure)
    assert (answer.outcome, answer.retryable, answer.retry_after) == ("errored", False, None)
    assert "bad field y" in answer.reason
    assert len(answer.reason) < 400
    assert "\n" not in answer.reason


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_the_run(provider: Provider, status: int) -> None:
    with serving(lambda _: Say(provider.error("no"), status)) as server:
        adapter = provider.make(server.url)

        async def twice() -> None:
            for _ in range(2):
                with pytest.raises(AdapterError, match=r"refuses the (key|credentials).*HTTP 40"):
                    await adapter.respond([ASK])
            await adapter.aclose()

        asyncio.run(twice())
        assert len(server.asked) == 1  # nothing is asked once it is known


@pytest.mark.parametrize("content", [b'{"output": {"cand', b"", b"\xff", b"[]", b"null", b"{}"])
def test_a_reply_that_is_no_answer_is_tried_again(provider: Provider, content: bytes) -> None:
    answer = one(provider, Say(content, 200, {"Content-Type": "application/json"}))
    assert isinstance(answer, Failure)
    assert answer.retryable
    assert "the server's reply" in answer.reason


def test_a_dropped_connection_is_tried_again(provider: Provider) -> None:
    answer = one(provider, Say(abort=True))
    assert answer.retryable
    assert answer.reason.startswith("the connection to the server was lost (")


def test_nobody_listens(provider: Provider) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (answer,) = ask(provider.make(f"http://127.0.0.1:{port}/v1"))
    assert answer.retryable
    assert answer.reason.startswith("no connection to the server (")
    assert "127.0.0.1" not in answer.reason


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("timeout_first_byte", "the server was silent for 0.2 s"),
        ("timeout_total", "the call was not done within 0.2 s"),
    ],
)
def test_a_server_that_hangs(provider: Provider, option: str, words: str) -> None:
    start = time.monotonic()
    answer = one(provider, Say(delay=30), **{option: 0.2})
    assert answer == Failure(words, retryable=True)
    assert time.monotonic() - start < 10


def test_a_redirect_is_not_followed(keyed: Provider) -> None:
    with serving(lambda _: keyed.reply("never")) as other:
        answer = one(keyed, Say(b"", 307, {"Location": f"{other.url}?k={KEY}"}))
        assert other.asked == []
    assert not answer.retryable
    assert "HTTP 307" in answer.reason
    assert "set `base_url` to the address that answers" in answer.reason
    assert KEY not in answer.reason


@pytest.mark.parametrize("declared", [True, False])
def test_a_huge_reply_is_not_read(
    keyed: Provider, monkeypatch: pytest.MonkeyPatch, declared: bool
) -> None:
    monkeypatch.setattr("evalharness.adapters.sdk.http.LARGEST_REPLY", 100_000)
    answer = one(keyed, Say(keyed.reply("x" * 200_000), chunked=not declared))
    assert isinstance(answer, Failure)
    assert "larger than" in answer.reason
    assert not answer.retryable


def test_the_sdks_tell_nothing_about_the_machine(provider: Provider) -> None:
    asked = sent(provider)
    told = json.dumps({k: v for k, v in asked.headers.items() if k != "Authorization"}).lower()
    for word in ("stainless", "python", "x-goog-api-client", "linux", "torch"):
        assert word not in told


# -- connections ---------------------------------------------------------------------------------


def test_connections_are_kept_and_closed(provider: Provider) -> None:
    with serving(lambda _: provider.reply()) as server:
        adapter = provider.make(server.url)

        async def work() -> None:
            for _ in range(3):
                await adapter.respond([ASK])
            await adapter.aclose()
            await adapter.aclose()  # nothing is left to close

        asyncio.run(work())
        assert len(server.connections) == 1
        asyncio.run(work())  # another event loop
        assert len(server.connections) == 2
    gc.collect()  # an unclosed connection would warn here, and warnings are errors


def test_a_cancelled_call_leaves_nothing_open(provider: Provider) -> None:
    with serving(lambda _: Say(delay=30)) as server:
        adapter = provider.make(server.url)

        async def work() -> None:
            asking = asyncio.create_task(adapter.respond([ASK]))
            await _until(lambda: bool(server.asked))
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await adapter.aclose()
            await _until(lambda: server.in_flight == 0)  # the server sees the connection go

        asyncio.run(work())
    gc.collect()


def test_closing_before_the_client_stands_leaves_nothing_open(provider: Provider) -> None:
    adapter = provider.make("http://127.0.0.1:1/v1")

    async def work() -> None:
        asking = asyncio.create_task(adapter.respond([ASK]))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await adapter.aclose()

    asyncio.run(work())
    gc.collect()


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come to that")


# -- whole runs ----------------------------------------------------------------------------------


def test_a_whole_run_and_no_file_of_it_holds_the_key(provider: Provider, tmp_path: Path) -> None:
    def says(asked: Asked) -> Any:
        if asked.number % 4 == 0:
            return Say(provider.error(f"no {KEY} {SECRET}"), 400)
        return provider.reply("A")

    task = TASK.replace("method: choose", "method: letter")
    suite = write_suite(tmp_path, [item(n) for n in range(8)], task=task)
    with serving(says) as server:
        spec: dict[str, Any] = {"adapter": provider.name, "model": "m", "concurrency": 4}
        where = server.url.removesuffix("/v1")
        if provider.name == "bedrock":
            spec |= {"endpoint_url": where, "region": "us-east-1"}
        else:
            spec |= {"base_url": where, "api_key_env": VARIABLE}
        config = {"target": spec, "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
    counts = run.scorecard.dimensions["factuality"].tasks["small"].outcomes
    assert (counts["answered"], counts["errored"]) == (6, 2)
    secrets = [SECRET, KEY] if provider.name == "bedrock" else [KEY]
    for path in (tmp_path / "results").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), path
    assert not any(secret in run.samples.to_json() for secret in secrets)
    gc.collect()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("anthropic", {"thinking": 5}, "target.thinking"),
        ("anthropic", {"version": "a\nb"}, "target.version"),
        ("google", {"safety": "LOW"}, "target.safety"),
        ("google", {"base_url": "https://me:pw@example.org"}, "may not hold a user name"),
        ("bedrock", {"guardrail": "g"}, "give both, or neither"),
        ("huggingface", {"provider": "groq", "base_url": "https://a.example"}, "only the router"),
        ("anthropic", {"concurency": 3}, "did you mean 'concurrency'"),
    ],
)
def test_what_is_wrong_in_the_options_is_said(name: str, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match="target") as caught:
        create(name, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(("key", "text"), [("EMPTY", KEY), (KEY, "[secret]")])
def test_a_placeholder_changes_no_answer_and_a_key_is_said(
    provider: Provider, monkeypatch: pytest.MonkeyPatch, key: str, text: str
) -> None:
    for name in (VARIABLE, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, key)
    with serving(lambda _: provider.reply(f"Empty: {KEY}.")) as server:
        adapter = provider.make(server.url)
        assert ask(adapter)[0].text == f"Empty: {text}."
    assert sum("repeats a key" in said for said in adapter.deviations) == (key == KEY)
