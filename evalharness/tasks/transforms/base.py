"""The seam of a transform."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Protocol

from evalharness.tasks.items import Item

__all__ = ["Transform"]


class Transform(Protocol):
    """A frozen dataclass whose fields are its options.

    ``items`` is a pure function of the items and the seed; it may look at all of them (an order of
    the whole data set) or at one after the other. The ids that it gives must be unique.
    """

    name: ClassVar[str]
    #: Raised whenever the same item would become another.
    version: ClassVar[int]
    #: Whether an item's variants are one group, called by its id, and depend on no other item: a
    #: limit then draws items first, and makes the variants of those alone.
    by_item: ClassVar[bool]
    #: The tags that it adds to an item, which slices and metrics may name.
    tags: ClassVar[tuple[str, ...]]

    def items(self, items: Iterable[Item], seed: int) -> Iterator[Item]:
        """The items in the place of those of the data.

        Raises:
            MappingError: an item cannot be transformed; says which and why.
        """
        ...
