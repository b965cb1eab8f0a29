"""CSV that people fill in a spreadsheet: written so that it opens, read as they save it.

UTF-8 with a byte order mark, so that every script shows. A cell that a spreadsheet would take for a
formula gets an apostrophe before it; reading takes it off again. Commas, semicolons or tabs are
read, as spreadsheets of different countries write them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalharness.errors import ConfigError, EvalHarnessError
from evalharness.outfile import outside_runs

__all__ = [
    "Row", "guarded", "read_sheet", "rows_of", "sheet_bytes", "unguarded", "write_sheet",
]  # fmt: skip

#: With these a spreadsheet takes a cell for a formula (the apostrophe: so that it can come off).
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
#: A spreadsheet's cell holds no more characters.
_MOST_TEXT = 32_000
_MOST_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Row:
    """One row: the line on which it begins, and its cells by column, '' where empty."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, cut to what one holds."""
    text = text.replace("\x00", "\ufffd")
    if len(text) > _MOST_TEXT:
        text = f"{text[:_MOST_TEXT]} [cut: {len(text)} characters in all]"
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given, if it was not cut."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def write_sheet(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a new sheet.

    Raises:
        ConfigError: the file is there already: somebody may have filled it in; its folder is not;
            or it lies in a run.
    """
    outside_runs(path)
    try:
        with path.open("x", encoding="utf-8-sig", errors="replace", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(columns)
            writer.writerows([guarded(cell) for cell in row] for row in rows)
    except FileExistsError:
        raise ConfigError(
            f"{path}: is there already and may hold labels: it may be filled in; choose another "
            "folder or name another file with --out"
        ) from None
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such folder; make it first") from None


def read_sheet(path: Path, needed: Sequence[str], error: type[EvalHarnessError]) -> Iterator[Row]:
    """The rows of a sheet; names of columns without regard to case.

    Raises:
        error: no such file, not UTF-8, no CSV, too large, or a column that lacks.
    """

    def check(names: Sequence[str]) -> None:
        lacking = [name for name in needed if names.count(name) != 1]
        if lacking:
            raise error(f"{path}:1: each of these columns must stand once: {', '.join(lacking)}")

    return rows_of(path, sheet_bytes(path, error), check, error)


def sheet_bytes(path: Path, error: type[EvalHarnessError]) -> bytes:
    """A sheet's file.

    Raises:
        error: there is none, or one that is too large.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise error(f"{path}: larger than {_MOST_BYTES // 2**20} MiB; that is no sheet")
        return path.read_bytes()
    except FileNotFoundError:
        raise error(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise error(f"{path}: this is a folder; name the CSV file in it") from None


def rows_of(
    path: Path,
    content: bytes,
    check: Callable[[Sequence[str]], None],
    error: type[EvalHarnessError],
) -> Iterator[Row]:
    """The rows of a sheet's file, as `sheet_bytes` gives it.

    Args:
        check: is called with the names of the columns, in small letters; raises what it misses.

    Raises:
        error: not UTF-8, no CSV, or more cells than columns.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise error(
            f"{path}: not UTF-8 text (byte {fault.start}); save it as 'CSV UTF-8'"
        ) from None
    header = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True
    )
    line, limit = 1, csv.field_size_limit(_MOST_BYTES)
    try:
        names = [name.strip().casefold() for name in next(reader, [])]
        check(names)
        line = reader.line_num
        for cells in reader:
            start, line = line + 1, reader.line_num  # a text may take several lines
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(names):
                raise error(
                    f"{path}:{start}: {len(cells)} cells under {len(names)} columns; "
                    "put texts with commas in quotation marks"
                )
            yield Row(start, dict(zip(names, map(unguarded, cells), strict=False)))
    except csv.Error as fault:
        raise error(f"{path}:{reader.line_num}: not valid CSV: {fault}") from None
    finally:
        csv.field_size_limit(limit)
