"""Reads any data file as one table of rows, and says what of the reading was not as it should be.

Looser than a task's reader: what that refuses or mends without a word is what is looked for here.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from evalharness.lint.finding import Finding

__all__ = ["KINDS", "Row", "Table", "kind_of", "read_table"]

KINDS = frozenset({".json", ".jsonl", ".csv", ".tsv", ".txt", ".parquet"})

#: Nothing read here is trusted; a larger file is not what a person lints.
_LARGEST = 512 * 1024 * 1024
_DEEPEST = 6
#: A column with no more values than this is a label.
_MOST_LABELS = 20
_WORD = 24
#: An object of rows that has more names than this over all of them holds texts for names.
_MOST_NAMES = 32

_ID = re.compile(
    r"\ufeff?(|id|idx|index|no|number|line|.*[_ ]?(id|idx|index|hash)|sentid|filename)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Row:
    """One record: its number in the file (from 1) and its fields; nested objects have dots."""

    number: int
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A file's rows, its columns in order of appearance, and what was found while reading."""

    place: str
    rows: Sequence[Row]
    findings: list[Finding] = field(default_factory=list)

    @cached_property
    def columns(self) -> dict[str, int]:
        """Column -> how many rows have it."""
        counts: dict[str, int] = {}
        for row in self.rows:
            for name in row.fields:
                counts[name] = counts.get(name, 0) + 1
        return counts

    @cached_property
    def numbering(self) -> frozenset[str]:
        """Columns that tell rows apart and say nothing else."""
        return frozenset(
            name for name in self.columns if _ID.fullmatch(name) and self._distinct[name] is None
        )

    @cached_property
    def contents(self) -> tuple[str, ...]:
        """Columns that are neither numbering nor labels: a label's values are few and repeat."""
        most = min(_MOST_LABELS, len(self.rows) / 2)
        return tuple(
            name
            for name, distinct in self._distinct.items()
            if name not in self.numbering and (distinct is None or distinct > most)
        )

    @cached_property
    def has_texts(self) -> bool:
        """Whether a column holds texts of more than a word."""
        return any(
            sum(len(text) > _WORD for text in self._texts(name)) > len(self.rows) / 2
            for name in self.contents
        )

    def _texts(self, name: str) -> Iterator[str]:
        values = (row.fields.get(name) for row in self.rows)
        return (value for value in values if isinstance(value, str))

    @cached_property
    def _distinct(self) -> dict[str, int | None]:
        """Column -> how many values it has; None: no two rows share one."""
        found: dict[str, int | None] = {}
        for name in self.columns:
            values = {repr(row.fields.get(name)) for row in self.rows}
            found[name] = None if len(values) == len(self.rows) else len(values)
        return found


def kind_of(path: Path) -> str:
    """The suffix that says how to read it, without ``.gz``."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def read_table(path: Path, place: str) -> Table:
    """The file's rows; a file that cannot be read has none, and a finding that says why."""
    findings: list[Finding] = []
    kind = kind_of(path)
    try:
        if kind == ".parquet":
            records: list[Any] = list(_parquet(path))
        else:
            text = _text(path, place, findings)
            readers = {".json": _json, ".jsonl": _jsonl, ".txt": _lines}
            reader = readers.get(kind)
            records = list(reader(text) if reader else _csv(text, kind, place, findings))
    except (ValueError, OSError, csv.Error, EOFError, RecursionError, zlib.error) as fault:
        return Table(place, [], [*findings, _unreadable(place, str(fault))])
    rows = [Row(number, record) for number, record in enumerate(_flat(records), 1)]
    if not rows:
        findings.append(_unreadable(place, "it has no rows"))
    return Table(place, rows, findings)


def _unreadable(place: str, why: str) -> Finding:
    return Finding("unreadable", "fault", place, why[:200], "mend the file, or leave it out")


def _text(path: Path, place: str, findings: list[Finding]) -> str:
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        raw = file.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST // 2**20} MiB")
    text = raw.decode("utf-8")
    if text.startswith("\ufeff"):
        findings.append(
            Finding(
                "byte-order-mark", "note", place, "it begins with a byte order mark",
                "save it as UTF-8 without one: some readers make it part of the first name",
            )
        )  # fmt: skip
        text = text.removeprefix("\ufeff")
    return text


def _jsonl(text: str) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as fault:
                raise ValueError(f"line {number} is no JSON: {fault}") from None


def _lines(text: str) -> Iterator[dict[str, str]]:
    for line in text.splitlines():
        if line.strip():
            # a leading number is the line's id, not its text
            yield {"text": re.sub(r"^\d+\s+", "", line.strip())}


def _csv(text: str, kind: str, place: str, findings: list[Finding]) -> Iterator[dict[str, str]]:
    rows = csv.reader(text.splitlines(keepends=True), delimiter="\t" if kind == ".tsv" else ",")
    heading = next(rows, [])
    if len(set(heading)) != len(heading):
        findings.append(
            Finding(
                "doubled-column", "fault", place, "two columns have the same name",
                "give each a name of its own",
            )
        )  # fmt: skip
    ragged = []
    for number, cells in enumerate(rows, 1):
        if not cells:
            continue
        if len(cells) != len(heading):
            ragged.append(str(number))
        yield dict(zip(heading, cells, strict=False))
    if ragged:
        findings.append(
            Finding(
                "ragged-rows", "fault", place, "the number of cells differs from the heading's",
                "quote what holds a comma or a line break", tuple(ragged),
            )
        )  # fmt: skip


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=2048):
            yield from batch.to_pylist()


# --- JSON files of any shape ---------------------------------------------------------------------


def _json(text: str) -> Iterator[Any]:
    data = json.loads(text)
    if isinstance(data, dict) and any(_records(value) for value in data.values()):
        described = any(not isinstance(value, dict | list) for value in data.values())
        if described:  # name, licence and so on, beside the rows
            data = {key: value for key, value in data.items() if isinstance(value, list)}
            if len(data) == 1:
                (data,) = data.values()
    yield from _walk(data, {}, 0)


def _records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _walk(value: Any, keys: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """Rows of nested objects and lists: each level's key becomes a field."""
    if isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict):
                yield {**keys, **inner}
            elif isinstance(inner, list):
                yield from _walk(inner, keys, depth + 1)
            else:
                yield {**keys, "value": inner}
    elif isinstance(value, dict) and depth < _DEEPEST:
        if all(not isinstance(inner, dict | list) for inner in value.values()):
            yield {**keys, **value}
            return
        for key, inner in value.items():
            yield from _walk(inner, {**keys, f"key{depth + 1}": key}, depth + 1)
    else:
        yield {**keys, "value": value}


def _flat(records: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """Nested objects by dotted names, where rows share the names; else they stay as they are."""
    keys: dict[str, set[str]] = {}
    for record in records:
        for name, value in record.items() if isinstance(record, dict) else ():
            if isinstance(value, dict):
                keys.setdefault(str(name), set()).update(map(str, value))
    # texts as keys (a choice -> whether it is right) are values, not names
    nested = {name for name, inner in keys.items() if len(inner) <= _MOST_NAMES}
    for record in records:
        if not isinstance(record, dict):
            yield {"value": record}
            continue
        flat: dict[str, Any] = {}
        for name, value in record.items():
            if isinstance(value, dict) and str(name) in nested:
                flat |= {f"{name}.{key}": inner for key, inner in value.items()}
            else:
                flat[str(name)] = value
        yield flat
