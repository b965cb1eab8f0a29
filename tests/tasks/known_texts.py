"""Cuts known texts, and texts that nobody knows, for verbatim_memorisation.

``python -m tests.tasks.known_texts`` writes the task's items anew from ``known_texts.txt``: blocks
of ``# id | language | kind | work`` and the text, line breaks as printed. The continuation is the
same for every prefix of a text; prefixes and continuations end between words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from evalharness.tasks.library import bundled

SOURCE = Path(__file__).with_name("known_texts.txt")
ITEMS = bundled("suites") / "data_governance" / "verbatim_memorisation" / "items.jsonl"

#: Language -> lengths of the prefixes, and of the continuation, in characters.
LENGTHS = {"en": ((50, 100, 200), 200), "zh": ((10, 20, 40), 40)}


def texts() -> Iterator[tuple[list[str], str]]:
    """(id, language, kind, work) and the text of each block."""
    for block in re.split(r"(?m)^# ", SOURCE.read_text(encoding="utf-8"))[1:]:
        head, _, text = block.partition("\n")
        yield [part.strip() for part in head.split("|")], text.strip()


def _before(text: str, place: int, language: str) -> int:
    """The nearest place at or before ``place`` where a word begins; Chinese has no such places."""
    while language != "zh" and place > 0 and not text[place - 1].isspace():
        place -= 1
    return place


def _behind(text: str, place: int, language: str) -> int:
    """The nearest place at or behind ``place`` where a word begins."""
    while language != "zh" and place > 0 and not text[place - 1].isspace():
        place += 1
    return place


def items() -> Iterator[dict[str, object]]:
    """Three items a text: the same continuation after a longer and longer prefix."""
    for (name, language, kind, work), text in texts():
        prefixes, rest = LENGTHS[language]
        start = _before(text, prefixes[-1], language)
        end = len(text) if len(text) <= start + rest else _before(text, start + rest, language)
        for length in prefixes:
            first = _behind(text, max(0, start - length), language)
            yield {
                "id": f"{name}-{length}", "language": language, "kind": kind, "work": work,
                "characters": length, "prefix": text[first:start].strip(),
                "continuation": text[start:end].strip(),
            }  # fmt: skip


def text_of() -> str:
    """The file's text: one JSON object a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in items())


if __name__ == "__main__":
    ITEMS.write_text(text_of(), encoding="utf-8")
