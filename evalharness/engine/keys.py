"""What an answer depends on, as a digest; and under what it may serve another request."""

from __future__ import annotations

import hashlib

from evalharness.records import Request, Slot

__all__ = ["answer_key", "entry_digest", "stamped"]


def stamped(request: Request, slot: Slot, seed: int) -> Request:
    """The request in its slot and, if it samples, with a seed that depends on nothing else.

    Args:
        seed: the run's.
    """
    own = None
    if request.decoding is not None and request.decoding.temperature > 0:
        place = (slot.task, slot.sample, slot.epoch, slot.role, slot.ordinal)
        key = "\0".join(map(str, (seed, *place)))
        own = int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big")
    return request.stamped(slot, own)


def entry_digest(identity_digest: str, request: Request) -> bytes:
    """What an answer depends on: the model's identity and the request's content, as 32 bytes."""
    return hashlib.sha256((identity_digest + request.content_digest).encode()).digest()


def answer_key(request: Request, digest: bytes) -> bytes | None:
    """Under what an answer of a repeatable model may serve another request; None where it may not.

    Sampled answers serve no other: they would not be independent. Repeats (epochs, generations,
    items that say so) are kept apart from each other also where they are greedy: they were asked
    for to see whether the answers differ.
    """
    slot = request.slot
    if slot is None or (request.decoding is not None and request.decoding.temperature > 0):
        return None
    draw = slot.ordinal if request.kind == "generate" and request.role == "target" else 0
    if not slot.epoch and not draw and not request.repeat:
        return digest
    which = b"%d.%d" % (slot.epoch, draw) + (b".%d" % request.repeat if request.repeat else b"")
    return hashlib.sha256(digest + which).digest()
