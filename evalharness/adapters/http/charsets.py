"""Replies in another encoding than UTF-8, which their header names."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

from evalharness.records import Failure

__all__ = ["in_utf8", "undecodable"]

_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:+-]{1,40})""", re.IGNORECASE)
#: Encodings of texts, as Python calls them: it knows others, of which some are slow to decode.
_KNOWN = re.compile(r"(utf-(16|32)|gb|big5|shift_jis|euc|iso|cp|koi8|mac-|tis-620|johab).*")
#: What browsers read for them: servers mean the larger set.
_LARGER = {
    "gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "cp1252", "shift_jis": "cp932",
    "euc_kr": "cp949", "big5": "big5hkscs",
}  # fmt: skip


def in_utf8(body: bytes, headers: Mapping[str, str]) -> bytes:
    """The body as UTF-8, if it can be told how it is encoded; else as it came.

    A header often names a charset that its server only has by default, so a body that is UTF-8 is
    taken for it. Zeros and escapes in it are signs of those encodings that look like UTF-8 (UTF-16,
    ISO-2022).
    """
    name = _named(headers)
    if name is None:
        return body
    if b"\0" not in body and b"\x1b" not in body and _fault(body) is None:
        return body
    try:
        return body.decode(name).removeprefix("\ufeff").encode()
    except ValueError:  # another encoding than it says; half a character of UTF-16
        return body


def undecodable(body: bytes, headers: Mapping[str, str]) -> Failure | None:
    """Why what `in_utf8` gave is no text, or None when it is one."""
    fault = _fault(body)
    if fault is None:
        return None
    name = _named(headers)
    own = None if name is None else _fault(body, name)
    cut = fault.reason == "unexpected end of data" or (
        own is not None and own.reason == "incomplete multibyte sequence"
    )
    # where each letter is one byte, none is cut
    if cut and (own is None or not own.reason.startswith("character maps to")):
        return Failure("the application's reply was cut off within a letter", retryable=True)
    return Failure(
        "the application's reply is neither UTF-8 nor in the charset that its header names"
    )


def _named(headers: Mapping[str, str]) -> str | None:
    """The encoding of texts that the header names, other than UTF-8, as Python calls it."""
    named = _CHARSET.search(headers.get("Content-Type", ""))
    if named is None:
        return None
    try:
        name = codecs.lookup(named[1]).name
    except LookupError:
        return None
    return _LARGER.get(name, name) if _KNOWN.fullmatch(name) else None


def _fault(body: bytes, encoding: str = "utf-8") -> UnicodeDecodeError | None:
    try:
        body.decode(encoding)
    except UnicodeDecodeError as fault:
        return fault
    return None
