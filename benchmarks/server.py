"""A fake model behind an OpenAI-compatible endpoint, fast enough not to be what is measured.

    python benchmarks/server.py --port 0                            # prints its address
    python benchmarks/server.py --latency-ms 0 --faults 429=5,500=2,malformed=1,reset=1,hang=1
    python benchmarks/server.py --faults 500=2 --sticky             # what fails once fails always

It answers POST .../chat/completions and .../completions after the latency, by `suite.answer`. A
fault is given in percent of requests and depends on the prompt, the seed and how often the prompt
was asked, never on the order of arrival: two runs meet the same faults. Kinds: 429 (with
Retry-After), 500, 503, malformed (status 200, JSON cut off), reset, hang (no reply), empty (no
choices), null (no content).

GET /__stats counts what it saw; with ?prompts also asked and answered by prompt. POST /__reset
starts the counts again. It listens on 127.0.0.1 only.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import suite

KINDS = ("429", "500", "503", "malformed", "reset", "hang", "empty", "null")

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 411: "Length Required",
    429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How the model behaves: ``faults`` is a kind and its percent of requests."""

    latency: float = 0.05
    faults: tuple[tuple[str, float], ...] = ()
    sticky: bool = False
    retry_after: float = 1.0
    seed: int = 1

    def fault(self, key: object, asked: int) -> str | None:
        """What goes wrong with the ``asked``-th request of a prompt."""
        if not self.faults:
            return None
        at = 100 * suite.draw(self.seed, key, "always" if self.sticky else asked)
        for kind, percent in self.faults:
            if at < percent:
                return kind
            at -= percent
        return None


class Counts:
    """What the server saw since it started, or since the last reset."""

    def __init__(self, in_flight: int = 0) -> None:
        self.in_flight = self.most_in_flight = in_flight
        self.connections = self.given_up = self.body_bytes = 0
        self.replies: Counter[str] = Counter()
        self.asked: Counter[object] = Counter()
        self.good: Counter[object] = Counter()
        self.first_at: float | None = None
        self.last_at: float | None = None

    def begin(self, key: object, size: int) -> None:
        """A request has come."""
        if self.first_at is None:
            self.first_at = time.monotonic()
        self.asked[key] += 1
        self.body_bytes += size
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self, reply: str) -> None:
        """Its reply goes out, or the client has left."""
        self.last_at = time.monotonic()
        self.in_flight -= 1
        self.replies[reply] += 1

    def to_json(self, prompts: bool) -> dict[str, Any]:
        """``seconds`` runs from the first request to the last reply."""
        span = 0.0 if self.first_at is None else (self.last_at or self.first_at) - self.first_at
        out = {
            "requests": self.asked.total(),
            "replies": dict(self.replies),
            "in_flight": self.in_flight,
            "most_in_flight": self.most_in_flight,
            "connections": self.connections,
            "body_bytes": self.body_bytes,
            "seconds": span,
            "prompts_asked": len(self.asked),
            "prompts_answered": len(self.good),
            "asked_again": sum(count > 1 for count in self.asked.values()),
            "answered_again": sum(count > 1 for count in self.good.values()),
        }
        if prompts:
            out["prompts"] = {str(key): [n, self.good[key]] for key, n in self.asked.items()}
        return out


class Model:
    """What all connections share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counts = Counts()


class Connection(asyncio.Protocol):
    """One connection, kept alive; its requests are answered one after the other."""

    _transport: asyncio.Transport

    def __init__(self, model: Model) -> None:
        self._model = model
        self._buffer = bytearray()
        self._waiting = False
        self._timer: asyncio.TimerHandle | None = None
        self._left = "client left"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._model.counts.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._timer is not None:
            self._timer.cancel()
        if self._waiting:
            self._model.counts.end(self._left)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer and not self._waiting and not self._transport.is_closing():
            if not self._take_one():
                return

    def _take_one(self) -> bool:
        """Handle the first request of the buffer; False while it is not whole."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        method, path, _ = self._buffer[: self._buffer.index(b"\r\n")].decode("latin-1").split(" ")
        found = _LENGTH.search(self._buffer, 0, end)
        if found is None and method == "POST":
            self._reply(411, {"error": {"message": "no Content-Length"}})
            self._transport.close()
            return True
        stop = end + 4 + (int(found[1]) if found else 0)
        if len(self._buffer) < stop:
            return False
        body = bytes(self._buffer[end + 4 : stop])
        del self._buffer[:stop]
        self._route(path, body)
        return True

    def _route(self, path: str, body: bytes) -> None:
        path, _, query = path.partition("?")
        model = self._model
        if path.endswith("/completions"):
            try:
                data = json.loads(body)
                chat = "messages" in data
                parts = [turn["content"] for turn in data["messages"]] if chat else data["prompt"]
                prompt = "\n".join(parts) if chat else str(parts)
            except (ValueError, KeyError, TypeError) as fault:
                self._reply(400, {"error": {"message": f"not a request: {fault}"}})
                return
            self._ask(prompt, str(data.get("model")), chat, len(body))
        elif path == "/__stats":
            self._reply(200, model.counts.to_json(prompts=query == "prompts"))
        elif path == "/__reset":
            model.counts = Counts(model.counts.in_flight)
            self._reply(200, {})
        else:
            self._reply(404, {"error": {"message": f"there is no {path}"}})

    def _ask(self, prompt: str, name: str, chat: bool, size: int) -> None:
        number = suite.number_of(prompt)
        key: object = prompt if number is None else number
        counts, settings = self._model.counts, self._model.settings
        counts.begin(key, size)
        fault = settings.fault(key, counts.asked[key])
        self._waiting = True
        if fault == "hang":
            self._left = "hang"
            return
        finish = functools.partial(self._finish, key, prompt, name, chat, fault)
        if settings.latency:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(settings.latency, self._finish_later, finish)
        else:
            finish()

    def _finish_later(self, finish: Callable[[], None]) -> None:
        self._timer = None
        finish()
        self.data_received(b"")  # a request that came meanwhile

    def _finish(self, key: object, prompt: str, name: str, chat: bool, fault: str | None) -> None:
        self._waiting = False
        self._model.counts.end(fault or "good")
        if fault == "reset":
            self._transport.abort()
        elif fault in {"429", "500", "503"}:
            wait = f"Retry-After: {self._model.settings.retry_after:g}\r\n"
            error = {"message": "a fault on purpose", "type": "bench", "code": None}
            self._reply(int(fault), {"error": error}, wait if fault == "429" else "")
        else:
            if fault is None:
                self._model.counts.good[key] += 1
            data = _completion(prompt, name, chat, fault)
            self._reply(200, data, cut=20 if fault == "malformed" else 0)

    def _reply(self, status: int, data: dict[str, Any], extra: str = "", cut: int = 0) -> None:
        body = json.dumps(data).encode()
        body = body[: len(body) - cut]
        head = (
            f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n{extra}\r\n"
        )
        self._transport.write(head.encode() + body)


def _completion(prompt: str, name: str, chat: bool, fault: str | None) -> dict[str, Any]:
    text = None if fault == "null" else suite.answer(prompt)
    said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    read = max(1, len(prompt) // 4)
    return {
        "id": "bench", "object": "chat.completion" if chat else "text_completion", "created": 0,
        "model": name,
        "choices": [] if fault == "empty" else [{"index": 0, "finish_reason": "stop", **said}],
        "usage": {"prompt_tokens": read, "completion_tokens": 1, "total_tokens": read + 1},
    }  # fmt: skip


def parse_faults(text: str) -> tuple[tuple[str, float], ...]:
    """``429=5,500=2`` as kinds with their percent.

    Raises:
        argparse.ArgumentTypeError: an unknown kind, no number, or more than 100 percent.
    """
    found = []
    for part in filter(None, text.split(",")):
        kind, _, percent = part.strip().partition("=")
        try:
            found.append((kind, float(percent)))
        except ValueError:
            raise argparse.ArgumentTypeError(f"{part}: expected KIND=PERCENT") from None
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"{kind}: no such fault; known: {', '.join(KINDS)}")
    if sum(percent for _, percent in found) > 100:
        raise argparse.ArgumentTypeError("more than 100 percent in all")
    return tuple(found)


async def serve(settings: Settings, port: int) -> None:
    """Answer until SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    model = Model(settings)
    server = await loop.create_server(lambda: Connection(model), "127.0.0.1", port, backlog=1024)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await stop.wait()
    server.close()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0: any that is free")
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--faults", type=parse_faults, default=(), metavar="KIND=PERCENT,...")
    parser.add_argument("--sticky", action="store_true", help="a prompt that fails always fails")
    parser.add_argument("--retry-after", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1, help="of the faults")
    given = parser.parse_args()
    settings = Settings(
        given.latency_ms / 1000, given.faults, given.sticky, given.retry_after, given.seed
    )
    try:
        import uvloop
    except ImportError:
        asyncio.run(serve(settings, given.port))
    else:
        uvloop.run(serve(settings, given.port))


if __name__ == "__main__":
    main()
