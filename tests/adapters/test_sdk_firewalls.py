"""A web firewall before a provider: its words mean one prompt, or the address, and not the key."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.openai_server import Asked, Say, serving
from tests.adapters.providers import ASK, KEY, PROVIDERS, VARIABLE, Provider, one


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, KEY)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-secret-value")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.fixture(params=PROVIDERS.values(), ids=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Any:
    return request.param


def guarded(provider: Provider, reply: Say, *, after: bool) -> list[Any]:
    """The answers of a server whose firewall stops one prompt, after a good answer or before."""

    def says(asked: Asked) -> Any:
        return reply if (asked.number == 2) == after else provider.reply()

    with serving(says) as server:
        adapter = provider.make(server.url)

        async def work() -> list[Any]:
            found = [*await adapter.respond([ASK]), *await adapter.respond([ASK])]
            await adapter.aclose()
            return found

        return asyncio.run(work())


def test_a_firewall_that_stops_one_prompt_stops_no_run(provider: Provider) -> None:
    for said in ("<html>Attention Required!</html>", provider.error("Forbidden")):
        answer, stopped = guarded(provider, Say(said, 403), after=True)
        assert answer.text == "ok"
        assert (stopped.outcome, stopped.retryable) == ("errored", False)
        assert stopped.reason.startswith("the server answered HTTP 403")
    stopped, answer = guarded(provider, Say("<html>Attention Required!</html>", 403), after=False)
    assert "Attention Required!" in stopped.reason


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "bedrock"])
def test_a_page_in_place_of_a_reply_is_named_and_may_heal(name: str) -> None:
    answer = one(
        PROVIDERS[name], Say("<!doctype html><html>login", 200, {"Content-Type": "text/html"})
    )
    assert answer.reason.startswith("the server sends an HTML page")
    assert answer.retryable


def test_a_key_that_an_earlier_session_had_answers_with_is_no_refused_one(
    provider: Provider,
) -> None:
    """Else the first prompt of a resumed run could end it each time."""
    with serving(lambda _: Say(provider.error("Forbidden"), 403)) as server:
        adapter = provider.make(server.url)
        adapter.has_answered()
        answer = one_of(adapter)
    assert (answer.outcome, answer.retryable) == ("errored", False)


def one_of(adapter: Any) -> Any:
    async def work() -> Any:
        (answer,) = await adapter.respond([ASK])
        await adapter.aclose()
        return answer

    return asyncio.run(work())
