"""Unicode normalisation of what a model wrote, in time that grows with its length alone."""

from __future__ import annotations

import unicodedata

__all__ = ["nfkc"]

#: Marks on one character: no writing needs more (Unicode Standard Annex 15, stream-safe text).
_MARKS = 30


def nfkc(text: str) -> str:
    """The text in NFKC; of more than 30 combining marks in a row the first 30 stay.

    Normalising sorts the marks of each character, which takes the square of their number: one
    hostile answer of nothing else would take hours.
    """
    if text.isascii():
        return text
    marks = frozenset(char for char in set(text) if _combines(char))
    return unicodedata.normalize("NFKC", _cut(text, marks) if marks else text)


def _combines(char: str) -> bool:
    """Whether it is sorted with the marks around it, once it is taken apart."""
    return unicodedata.combining(unicodedata.normalize("NFKD", char)[0]) != 0


def _cut(text: str, marks: frozenset[str]) -> str:
    """The text without the marks that follow ``_MARKS`` others."""
    kept, start, run = [], 0, 0
    for place, char in enumerate(text):
        if char in marks:
            run += 1
            if run == _MARKS + 1:
                kept.append(text[start:place])
        else:
            if run > _MARKS:
                start = place
            run = 0
    if run <= _MARKS:
        kept.append(text[start:])
    return "".join(kept)
