"""Derived tasks: a task over another one, which replaces what it names of it."""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from evalharness.tasks.definition import (
    ComponentRef,
    DecodingDefinition,
    Methods,
    Name,
    ShortForms,
    TaskDefinition,
)
from evalharness.tasks.sources import Definition

__all__ = ["AnyBase", "DerivedDefinition", "derived_name", "parts_of"]

_DERIVED = re.compile(r"([a-z][a-z0-9_]*)\(([a-z][a-z0-9_]*)\)")

#: What a derived definition may give itself; what it leaves out is the base's.
_REPLACED = (
    "prompt", "cue", "method", "order", "decoding", "generations", "epochs", "scorer", "metrics",
    "slices", "strata", "content_warning",
)  # fmt: skip


class AnyBase(Definition):
    """Which tasks can be the base: those with one of these scorers."""

    default: list[Name] = Field(
        description="the bases with which a whole suite runs it; none where it needs the user's own"
    )
    scorers: list[str] = Field(min_length=1)
    keeps: list[str] = Field(
        default_factory=list,
        description="options of the base's scorer that the task's own scorer takes over",
    )


class DerivedDefinition(ShortForms):
    """A ``task.yaml`` with a ``base``: items of another task, asked or read otherwise.

    A base that is one task's name makes a task with the definition's own name. An `AnyBase` makes
    one for each base, called ``name(base)``.
    """

    task: Name
    version: int = Field(ge=1)
    title: str | None = None
    base: Name | AnyBase
    construct_: str = Field(alias="construct", min_length=8)
    source: str
    languages: list[str] | None = Field(
        default=None, description="those of the base's that it has; default: all"
    )
    transform: ComponentRef | None = None
    prompt: str | None = None
    cue: dict[str, str] | None = None
    method: Methods | None = None
    order: str | None = None
    decoding: DecodingDefinition | None = None
    generations: int | None = Field(default=None, ge=1, le=1000)
    epochs: int | None = Field(default=None, ge=1, le=1000)
    scorer: ComponentRef | None = None
    metrics: list[ComponentRef] | None = Field(default=None, min_length=1)
    slices: list[str] | None = None
    strata: list[str] | None = None
    tags: dict[str, list[str]] = Field(default_factory=dict)
    content_warning: str | None = None
    expect: dict[str, dict[str, Any]] = Field(default_factory=dict)

    def over(self, base: TaskDefinition) -> TaskDefinition:
        """The definition of the task that it makes of ``base``.

        Raises:
            ValueError: the two do not fit; says why.
        """
        if isinstance(self.base, AnyBase) and base.scorer.name not in self.base.scorers:
            wanted = ", ".join(self.base.scorers)
            raise ValueError(
                f"'{base.task}' has the scorer '{base.scorer.name}'; a base has one of: {wanted}"
            )
        if base.transform is not None and self.transform is not None:
            raise ValueError(
                f"'{base.task}' makes its items by a transform itself ({base.transform.name}), "
                "which this one would take the place of"
            )
        languages = [lang for lang in base.languages if lang in (self.languages or base.languages)]
        if languages != base.languages and self.transform is None:
            raise ValueError(f"'{base.task}' has items in {base.languages}, not only {languages}")
        if not languages:
            raise ValueError(f"'{base.task}' has no items in {self.languages}")
        own = {name: value for name in _REPLACED if (value := getattr(self, name)) is not None}
        if self.scorer is not None and self.metrics is None:
            raise ValueError("another scorer needs metrics that read it; add 'metrics'")
        return TaskDefinition.model_validate(
            {
                **base.model_dump(by_alias=True, exclude_unset=True),
                **{name: _plain(value) for name, value in own.items()},
                **({} if self.scorer is None else {"scorer": self._scorer(self.scorer, base)}),
                "task": derived_name(self, base.task),
                "version": self.version,
                "title": self.title and self.title + _over(self, base),
                "base": f"{base.task} {base.version}",
                "construct": self.construct_,
                "source": f"{self.source}; items: {base.source}",
                # without one of its own it asks what the base asks, the base's transform included
                **({"transform": _plain(self.transform)} if self.transform is not None else {}),
                "tags": self.tags,
                "expect": self.expect,
            }
        )

    def _scorer(self, own: ComponentRef, base: TaskDefinition) -> dict[str, Any]:
        """The task's own scorer, with what it keeps of the base's; its own options count more."""
        keeps = self.base.keeps if isinstance(self.base, AnyBase) else []
        kept = {name: base.scorer.options[name] for name in keeps if name in base.scorer.options}
        return {"name": own.name, "options": {**kept, **own.options}}


def _over(definition: DerivedDefinition, base: TaskDefinition) -> str:
    return f": {base.title or base.task}" if isinstance(definition.base, AnyBase) else ""


def _plain(value: Any) -> Any:
    if isinstance(value, Definition):
        return value.model_dump(by_alias=True, exclude_unset=True)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def derived_name(definition: DerivedDefinition, base: str) -> str:
    """The name of the task that a definition makes of a base."""
    return f"{definition.task}({base})" if isinstance(definition.base, AnyBase) else definition.task


def parts_of(name: str) -> tuple[str, str] | None:
    """The derived and the base task of ``perturbation(truthfulqa_mc1)``; None for a plain name."""
    found = _DERIVED.fullmatch(name)
    return None if found is None else (found[1], found[2])
