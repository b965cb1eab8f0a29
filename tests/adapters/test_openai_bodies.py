"""What an OpenAI-compatible endpoint is sent: address, headers and body."""

from __future__ import annotations

import pytest

from evalharness.adapters.base import Adapter
from evalharness.adapters.openai import OpenAIAdapter
from evalharness.records import Decoding, Failure, Request
from tests.adapters.openai_asking import KEY, TURNS, ask, create, make, one, sent
from tests.adapters.openai_server import serving


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


def test_other_kinds_are_not_run() -> None:
    answer = one("ok", Request("classify", text="x"))
    assert isinstance(answer, Failure)
    assert answer.outcome == "not_run"
