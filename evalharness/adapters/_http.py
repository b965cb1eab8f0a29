"""HTTP as adapters need it: one call, its reply read whole, every fault of the wire a `Failure`.

No redirects, no cookies, no proxy of the environment, no compressed replies asked for, a bounded
size; and nothing secret in any text that leaves.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
from pydantic import Field, field_validator
from yarl import URL

from evalharness import jsontext
from evalharness.adapters._redaction import Redact, shown
from evalharness.adapters._secrets import Secrets, check_headers
from evalharness.adapters._unpacking import too_large, unpacked
from evalharness.adapters.base import Options, token_count
from evalharness.errors import AdapterError
from evalharness.records import Failure, canonical_json

__all__ = [
    "BASE_HEADERS", "LARGEST_REPLY", "LONGEST_RETRY_AFTER", "CallOptions", "EndpointOptions",
    "Http", "Redact", "Reply", "endpoint_digest", "error_message", "merged", "no_json", "parsed",
    "parsed_object", "plain", "readable", "redirected", "retry_after", "sendable", "shown",
    "status_failure", "token_count",
]  # fmt: skip

Content = TypeVar("Content")

#: A larger reply is refused: no answer is that long, and memory is not the server's to fill.
LARGEST_REPLY = 16 * 1024 * 1024
#: Seconds.
LONGEST_RETRY_AFTER = 300.0

#: Answers are short; a compressed one could unfold into anything.
BASE_HEADERS = {"User-Agent": "evalharness", "Accept-Encoding": "identity"}

#: 424: TGI's and Bedrock's, where a generation failed.
_RETRYABLE = frozenset((408, 409, 424, 425, 429))
_FINAL = frozenset((501, 505))
#: Too many requests, or no room for more at the moment (529: Anthropic's).
_THROTTLED = frozenset((429, 503, 529))


class CallOptions(Options):
    """How many calls are made at once, and how long each may take."""

    concurrency: int = Field(default=32, ge=1, le=4096, description="calls in flight")
    timeout_connect: float = Field(default=10, gt=0, description="seconds until connected")
    timeout_first_byte: float = Field(
        default=120, gt=0, description="seconds without a byte from the server"
    )
    timeout_total: float = Field(default=300, gt=0, description="seconds for the whole call")


class EndpointOptions(CallOptions):
    """The options of the adapters that make their own calls to an address."""

    headers: dict[str, str] = Field(
        default={},
        description="further headers; `env:NAME` and `Bearer env:NAME` take a value from the "
        "environment",
    )

    @field_validator("headers")
    @classmethod
    def _hold_no_secret(cls, value: dict[str, str]) -> dict[str, str]:
        check_headers(value)
        return value


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    #: The status stands in the body of a reply with status 200.
    inside: bool = False

    @property
    def told(self) -> str:
        """The status in words."""
        return f"HTTP 200 with error {self.status}" if self.inside else f"HTTP {self.status}"


class Http:
    """Sends bodies on the running event loop; each loop has connections of its own.

    Args:
        options: timeouts, and how many calls are in flight at most.
        headers: of every call.
        secrets: what no text that leaves may hold.
    """

    def __init__(self, options: CallOptions, headers: Mapping[str, str], secrets: Secrets) -> None:
        self._options = options
        self._headers = dict(headers)
        self._secrets = secrets
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        self._fatal: str | None = None

    def __repr__(self) -> str:
        return "Http(...)"

    @property
    def open(self) -> int:
        """How many event loops have connections."""
        return len(self._sessions)

    async def send(self, url: URL, data: bytes | None, method: str = "POST") -> Reply | Failure:
        """One call; what the network does wrong is a failure that another try may heal.

        Raises:
            AdapterError: `stop` was called: no call can succeed.
        """
        if self._fatal is not None:
            raise AdapterError(self._fatal)
        session = self._session()
        try:
            response = await session.request(method, url, data=data, allow_redirects=False)
            try:
                content = await _read(response)
            except BaseException:
                response.close()
                raise
            if content is None:
                response.close()
                return too_large()
            return readable(Reply(response.status, response.headers, content))
        except aiohttp.ConnectionTimeoutError:
            seconds, what = self._options.timeout_connect, "no connection to the server within"
        except aiohttp.SocketTimeoutError:
            seconds, what = self._options.timeout_first_byte, "the server was silent for"
        except TimeoutError:
            seconds, what = self._options.timeout_total, "the call was not done within"
        except (aiohttp.ClientError, OSError) as fault:
            return self._network_failure(fault)
        return Failure(f"{what} {seconds:g} s", retryable=True)

    def stop(self, reason: str) -> AdapterError:
        """Make no further call, those that wait their turn included; gives the error to raise."""
        self._fatal = reason
        return AdapterError(reason)

    async def aclose(self) -> None:
        """Close the connections of the running event loop; a later `send` opens new ones."""
        self._fatal = None
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            options = self._options
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=options.concurrency),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(
                    total=options.timeout_total,
                    sock_connect=options.timeout_connect,
                    sock_read=options.timeout_first_byte,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # its own has no bound: see `readable`
                trust_env=False,
            )
        return session

    def _network_failure(self, fault: Exception) -> Failure:
        if isinstance(fault, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
            return Failure(f"the server's certificate is not accepted ({type(fault).__name__})")
        what = "the connection to the server was lost"
        if isinstance(fault, aiohttp.ClientConnectorError):
            what = "no connection to the server"
        said = shown(_said(fault), self._secrets.redact)
        kind = type(fault).__name__
        return Failure(f"{what} ({kind}: {said})" if said else f"{what} ({kind})", retryable=True)


def readable(reply: Reply) -> Reply | Failure:
    """The reply with its body unpacked, where the server compressed it unasked."""
    encoding = reply.headers.get("Content-Encoding")
    if encoding is None or 300 <= reply.status < 400:  # a redirect's body says nothing
        return reply
    body = unpacked(reply.body, encoding, LARGEST_REPLY)
    if isinstance(body, bytes):
        return Reply(reply.status, reply.headers, body)
    # what the status means holds without the words
    return status_failure(reply, body.reason) if reply.status >= 400 else body


def merged(headers: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """Both; of two that differ in case alone, the second one's."""
    replaced = {name.lower() for name in more}
    kept = {name: value for name, value in headers.items() if name.lower() not in replaced}
    return {**kept, **more}


def endpoint_digest(url: str) -> str:
    """12 hexadecimal digits that stand for an address, which may not stand in a file itself."""
    return hashlib.sha256(url.encode()).hexdigest()[:12]


def sendable(value: Content) -> Content:
    """A value of a configuration that goes into a body.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        canonical_json(value)
    except Exception:  # noqa: BLE001 - rfc8785 has several errors for what is no JSON
        raise ValueError("this cannot be sent as JSON") from None
    return value


def parsed(body: bytes) -> Any:
    """The JSON value in ``body``, or None if it holds none."""
    try:
        return jsontext.read(body)
    except (ValueError, RecursionError):  # ValueError: also bytes that are no UTF-8
        return None


def parsed_object(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object in ``body``, or None where there is none."""
    data = parsed(body)
    return data if isinstance(data, dict) else None


def no_json() -> Failure:
    """The failure of a reply that cannot be read at all."""
    return Failure("the server's reply is not JSON, or was cut off", retryable=True)


def plain(body: bytes) -> str:
    """``body`` as text, whatever it is; whole, as a key that is cut in two is not found."""
    return body.decode("utf-8", "replace")


def error_message(data: Any) -> str:
    """The reason in the JSON of an error, in one of its usual places; "" if there is none."""
    if not isinstance(data, dict):
        return ""
    error = data.get("error")
    places = [error.get("message") if isinstance(error, dict) else error]
    places += [data.get("message"), data.get("detail")]
    for place in places:
        if isinstance(place, str) and place:
            return place
        if isinstance(place, (list, dict)) and place:
            return json.dumps(place)
    return ""


def redirected(reply: Reply, redact: Redact, option: str) -> Failure | None:
    """The failure that a redirect is, None for other replies; ``option`` holds the address."""
    if not 300 <= reply.status < 400:
        return None
    place = shown(reply.headers.get("Location", "elsewhere"), redact)
    return Failure(
        f"the server redirects to {place} (HTTP {reply.status}), which is not followed; set "
        f"`{option}` to the address that answers"
    )


def status_failure(reply: Reply, said: str, *, throttled: bool = False) -> Failure:
    """What a status that brings no answer means.

    Args:
        said: the server's reason, as `shown`.
        throttled: the server says that it throttles, whatever the status.
    """
    status = reply.status
    throttled = throttled or status in _THROTTLED
    healing = status in _RETRYABLE or (status >= 500 and status not in _FINAL)
    retryable = throttled or healing
    wait = retry_after(reply.headers) if retryable else None
    if reply.inside:  # written out, for the catalogue of messages
        return Failure(
            f"the server answered HTTP 200 with error {status}: {said}"
            if said
            else f"the server answered HTTP 200 with error {status}",
            retryable=retryable,
            retry_after=wait,
            throttled=throttled,
        )
    return Failure(
        f"the server answered HTTP {status}: {said}"
        if said
        else f"the server answered HTTP {status}",
        retryable=retryable,
        retry_after=wait,
        throttled=throttled,
    )


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """How long the server asks to wait, in seconds: at most 300, None if it does not say."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - (
                time.time() if now is None else now
            )
        except (ValueError, OverflowError):
            return None
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, LONGEST_RETRY_AFTER)


def _said(fault: Exception) -> str:
    """A network fault in words, without the address, which some of them repeat."""
    if isinstance(fault, aiohttp.ClientConnectorDNSError):
        return "the host's name was not found"
    if isinstance(fault, aiohttp.ClientResponseError):
        return fault.message
    if isinstance(fault, OSError) and fault.errno:
        return os.strerror(fault.errno)
    return str(fault)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The body as it came, or None when it is larger than we take."""
    length = response.content_length
    if length is not None:
        return None if length > LARGEST_REPLY else await response.read()
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > LARGEST_REPLY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)
