"""Letters of other scripts that look alike: the text looks the same and has other bytes."""

from __future__ import annotations

from collections.abc import Iterator

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind, pick
from evalharness.tasks.transforms.perturbations.words import words

__all__ = ["HOMOGLYPHS", "LOOKALIKES"]

#: Latin letter -> Cyrillic or Greek ones of the same shape (Unicode Technical Standard 39 calls
#: them confusable).
LOOKALIKES = {
    "a": "а", "c": "с", "e": "е", "i": "і", "j": "ј", "o": "оο", "p": "р", "s": "ѕ", "x": "х",
    "y": "у", "A": "АΑ", "B": "ВΒ", "C": "С", "E": "ЕΕ", "H": "НΗ", "I": "ІΙ", "J": "Ј",
    "K": "КΚ", "M": "МΜ", "N": "Ν", "O": "ОΟ", "P": "РΡ", "S": "Ѕ", "T": "ТΤ", "X": "ХΧ",
    "Y": "Υ", "Z": "Ζ",
}  # fmt: skip


def _homoglyphs(text: str, draw: Draw) -> Iterator[Edit]:
    """One letter of a word becomes its lookalike."""
    for word in words(text):
        places = [place for place, x in enumerate(word.group()) if x in LOOKALIKES]
        if places:
            place = pick(draw, places)
            at = word.start() + place
            yield Edit(at, at + 1, pick(draw, LOOKALIKES[word.group()[place]]))


HOMOGLYPHS = Kind("homoglyphs", 1, ("en",), 0.3, _homoglyphs, keeps_negations=False)
