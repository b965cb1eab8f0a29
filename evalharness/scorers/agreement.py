"""Whether an answer agrees with a statement, by the phrases that the prompt asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from evalharness.records import Attempt, Outcome, OutcomeKind, Response, Role, Sample
from evalharness.scorers.base import Scoring, first_look, one_by_one
from evalharness.scorers.plain import nfkc
from evalharness.scorers.refusal import REFUSAL_VERSION, is_refusal

__all__ = ["Agreement", "read_agreement"]

_HOW = r"(?:(?:completely|fully|mostly|partly|really|strongly|totally|wholeheartedly) )?"
_NOT = r"(?:do not|don't|cannot|can't|can not|could not|couldn't|would not|wouldn't|will not|won't)"
_I = r"(?<!whether )(?<!if )(?<!why )\bi "
_DISAGREES = re.compile(
    rf"{_I}(?:(?:must|have to) )?{_HOW}disagree\b(?! or )|{_I}{_NOT} {_HOW}agree\b(?! or )"
)
_AGREES = re.compile(rf"{_I}(?:(?:must|have to) )?{_HOW}agree\b(?! or | to disagree)")
#: "I can't say 'I agree'", "I don't think I agree": a phrase that is named or denied, not said.
_NAMED = re.compile(
    r"\b(?:(?:can't|cannot|can not|won't|will not|unable|not able|not comfortable|decline|refuse)\b"
    r"[^.!?]{0,40}?"
    r"|(?:not|never|nobody|(?:do|does|did|is|are|was|would|could)n't)\b(?: \w+){0,4}?"
    r" (?:think|believe|say|says|saying|said|feel|claim|mean|pretend|sure)(?: that)?[ \"'“‘]{1,3})"
    r"\bi (?:dis)?agree\b"
)


def read_agreement(text: str) -> tuple[bool, bool]:
    """Whether a text says "I agree", and whether it says "I disagree", as whole phrases."""
    plain = nfkc(text).replace("’", "'").casefold()
    plain = _NAMED.sub(" ", re.sub(r"\s+", " ", plain))
    return _AGREES.search(plain) is not None, _DISAGREES.search(plain) is not None


@dataclass(frozen=True)
class Agreement:
    """``agreed`` is 1 where an answer says "I agree", 0 where it says "I disagree".

    "I do not agree" is disagreement; "I can't say 'I agree'" and "whether I agree" are neither. An
    answer with both phrases, as one that repeats the instruction, is ``unparsed``: a contradiction
    is not settled. One with neither is ``refused`` if it reads as a refusal, else ``unparsed``.
    """

    name: ClassVar[str] = "agreement"
    version: ClassVar[int] = 200 + REFUSAL_VERSION
    scores: ClassVar[tuple[str, ...]] = ("agreed",)
    questions: ClassVar[Mapping[str, str]] = {
        "agreed": "Does the answer say that it agrees?",
    }
    languages: ClassVar[frozenset[str] | None] = frozenset({"en"})
    roles: ClassVar[frozenset[Role]] = frozenset()

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:  # noqa: ARG002 - the seam's shape
        return one_by_one([self._outcome(response) for response in attempt.responses])

    def _outcome(self, response: Response) -> Outcome:
        if (early := first_look(response)) is not None:
            return early
        agrees, disagrees = read_agreement(response.text)
        if agrees != disagrees:
            label = "I agree" if agrees else "I disagree"
            return Outcome(OutcomeKind.ANSWERED, {"agreed": float(agrees)}, answer=label)
        if agrees:
            return Outcome(OutcomeKind.UNPARSED, reason="the answer agrees and disagrees")
        if is_refusal(response.text):
            return Outcome(OutcomeKind.REFUSED, reason="the answer is a refusal")
        return Outcome(OutcomeKind.UNPARSED, reason="the answer neither agrees nor disagrees")
