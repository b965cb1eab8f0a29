"""Punctuation marks: lost, repeated, set apart, or of the other width."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind, pick

__all__ = ["PUNCTUATION", "PUNCTUATION_ZH"]

#: A mark that ends a sentence, behind a word; not a dot within a name or an abbreviation.
_END = re.compile(r"(?<=[a-z]{2})[.?!](?=\s|$)")
_COMMA = re.compile(r"(?<=[A-Za-z]),(?= )")

_OTHER_WIDTH = {
    "，": ",", "。": ".", "？": "?", "！": "!", "：": ":", "；": ";", "（": "(", "）": ")",
    ",": "，", "?": "？", "!": "！", ":": "：", ";": "；", "(": "（", ")": "）",
}  # fmt: skip
_MARK_ZH = re.compile("[" + re.escape("".join(_OTHER_WIDTH)) + "]")
_REPEATED_ZH = frozenset("？！?!")


def _punctuation(text: str, draw: Draw) -> Iterator[Edit]:
    """A closing mark is lost or repeated; a comma is set apart or doubled, never lost.

    Without its commas a sentence may mean something else.
    """
    for mark in _END.finditer(text):
        made = pick(draw, ("", mark.group() * 2, mark.group() * 3))
        yield Edit(*mark.span(), made)
    for mark in _COMMA.finditer(text):
        yield Edit(*mark.span(), pick(draw, (" ,", ",,")))


def _punctuation_zh(text: str, draw: Draw) -> Iterator[Edit]:
    """A mark gets the other width; one that asks or exclaims may be repeated instead."""
    for mark in _MARK_ZH.finditer(text):
        found = mark.group()
        made = [_OTHER_WIDTH[found]]
        if found in _REPEATED_ZH:
            made.append(found * 2)
        yield Edit(*mark.span(), pick(draw, made))


PUNCTUATION = Kind("punctuation", 1, ("en",), 0.5, _punctuation)
PUNCTUATION_ZH = Kind("punctuation_zh", 1, ("zh",), 0.5, _punctuation_zh)
