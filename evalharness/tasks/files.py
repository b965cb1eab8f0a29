"""Reads rows from data files: JSON, JSON lines, CSV, TSV, plain lines, parquet; also packed."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalharness.errors import DataError
from evalharness.tasks.sources import Shape

__all__ = ["Row", "numbered_rows", "read_rows"]

Row = Mapping[str, Any]
#: The line on which a row begins, from 1, where its file has lines; and the row.
Numbered = tuple[int | None, Row]

#: A larger cell of a CSV file (csv's own limit is 128 kB) or line of a JSONL file is refused.
_LARGEST = 16 * 1024 * 1024
csv.field_size_limit(_LARGEST)

#: What ends a line, for an editor and for the reader of CSV alike.
_BREAKS = re.compile(r"\r\n|\r|\n")


#: Endings by which a format is told, without that of a packed file.
_KINDS = frozenset({".json", ".jsonl", ".csv", ".tsv", ".txt", ".parquet"})


def read_rows(path: Path, shape: Shape | None = None, name: str | None = None) -> Iterator[Row]:
    """Rows of a .json, .jsonl, .csv, .tsv, .txt or .parquet file; the text ones also as .gz.

    A ``.txt`` gives a row for each line that is not blank: ``line`` (from 1) and ``text``.

    Args:
        shape: how the rows stand in a JSON file that is no plain list of objects.
        name: by whose ending the format is told, where the file itself has another.

    Raises:
        DataError: an unknown format, or a line that cannot be read (with its number).
    """
    return (row for _, row in numbered_rows(path, shape, name))


def numbered_rows(
    path: Path, shape: Shape | None = None, name: str | None = None
) -> Iterator[Numbered]:
    """`read_rows`, each with the line on which it begins; None in JSON and parquet."""
    suffixes = [suffix.lower() for suffix in Path(name or path.name).suffixes]
    packed = bool(suffixes) and suffixes[-1] == ".gz"
    # the last ending that is known: some name a file "data.txt.dev"
    kind = next((suffix for suffix in reversed(suffixes) if suffix in _KINDS), "")
    shaped = shape is not None and (shape.at is not None or shape.keys is not None)
    if shaped and kind != ".json":
        raise DataError(f"{path}: 'at' and 'keys' are for JSON files; leave them out")
    if kind == ".parquet":
        yield from ((None, row) for row in _parquet_rows(path))
        return
    readers = {
        ".json": _json_rows, ".jsonl": _jsonl_rows, ".csv": _csv_rows, ".tsv": _tsv_rows,
        ".txt": _lines,
    }  # fmt: skip
    if kind not in readers:
        known = ", ".join([*readers, ".parquet"])
        raise DataError(f"{path}: unknown kind of data file; use one of {known} (or .gz of it)")
    try:
        with (
            gzip.open(path, "rb") if packed else path.open("rb") as raw,
            io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text,
        ):
            if shape is not None and shaped:
                shaped_rows = _shaped_rows(_parsed(text.read(), path, None), shape, path)
                yield from ((None, row) for row in shaped_rows)
            else:
                yield from readers[kind](text, path)
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such data file") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as fault:
        raise DataError(f"{path}: damaged gzip file: {fault}") from None
    except UnicodeDecodeError as fault:
        raise DataError(f"{path}: not UTF-8 text (byte {fault.start})") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


#: Made once: json.loads makes one for each call that names an option.
_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def _parsed(text: str, path: Path, number: int | None) -> Any:
    """One JSON value: a line of the file, or (without a number) the file as a whole."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as fault:
        line = number or fault.lineno
        raise DataError(
            f"{path}:{line}: not valid JSON: {fault.msg} (column {fault.colno})"
        ) from None
    except ValueError as fault:
        at = path if number is None else f"{path}:{number}"
        raise DataError(f"{at}: not valid JSON: {fault}") from None


def _shaped_rows(data: Any, shape: Shape, path: Path) -> Iterator[Row]:
    """The rows of a JSON value that is nested."""
    for key in shape.at.split(".") if shape.at else ():
        if not isinstance(data, dict) or key not in data:
            raise DataError(f"{path}: at: there is no '{key}' of '{shape.at}' in it")
        data = data[key]
    yield from _leaves(data, tuple(shape.keys or ()), {}, path)


def _leaves(
    data: Any, keys: Sequence[str], above: Mapping[str, Any], path: Path
) -> Iterator[dict[str, Any]]:
    if isinstance(data, list):
        for part in data:
            yield from _leaves(part, keys, above, path)
    elif keys:
        if not isinstance(data, dict):
            raise DataError(
                f"{path}: keys: '{keys[0]}' would be the keys of an object, but there stands "
                f"{data!r:.60}; name fewer keys"
            )
        for key, part in data.items():
            yield from _leaves(part, keys[1:], {**above, keys[0]: key}, path)
    elif isinstance(data, dict):
        yield {**above, **_without_mark(data)}
    else:
        yield {**above, "value": data}


def _without_mark(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose first key is free of the byte order mark that an export may have put there."""
    if not next(iter(row), "").startswith("\ufeff"):
        return row
    return {key.removeprefix("\ufeff"): value for key, value in row.items()}


def _numbered(text: io.TextIOBase, path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, each with its number; none of them read without bound."""
    for number in itertools.count(1):
        line = text.readline(_LARGEST + 1)
        if not line:
            return
        if len(line) > _LARGEST:
            raise DataError(
                f"{path}:{number}: the line is longer than {_LARGEST // 2**20} MiB; split it, "
                "or use parquet"
            )
        if line.strip():
            yield number, line


def _lines(text: io.TextIOBase, path: Path) -> Iterator[Numbered]:
    for number, line in _numbered(text, path):
        yield number, {"line": number, "text": line.rstrip("\r\n")}


def _json_rows(text: io.TextIOBase, path: Path) -> Iterator[Numbered]:
    data = _parsed(text.read(), path, None)
    rows = data.get("examples") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: expected a list of objects (or an object with 'examples')")
    yield from ((None, _without_mark(row)) for row in rows)


def _jsonl_rows(text: io.TextIOBase, path: Path) -> Iterator[Numbered]:
    for number, line in _numbered(text, path):
        row = _parsed(line, path, number)
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: expected an object, found {type(row).__name__}")
        yield number, row


def _csv_rows(text: io.TextIOBase, path: Path, delimiter: str = ",") -> Iterator[Numbered]:
    reader = csv.DictReader(text, delimiter=delimiter, strict=True)
    try:
        heading = list(reader.fieldnames or ())
        if len(set(heading)) != len(heading):
            raise DataError(f"{path}:1: two columns have the same name: {', '.join(heading)}")
        for row in reader:
            if None in row or None in row.values():
                raise DataError(
                    f"{path}:{reader.line_num}: the number of cells differs from the heading's"
                )
            # a cell in quotes may hold line breaks, of any system
            within = sum(len(_BREAKS.findall(cell)) for cell in row.values())
            yield reader.line_num - within, row
    except csv.Error as fault:
        raise DataError(f"{path}:{reader.reader.line_num}: not valid CSV: {fault}") from None


def _tsv_rows(text: io.TextIOBase, path: Path) -> Iterator[Numbered]:
    return _csv_rows(text, path, "\t")


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=2048):
                yield from batch.to_pylist()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such data file") from None
    except (pa.ArrowException, OSError) as fault:
        raise DataError(f"{path}: not a readable parquet file: {str(fault)[:200]}") from None
