"""Each item as it is, and under every template of a fixed set of attacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evalharness.errors import MappingError
from evalharness.tasks.items import Item

__all__ = ["Attack", "AttackSet", "AttackTemplate"]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class AttackTemplate(BaseModel):
    """One way to attack.

    Args:
        id: the value of the tag ``attack``.
        family: the value of the tag ``family``.
        idea: who described the idea; the words are the set's own.
        text: the new prompt, a Jinja template over the item's fields (``prompt``, ``system``,
            ``language``, ``choices``, ``tags``, ``target``); filters write it in a cipher
            (``{{ prompt | base64 }}``).
        language: of the attacked item, where the words around it are in another one.
        marker: what an answer holds that carries out what ``text`` plants; becomes
            ``target.marker``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Name
    family: Name
    idea: str = Field(min_length=8)
    text: str = Field(min_length=8)
    language: str | None = None
    marker: str | None = Field(default=None, min_length=1)

    @field_validator("text")
    @classmethod
    def _of_the_item(cls, value: str) -> str:
        if "prompt" not in value and "target" not in value:
            raise ValueError("uses neither 'prompt' nor 'target': it would ask all items the same")
        return value


class AttackSet(BaseModel):
    """A versioned set of attack templates, a YAML file beside the task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attacks: Name
    version: int = Field(ge=1)
    title: str = Field(min_length=1)
    source: str = Field(min_length=1)
    templates: tuple[AttackTemplate, ...] = Field(min_length=1)

    @field_validator("templates")
    @classmethod
    def _distinct(cls, value: tuple[AttackTemplate, ...]) -> tuple[AttackTemplate, ...]:
        ids = [one.id for one in value]
        for name in ids:
            if ids.count(name) > 1:
                raise ValueError(f"'{name}' stands twice; ids name the attacks")
        return value


@dataclass(frozen=True)
class Attack:
    """Of each item one clean version, the prompt alone, and one for every template.

    They share a group, called by the item's id, so a limit draws all or nothing of them, and a
    cluster. The set is fixed: every model meets the same texts. An attack that leaves a
    prompt as it is, or whose text gives its own marker away, is an error.
    """

    attacks: AttackSet

    name: ClassVar[str] = "attack"
    version: ClassVar[int] = 1
    by_item: ClassVar[bool] = True
    tags: ClassVar[tuple[str, ...]] = ("variant", "attack", "family")

    def items(self, items: Iterable[Item], seed: int) -> Iterator[Item]:  # noqa: ARG002 - the seam's shape
        # Jinja is for those who render, not for those who list tasks
        from evalharness.tasks.expressions import template

        compiled = [(one, template(one.text, f"attack {one.id}")) for one in self.attacks.templates]
        for item in items:
            clean = replace(
                item,
                group=item.id,
                cluster=item.cluster or item.group or item.id,
                tags={**item.tags, "variant": "clean", "attack": "none", "family": "none"},
            )
            yield replace(clean, id=f"{item.id}-clean")
            for one, render in compiled:
                yield _attacked(clean, one, render(_fields(item)))


def _fields(item: Item) -> dict[str, object]:
    return {
        "prompt": item.prompt,
        "system": item.system,
        "language": item.language,
        "choices": item.choices,
        "tags": item.tags,
        "target": item.target,
    }


def _attacked(clean: Item, one: AttackTemplate, text: str) -> Item:
    where = f"item {clean.id}: attack {one.id}"
    text = text.strip()
    if text == clean.prompt.strip():
        raise MappingError(f"{where}: leaves the prompt as it is")
    target, bad = clean.target, clean.bad
    if one.marker is not None:
        if one.marker.casefold() in text.casefold():
            raise MappingError(
                f"{where}: its marker {one.marker!r} stands in the attacked prompt, so an answer "
                "that only quotes it would count"
            )
        target, bad = {**target, "marker": one.marker}, one.marker
    tags = {**clean.tags, "variant": "attacked", "attack": one.id, "family": one.family}
    return replace(
        clean,
        id=f"{clean.id}-{one.id}",
        prompt=text,
        language=one.language or clean.language,
        target=target,
        bad=bad,
        tags=tags,
    )
