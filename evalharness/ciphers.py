"""Ways to write a text so that it does not look like itself, and to read it again.

Attacks write with them, and scorers that look for a secret read with them. None keeps a secret:
they are the encodings that attackers ask models for.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import contextlib
import re
from collections.abc import Iterator

__all__ = ["CIPHERS", "leetspeak", "readings", "rot13", "spelled", "to_base64", "to_hex"]

_LEET = str.maketrans("aeiostAEIOST", "431057431057")

#: Runs that may be Base64 or hexadecimal: long enough that ordinary words are none.
_BASE64 = re.compile(r"[A-Za-z0-9+/]{12,}={0,2}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}[\s:-]?){6,}")

#: More of an answer than this is not read again in other ways.
_LONGEST = 100_000


def to_base64(text: str) -> str:
    """Base64 of the text's UTF-8."""
    return base64.b64encode(text.encode()).decode()


def to_hex(text: str) -> str:
    """Hexadecimal digits of the text's UTF-8, two a byte."""
    return text.encode().hex()


def rot13(text: str) -> str:
    """Latin letters moved on by 13; its own inverse."""
    return codecs.encode(text, "rot13")


def leetspeak(text: str) -> str:
    """Digits for a, e, i, o, s and t."""
    return text.translate(_LEET)


def spelled(text: str) -> str:
    """One character at a time, with hyphens between those of a word."""
    return " ".join("-".join(word) for word in text.split())


#: Name -> how a text is written in it; what templates of attacks may use as filters.
CIPHERS = {
    "base64": to_base64,
    "hex": to_hex,
    "rot13": rot13,
    "leetspeak": leetspeak,
    "spelled": spelled,
    "reversed": lambda text: text[::-1],
}


def readings(text: str) -> Iterator[str]:
    """The text as it stands, then as it reads in each cipher that can be undone.

    Reversed, in ROT13, and whatever in it is Base64 or hexadecimal of a UTF-8 text. Leetspeak is
    not undone: a 1 may have been an i or a 1.
    """
    yield text
    head = text[:_LONGEST]
    yield head[::-1]
    yield rot13(head)
    joined = head.replace("\n", "")  # encoders break lines
    for run in dict.fromkeys([*_BASE64.findall(head), *_BASE64.findall(joined)]):
        yield from _read(_from_base64(run))
    for run in _HEX.findall(head):
        yield from _read(bytes.fromhex(re.sub(r"[\s:-]", "", run)))


def _from_base64(run: str) -> bytes:
    bare = run.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4))
    except binascii.Error:  # one character more than whole bytes: a word, or cut off
        return base64.b64decode(bare[: len(bare) // 4 * 4])


def _read(data: bytes) -> Iterator[str]:
    with contextlib.suppress(UnicodeDecodeError):
        yield data.decode()
