"""An item: a row of data, mapped, before a method's words are put around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["LAYOUT", "Item", "Layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How an item is put before the model, where it differs from the task's own way.

    Args:
        prompt: a template around the mapped prompt; None is the task's.
        option: how an option is shown, with ``{letter}`` and ``{text}``.
        cue: what follows the prompt before a choice is weighed; None is the task's.
    """

    prompt: str | None = None
    option: str = "{letter}. {text}"
    cue: str | None = None


LAYOUT = Layout()


@dataclass(frozen=True, slots=True)
class Item:
    """What transforms take and give; `Sample` has the same fields once it is rendered.

    Args:
        choice_ids: the data's own id of each choice, or empty.
        order: position shown -> index into ``choices``; None leaves it to the seed.
        repeat: which asking of the same content it is: a repeat is asked again, never copied.
    """

    id: str
    prompt: str
    language: str
    system: str | None = None
    choices: tuple[str, ...] = ()
    choice_ids: tuple[str, ...] = ()
    answer: int | None = None
    good: int | str | None = None
    bad: int | str | None = None
    group: str | None = None
    cluster: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    layout: Layout = LAYOUT
    order: tuple[int, ...] | None = None
    repeat: int = 0
