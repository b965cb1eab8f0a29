"""The seam of a scorer: from a sample and its attempt to outcomes."""

from __future__ import annotations

import unicodedata
from collections.abc import Generator, Sequence
from typing import ClassVar, Protocol, TypeAlias

from evalharness.records import Attempt, Outcome, OutcomeKind, Request, Response, Role, Sample

__all__ = ["Scorer", "Scoring", "first_look", "is_silence", "one_by_one"]

Scoring: TypeAlias = Generator[Sequence[Request], Sequence[Response], Sequence[Outcome]]


class Scorer(Protocol):
    """Reads what came back.

    A frozen dataclass whose fields are its options; name, version and options go into the protocol.
    It may have ``questions``: 0/1 score -> what people who label it are asked, with yes for 1.
    ``score`` is a generator (it may ask a judge or a classifier) and a pure function of its
    arguments and the responses that it receives.
    """

    name: ClassVar[str]
    #: Raised whenever the same response would get another outcome.
    version: ClassVar[int]
    #: The roles that it asks beside the target.
    roles: ClassVar[frozenset[Role]]

    @property
    def scores(self) -> tuple[str, ...]:
        """The numbers that its outcomes may carry."""

    @property
    def languages(self) -> frozenset[str] | None:
        """BCP 47 codes that it reads, or None where it reads no language (indices, matches)."""

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        """One outcome a generation (one in all for a choice by log-likelihood)."""
        ...


#: Letters and symbols that show nothing: Hangul fillers, the blank Braille pattern.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def is_silence(text: str) -> bool:
    """Whether nothing can be seen of a text: spaces, control and zero-width characters only."""
    return all(
        char.isspace() or char in _BLANK or unicodedata.category(char) in {"Cc", "Cf"}
        for char in text
    )


def first_look(response: Response) -> Outcome | None:
    """The outcomes that need no scorer: blocked by a filter, or nothing came back."""
    if response.finish_reason == "content_filter":
        whose = response.blocked_by or "the provider's content filter"
        return Outcome(OutcomeKind.BLOCKED, reason=f"blocked by {whose}")
    if is_silence(response.text):
        return Outcome(OutcomeKind.EMPTY, reason="the answer was empty")
    return None


def one_by_one(outcomes: Sequence[Outcome]) -> Scoring:
    """A scoring that asks nothing: for scorers that only read."""
    yield from ()
    return outcomes
