"""Options of an OpenAI-compatible endpoint: what is refused, and what is part of the identity."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalharness.adapters.openai import OpenAIAdapter, OpenAIOptions
from evalharness.errors import ConfigError
from tests.adapters.openai_asking import KEY, create, make


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
        {"blocked": {"statuses": [403]}},
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": f"https://me:{KEY[:5]}@example.org/v1"}, "may not hold a user name"),
        ({"base_url": f"https://example.org/v1?api_key={KEY[:5]}"}, "parameter 'api_key'"),
        ({"base_url": "ftp://example.org"}, "http:// or https://"),
        ({"base_url": "http://[::1"}, "no address"),
        ({"base_url": "http://a..b/v1"}, "no address"),
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
        ({"blocked": {}}, "blocked.statuses"),
        ({"blocked": {"statuses": []}}, "blocked.statuses"),
        ({"blocked": {"statuses": [200]}}, "blocked.statuses"),
        ({"blocked": {"path": "$.b"}}, "blocked.path"),
        ({"api": "moderations", "blocked": {"statuses": [403]}}, "'blocked' has no effect"),
        ({"base_url": "https://a.example/v1/chat/completions"}, "leave out '/chat/completions'"),
        ({"base_url": "https://a.example/v1/completions/"}, "leave out '/completions'"),
        ({"base_url": "https://a.example/v1/responses?api-version=1"}, "leave out '/responses'"),
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
