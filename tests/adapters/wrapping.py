"""Models and filters that the tests of wrapped models put together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.support import FakeModel

TURNS = (
    Message("system", "Be brief."),
    Message("user", "First?"),
    Message("assistant", "Yes."),
    Message("user", "Why?"),
)
ASK = Request("generate", messages=TURNS, decoding=Decoding())


def ask(adapter: Adapter, *requests: Request) -> list[Response | Failure]:
    async def respond() -> Sequence[Response | Failure]:
        return await adapter.respond(requests or (ASK,))

    return list(asyncio.run(respond()))


def say(text: str) -> Request:
    return Request("generate", messages=(Message("user", text),))


def echo(**options: Any) -> FakeModel:
    return FakeModel(lambda request: request.messages[-1].content, **options)


def create(wrap: Any, spec: Any = None, base_dir: Path = Path("/somewhere")) -> Any:
    fields = {"adapter": "reference", "model": "echo"} if spec is None else spec
    return registry.create({**fields, "wrap": wrap}, base_dir=base_dir, where="target")


def scoring(answer: Any, **options: Any) -> FakeModel:
    return FakeModel(lambda request: answer, kinds=["classify"], name="clf", **options)
