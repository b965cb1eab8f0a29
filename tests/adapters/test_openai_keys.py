"""Keys of an OpenAI-compatible endpoint: which one is sent where, and that none is ever told."""

from __future__ import annotations

from typing import Any

import pytest

import evalharness
from evalharness.adapters.openai import OpenAIAdapter, OpenAIOptions
from evalharness.errors import AdapterError, UnavailableError
from evalharness.records import Decoding, Request
from tests.adapters.openai_asking import ASK, KEY, LETTER, ask, create, make, one, sent, spec
from tests.adapters.openai_server import Asked, Say, chat, serving
from tests.support import item, write_suite

# -- which key is sent ---------------------------------------------------------------------------


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


def test_an_explicit_authorization_header_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_AUTH", "Basic abcdefgh")
    assert sent(headers={"Authorization": "env:MY_AUTH"}).headers["Authorization"] == (
        "Basic abcdefgh"
    )


def test_a_key_that_no_header_can_carry_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one\nsk-two")
    with pytest.raises(AdapterError, match="line breaks") as caught:
        create()
    assert "sk-one" not in str(caught.value)


# -- none is told --------------------------------------------------------------------------------


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


HONEST = "The glass is empty; none of the ollama models passed the test, 1234."


@pytest.mark.parametrize("placeholder", ["EMPTY", "ollama", "none", "test", "1234", "glass"])
def test_a_placeholder_key_changes_no_answer(
    monkeypatch: pytest.MonkeyPatch, placeholder: str
) -> None:
    monkeypatch.setenv("PLACEHOLDER", placeholder)
    with serving(lambda _: HONEST) as server:
        adapter = make(server.url, api_key_env="PLACEHOLDER")
        assert ask(adapter)[0].text == HONEST
    assert adapter.deviations == []


def test_what_was_taken_out_of_an_answer_is_said_once(key: str) -> None:
    with serving(lambda _: f"my key is {KEY}") as server:
        adapter = make(server.url)
        assert [answer.text for answer in ask(adapter, ASK, ASK)] == ["my key is [secret]"] * 2
    assert adapter.deviations == [
        "the server repeats a key in some answers; it was taken out, and [secret] stands there"
    ]


def test_a_stop_string_cuts_no_key_in_two(key: str) -> None:
    request = Request("generate", messages=ASK.messages, decoding=Decoding(stop=("+key",)))
    assert one(f"so {KEY}", request).text == "so [secret]"


def test_a_key_in_the_name_of_a_score_is_taken_out(key: str) -> None:
    scores = {"harassment": 0.5, f"x {KEY}": 0.25}
    says = Say({"model": "m", "results": [{"category_scores": scores}]})
    answer = one(says, Request("classify", text="Hm."), api="moderations")
    assert answer.scores == {"harassment": 0.5, "x [secret]": 0.25}


def test_a_key_beyond_what_is_shown_of_an_error_is_not_cut_in_two(key: str) -> None:
    for size in (8192 - 10, 65536 - 10):
        assert KEY[:5] not in one(Say(" " * size + KEY, 500)).reason
