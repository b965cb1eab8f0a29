"""Variants of an item: as it is, disturbed in each way that changes it, and as it is again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from evalharness import yamlfile
from evalharness.errors import MappingError, TaskError
from evalharness.tasks.items import Item
from evalharness.tasks.transforms.perturbations.base import Kind, perturb
from evalharness.tasks.transforms.perturbations.kinds import KINDS

__all__ = ["Perturbation"]


@dataclass(frozen=True)
class Perturbation:
    """Disturbs the prompt of each item; its options and its answer stay.

    An item gives a clean variant, one for each kind that changes its prompt, and as many clean
    repeats as those: the noise floor, asked again though greedy answers be shared.

    Args:
        kinds: the kinds used; default: all that are made for the item's language.
        share: of the places that a kind finds, the share that is changed, in (0, 1]; default: each
            kind's own.
    """

    kinds: tuple[str, ...] = ()
    share: float | None = None

    name: ClassVar[str] = "perturbation"
    version: ClassVar[int] = 1
    by_item: ClassVar[bool] = True
    tags: ClassVar[tuple[str, ...]] = ("variant", "perturbation")

    def __post_init__(self) -> None:
        for name in self.kinds:
            if name not in KINDS:
                hint = yamlfile.did_you_mean(name, KINDS)
                raise TaskError(f"transform 'perturbation': there is no kind '{name}'{hint}")
        if self.share is not None and not 0 < self.share <= 1:
            raise TaskError(f"transform 'perturbation': a share of {self.share} is not in (0, 1]")

    def items(self, items: Iterable[Item], seed: int) -> Iterator[Item]:
        """Every item with its variants.

        Raises:
            MappingError: an item is a variant already.
        """
        kinds = [KINDS[name] for name in self.kinds] or list(KINDS.values())
        for item in items:
            if "variant" in item.tags:
                raise MappingError(f"item {item.id}: it is a variant itself; take another base")
            yield from self._variants(item, kinds, seed)

    def _variants(self, item: Item, kinds: Iterable[Kind], seed: int) -> Iterator[Item]:
        whole = replace(item, group=item.id, cluster=item.cluster or item.group or item.id)
        yield _variant(whole, "clean", "clean")
        repeats = 0
        for kind in kinds:
            if not kind.reads(item.language):
                continue
            found = perturb(
                kind, item.prompt, seed=seed, item=item.id, protect=_named(item), share=self.share
            )
            if found is not None:
                repeats += 1
                yield replace(_variant(whole, "attacked", kind.name), prompt=found.text)
        for repeat in range(1, repeats + 1):
            again = _variant(whole, "repeat", f"repeat_{repeat:02d}")
            yield replace(again, repeat=item.repeat + repeat)


def _variant(item: Item, variant: str, name: str) -> Item:
    tags = {**item.tags, "variant": variant, "perturbation": name}
    return replace(item, id=f"{item.id}~{name}", tags=tags)


def _named(item: Item) -> tuple[str, ...]:
    """The texts that the prompt must keep: the options, and what stands for a right answer."""
    ends = [end for end in (item.good, item.bad) if isinstance(end, str)]
    return (*item.choices, *ends, *_texts(item.target))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from _texts(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _texts(member)
