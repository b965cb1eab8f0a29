"""The sheet that people fill: CSV, one row an answer, without the judge's verdict.

Written as UTF-8 with a byte order mark, so that spreadsheets show every script. A cell that a
spreadsheet would take for a formula gets an apostrophe before it; reading takes it off again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError
from evalharness.labelling.draw import Drawn
from evalharness.scorecard.people import Draw, Key
from evalharness.spreadsheet import guarded, unguarded
from evalharness.yamlfile import did_you_mean

__all__ = ["COLUMNS", "Entry", "Sheet", "read_sheet", "write_sheet"]

COLUMNS = (
    "task", "score", "sample_id", "epoch", "generation", "prompt", "response", "question", "label",
    "rater", "date", "draw",
)  # fmt: skip

_NEEDED = ("task", "sample_id", "label", "rater", "date")
_KNOWN = (*COLUMNS, "verdict")
_MOST_BYTES = 256 * 2**20
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
    written = 0
    try:
        with path.open("x", encoding="utf-8-sig", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(COLUMNS)
            for row in rows:
                texts = (row.prompt, row.response or "(no text: a filter blocked it)")
                cells = (task, score, *row.key, *texts, question, "", "", "", token)
                writer.writerow([guarded(str(cell)) for cell in cells])
                written += 1
    except FileExistsError:
        raise ConfigError(
            f"{path}: is there already and may hold labels; name another file with --out"
        ) from None
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such folder; make it first") from None
    return written


def read_sheet(path: Path) -> Sheet:
    """Read a sheet; commas, semicolons or tabs, as spreadsheets write them.

    Raises:
        ConfigError: no such file, not UTF-8, too large, columns that lack, or a key that is none.
    """
    data = _bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise ConfigError(
            f"{path}: not UTF-8 text (byte {fault.start}); save it as 'CSV UTF-8'"
        ) from None
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    limit = csv.field_size_limit(_MOST_BYTES)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        _check_columns(path, names)
        entries = tuple(_entries(path, names, reader))
    except csv.Error as fault:
        raise ConfigError(f"{path}:{reader.line_num}: not valid CSV: {fault}") from None
    finally:
        csv.field_size_limit(limit)
    return Sheet(path, hashlib.sha256(data).hexdigest(), entries)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path}: larger than {_MOST_BYTES // 2**20} MB; that is no sheet")
        return path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: this is a folder; name the CSV file in it") from None


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


def _entries(path: Path, names: Sequence[str], reader: Any) -> Iterator[Entry]:
    line = 1
    for count, cells in enumerate(reader):
        start, line = line + 1, reader.line_num  # a text may take several lines
        if not any(cell.strip() for cell in cells):
            continue
        if count >= _MOST_ROWS:
            raise ConfigError(f"{path}:{start}: more than {_MOST_ROWS} rows; that is no sheet")
        if len(cells) > len(names):
            raise ConfigError(
                f"{path}:{start}: {len(cells)} cells under {len(names)} columns; "
                "put texts with commas in quotation marks"
            )
        row = dict(zip(names, map(unguarded, cells), strict=False))
        where = f"{path}:{start}"
        yield Entry(
            line=start,
            task=row.get("task", "").strip(),
            score=row.get("score", "").strip(),
            key=(
                row.get("sample_id", ""),
                _count(row.get("epoch", ""), "epoch", where),
                _count(row.get("generation", ""), "generation", where),
            ),
            label=row.get("label", "").strip(),
            rater=row.get("rater", "").strip(),
            date=row.get("date", "").strip(),
            verdict=row.get("verdict", "").strip(),
            draw=_draw(row.get("draw", ""), where),
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
