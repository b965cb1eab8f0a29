"""The case of letters: all lower, all upper, or at random."""

from __future__ import annotations

from collections.abc import Iterator

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind
from evalharness.tasks.transforms.perturbations.words import words

__all__ = ["LOWER_CASE", "MIXED_CASE", "UPPER_CASE"]


def _lower(text: str, draw: Draw) -> Iterator[Edit]:
    del draw
    for word in words(text):
        yield Edit(*word.span(), word.group().lower())


def _upper(text: str, draw: Draw) -> Iterator[Edit]:
    del draw
    for word in words(text):
        yield Edit(*word.span(), word.group().upper())


def _mixed(text: str, draw: Draw) -> Iterator[Edit]:
    """Each letter has the other case with probability one half."""
    for word in words(text):
        made = "".join(x.swapcase() if draw() < 0.5 else x for x in word.group())
        yield Edit(*word.span(), made)


LOWER_CASE = Kind("lower_case", 1, ("en",), 1.0, _lower, keeps_negations=False)
UPPER_CASE = Kind("upper_case", 1, ("en",), 1.0, _upper, keeps_negations=False)
MIXED_CASE = Kind("mixed_case", 1, ("en",), 0.5, _mixed, keeps_negations=False)
