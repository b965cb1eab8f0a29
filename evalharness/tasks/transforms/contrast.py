"""A contrast set as several items: the original, and the edits that were made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalharness.errors import MappingError
from evalharness.tasks.items import Item
from evalharness.yamlfile import first_fault

__all__ = ["Contrast"]


class _Edits(BaseModel):
    """What ``target.contrasts`` holds: ``texts`` in the place of ``text``, with their labels."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[str, Field(min_length=1)]
    texts: list[str]
    labels: list[str]
    #: The label of each choice.
    names: list[str]


@dataclass(frozen=True)
class Contrast:
    """The item itself, and one more for each edit of ``target.contrasts``, all in one group.

    ``target.contrasts`` is ``{text, texts, labels, names}``: in the prompt ``text`` is replaced by
    each of ``texts``; the label of an edit says which choice is right, by ``names``. An edit whose
    label is none of them was left open by its authors and is dropped, and an item without an edit
    is no contrast set and is dropped too.
    """

    name: ClassVar[str] = "contrast"
    version: ClassVar[int] = 1
    by_item: ClassVar[bool] = False
    tags: ClassVar[tuple[str, ...]] = ("member",)

    def items(self, items: Iterable[Item], seed: int) -> Iterator[Item]:  # noqa: ARG002 - the seam's shape
        for item in items:
            edits = _edits(item)
            pairs = zip(edits.texts, edits.labels, strict=True)
            kept = [(text, edits.names.index(name)) for text, name in pairs if name in edits.names]
            if not kept:
                continue
            group = item.group or item.id
            whole = replace(
                item,
                group=group,
                cluster=item.cluster or group,
                target={key: value for key, value in item.target.items() if key != "contrasts"},
            )
            original = {**item.tags, "member": "original"}
            yield replace(whole, id=f"{item.id}-original", tags=original)
            for number, (text, answer) in enumerate(kept, 1):
                yield replace(
                    whole,
                    id=f"{item.id}-contrast{number}",
                    prompt=item.prompt.replace(edits.text, text),
                    answer=answer,
                    good=answer,
                    bad=(answer + 1) % len(item.choices),
                    tags={**item.tags, "member": "contrast"},
                )


def _edits(item: Item) -> _Edits:
    where = f"item {item.id}: target.contrasts"
    try:
        edits = _Edits.model_validate(item.target.get("contrasts"))
    except ValidationError as fault:
        raise MappingError(f"{where}: {first_fault(fault)}") from None
    if len(edits.texts) != len(edits.labels):
        raise MappingError(f"{where}: {len(edits.texts)} texts, {len(edits.labels)} labels")
    if len(edits.names) != len(item.choices):
        raise MappingError(f"{where}: {len(edits.names)} names for {len(item.choices)} choices")
    if edits.text not in item.prompt:
        raise MappingError(f"{where}: its text does not stand in the prompt: {edits.text!r:.60}")
    return edits
