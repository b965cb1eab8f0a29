"""Reasoning that stands in the text of an answer, between the tags that open models write.

A server without a reasoning parser leaves it there, and whoever scores the text would read what the
model only considered: a refusal that it thought better of, letters that it did not choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal, NamedTuple, TypeAlias

from pydantic import Field

from evalharness.records import Response

__all__ = ["NOTE", "UNENDED", "Parts", "Reasoning", "apart", "opens", "split"]

Reasoning: TypeAlias = Annotated[
    Literal["split", "keep"],
    Field(
        description="what stands between <think> and </think> at an answer's beginning: split off, "
        "recorded and not scored; or kept in the text. keep is part of the identity"
    ),
]

NOTE = "some answers held their reasoning in the text (<think>): it was split off and is not scored"
UNENDED = "in some answers the reasoning did not end: nothing is left to score"

_OPEN, _CLOSE = "<think>", "</think>"
_TAG = re.compile("</?think>")
_BEGINS = re.compile(rf"\s*{_OPEN}")
_ENDS_LINE = re.compile(r"[^\S\r\n]*[\r\n]")
#: What a structured answer begins with: a closing tag in it is quoted.
_STRUCTURED = ("{", "[", "```")


class Parts(NamedTuple):
    """A text without its tags and the white space around them."""

    reasoning: str
    answer: str
    #: The reasoning came to its end.
    ended: bool = True


def opens(prompt: str) -> bool:
    """Whether a prompt ends with the opening tag, as some chat templates have it."""
    return prompt.rstrip().endswith(_OPEN)


def split(text: str, *, opened: bool = False) -> Parts | None:
    """Reasoning and answer; None: no reasoning.

    Args:
        opened: the prompt is known to end with the opening tag. Where that is not known, a text
            may have begun behind it, too: see `_line_that_closes`.
    """
    if opened or _BEGINS.match(text):
        end = _end(text, depth=int(opened))
        ended = end is not None
    else:
        end, ended = _line_that_closes(text), True
        if end is None:
            return None
    before = (text if end is None else text[: end - len(_CLOSE)]).lstrip().removeprefix(_OPEN)
    return Parts(before.strip(), "" if end is None else text[end:].lstrip(), ended)


def _end(text: str, depth: int) -> int | None:
    """Where the answer begins behind reasoning that has begun; None: it never does.

    Tags within tags are counted, and blocks in a row are one. Where more are opened than closed,
    all up to the last closing one is reasoning: better too little of an answer than a thought.
    """
    last = None
    for tag in _TAG.finditer(text):
        if tag[0] == _OPEN:
            depth += 1
            continue
        depth -= 1
        last = tag.end()
        if depth == 0 and not _BEGINS.match(text, last):
            return last
    return None if last is None or _BEGINS.match(text, last) else last


def _line_that_closes(text: str) -> int | None:
    """Where the answer begins in a text whose opening tag the prompt may have had.

    The first closing tag is believed only where it ends its line and something follows: in a
    sentence, at the very end, in JSON or in code it is part of what is said.
    """
    tag = _TAG.search(text)
    if tag is None or tag[0] == _OPEN or _ENDS_LINE.match(text, tag.end()) is None:
        return None
    if text[: tag.start()].lstrip().startswith(_STRUCTURED) or not text[tag.end() :].strip():
        return None
    return tag.end()


def apart(answer: Response, note: Callable[[str], None], *, opened: bool = False) -> Response:
    """The answer with its reasoning apart; the very same one if it holds none in its text.

    Args:
        note: told when there was some, or when it did not end.
        opened: see `split`.
    """
    parts = split(answer.text, opened=opened)
    if parts is None:
        return answer
    if not parts.ended:
        note(UNENDED)
    elif parts.reasoning:  # an empty block is what a model writes that was told not to think
        note(NOTE)
    return replace(answer, text=parts.answer, reasoning=parts.reasoning or None)
