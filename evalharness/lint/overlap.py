"""Files that hold the same rows, or the same items, under two names."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalharness.lint.finding import Finding
from evalharness.lint.items import Items
from evalharness.lint.table import Table

__all__ = ["Print", "check_overlap", "print_of"]

#: Share of the smaller file's rows that must stand in the other.
_SAME, _SIMILAR = 0.9, 0.5
_MIN_ROWS = 5


@dataclass(frozen=True)
class Print:
    """What two files are compared by: 8 bytes a row, not the texts.

    Args:
        columns: the columns' names.
        rows: of whole rows; ``contents``: of a row without its number and its labels;
            ``questions``: of what is asked.
    """

    place: str
    columns: frozenset[str]
    rows: frozenset[int]
    contents: frozenset[int]
    questions: frozenset[int]


def print_of(table: Table, items: Items) -> Print:
    """A file's print."""
    contents = table.contents
    return Print(
        table.place,
        frozenset(table.columns),
        frozenset(_hash(repr(sorted(row.fields.items()))) for row in table.rows),
        frozenset(_hash(repr([r.fields.get(name) for name in contents])) for r in table.rows)
        if contents
        else frozenset(),
        frozenset(_hash(repr((i.prompt, i.options))) for i in items.items if i.prompt),
    )


def _hash(text: str) -> int:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


def check_overlap(prints: Sequence[Print]) -> Iterator[Finding]:
    """Compare every file with those that share a row or a question with it."""
    ordered = sorted(prints, key=lambda found: found.place)
    at: dict[int, list[int]] = defaultdict(list)
    for number, found in enumerate(ordered):
        for value in found.rows | found.questions:
            at[value].append(number)
    near = sorted({(a, b) for held in at.values() for b in held for a in held if a < b})
    for a, b in near:
        yield from _compared(ordered[b], ordered[a])


def _compared(one: Print, other: Print) -> Iterator[Finding]:
    rows, n_rows = _share(one.rows, other.rows)
    contents, n_contents = _share(one.contents, other.contents)
    asked, n_asked = _share(one.questions, other.questions)
    same = one.columns == other.columns
    if rows >= _SAME or (contents >= _SAME and same):
        n, of = (n_rows, one.rows) if rows >= _SAME else (n_contents, one.contents)
        but = "" if rows >= _SAME else "; only labels and numbers differ"
        yield Finding(
            "identical-files", "fault", one.place,
            f"{n:,} of its {len(of):,} different rows are those of {other.place}{but}",
            "one of the two is not what its name says: fetch it again, or drop it",
        )  # fmt: skip
    elif max(rows, asked) >= _SIMILAR:
        what, n = ("rows", n_rows) if rows >= asked else ("questions", n_asked)
        yield Finding(
            "overlapping-files", "note", one.place,
            f"{n:,} of its {what} stand in {other.place} too",
            "do not count both as independent evidence",
        )  # fmt: skip


def _share(one: frozenset[int], other: frozenset[int]) -> tuple[float, int]:
    common = len(one & other)
    smaller = min(len(one), len(other))
    return (common / smaller if smaller >= _MIN_ROWS else 0.0), common
