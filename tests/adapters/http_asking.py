"""Questions to an application behind a URL on this machine, for the tests of the adapter."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.adapters.http import HttpAdapter, HttpOptions
from evalharness.records import Message, Request
from tests.adapters.openai_server import Say, serving

KEY = "sk-very/secret+key=123"
TURNS = (
    Message("system", "Be brief."),
    Message("user", "Why?"),
    Message("assistant", "Hm."),
    Message("user", "Well?"),
)
ASK = Request("generate", messages=TURNS)


def make(url: str, **options: Any) -> HttpAdapter:
    plain = {"name": "bot", "url": url, "request": {"q": "{{ prompt }}"}, "answer": "$.a"}
    return HttpAdapter(HttpOptions.model_validate(plain | options))


def ask(adapter: HttpAdapter, *requests: Request) -> list[Any]:
    async def work() -> list[Any]:
        try:
            return list(await adapter.respond(requests or (ASK,)))
        finally:
            await adapter.aclose()

    return asyncio.run(work())


def one(reply: Any, asked: Request = ASK, /, **options: Any) -> Any:
    with serving(lambda _: Say(reply) if not isinstance(reply, Say) else reply) as server:
        return ask(make(server.url, **options), asked)[0]


def create(**options: Any) -> Adapter:
    plain = {"adapter": "http", "name": "bot", "url": "http://127.0.0.1:1/chat"}
    plain |= {"request": {"q": "{{ prompt }}"}}
    return registry.create(plain | options, base_dir=Path(), where="target")
