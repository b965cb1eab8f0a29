"""A word becomes another of the same meaning, from a list of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind, pick, table
from evalharness.tasks.transforms.perturbations.words import like, words

__all__ = ["SYNONYMS"]


_VOWELS = "aeiou"
#: What an indefinite article before a word says of its first sound.
_ARTICLE = re.compile(r"\b(?:a|an) $", re.IGNORECASE)


def _synonyms(text: str, draw: Draw) -> Iterator[Edit]:
    known = table("synonyms")
    for word in words(text):
        others = known.get(word.group().lower(), "").split("/")
        if _ARTICLE.search(text, max(0, word.start() - 3), word.start()):
            vowel = word.group()[0].lower() in _VOWELS
            others = [other for other in others if (other[:1] in _VOWELS) == vowel]
        if others and others != [""]:
            yield Edit(*word.span(), like(word.group(), pick(draw, others)))


SYNONYMS = Kind("synonyms", 1, ("en",), 0.5, _synonyms)
