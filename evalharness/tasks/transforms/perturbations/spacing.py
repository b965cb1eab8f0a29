"""Spaces: doubled, lost between two words, or (in Chinese) put between characters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind, pick

__all__ = ["SPACING", "SPACING_ZH"]

#: Between two words of some length, which a reader tells apart without the space.
_BETWEEN = re.compile(r"(?<=[A-Za-z]{3}) (?=[A-Za-z]{3})")
_CHINESE = re.compile(r"(?<=[\u4e00-\u9fff])(?=[\u4e00-\u9fff])")
_LONGEST = 3


def _spacing(text: str, draw: Draw) -> Iterator[Edit]:
    """A space is lost, or becomes two or three."""
    for space in _BETWEEN.finditer(text):
        count = pick(draw, (0, 0, 2, _LONGEST))
        yield Edit(*space.span(), " " * count)


def _spacing_zh(text: str, draw: Draw) -> Iterator[Edit]:
    """A space, or an ideographic one, between two characters."""
    for place in _CHINESE.finditer(text):
        yield Edit(*place.span(), pick(draw, (" ", "\u3000")))


SPACING = Kind("spacing", 1, ("en",), 0.25, _spacing)
SPACING_ZH = Kind("spacing_zh", 1, ("zh",), 0.25, _spacing_zh)
