"""Two letters of a word change places, or one is lost."""

from __future__ import annotations

from collections.abc import Iterator

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind, pick
from evalharness.tasks.transforms.perturbations.words import inner_letters, is_common, words

__all__ = ["DROPS", "SWAPS"]


def _swaps(text: str, draw: Draw) -> Iterator[Edit]:
    """Two inner letters that stand side by side change places."""
    for word in words(text):
        letters = word.group()
        inner = set(inner_letters(letters))
        places = [
            place
            for place in sorted(inner)
            if place + 1 in inner and letters[place].lower() != letters[place + 1].lower()
        ]
        if not places:
            continue
        place = pick(draw, places)
        made = letters[place + 1] + letters[place]
        if not is_common(letters[:place] + made + letters[place + 2 :]):
            yield Edit(word.start() + place, word.start() + place + 2, made)


def _drops(text: str, draw: Draw) -> Iterator[Edit]:
    """An inner letter is lost."""
    for word in words(text):
        letters = word.group()
        places = inner_letters(letters)
        if not places:
            continue
        place = pick(draw, places)
        if not is_common(letters[:place] + letters[place + 1 :]):
            yield Edit(word.start() + place, word.start() + place + 1, "")


SWAPS = Kind("swaps", 1, ("en",), 0.2, _swaps)
DROPS = Kind("drops", 1, ("en",), 0.2, _drops)
