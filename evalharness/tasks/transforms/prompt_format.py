"""The same item in several formats, and with its options in several orders."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from evalharness.errors import MappingError, TaskError
from evalharness.tasks.items import Item, Layout

__all__ = ["FORMATS", "PromptFormat"]

#: By language: format -> layout. The first is the one in which the orders are tried. They differ in
#: what Sclar et al. vary: descriptor, separator, case, spacing, and how options are enumerated.
FORMATS: dict[str, dict[str, Layout]] = {
    "en": {
        "plain": Layout("{{ prompt }}", "{letter}. {text}"),
        "descriptor": Layout("Question: {{ prompt }}", "({letter}) {text}"),
        "upper": Layout("QUESTION: {{ prompt }}", "{letter}) {text}"),
        "spaced": Layout("Question :: {{ prompt }}", "{letter} : {text}"),
        "short": Layout("Q: {{ prompt }}", "[{letter}] {text}"),
        "listed": Layout("Question\n{{ prompt }}\n\nOptions", "- {letter}: {text}"),
    },
    "zh": {
        "plain": Layout("{{ prompt }}", "{letter}. {text}"),
        "descriptor": Layout("问题：{{ prompt }}", "（{letter}）{text}"),
        "upper": Layout("【问题】{{ prompt }}", "{letter}、{text}"),
        "spaced": Layout("问题 ： {{ prompt }}", "{letter} ： {text}"),
        "short": Layout("问：{{ prompt }}", "[{letter}] {text}"),
        "listed": Layout("题目\n{{ prompt }}\n\n选项", "- {letter}：{text}"),
    },
}


@dataclass(frozen=True)
class PromptFormat:
    """Asks each item in every format with one order of its options, and in one with other orders.

    Orders are rotations of a seeded one, so that with as many orders as options each option stands
    once in each place.

    Args:
        orders: orders of the options, 2 or more; of an item with fewer options as many as those.
    """

    orders: int = 4

    name: ClassVar[str] = "prompt_format"
    version: ClassVar[int] = 1
    by_item: ClassVar[bool] = True
    tags: ClassVar[tuple[str, ...]] = ("variant", "format", "answer_position")

    def __post_init__(self) -> None:
        if self.orders < 2:
            raise TaskError(f"transform 'prompt_format': {self.orders} orders; give 2 or more")

    def items(self, items: Iterable[Item], seed: int) -> Iterator[Item]:
        """Every item in its variants.

        Raises:
            MappingError: an item is a variant already, has no options, or is in a language without
                formats.
        """
        for item in items:
            if "variant" in item.tags:
                raise MappingError(f"item {item.id}: it is a variant itself; take another base")
            if len(item.choices) < 2:
                raise MappingError(f"item {item.id}: it has no options to put in order")
            formats = FORMATS.get(item.language.partition("-")[0])
            if formats is None:
                raise MappingError(f"item {item.id}: there are no formats for '{item.language}'")
            yield from self._variants(item, formats, seed)

    def _variants(self, item: Item, formats: dict[str, Layout], seed: int) -> Iterator[Item]:
        whole = replace(item, group=item.id, cluster=item.cluster or item.group or item.id)
        order = _shuffled(len(item.choices), f"{seed}\0{item.id}")
        first, *others = formats
        yield _variant(whole, "clean", first, formats[first], order)
        for name in others:
            yield _variant(whole, "format", name, formats[name], order)
        for turn in range(1, min(self.orders, len(order))):
            # turns spread over all of them where there are fewer orders than options
            by = turn * len(order) // min(self.orders, len(order))
            turned = (*order[by:], *order[:by])
            made = _variant(whole, "order", first, formats[first], turned)
            yield replace(made, id=f"{made.id}~{turn}")


def _variant(item: Item, variant: str, name: str, layout: Layout, order: tuple[int, ...]) -> Item:
    place = "none" if item.answer is None else chr(ord("A") + order.index(item.answer))
    tags = {**item.tags, "variant": variant, "format": name, "answer_position": place}
    return replace(item, id=f"{item.id}~{name}", tags=tags, layout=layout, order=order)


def _shuffled(count: int, key: str) -> tuple[int, ...]:
    number = int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest())
    draw = random.Random(number).random  # noqa: S311 - an order, no secret
    return tuple(sorted(range(count), key=lambda _: draw()))
