"""Programs as models: how the tests start them, and see that none outlives its call."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.records import Decoding, Failure, Message, Request, Response

TURNS = (Message("system", "Be brief."), Message("user", "Why?"))
ASK = Request("generate", messages=TURNS, decoding=Decoding(max_tokens=9, stop=("\n",)), seed=5)


def create(command: Any, base_dir: Path = Path(), **options: Any) -> Any:
    spec = {"adapter": "command", "command": command, **options}
    return registry.create(spec, base_dir=base_dir, where="target")


def ask(adapter: Adapter, *requests: Request) -> list[Response | Failure]:
    """Ask all at once, then close."""

    async def respond() -> list[Response | Failure]:
        try:
            return list(await adapter.respond(requests or (ASK,)))
        finally:
            await adapter.aclose()  # type: ignore[attr-defined] # optional in the protocol

    return asyncio.run(respond())


def say(text: str) -> Request:
    return Request("generate", messages=(Message("user", text),))


def sh(script: str, **options: Any) -> Response | Failure:
    (found,) = ask(create(["sh", "-c", script], **options))
    return found


def reason(found: Response | Failure) -> str:
    assert isinstance(found, Failure), found
    return found.reason


def is_running(pid: int) -> bool:
    """Whether the process is there, and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> None:
    for _ in range(200):
        if not is_running(pid):
            return
        time.sleep(0.005)
    raise AssertionError(f"process {pid} is still there")


SERVER = r"""
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    said = asked["messages"][-1]["content"]
    if said == "die":
        print("out of memory", file=sys.stderr, flush=True)
        sys.exit(3)
    if said == "hang":
        time.sleep(60)
    if said == "prose":
        print("Loading ...", flush=True)
        continue
    if said == "flood":
        sys.stdout.write("x" * 2_000_000)
        sys.stdout.flush()
    answer = {"id": asked["id"], "text": f"{os.getpid()} {said}", "output_tokens": 2}
    if said == "late":
        answer["id"] -= 1
    if said == "wrong":
        answer = {"error": "no such thing"}
    print("\n".join([json.dumps(answer)] * (2 if said == "twice" else 1)), flush=True)
"""
