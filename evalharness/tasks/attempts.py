"""The ways to ask: each a generator that yields requests and receives responses.

Pure functions of the sample and the responses (no clock, no global randomness), so that a resumed
run replays them from the journal.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeAlias

from evalharness.records import Attempt, Decoding, Request, Response, Sample
from evalharness.tasks.definition import MethodName

__all__ = ["ATTEMPT_VERSION", "Attempting", "attempt"]

#: Raised whenever the same sample would be asked otherwise; part of every protocol.
ATTEMPT_VERSION = 1

Attempting: TypeAlias = Generator[Sequence[Request], Sequence[Response], Attempt]


def attempt(sample: Sample, method: MethodName, decoding: Decoding, generations: int) -> Attempting:
    """Ask once: all generations, or all choices' log-likelihoods, in one go."""
    if method == "loglikelihood":
        names = sample.choice_ids or (None,) * len(sample.continuations)
        responses = yield [
            Request(
                "loglikelihood",
                messages=sample.messages,
                continuation=continuation,
                choice=name,
                repeat=sample.repeat,
            )
            for continuation, name in zip(sample.continuations, names, strict=True)
        ]
        return Attempt(tuple(responses), per_choice=True)
    request = Request("generate", messages=sample.messages, decoding=decoding, repeat=sample.repeat)
    responses = yield [request] * generations
    return Attempt(tuple(responses))
