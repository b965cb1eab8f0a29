"""Reasoning that stands in the text of an answer, between the tags that open models write.

A server without a reasoning parser leaves it there, and whoever scores the text would read what the
model only considered: a refusal that it thought better of, letters that it did not choose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from evalharness.records import Response

__all__ = ["NOTE", "Reasoning", "apart", "opens", "split"]

Reasoning: TypeAlias = Annotated[
    Literal["split", "keep"],
    Field(
        description="what stands between <think> and </think> at an answer's beginning: split off, "
        "recorded and not scored; or kept in the text. keep is part of the identity"
    ),
]

NOTE = "some answers held their reasoning in the text (<think>): it was split off and is not scored"

_OPEN, _CLOSE = "<think>", "</think>"


def opens(prompt: str) -> bool:
    """Whether a prompt ends with the opening tag, as some chat templates have it."""
    return prompt.rstrip().endswith(_OPEN)


def split(text: str, finish_reason: str, *, opened: bool = False) -> tuple[str, str] | None:
    """Reasoning and answer, without the tags and the white space around them; None: no reasoning.

    Args:
        opened: the prompt is known to end with the opening tag. Where that is not known, a text
            that has only the closing one began behind it, too.
    """
    end = text.find(_CLOSE)
    if end < 0 and finish_reason != "length":
        return None
    before = (text if end < 0 else text[:end]).lstrip()
    if before.startswith(_OPEN):
        before = before[len(_OPEN) :]
    elif not opened and (end < 0 or _OPEN in before):  # no reasoning, or talk of the tags
        return None
    return before.strip(), "" if end < 0 else text[end + len(_CLOSE) :].lstrip()


def apart(answer: Response, note: Callable[[str], None], *, opened: bool = False) -> Response:
    """The answer with its reasoning apart; the very same one if it holds none in its text.

    Args:
        note: told when there was some.
        opened: see `split`.
    """
    parts = split(answer.text, answer.finish_reason, opened=opened)
    if parts is None:
        return answer
    reasoning, text = parts
    if reasoning:  # an empty block is what a model writes that was told not to think
        note(NOTE)
    return replace(answer, text=text, reasoning=reasoning or None)
