"""Options of an application behind a URL: what is refused, and what is part of the identity."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalharness.errors import ConfigError, UnavailableError
from tests.adapters.http_asking import KEY, ask, create, make
from tests.adapters.openai_server import Say, serving


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": f"https://me:{KEY[:5]}@example.org"}, "may not hold a user name"),
        ({"url": f"https://example.org?token={KEY[:5]}"}, "parameter 'token'"),
        ({"headers": {"Authorization": f"Bearer {KEY[:5]}"}}, "Authorization: env:NAME"),
        ({"headers": {"content-type": "x"}}, "set by the adapter"),
        ({"request": {"q": "{{ promt }}"}}, "no variable 'promt'; did you mean 'prompt'?"),
        ({"request": {"a": ["{{ text }}"]}}, "'a.0': there is no variable 'text'"),
        ({"request": {"q": "{{ prompt "}}, "'q': not a Jinja template"),
        ({"request": {"q": "{{ prompt | nope }}"}}, "not a Jinja template"),
        ({"request": {"q": "{{ lipsum() }}{{ prompt }}"}}, "no variable 'lipsum'"),
        ({"request": {"q": "{{ prompt }}", "api-key": KEY[:5]}}, "write api-key: env:NAME"),
        ({"request": {"q": "{{ prompt }}", "auth": {"Token": KEY[:5]}}}, "'auth.Token' holds a se"),
        ({"request": {"q": "hello"}}, "never says what is asked"),
        ({"request": {"q": float("nan")}}, "cannot be sent as JSON"),
        ({"answer": "a.b"}, "a JSON path starts with $"),
        ({"answer": "$.a b"}, "no JSON path"),
        ({"blocked": {}}, "say how a block is told"),
        ({"blocked": {"statuses": [403], "values": [1]}}, "needs the `path`"),
        ({"blocked": {"path": "$.b", "value": 1}}, "blocked.value"),
        ({"ok": []}, "ok"),
        ({"ok": [99]}, "ok"),
        ({"method": "GET", "send_as": "json"}, "GET has no body"),
        ({"send_as": "form", "request": "{{ prompt }}"}, "must be fields by name"),
        ({"send_as": "text"}, "must be one text"),
        ({"scores": "$.s", "request": {"q": "x"}}, "never says what is asked; write {{ text }}"),
        ({"scores": "$.s", "answer": "$.a"}, "'answer' has no effect with `scores`"),
        ({"scores": {}}, "names no score"),
        ({"scores": {"toxicity": "x"}}, "starts with $"),
        ({"timeout_totl": 3}, "did you mean 'timeout_total'"),
    ],
)
def test_what_is_wrong_in_the_options_is_said_without_the_secret(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match="target") as caught:
        create(**options)
    assert message in str(caught.value)
    assert KEY[:5] not in str(caught.value)


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOT_KEY", raising=False)
    with pytest.raises(UnavailableError, match=r"^http: .*BOT_KEY is not set"):
        create(headers={"Authorization": "Bearer env:BOT_KEY"})


def test_a_key_in_the_request_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    request = {"q": "{{ last }}", "token": "env:BOT_KEY", "max_tokens": "many", "old": "env: no"}
    monkeypatch.delenv("BOT_KEY", raising=False)
    with pytest.raises(UnavailableError, match=r"BOT_KEY is not set, and request names it"):
        create(request=request)
    monkeypatch.setenv("BOT_KEY", KEY)
    with serving(lambda asked: Say({"a": f"I saw {asked.body['token']}"})) as server:
        adapter = make(server.url, request=request)
        answers = ask(adapter)
        assert server.asked[0].body == {**request, "q": "Well?", "token": KEY}
    assert answers[0].text == "I saw [secret]"
    assert KEY not in json.dumps(adapter.identity.to_json()) + repr(adapter)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://127.0.0.1:2/chat"},
        {"name": "other"},
        {"version": "2"},
        {"method": "PUT"},
        {"send_as": "form"},
        {"request": {"q": "{{ last }}"}},
        {"answer": "$.b"},
        {"blocked": {"path": "$.b"}},
        {"headers": {"X-Route": "b"}},
        {"ok": [200, 201]},
    ],
)
def test_what_can_change_an_answer_changes_the_identity(changes: dict[str, Any]) -> None:
    assert create().identity != create(**changes).identity


def test_the_identity_holds_no_address_and_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_KEY", KEY)
    adapter = create(
        version="v7",
        url="https://bot.example.org/chat",
        headers={"Authorization": "Bearer env:BOT_KEY"},
        request={"q": "Hush. {{ prompt }}"},
    )
    identity = adapter.identity.to_json()
    assert (identity["provider"], identity["model"], identity["revision"]) == ("http", "bot", "v7")
    for hidden in ("example", "Hush", KEY):
        assert hidden not in json.dumps(identity) + repr(adapter)
    assert create(concurrency=2, timeout_total=5).identity == create().identity


def test_a_placeholder_changes_no_answer_and_a_key_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"Authorization": "Bearer env:BOT_KEY"}
    for value, text, deviations in (
        ("EMPTY", f"The glass is empty, {KEY}.", 0),
        (KEY, "The glass is empty, [secret].", 1),
    ):
        monkeypatch.setenv("BOT_KEY", value)
        with serving(lambda _: Say({"a": f"The glass is empty, {KEY}."})) as server:
            adapter = make(server.url, headers=headers)
            assert ask(adapter)[0].text == text
        assert sum("repeats a key" in said for said in adapter.deviations) == deviations


def test_a_key_that_yarl_quotes_its_own_way_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_KEY", "pa:ss@wo,rd;1")
    request = {"q": "{{ prompt }}", "pin": "env:BOT_KEY"}
    with serving(lambda asked: Say({"error": f"no such page: ?{asked.query}"}, 404)) as server:
        answers = ask(make(server.url, request=request, method="GET"))
    assert "pin=[secret]" in answers[0].reason
    assert "%3B1" not in answers[0].reason
