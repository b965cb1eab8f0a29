"""DSSE envelopes, one a line: what is signed, and that nothing but it is in the file.

Source: https://github.com/secure-systems-lab/dsse, protocol.md and envelope.md (1.0.0).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

__all__ = ["PAYLOAD_TYPE", "Envelope", "pack", "text_of", "unpack"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class Envelope:
    """A statement and its signature, as read."""

    payload: bytes
    key_id: str
    signature: bytes

    @property
    def statement(self) -> dict[str, Any]:
        """The in-toto statement."""
        found: dict[str, Any] = json.loads(self.payload)
        return found

    def signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether the signature is of this payload by this key."""
        from cryptography.exceptions import InvalidSignature

        from evalharness.evidence.keys import key_id

        try:
            key.verify(self.signature, _encoded(self.payload))
        except InvalidSignature:
            return False
        return self.key_id == key_id(key)


def _encoded(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _line(envelope: Envelope) -> str:
    return json.dumps(
        {
            "payload": base64.b64encode(envelope.payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [
                {
                    "keyid": envelope.key_id,
                    "sig": base64.b64encode(envelope.signature).decode(),
                }
            ],
        }
    )


def pack(statement: dict[str, Any], key: Ed25519PrivateKey) -> Envelope:
    """The statement in an envelope that is signed with ``key``."""
    from evalharness.evidence.keys import key_id

    payload = json.dumps(statement, ensure_ascii=False, allow_nan=False).encode()
    signature = key.sign(_encoded(payload))
    return Envelope(payload, key_id(key.public_key()), signature)


def text_of(envelopes: Iterable[Envelope]) -> str:
    """The file that holds these envelopes."""
    return "".join(f"{_line(envelope)}\n" for envelope in envelopes)


def unpack(text: str) -> list[Envelope]:
    """The envelopes of a file.

    Raises:
        ValueError: it is not, byte for byte, what `text_of` writes: something was changed or added.
    """
    found = [_read(line) for line in text.splitlines()]
    if not found or text_of(found) != text:
        raise ValueError("not as it was written: bytes were changed, added or taken away")
    return found


def _read(line: str) -> Envelope:
    try:
        data = json.loads(line)
        (signature,) = data["signatures"]
        return Envelope(
            base64.b64decode(data["payload"], validate=True),
            signature["keyid"],
            base64.b64decode(signature["sig"], validate=True),
        )
    except (ValueError, KeyError, TypeError, binascii.Error) as fault:
        raise ValueError(f"no DSSE envelope: {type(fault).__name__}: {fault}") from None
