"""The order of a data set: its own against shuffled ones, a stretch of items at a time."""

from __future__ import annotations

import hashlib
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from evalharness.errors import TaskError
from evalharness.tasks.items import Item

__all__ = ["DatasetOrder"]

_BETWEEN = "\n\n"
_TRIES = 20


@dataclass(frozen=True)
class DatasetOrder:
    """Makes one sample of each shard (a stretch of the base's items, one language each).

    Its choices are the shard's text in the data's order (first) and in shuffled ones; the prompt is
    empty, for the probability of the whole text is asked. All items are in a shard, and shards
    differ in length by one item at most.

    Args:
        shard: items in a shard, 3 or more; fewer where the data has fewer.
        shuffles: orders that the data's own is compared with.
        answers: whether each item's right answer stands below its prompt.
    """

    shard: int = 10
    shuffles: int = 10
    answers: bool = True

    name: ClassVar[str] = "dataset_order"
    version: ClassVar[int] = 1
    by_item: ClassVar[bool] = False
    tags: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.shard < 3 or not 1 <= self.shuffles <= 1000:
            raise TaskError(
                f"transform 'dataset_order': shard {self.shard} and shuffles {self.shuffles}: give "
                "a shard of 3 items or more and 1 to 1000 shuffles"
            )

    def items(self, items: Iterable[Item], seed: int) -> Iterator[Item]:
        """One item a shard, in the data's order."""
        texts: dict[str, list[str]] = defaultdict(list)
        for item in items:
            texts[item.language].append(self._text(item))
        for language, members in texts.items():
            count = max(1, len(members) // self.shard)
            for number in range(count):
                start, end = (place * len(members) // count for place in (number, number + 1))
                if len(set(members[start:end])) >= 3:
                    shard_id = f"{language}-{start + 1:06d}-{end:06d}"
                    yield self._shard(shard_id, language, members[start:end], seed)

    def _text(self, item: Item) -> str:
        if not self.answers or item.answer is None:
            return item.prompt
        return f"{item.prompt}\n{item.choices[item.answer]}"

    def _shard(self, shard_id: str, language: str, members: Sequence[str], seed: int) -> Item:
        key = hashlib.sha256(f"{seed}\0{shard_id}".encode()).digest()
        draw = random.Random(int.from_bytes(key)).random  # noqa: S311 - an order, no secret
        orders = {_BETWEEN.join(members): None}
        for _ in range(self.shuffles * _TRIES):
            if len(orders) > self.shuffles:
                break
            shuffled = sorted(members, key=lambda _: draw())
            orders.setdefault(_BETWEEN.join(shuffled))
        return Item(
            id=shard_id,
            prompt="",
            language=language,
            choices=tuple(orders),
            good=1,
            bad=0,
        )
