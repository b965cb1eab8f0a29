"""Words of hesitation, which say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind, pick

__all__ = ["FILLERS", "FILLERS_ZH"]

_OPENING = ("Um, ", "Uh, ", "Hmm, ", "Well, ", "Okay, ", "Er, ")
_INSIDE = ("um, ", "uh, ", "er, ", "you know, ", "I mean, ")
_START = re.compile(r"(?:\A|(?<=[a-z][.?!] )|(?<=\n))(?=[A-Z][a-z]*\b(?![.:)]))")
_COMMA = re.compile(r"(?<=[a-z], )(?=[a-z])")

_OPENING_ZH = ("嗯，", "呃，", "那个，", "哎，")
_START_ZH = re.compile(r"(?:\A|(?<=[。？！\n]))(?=[\u4e00-\u9fff])")


def _fillers(text: str, draw: Draw) -> Iterator[Edit]:
    """Before a sentence, or after a comma."""
    for place in _START.finditer(text):
        yield Edit(*place.span(), pick(draw, _OPENING))
    for place in _COMMA.finditer(text):
        yield Edit(*place.span(), pick(draw, _INSIDE))


def _fillers_zh(text: str, draw: Draw) -> Iterator[Edit]:
    for place in _START_ZH.finditer(text):
        yield Edit(*place.span(), pick(draw, _OPENING_ZH))


FILLERS = Kind("fillers", 1, ("en",), 0.5, _fillers)
FILLERS_ZH = Kind("fillers_zh", 1, ("zh",), 0.5, _fillers_zh)
