"""HTTP calls as every adapter makes them: faults of the wire, what is read and what is not."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from evalharness.adapters._http import (
    EndpointOptions,
    Http,
    Reply,
    merged,
    retry_after,
    status_failure,
)
from evalharness.adapters._secrets import Secrets
from evalharness.errors import AdapterError
from evalharness.records import Failure
from tests.adapters.openai_server import Say, serving


def send(url: str, data: bytes = b"{}", method: str = "POST", **options: Any) -> Any:
    async def work() -> Any:
        http = Http(EndpointOptions(**options), {"X-A": "b"}, Secrets([]))
        try:
            return await http.send(URL(url), data, method)
        finally:
            await http.aclose()

    return asyncio.run(work())


def test_a_reply_is_read_whole() -> None:
    with serving(lambda _: Say("hello", 201, {"X-B": "c"})) as server:
        reply = send(server.url)
        assert server.asked[0].headers["X-A"] == "b"
    assert isinstance(reply, Reply)
    assert (reply.status, reply.headers["x-b"], reply.body) == (201, "c", b"hello")


def test_nothing_is_sent_once_it_is_stopped() -> None:
    async def work(url: str) -> None:
        http = Http(EndpointOptions(), {}, Secrets([]))
        assert isinstance(http.stop("no key"), AdapterError)
        with pytest.raises(AdapterError, match="no key"):
            await http.send(URL(url), b"{}")
        await http.aclose()  # a later run may try again
        assert isinstance(await http.send(URL(url), b"{}"), Reply)
        await http.aclose()

    with serving(lambda _: "ok") as server:
        asyncio.run(work(server.url))
        assert len(server.asked) == 1


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(lambda _: "ok") as server:
        assert isinstance(send(server.url), Reply)


def test_headers_that_differ_in_case_are_one() -> None:
    assert merged({"User-Agent": "a", "X": "1"}, {"user-agent": "b"}) == {
        "X": "1",
        "user-agent": "b",
    }


@pytest.mark.parametrize(
    ("status", "retryable", "throttled"),
    [(400, False, False), (404, False, False), (408, True, False), (424, True, False),
     (429, True, True), (500, True, False), (501, False, False), (503, True, True),
     (505, False, False), (529, True, True)],
)  # fmt: skip
def test_a_status_says_whether_and_how_to_ask_again(
    status: int, retryable: bool, throttled: bool
) -> None:
    failure = status_failure(Reply(status, {"Retry-After": "3"}, b""), "")
    assert (failure.retryable, failure.throttled) == (retryable, throttled)
    assert failure.retry_after == (3.0 if retryable else None)
    assert failure.reason == f"the server answered HTTP {status}"


def test_a_server_that_says_it_throttles_is_asked_again_whatever_the_status() -> None:
    failure = status_failure(Reply(400, {"Retry-After": "3"}, b""), "slow down", throttled=True)
    assert (failure.retryable, failure.throttled, failure.retry_after) == (True, True, 3.0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("2", 2.0), ("0.5", 0.5), ("-3", None), ("99999", 300.0), ("nan", None), ("soon", None),
     ("", None), (formatdate(1030, usegmt=True), 30.0), (formatdate(900, usegmt=True), None)],
)  # fmt: skip
def test_retry_after_in_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, now=1000) == seconds


CONNECTION = ConnectionKey("example.org", 443, True, True, None, None, None)


@pytest.mark.parametrize(
    ("fault", "reason", "retryable"),
    [
        (aiohttp.ConnectionTimeoutError("x"), "no connection to the server within 10 s", True),
        (
            aiohttp.ClientConnectorDNSError(CONNECTION, OSError(-2, "example.org unknown")),
            "no connection to the server (ClientConnectorDNSError: the host's name was not found)",
            True,
        ),
        (
            aiohttp.ClientConnectorCertificateError(CONNECTION, ValueError("example.org")),
            "the server's certificate is not accepted (ClientConnectorCertificateError)",
            False,
        ),
        (
            aiohttp.ClientResponseError(None, (), message="bad line"),
            "the connection to the server was lost (ClientResponseError: bad line)",
            True,
        ),
        (
            ConnectionResetError(),
            "the connection to the server was lost (ConnectionResetError)",
            True,
        ),
    ],
)
def test_what_the_network_does_wrong(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, reason: str, retryable: bool
) -> None:
    def request(*args: Any, **options: Any) -> Any:
        raise fault

    monkeypatch.setattr(aiohttp.ClientSession, "request", request)
    assert send("http://127.0.0.1:1/v1") == Failure(reason, retryable=retryable)
