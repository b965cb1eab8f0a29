"""Hugging Face's router and endpoints: what is sent, and what their replies and faults mean."""

from __future__ import annotations

from typing import Any

import pytest
from huggingface_hub.inference._providers import CONVERSATIONAL_AUTO_ROUTER

from evalharness.adapters.sdk.huggingface import HuggingFaceAdapter, HuggingFaceOptions
from evalharness.errors import AdapterError
from evalharness.records import Decoding, Failure, Request, Response
from tests.adapters.openai_server import Asked, Say, chat, serving
from tests.adapters.providers import KEY, PROVIDERS, TURNS, VARIABLE, ask, one, sent

HUB = PROVIDERS["huggingface"]
ASK = Request("generate", messages=TURNS, decoding=Decoding(5, 0.7, 0.9, ("x",)), seed=3)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_machine")


def routed(monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[HuggingFaceAdapter, Asked]:
    """An adapter of the router, and what the router is asked."""
    with serving(lambda _: chat("ok")) as server:
        where = server.url.removesuffix("/v1")
        monkeypatch.setattr(CONVERSATIONAL_AUTO_ROUTER, "base_url", where)
        made = HuggingFaceOptions(model="org/m", api_key_env=VARIABLE, **options)
        adapter = HuggingFaceAdapter(made)
        assert ask(adapter, ASK)[0].text == "ok"
        return adapter, server.asked[0]


def test_what_an_endpoint_is_sent() -> None:
    asked = sent(HUB, ASK)
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert {k: v for k, v in asked.body.items() if v is not None and k != "stream"} == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why?"},
        ],
        "max_tokens": 5, "temperature": 0.7, "top_p": 0.9, "stop": ["x"], "seed": 3,
    }  # fmt: skip


def test_the_router_is_told_the_provider_and_who_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, asked = routed(monkeypatch, provider="groq", bill_to="acme")
    assert asked.path == "/v1/chat/completions"
    assert asked.body["model"] == "org/m:groq"
    assert {k.lower(): v for k, v in asked.headers.items()}["x-hf-bill-to"] == "acme"
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert adapter.identity.extra["provider"] == "groq"
    assert adapter.deviations == []


def test_a_router_that_chooses_is_a_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter, asked = routed(monkeypatch)
    assert asked.body["model"] == "org/m"
    assert adapter.deviations == ["no `provider` is named: the answers may come from several"]


def test_the_router_takes_a_token_of_hugging_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "sk-of-another")
    with pytest.raises(AdapterError, match="holds no token of Hugging Face") as caught:
        HuggingFaceAdapter(HuggingFaceOptions(model="m", api_key_env=VARIABLE))
    assert "sk-of-another" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "text", "finish"),
    [
        (chat(None), "", "stop"),
        (chat("x", finish_reason="eos_token"), "x", "stop"),
        (chat("x", choices=[], error={"code": "content_filter"}), "", "content_filter"),
    ],
)
def test_what_came_back_keeps_its_kind(reply: Any, text: str, finish: str) -> None:
    answer = one(HUB, reply)
    assert isinstance(answer, Response)
    assert (answer.text, answer.finish_reason) == (text, finish)


def test_no_credits_stop_the_run() -> None:
    words = "You have exceeded your monthly included credits"
    with pytest.raises(AdapterError, match=r"cannot pay for more \(HTTP 402: You have exceeded"):
        one(HUB, Say({"error": words}, 402))


def test_an_error_within_a_good_status_acts_as_its_status() -> None:
    slow = one(HUB, {"error": {"code": 429, "message": "slow down"}})
    reason = "the server answered HTTP 200 with error 429: slow down"
    assert slow == Failure(reason, retryable=True, throttled=True)
    with pytest.raises(AdapterError, match=r"cannot pay for more \(HTTP 200 with error 402: no"):
        one(HUB, {"error": {"code": 402, "message": "no credits"}})
    flagged = {"error": {"code": 403, "metadata": {"flagged_input": "x"}}}
    assert one(HUB, flagged) == Response(finish_reason="content_filter")


def test_a_call_of_a_tool_that_nobody_offered_is_no_answer() -> None:
    failure = Failure("the model stopped without an answer (tool_calls)", retryable=True)
    assert one(HUB, chat(None, finish_reason="tool_calls")) == failure
