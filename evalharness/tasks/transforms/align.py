"""Versions of the same items that stand one after the other in a file, brought together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

from evalharness.errors import MappingError
from evalharness.tasks.items import Item

__all__ = ["Align"]


@dataclass(frozen=True)
class Align:
    """The k-th item of every version is one group; the clean version's is the clean one.

    For files that list the same items once a version, in the same order, and do not number them.
    That they do is checked as far as it can be: as many items a version, with the same answers.

    Args:
        by: the tag that names the version.
        clean: its value for the items as they were.
    """

    by: str
    clean: str

    name: ClassVar[str] = "align"
    version: ClassVar[int] = 1
    by_item: ClassVar[bool] = False
    tags: ClassVar[tuple[str, ...]] = ("variant",)

    def items(self, items: Iterable[Item], seed: int) -> Iterator[Item]:  # noqa: ARG002 - the seam's shape
        versions: defaultdict[str, list[Item]] = defaultdict(list)
        for item in items:
            if self.by not in item.tags:
                raise MappingError(f"item {item.id}: it has no tag '{self.by}' to align it by")
            versions[item.tags[self.by]].append(item)
        if not versions:
            return
        if self.clean not in versions:
            raise MappingError(f"no item has {self.by} '{self.clean}'; found {sorted(versions)}")
        clean = versions[self.clean]
        for name, members in versions.items():
            if len(members) != len(clean):
                raise MappingError(
                    f"{self.by} '{name}' has {len(members)} items, '{self.clean}' {len(clean)}: "
                    "they are not the same ones"
                )
            for number, (item, original) in enumerate(zip(members, clean, strict=True)):
                if item.answer != original.answer:
                    raise MappingError(
                        f"item {number + 1} of {self.by} '{name}' has another answer than that of "
                        f"'{self.clean}': they are not in the same order"
                    )
                variant = "clean" if name == self.clean else "attacked"
                group = f"{number:06d}"
                yield replace(
                    item,
                    id=f"{group}-{name}",
                    group=group,
                    cluster=item.cluster or group,
                    tags={**item.tags, "variant": variant},
                )
