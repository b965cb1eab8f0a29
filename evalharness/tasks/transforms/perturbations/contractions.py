"""Contractions: made ("do not" becomes "don't") and taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind
from evalharness.tasks.transforms.perturbations.words import like

__all__ = ["CONTRACT", "EXPAND"]

_NOT = {
    "are not": "aren't", "is not": "isn't", "was not": "wasn't", "were not": "weren't",
    "do not": "don't", "does not": "doesn't", "did not": "didn't", "have not": "haven't",
    "has not": "hasn't", "had not": "hadn't", "can not": "can't", "cannot": "can't",
    "could not": "couldn't", "will not": "won't", "would not": "wouldn't",
    "should not": "shouldn't", "must not": "mustn't", "need not": "needn't",
}  # fmt: skip
_BE = {
    "i am": "I'm", "you are": "you're", "we are": "we're", "they are": "they're", "he is": "he's",
    "she is": "she's", "it is": "it's", "that is": "that's", "there is": "there's",
    "here is": "here's", "what is": "what's", "who is": "who's", "where is": "where's",
    "how is": "how's", "i will": "I'll", "you will": "you'll", "he will": "he'll",
    "she will": "she'll", "it will": "it'll", "we will": "we'll", "they will": "they'll",
}  # fmt: skip
_SHORT = {**_NOT, **_BE}
_LONG = {short.lower(): long for long, short in _SHORT.items() if long != "can not"}
_LONG["can't"] = "cannot"

_PRONOUN = r"(?:I|you|he|she|it|we|they|there|that|this|the)\b"


def _any(texts: Iterable[str]) -> str:
    return "|".join(re.escape(text) for text in sorted(texts, key=lambda text: (-len(text), text)))


_BEFORE, _AFTER = r"(?<![\w'’-])", r"(?![\w'’-])"
#: Not where the sentence ends ("that is what it is."), nor where "is not" could go to either side.
_TO_SHORTEN = re.compile(
    rf"{_BEFORE}(?:{_any(_NOT)}|(?:{_any(_BE)})(?! not\b)(?= [a-z])){_AFTER}", re.IGNORECASE
)
#: Not in a question ("don't you"), where the parts change places.
_EITHER_MARK = _any(_LONG).replace("'", "['’]")
_TO_EXPAND = re.compile(rf"{_BEFORE}(?:{_EITHER_MARK}){_AFTER}(?!\s+{_PRONOUN})", re.IGNORECASE)
#: Where "'s" stands for "has".
_HAS = re.compile(r"\s+(?:been|got|had|gone|become|done|taken|made)\b")


def _contract(text: str, draw: Draw) -> Iterator[Edit]:
    del draw
    for found in _TO_SHORTEN.finditer(text):
        yield Edit(*found.span(), like(found.group(), _SHORT[found.group().lower()]))


def _expand(text: str, draw: Draw) -> Iterator[Edit]:
    del draw
    for found in _TO_EXPAND.finditer(text):
        long = _LONG[found.group().lower().replace("’", "'")]
        if long.endswith(" is") and _HAS.match(text, found.end()):
            long = f"{long[:-2]}has"
        if long.startswith("i "):
            long = f"I {long[2:]}"
        yield Edit(*found.span(), like(found.group(), long))


CONTRACT = Kind("contract", 1, ("en",), 1.0, _contract, keeps_negations=False)
EXPAND = Kind("expand", 1, ("en",), 1.0, _expand, keeps_negations=False)
