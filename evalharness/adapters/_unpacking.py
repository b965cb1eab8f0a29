"""Replies that a server compressed although it was asked not to, unpacked to a bounded size."""

from __future__ import annotations

import zlib

from evalharness.records import Failure

__all__ = ["too_large", "unpacked"]

#: What would need a library, or is no one's any more; other names change no byte of the body.
_UNREAD = frozenset(("br", "zstd", "compress", "x-compress", "dcb", "dcz"))
_GZIP = frozenset(("gzip", "x-gzip"))
#: A gzip file may hold several, one after another; each one more copies what is left.
_MOST_MEMBERS = 100


def too_large() -> Failure:
    """What becomes of a reply that is larger than any answer."""
    return Failure("the server's reply is larger than 16 MiB and was not read")


def unpacked(body: bytes, encoding: str, limit: int) -> bytes | Failure:
    """The body as it was before a server or a proxy compressed it.

    Args:
        encoding: the header `Content-Encoding`.
        limit: how many bytes it may unfold into.
    """
    named = [part.strip().lower() for part in encoding.split(",")]
    known = [part for part in named if part in _GZIP or part == "deflate" or part in _UNREAD]
    if not known or not body:
        return body
    name = known[0]
    if len(known) > 1 or name in _UNREAD:
        said = ", ".join(known[:3])
        return Failure(f"the server sends {said}, which was not asked for and cannot be read")
    try:
        made = _inflated(body, limit, gzip=name in _GZIP)
    except (zlib.error, EOFError):
        return Failure(
            f"the server says that its reply is {name}, and it is not, or was cut off",
            retryable=True,
        )
    return too_large() if made is None else made


def _inflated(body: bytes, limit: int, *, gzip: bool) -> bytes | None:
    """What was compressed; None when it is larger than ``limit``.

    Raises:
        zlib.error, EOFError: the body is nothing of the kind, or not all of it.
    """
    if gzip:
        bits = 16 + zlib.MAX_WBITS
    else:  # with a header as it should be, or bare, as some servers send it
        headed = len(body) > 1 and body[0] & 15 == 8 and (body[0] << 8 | body[1]) % 31 == 0
        bits = zlib.MAX_WBITS if headed else -zlib.MAX_WBITS
    parts, room = [], limit
    for _ in range(_MOST_MEMBERS):
        inflating = zlib.decompressobj(bits)
        part = inflating.decompress(body, room + 1)
        room -= len(part)
        if room < 0:
            return None
        parts.append(part)
        if not inflating.eof:
            raise EOFError
        body = inflating.unused_data.lstrip(b"\0") if gzip else b""
        if not body:
            return b"".join(parts)
    raise EOFError
