"""A small HTTP server on 127.0.0.1, in a thread of its own, for the tests; OpenAI's shapes.

What it says to a request is a function of the request (`Says`), so each test writes its own fault.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from aiohttp import web


@dataclass(frozen=True)
class Asked:
    """One request as it came in; ``number`` counts from 1."""

    path: str
    query: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    number: int
    method: str = "POST"
    raw: bytes = b""

    @property
    def prompt(self) -> str:
        if "prompt" in self.body:
            return str(self.body["prompt"])
        return "\n\n".join(message["content"] for message in self.body["messages"])


@dataclass(frozen=True)
class Say:
    """A reply: JSON, text or bytes, after ``delay`` seconds; ``abort`` drops the connection."""

    content: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    abort: bool = False
    chunked: bool = False


Says: TypeAlias = Callable[[Asked], Any]


def chat(text: Any, **fields: Any) -> dict[str, Any]:
    """A chat completion; ``finish_reason`` and ``message`` fields go to their places."""
    choice = {"index": 0, "finish_reason": fields.pop("finish_reason", "stop")}
    choice["message"] = {"role": "assistant", "content": text, **fields.pop("message", {})}
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    return {"model": "m", "choices": [choice], "usage": usage, **fields}


def echoed(asked: Asked, *, start: str = "", more: str = "", tokens: Any = None) -> dict[str, Any]:
    """What a server that knows `echo` and `logprobs` says: a token a word, -0.5 each.

    Paris is likelier: a server that finds all words of the probe as likely is not believed.

    Args:
        start: a start token, which shifts the offsets.
        more: a text generated although none was asked for.
    """
    spelled = list(tokens or re.findall(r"\s*\S+", asked.prompt))
    shown = [*([start] if start else []), *spelled, *([more] if more else [])]
    offsets = [sum(map(len, shown[:index])) for index in range(len(shown))]
    values = [None, *(-0.1 if "Paris" in token else -0.5 for token in shown[1:])]
    logprobs = {"tokens": shown, "token_logprobs": values, "text_offset": offsets}
    return {"choices": [{"text": "".join(shown), "logprobs": logprobs, "finish_reason": "length"}]}


class Server:
    """The running server: where it is, and what it was asked."""

    def __init__(self, says: Says) -> None:
        self.says = says
        self.asked: list[Asked] = []
        self.port = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.connections: set[Any] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.connections.add(request.transport)
        raw = await request.read()
        body = json.loads(raw) if request.content_type == "application/json" and raw else {}
        number, query = len(self.asked) + 1, request.query_string
        headers = dict(request.headers)
        asked = Asked(request.path, query, headers, body, number, request.method, raw)
        self.asked.append(asked)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._reply(request, asked)
        finally:
            self.in_flight -= 1

    async def _reply(self, request: web.Request, asked: Asked) -> web.StreamResponse:
        said = self.says(asked)
        say = said if isinstance(said, Say) else Say(chat(said) if isinstance(said, str) else said)
        await asyncio.sleep(say.delay)
        if say.abort and request.transport is not None:
            request.transport.abort()
        content = say.content
        if isinstance(content, (dict, list)):
            content = json.dumps(content)
        data = content.encode() if isinstance(content, str) else content
        response = web.Response(body=data, status=say.status, headers=dict(say.headers))
        if say.chunked:
            response.enable_chunked_encoding()
        return response


@contextmanager
def serving(says: Says) -> Iterator[Server]:
    """A server for the time of the ``with`` block."""
    server, ready = Server(says), threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def main() -> None:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_route("*", "/{path:.*}", server.handle)
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.port = runner.addresses[0][1]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
