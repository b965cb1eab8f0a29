"""Questions to an OpenAI-compatible endpoint on this machine, for the tests of the adapter."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.adapters.openai import OpenAIAdapter, OpenAIOptions
from evalharness.records import Failure, Message, Request, Response
from tests.adapters.openai_server import Asked, Server, serving
from tests.support import TASK

KEY = "sk-very/secret+key=123"
KEY_VARIABLE = "OPENAI_API_KEY"
TURNS = (Message("system", "Be brief."), Message("user", "Why?"))
ASK = Request("generate", messages=TURNS)
LETTER = TASK.replace("method: choose", "method: letter")


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


def accuracy(run: Any) -> Any:
    return run.scorecard.dimensions["factuality"].tasks["small"].metrics["accuracy"]
