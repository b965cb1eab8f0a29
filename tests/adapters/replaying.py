"""Requests to recorded outputs, for the tests of the replay adapter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evalharness.adapters.replay import ReplayAdapter, ReplayOptions
from evalharness.records import Failure, Request, RequestKind, Response, Slot


def slot(sample: str, *, task: str = "t", epoch: int = 0, ordinal: int = 0) -> Slot:
    return Slot(task, sample, epoch, "target", ordinal)


def request(kind: RequestKind, sample: str, **place: Any) -> Request:
    return Request(kind, slot=slot(sample, **place))


def answer(adapter: ReplayAdapter, *requests: Request) -> list[Response | Failure]:
    return list(asyncio.run(_respond(adapter, requests)))


async def _respond(
    adapter: ReplayAdapter, requests: Sequence[Request]
) -> Sequence[Response | Failure]:
    return await adapter.respond(requests)


def generated(adapter: ReplayAdapter, sample: str, **place: Any) -> Response | Failure:
    return answer(adapter, request("generate", sample, **place))[0]


def load(path: Path, **options: Any) -> ReplayAdapter:
    return ReplayAdapter(ReplayOptions(path=path.name, base_dir=path.parent, **options))
