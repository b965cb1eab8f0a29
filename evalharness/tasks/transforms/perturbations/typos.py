"""Typing errors: a neighbouring key, a common misspelling."""

from __future__ import annotations

from collections.abc import Iterator

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind, pick, table
from evalharness.tasks.transforms.perturbations.words import inner_letters, is_common, like, words

__all__ = ["MISSPELLINGS", "TYPOS"]

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_VOWELS = frozenset("aeiou")


def _neighbours() -> dict[str, str]:
    """Letter -> the letters beside, above and below it on a QWERTY keyboard.

    A row stands half a key to the right of the one above. One vowel for another is left out:
    "short" would be "shirt".
    """
    found = {}
    for number, row in enumerate(_ROWS):
        for place, letter in enumerate(row):
            near = [(number, place - 1), (number, place + 1)]
            near += [(number - 1, place), (number - 1, place + 1)]
            near += [(number + 1, place - 1), (number + 1, place)]
            letters = [
                _ROWS[r][c] for r, c in near if 0 <= r < len(_ROWS) and 0 <= c < len(_ROWS[r])
            ]
            found[letter] = "".join(other for other in letters if not {letter, other} <= _VOWELS)
    return found


NEIGHBOURS = _neighbours()


def _typos(text: str, draw: Draw) -> Iterator[Edit]:
    """One inner letter of a word becomes a neighbour of its key."""
    for word in words(text):
        places = inner_letters(word.group())
        if not places:
            continue
        place = pick(draw, places)
        letter = word.group()[place]
        near = NEIGHBOURS[letter.lower()]
        made = like(letter, pick(draw, near))
        if not is_common(word.group()[:place] + made + word.group()[place + 1 :]):
            yield Edit(word.start() + place, word.start() + place + 1, made)


def _misspellings(text: str, draw: Draw) -> Iterator[Edit]:
    """A word becomes one of its common misspellings."""
    known = table("misspellings")
    for word in words(text):
        wrong = known.get(word.group().lower())
        if wrong is not None:
            yield Edit(*word.span(), like(word.group(), pick(draw, wrong.split())))


TYPOS = Kind("typos", 1, ("en",), 0.2, _typos)
MISSPELLINGS = Kind("misspellings", 1, ("en",), 0.6, _misspellings)
