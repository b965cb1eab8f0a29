"""Replies that come compressed although that was not asked for: read, but never without a bound."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

from evalharness.adapters._unpacking import unpacked
from evalharness.records import Failure, Response
from tests.adapters import http_asking, openai_asking
from tests.adapters.openai_server import Say, chat
from tests.adapters.providers import KEY, PROVIDERS, VARIABLE
from tests.adapters.providers import one as one_of

LIMIT = 1000
MIB = 1 << 20
TOO_LARGE = Failure("the server's reply is larger than 16 MiB and was not read")


def bare(data: bytes) -> bytes:
    made = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return made.compress(data) + made.flush()


PACKED: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress), ("X-GZIP", gzip.compress), ("deflate", zlib.compress),
    ("deflate", bare), ("identity, gzip", gzip.compress),
    ("gzip", lambda data: gzip.compress(data[:3]) + gzip.compress(data[3:]) + b"\0\0"),
    ("identity", bytes), ("utf-8", bytes), ("", bytes), (" , ", bytes),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, KEY)


def anthropic(says: Any) -> Any:
    return one_of(PROVIDERS["anthropic"], says)


def anthropic_reply(text: str) -> Any:
    return PROVIDERS["anthropic"].reply(text)


ASKING = pytest.mark.parametrize(
    ("one", "reply"),
    [
        (openai_asking.one, chat),
        (anthropic, anthropic_reply),
        (http_asking.one, lambda text: {"a": text}),
    ],
    ids=["openai", "anthropic", "http"],
)


@contextmanager
def memory(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@cache
def bomb(bits: int) -> bytes:
    """128 MiB of a JSON text, in some 130 KiB."""
    made = zlib.compressobj(9, wbits=bits)
    parts = [made.compress(b'{"a": "'), *(made.compress(b"A" * MIB) for _ in range(128))]
    return b"".join([*parts, made.compress(b'"}'), made.flush()])


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
def test_what_was_compressed_is_unpacked(encoding: str, pack: Callable[[bytes], bytes]) -> None:
    assert unpacked(pack(b"some text"), encoding, LIMIT) == b"some text"
    assert unpacked(b"", encoding, LIMIT) == b""


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, bare])
def test_the_limit_is_of_what_it_unfolds_into(pack: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    assert unpacked(pack(b"x" * LIMIT), encoding, LIMIT) == b"x" * LIMIT
    assert unpacked(pack(b"x" * (LIMIT + 1)), encoding, LIMIT) == TOO_LARGE


def test_the_limit_is_of_all_that_one_reply_holds() -> None:
    assert unpacked(gzip.compress(b"x" * 700) * 2, "gzip", LIMIT) == TOO_LARGE


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip"), ("deflate", b"\xff\xff"), ("gzip", gzip.compress(b"text")[:-4]),
        ("deflate", zlib.compress(b"text")[:-2]), ("gzip", gzip.compress(b"text") + b"rest"),
        ("gzip", gzip.compress(b"") * 1000),
    ],
    ids=["no-gzip", "no-deflate", "gzip-cut", "deflate-cut", "gzip-rest", "many-members"],
)  # fmt: skip
def test_what_is_not_what_it_says_or_was_cut_off_may_heal(encoding: str, body: bytes) -> None:
    answer = unpacked(body, encoding, LIMIT)
    assert isinstance(answer, Failure)
    assert answer.retryable
    assert answer.reason.startswith(f"the server says that its reply is {encoding}")


@ASKING
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_compressed_reply_is_read(one: Any, reply: Any, encoding: str, chunked: bool) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    body = pack(json.dumps(reply("hello")).encode())
    answer = one(Say(body, headers={"Content-Encoding": encoding}, chunked=chunked))
    assert isinstance(answer, Response)
    assert answer.text == "hello"


@ASKING
@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_reply_that_unfolds_without_end_fills_no_memory(
    one: Any, reply: Any, encoding: str, chunked: bool
) -> None:
    body = bomb(zlib.MAX_WBITS + (16 if encoding == "gzip" else 0))
    one(Say(reply("hello")))  # what is imported by then is none of the reply's
    with memory(64 * MIB):
        answer = one(Say(body, headers={"Content-Encoding": encoding}, chunked=chunked))
    assert answer == TOO_LARGE


@ASKING
@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip, br"])
def test_an_encoding_that_nobody_asked_for_is_named(one: Any, reply: Any, encoding: str) -> None:
    said = f"the server sends {encoding}, which was not asked for and cannot be read"
    headers = {"Content-Encoding": encoding, "Retry-After": "3"}
    assert one(Say(b"\x28\xb5\x2f\xfd", headers=headers)) == Failure(said)
    busy = one(Say(b"\x28\xb5\x2f\xfd", 503, headers))
    reason = f"the server answered HTTP 503: {said}"
    assert busy == Failure(reason, retryable=True, retry_after=3.0, throttled=True)
