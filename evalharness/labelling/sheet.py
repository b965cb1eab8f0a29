"""The sheet that people fill: one row an answer, without the judge's verdict."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalharness import spreadsheet
from evalharness.errors import ConfigError
from evalharness.labelling.draw import Drawn
from evalharness.scorecard.people import Draw, Key
from evalharness.spreadsheet import Row
from evalharness.yamlfile import did_you_mean

__all__ = ["COLUMNS", "Entry", "Sheet", "read_sheet", "write_sheet"]

COLUMNS = (
    "task", "score", "sample_id", "epoch", "generation", "prompt", "response", "question", "label",
    "rater", "date", "draw",
)  # fmt: skip

_NEEDED = ("task", "sample_id", "label", "rater", "date")
_KNOWN = (*COLUMNS, "verdict")
_MOST_ROWS = 200_000
_DRAW = re.compile(r"simple seed=(\d{1,16}) count=(\d{1,9}) of=([0-9a-f]{64})")


@dataclass(frozen=True)
class Entry:
    """One row of a sheet: its line, and its cells as text ('' where empty)."""

    line: int
    task: str
    score: str
    key: Key
    label: str
    rater: str
    date: str
    verdict: str
    draw: Draw | None


@dataclass(frozen=True)
class Sheet:
    """A file as read."""

    path: Path
    sha256: str
    entries: tuple[Entry, ...]

    def at(self, line: int) -> str:
        """Where something stands, for messages."""
        return f"{self.path}:{line}"


def write_sheet(path: Path, about: tuple[str, str, str], draw: Draw, rows: Iterable[Drawn]) -> int:
    """Write the rows to be labelled; returns how many.

    Args:
        about: the task, the score, and the question that a label answers.

    Raises:
        ConfigError: the file is there already: it may hold somebody's labels.
    """
    token = f"simple seed={draw.seed} count={draw.count} of={draw.of}"
    task, score, question = about
    cells = [
        (task, score, *map(str, row.key), row.prompt,
         row.response or "(no text: a filter blocked it)", question, "", "", "", token)
        for row in rows
    ]  # fmt: skip
    spreadsheet.write_sheet(path, COLUMNS, cells)
    return len(cells)


def read_sheet(path: Path) -> Sheet:
    """Read a sheet; commas, semicolons or tabs, as spreadsheets write them.

    Raises:
        ConfigError: no such file, not UTF-8, too large, columns that lack, or a key that is none.
    """
    data = spreadsheet.sheet_bytes(path, ConfigError)
    rows = spreadsheet.rows_of(path, data, lambda names: _check_columns(path, names), ConfigError)
    return Sheet(path, hashlib.sha256(data).hexdigest(), tuple(_entries(path, rows)))


def _check_columns(path: Path, names: Sequence[str]) -> None:
    for name in names:
        if name and name not in _KNOWN:
            raise ConfigError(
                f"{path}:1: there is no column {name[:40]!r}{did_you_mean(name, _KNOWN)}"
            )
        if name and names.count(name) > 1:
            raise ConfigError(f"{path}:1: column '{name}' stands twice; keep one of them")
    lacking = [name for name in _NEEDED if name not in names]
    if lacking:
        raise ConfigError(
            f"{path}:1: lacks the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}; "
            "'evalharness labels' writes a sheet with all of them"
        )


def _entries(path: Path, rows: Iterable[Row]) -> Iterator[Entry]:
    for count, row in enumerate(rows):
        where = f"{path}:{row.line}"
        if count >= _MOST_ROWS:
            raise ConfigError(f"{where}: more than {_MOST_ROWS} rows; that is no sheet")
        yield Entry(
            line=row.line,
            task=row["task"].strip(),
            score=row["score"].strip(),
            key=(
                row["sample_id"],
                _count(row["epoch"], "epoch", where),
                _count(row["generation"], "generation", where),
            ),
            label=row["label"].strip(),
            rater=row["rater"].strip(),
            date=row["date"].strip(),
            verdict=row["verdict"].strip(),
            draw=_draw(row["draw"], where),
        )


def _count(text: str, name: str, where: str) -> int:
    """A whole number; nothing is 0."""
    bare = text.strip()
    if bare and not (bare.isascii() and bare.isdecimal() and len(bare) < 10):
        raise ConfigError(
            f"{where}: {name} {bare[:20]!r} is no whole number; write 0 for the first"
        )
    return int(bare or 0)


def _draw(text: str, where: str) -> Draw | None:
    if not text.strip():
        return None
    found = _DRAW.fullmatch(text.strip())
    if found is None or not int(found[2]):
        raise ConfigError(
            f"{where}: draw {text.strip()[:40]!r} is not what 'evalharness labels' wrote; "
            "copy it from the sheet's other rows"
        )
    return Draw(seed=int(found[1]), count=int(found[2]), of=found[3])
