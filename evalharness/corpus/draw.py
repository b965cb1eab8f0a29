"""Counts a corpus once, and draws from it: one random order, of which each draw is the beginning.

An item's place in the order is a hash of seed, part and row. So a draw needs no more memory than 16
bytes an item, comes out the same on every machine, and a smaller one is a part of a larger one.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalharness.corpus.items import Corpus, Item
from evalharness.errors import ConfigError, DataError

__all__ = ["Census", "Drawing", "count", "draw", "items_of", "rank"]

#: Sources beyond this are no sources: the column is an id's.
_MOST_SOURCES = 5_000


@dataclass(frozen=True)
class Census:
    """What the whole corpus is, item by item.

    Args:
        n_items: texts; ``n_empty``: rows without one, which are left out.
        n_repeats: texts that are exactly an earlier one.
        sources: source -> its texts.
        order: each item's place in the random order, shape (n,), in the corpus' own order.
    """

    seed: int
    n_items: int
    n_empty: int
    n_repeats: int
    sources: dict[str, int]
    order: npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Drawing:
    """Two draws from a corpus: the first ``n_manual`` and ``n_automatic`` of the order."""

    census: Census
    n_manual: int
    n_automatic: int

    def items(self, corpus: Corpus) -> Iterator[tuple[Item, bool, bool]]:
        """The items of either draw in the corpus' order, each with whether it is in which.

        Raises:
            DataError: the corpus changed while it was read.
        """
        manual, automatic = (_last(self.census.order, n) for n in (self.n_manual, self.n_automatic))
        place = 0
        for item in corpus.items():
            if item is None:
                continue
            if place >= self.census.n_items:
                break
            at = int(self.census.order[place])
            if at != rank(self.census.seed, item):
                raise DataError(f"{item.part}: changed while it was read; audit it again")
            place += 1
            if at <= manual or at <= automatic:
                yield item, at <= manual, at <= automatic
        if place != self.census.n_items:
            raise DataError("the corpus changed while it was read; audit it again")


def count(corpus: Corpus, seed: int) -> Census:
    """Read the corpus once.

    Raises:
        ConfigError: it has more sources than a corpus has.
        DataError: it has no text.
    """
    order, texts = array("Q"), array("Q")
    sources: Counter[str] = Counter()
    n_empty = 0
    for item in corpus.items():
        if item is None:
            n_empty += 1
            continue
        sources[item.source] += 1
        if len(sources) > _MOST_SOURCES:
            raise ConfigError(
                f"--column source: more than {_MOST_SOURCES:,} sources; name the column that says "
                "where a text is from"
            )
        order.append(rank(seed, item))
        texts.append(_hash(item.text.strip()))
    if not order:
        raise DataError("the corpus has no texts; check its files and --column text=COLUMN")
    distinct = len(np.unique(np.frombuffer(texts, dtype=np.uint64)))
    return Census(
        seed, len(order), n_empty, len(order) - distinct, dict(sorted(sources.items())),
        np.frombuffer(order, dtype=np.uint64),
    )  # fmt: skip


def draw(census: Census, manual: int, share: float) -> Drawing:
    """The manual draw, of so many items, and the automatic one, of at least a share of all.

    Args:
        manual: as many as there are, where there are fewer.
        share: above 0, at most 1; rounded up to whole items.
    """
    return Drawing(census, min(manual, census.n_items), items_of(share, census.n_items))


def items_of(share: float, count: int) -> int:
    """At least a share of so many items, in whole items; one at least."""
    return min(count, max(1, math.ceil(share * count - 1e-9)))


def rank(seed: int, item: Item) -> int:
    """The place of an item in the random order."""
    return _hash(f"{seed}\0{item.part}\0{item.row}")


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _last(order: npt.NDArray[np.uint64], count: int) -> int:
    """The place of the last of the first ``count`` in the order; -1 for none."""
    return int(np.partition(order, count - 1)[count - 1]) if count else -1
