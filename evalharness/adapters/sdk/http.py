"""The HTTP under those SDKs that run on httpx2: every reply and every fault is seen here first.

The SDKs parse replies leniently, wrap faults in classes of their own and change both between
versions. So the transport keeps what came over the wire, and the adapters judge that.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import httpx2

from evalharness.adapters._http import (
    LARGEST_REPLY,
    CallOptions,
    Redact,
    Reply,
    error_message,
    parsed_object,
    plain,
    readable,
    redirected,
    shown,
    status_failure,
)
from evalharness.adapters._replies import refuses_key
from evalharness.adapters._unpacking import too_large
from evalharness.errors import AdapterError
from evalharness.records import Failure

__all__ = ["Refused", "certificates", "exchange", "fault_of", "http_client"]

#: Why no request can succeed.
Refused: TypeAlias = Literal["key", "money"]

#: What SDKs tell about the machine that they run on, which no provider needs to answer.
_TELLTALE = ("x-stainless-", "x-goog-api-client")


@dataclass
class _Seen:
    """What one call brought: a reply, or the reason why there is none."""

    reply: Reply | None = None
    failure: Failure | None = None


_SEEN: ContextVar[_Seen] = ContextVar("evalharness_sdk_exchange")


class _TooLargeError(httpx2.TransportError):
    """The reply is larger than we take."""


class _Transport(httpx2.AsyncBaseTransport):
    """Sends, with our timeouts and no telltale headers, and keeps what came back."""

    def __init__(self, options: CallOptions) -> None:
        self._options = options
        self._timeouts = {
            "connect": options.timeout_connect,
            "read": options.timeout_first_byte,
            "write": options.timeout_first_byte,
            "pool": None,
        }
        limit = options.concurrency
        self._inner = httpx2.AsyncHTTPTransport(
            limits=httpx2.Limits(max_connections=limit, max_keepalive_connections=limit),
            verify=certificates(),
            trust_env=False,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        seen = _SEEN.get()
        request.extensions = {**request.extensions, "timeout": self._timeouts}
        for name in [name for name in request.headers if name.lower().startswith(_TELLTALE)]:
            del request.headers[name]
        request.headers["User-Agent"] = "evalharness"
        # answers are short; a compressed one could unfold into anything
        request.headers["Accept-Encoding"] = "identity"
        try:
            response = await self._inner.handle_async_request(request)
            try:
                content = await _read(response)
            finally:
                await response.aclose()
        except httpx2.TransportError as fault:
            seen.failure = self._failure(fault)
            raise
        reply = readable(Reply(response.status_code, response.headers, content))
        if isinstance(reply, Failure):
            seen.failure = reply
            raise httpx2.TransportError(reply.reason)
        seen.reply = reply
        kept = [
            (name, value)
            for name, value in response.headers.multi_items()
            if name.lower() not in ("content-encoding", "transfer-encoding", "content-length")
        ]
        return httpx2.Response(
            response.status_code, headers=kept, content=reply.body, request=request
        )

    def _failure(self, fault: httpx2.TransportError) -> Failure:
        if isinstance(fault, _TooLargeError):
            return too_large()
        if isinstance(fault, httpx2.ConnectTimeout):
            seconds = self._options.timeout_connect
            return Failure(f"no connection to the server within {seconds:g} s", retryable=True)
        if isinstance(fault, httpx2.TimeoutException):
            seconds = self._options.timeout_first_byte
            return Failure(f"the server was silent for {seconds:g} s", retryable=True)
        kind = type(fault).__name__
        if _is_certificate(fault):
            return Failure(f"the server's certificate is not accepted ({kind})")
        if isinstance(fault, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol):
            return Failure(f"the request cannot be sent ({kind})")
        what = "the connection to the server was lost"
        if isinstance(fault, httpx2.ConnectError):
            what = "no connection to the server"
        return Failure(f"{what} ({kind})", retryable=True)


async def _read(response: httpx2.Response) -> bytes:
    """The body as it came, never unpacked."""
    chunks, size = [], 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > LARGEST_REPLY:
            raise _TooLargeError("too large")
        chunks.append(chunk)
    return b"".join(chunks)


def _is_certificate(fault: BaseException | None) -> bool:
    while fault is not None:
        if isinstance(fault, ssl.SSLCertVerificationError):
            return True
        fault = fault.__cause__ or fault.__context__
    return False


@cache
def certificates() -> ssl.SSLContext:
    """What servers are believed by: httpx2's own list, read once."""
    return httpx2.create_ssl_context(trust_env=False)


def http_client(options: CallOptions) -> httpx2.AsyncClient:
    """A client for an SDK: no proxies or keys from the environment, no redirects, no cookies kept.

    Close it with ``aclose``.
    """
    return httpx2.AsyncClient(
        transport=_Transport(options),
        verify=certificates(),
        trust_env=False,
        follow_redirects=False,
        timeout=None,
    )


async def exchange(call: Callable[[], Awaitable[Any]], redact: Redact) -> Reply | Failure:
    """Let an SDK make one call; what it says itself counts only where nothing was sent."""
    seen = _Seen()
    token = _SEEN.set(seen)
    said = "nothing"
    try:
        await call()
    except Exception as fault:  # noqa: BLE001 - whatever it is, the transport has seen the cause
        said = shown(f"{type(fault).__name__}: {fault}", redact)
    finally:
        _SEEN.reset(token)
    if seen.failure is not None:
        return seen.failure
    return seen.reply or Failure(f"the request cannot be sent ({said})")


def fault_of(
    reply: Reply,
    redact: Redact,
    who: str,
    hint: str,
    refused: Callable[[Mapping[str, Any], str], Refused | None] = lambda _, __: None,
    *,
    accepted: bool = False,
) -> Failure | AdapterError:
    """What a status other than 200 means for the request that met it.

    Args:
        who: the adapter's name.
        hint: what to do when the key is not accepted.
        refused: whether the error object and its words mean, whatever the status, that the key or
            the account is refused.
        accepted: the key has brought an answer before.

    Returns:
        An `AdapterError` where no request can succeed.
    """
    if (elsewhere := redirected(reply, redact, "base_url")) is not None:
        return elsewhere
    status, data = reply.status, parsed_object(reply.body) or {}
    said = shown(error_message(data) or plain(reply.body), redact)
    reason = f"{reply.told}: {said}" if said else reply.told
    why = refused(data, said)
    if status == 402 or why == "money":
        return _no_money(who, reason)
    if why == "key" or refuses_key(reply, data, accepted=accepted):
        return _no_key(who, reason, hint)
    return status_failure(reply, said)


def _no_key(who: str, reason: str, hint: str) -> AdapterError:
    """The provider does not accept the key."""
    return AdapterError(
        f"{who}: the provider refuses the key ({reason}); {hint}, and run again: what was answered "
        "is kept"
    )


def _no_money(who: str, reason: str) -> AdapterError:
    """The account cannot pay."""
    return AdapterError(
        f"{who}: the account cannot pay for more ({reason}); top it up, and run again: what was "
        "answered is kept"
    )
