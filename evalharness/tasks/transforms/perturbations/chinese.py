"""Chinese characters: of the same sound, of a similar shape, traditional for simplified."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind, pick, table

__all__ = ["HOMOPHONES_ZH", "LOOKALIKES_ZH", "TRADITIONAL_ZH"]


@functools.cache
def _others(name: str) -> Mapping[str, str]:
    """Character -> those that it may become: the rest of every group of the table that has it."""
    found: dict[str, str] = {}
    for group in table(name):
        for character in group:
            found[character] = found.get(character, "") + group.replace(character, "")
    return found


def _from_groups(name: str) -> Callable[[str, Draw], Iterator[Edit]]:
    def find(text: str, draw: Draw) -> Iterator[Edit]:
        known = _others(name)
        for place, character in enumerate(text):
            if (others := known.get(character)) is not None and _within(text, place):
                yield Edit(place, place + 1, pick(draw, others))

    return find


def _within(text: str, place: int) -> bool:
    """Whether another character stands beside it, from which a reader can tell what is meant."""
    beside = text[max(0, place - 1) : place] + text[place + 1 : place + 2]
    return any("\u4e00" <= character <= "\u9fff" for character in beside)


HOMOPHONES_ZH = Kind("homophones_zh", 1, ("zh",), 0.3, _from_groups("homophones_zh"))
LOOKALIKES_ZH = Kind("lookalikes_zh", 1, ("zh",), 0.3, _from_groups("lookalikes_zh"))
TRADITIONAL_ZH = Kind(
    "traditional_zh", 1, ("zh",), 0.5, _from_groups("traditional_zh"), keeps_negations=False
)
