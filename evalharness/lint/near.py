"""Texts that say nearly the same: MinHash over their characters finds them without all pairs.

A text is the set of its runs of three letters or digits, case and punctuation left out, so that it
works for languages without spaces too. Two texts are near when the Jaccard index of their sets
reaches a threshold. Which pairs are looked at is decided by bands of MinHash values (Broder 1997,
https://doi.org/10.1109/SEQUEN.1997.666900; banding as in Leskovec, Rajaraman & Ullman, Mining of
Massive Datasets, section 3.4); what is said of a pair is its exact index.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["THRESHOLD", "NearIndex", "jaccard", "near_duplicates", "plain", "shingles"]

Shingles: TypeAlias = npt.NDArray[np.uint64]

#: From which Jaccard index two texts count as nearly the same.
THRESHOLD = 0.75

_RUN = 3
#: 16 bands of 4: a pair at .75 is looked at with a probability of .998, one at .5 with .64.
_BANDS, _ROWS = 16, 4
#: Four standard deviations of the index that 64 values estimate, at .75.
_DOUBT = 0.22
#: Runs hashed at once: the bound of memory for a long text.
_AT_ONCE = 8192
#: Of a longer text the beginning stands for it.
_LONGEST = 200_000


def _constants(name: str) -> Shingles:
    """Fixed for ever: the same texts are near on every machine."""
    count = _BANDS * _ROWS
    drawn = [hashlib.sha256(f"{name} {n}".encode()).digest()[:8] for n in range(count)]
    return np.array([int.from_bytes(each, "big") | 1 for each in drawn], dtype=np.uint64)


_FACTORS, _OFFSETS = _constants("factor"), _constants("offset")
_MIX = np.uint64(0x9E3779B97F4A7C15)


def plain(text: str) -> str:
    """Letters and digits alone, case folded, after NFKC: what two texts are compared by."""
    folded = unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()
    return re.sub(r"[\W_]+", "", folded)


def shingles(text: str) -> Shingles:
    """The hashed runs of a text, each once, sorted; none of a text without letters or digits."""
    letters = plain(text)
    if not letters:
        return np.empty(0, dtype=np.uint64)
    codes = np.frombuffer(letters.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    wide = codes.astype(np.uint64)
    run = min(_RUN, len(wide))
    hashed = np.zeros(len(wide) - run + 1, dtype=np.uint64)
    for place in range(run):
        hashed = hashed * np.uint64(0x110000) + wide[place : place + len(hashed)]
    hashed = (hashed ^ (hashed >> np.uint64(31))) * _MIX
    return np.unique(hashed ^ (hashed >> np.uint64(29)))


def jaccard(one: Shingles, other: Shingles) -> float:
    """Shared runs of all runs, 0 to 1; 0 where there are none."""
    common = len(np.intersect1d(one, other, assume_unique=True))
    total = len(one) + len(other) - common
    return common / total if total else 0.0


def _signature(found: Shingles) -> Shingles:
    """The least hash of each function: two texts share one with their Jaccard index for chance."""
    least = np.full(_BANDS * _ROWS, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(found), _AT_ONCE):
        part = found[start : start + _AT_ONCE, None] * _FACTORS + _OFFSETS
        np.minimum(least, (part ^ (part >> np.uint64(32))).min(axis=0), out=least)
    return least


def _bands(signature: Shingles) -> list[tuple[int, bytes]]:
    return [(band, row.tobytes()) for band, row in enumerate(signature.reshape(_BANDS, _ROWS))]


class NearIndex:
    """Texts that others are compared with.

    Args:
        threshold: the Jaccard index from which two texts are near, above 0 and at most 1.
    """

    def __init__(self, threshold: float = THRESHOLD) -> None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold {threshold}: give a share above 0, at most 1")
        self._threshold = threshold
        self._keys: list[int] = []
        self._texts: list[Shingles] = []
        self._signatures = np.empty((64, _BANDS * _ROWS), dtype=np.uint64)
        self._at: dict[tuple[int, bytes], list[int]] = {}

    def add(self, key: int, text: str) -> None:
        """Put a text into the index; one without letters or digits is near to nothing."""
        found = shingles(text)
        if not len(found):
            return
        place = len(self._keys)
        if place == len(self._signatures):
            self._signatures = np.concatenate([self._signatures, np.empty_like(self._signatures)])
        self._signatures[place] = signature = _signature(found)
        self._keys.append(key)
        self._texts.append(found)
        for band in _bands(signature):
            self._at.setdefault(band, []).append(place)

    def near(self, text: str) -> Iterator[tuple[int, float]]:
        """The keys of the texts that are near, each with its Jaccard index, as they were added."""
        found = shingles(text)
        if not len(found):
            return
        signature = _signature(found)
        places = sorted({place for band in _bands(signature) for place in self._at.get(band, ())})
        if not places:
            return
        # the exact index is dear: asked for where the signatures do not rule it out
        likely = (self._signatures[places] == signature).mean(axis=1) >= self._threshold - _DOUBT
        for place in np.array(places)[likely]:
            index = jaccard(found, self._texts[place])
            if index >= self._threshold:
                yield self._keys[place], index


def near_duplicates(
    texts: Iterable[str], threshold: float = THRESHOLD
) -> list[tuple[int, int, float]]:
    """Each text that is near to an earlier one: its place, the earlier one's, and their index."""
    index = NearIndex(threshold)
    found = []
    for place, text in enumerate(texts):
        nearest = max(index.near(text), key=lambda pair: (pair[1], -pair[0]), default=None)
        if nearest is not None:
            found.append((place, *nearest))
        index.add(place, text)
    return found
