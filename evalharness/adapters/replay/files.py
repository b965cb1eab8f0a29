"""The files that recordings come in: JSON, JSONL, CSV, TSV, parquet to rows, as they are read."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias, cast

from evalharness.errors import ConfigError
from evalharness.yamlfile import nearest

__all__ = [
    "Format", "RecordFault", "Row", "decode", "fields_of", "format_of", "plain_name", "rows_of",
    "shown",
]  # fmt: skip

Format: TypeAlias = Literal["json", "jsonl", "csv", "tsv", "parquet"]
Row: TypeAlias = Mapping[str, Any]

SUFFIXES: dict[str, Format] = {
    ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv",
    ".parquet": "parquet",
}  # fmt: skip
#: Bytes of one line of JSON, characters of one cell: beyond this a file is broken or hostile.
LONGEST = 1 << 26

#: How many of a row's fields a message names.
_NAMED = 30
_REMEDY = "save the file as UTF-8 (in a spreadsheet: 'CSV UTF-8')"
#: What else than a comma or tab stands between the cells of a table whose header is one cell.
_SEPARATORS = {"\t": "a tab", ";": "';'", "|": "'|'", ",": "','"}


class RecordFault(Exception):  # noqa: N818 - becomes a DataError where file and line are known
    """What is wrong with a record; ``place``: its line or row, if the reader was not there yet."""

    def __init__(self, message: str, place: int | None = None) -> None:
        super().__init__(message)
        self.place = place


def plain_name(path: Path) -> Path:
    """The file's name, without the ``.gz`` of a compressed one."""
    return Path(path.stem if _is_compressed(path) else path.name)


def _is_compressed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def format_of(path: Path) -> Format:
    """What a file's suffix says; ``.gz`` may stand behind it.

    Raises:
        ConfigError: the suffix is none that is known.
    """
    found = SUFFIXES.get(plain_name(path).suffix.lower())
    if found is None:
        raise ConfigError(
            f"replay: the format of {path.name} cannot be told from its suffix; set 'format' to "
            "json, jsonl, csv, tsv or parquet"
        )
    return found


def rows_of(
    path: Path,
    format: Format,  # noqa: A002 - the word of the option
    hasher: Any,
) -> Iterator[tuple[int, Row]]:
    """Each row with its line or number, from 1.

    Args:
        hasher: takes in the very bytes that were read, or None.

    Raises:
        RecordFault: a line or row is broken.
        OSError, EOFError, zlib.error, gzip.BadGzipFile: the file cannot be read.
    """
    with path.open("rb", buffering=0) as raw:
        if format == "parquet":
            yield from _parquet(raw, hasher)
            return
        stream = io.BufferedReader(_Hashing(raw, hasher), 1 << 20)
        plain = gzip.GzipFile(fileobj=stream) if _is_compressed(path) else stream
        content = _as_utf8(cast("BinaryIO", plain))
        readers = {"json": _json_whole, "jsonl": _json_lines}
        yield from readers[format](content) if format in readers else _table(content, format)
        while stream.read(1 << 20):  # what a reader left unread is part of the file all the same
            pass


class _Hashing(io.RawIOBase):
    """Passes bytes on and hashes them: the digest is of what was read, not of a second reading."""

    def __init__(self, raw: Any, hasher: Any) -> None:
        self._raw = raw
        self._hasher = hasher

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = int(self._raw.readinto(buffer))
        if self._hasher is not None:
            self._hasher.update(memoryview(buffer)[:size])
        return size


def _as_utf8(content: Any) -> BinaryIO:
    """The same text as UTF-8 where a byte order mark says that it is UTF-16; else untouched."""
    utf_16 = content.peek(2)[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}
    return cast("BinaryIO", io.BufferedReader(_FromUtf16(content)) if utf_16 else content)


class _FromUtf16(io.RawIOBase):
    """UTF-16 with a byte order mark, read as UTF-8."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self._decoder = codecs.getincrementaldecoder("utf-16")()
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        ended = False
        while not self._ready and not ended:
            data = self._content.read(1 << 16)
            ended = not data
            try:
                self._ready = self._decoder.decode(data, final=ended).encode("utf-8")
            except UnicodeDecodeError:
                raise RecordFault(f"broken UTF-16 text in the file; {_REMEDY}") from None
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number; write null, or leave the field out")


_decoder = json.JSONDecoder(parse_constant=_no_constant)


def decode(text: str) -> Any:
    """Standard JSON, without NaN and Infinity."""
    try:
        return _decoder.decode(text)
    except (ValueError, RecursionError) as fault:
        raise RecordFault(f"not valid JSON: {fault}") from None


def _json_lines(content: BinaryIO) -> Iterator[tuple[int, Row]]:
    lines = iter(partial(content.readline, LONGEST + 1), b"")
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST:
            raise RecordFault(f"the line is longer than {LONGEST >> 20} MiB", number)
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            row = decode(text) if text else None
        except UnicodeDecodeError as fault:
            raise RecordFault(
                f"not UTF-8 text (byte {fault.start} of the line); {_REMEDY}", number
            ) from None
        except RecordFault as fault:
            raise RecordFault(str(fault), number) from None
        if not text:
            continue
        if not isinstance(row, dict):
            raise RecordFault(f"expected an object a line, found {shown(row)}", number)
        yield number, row


def _json_whole(content: BinaryIO) -> Iterator[tuple[int, Row]]:
    """Rows of one JSON value: a list of objects, or an object whose members hold such lists.

    Members that are no list (a name, a licence) are passed over; lists stand in the file's order.
    """
    data = content.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise RecordFault(f"the file is larger than {LONGEST >> 20} MiB; use jsonl or parquet")
    try:
        value = decode(data.decode("utf-8-sig"))
    except UnicodeDecodeError as fault:
        raise RecordFault(f"not UTF-8 text (byte {fault.start}); {_REMEDY}") from None
    members = value.values() if isinstance(value, dict) else [value]
    lists = [member for member in members if isinstance(member, list)]
    if not lists:
        raise RecordFault(f"expected a list of objects, or lists by name; found {shown(value)}")
    for number, row in enumerate((row for one in lists for row in one), start=1):
        if not isinstance(row, dict):
            raise RecordFault(f"expected an object, found {shown(row)}", number)
        yield number, row


def _table(content: BinaryIO, format: Format) -> Iterator[tuple[int, Row]]:  # noqa: A002 - the word of the option
    """Rows of a CSV or TSV file. Every cell stays text: '1' is not 1, and 'None' is not nothing."""
    text = io.TextIOWrapper(content, encoding="utf-8-sig", newline="")
    reader = csv.reader(text, delimiter="\t" if format == "tsv" else ",", strict=True)
    header: list[str] | None = None
    number = 0
    try:
        while True:
            number = reader.line_num + 1
            with _long_cells():
                cells = next(reader, None)
            if cells is None:
                break
            if not cells:
                continue
            if header is None:
                header = cells
                if len(set(header)) < len(header):
                    raise RecordFault("two columns have the same name", number)
            elif len(cells) != len(header):
                raise RecordFault(
                    f"the row has {len(cells)} cells and the header {len(header)}", number
                )
            else:
                yield number, dict(zip(header, cells, strict=True))
    except csv.Error as fault:
        raise RecordFault(f"not valid {format.upper()}: {fault}", number) from None
    except UnicodeDecodeError:
        raise RecordFault(
            f"not UTF-8 text here or in the lines that follow; {_REMEDY}", number
        ) from None
    finally:
        text.detach()


@contextmanager
def _long_cells() -> Iterator[None]:
    """The csv module's limit is one for the whole process: raised only while we read."""
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parquet(raw: Any, hasher: Any) -> Iterator[tuple[int, Row]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if hasher is not None:
        while block := raw.read(1 << 20):
            hasher.update(block)
        raw.seek(0)
    number = 0
    try:
        for batch in pq.ParquetFile(raw).iter_batches(4096):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except pa.ArrowException as fault:
        raise RecordFault(f"not a readable parquet file: {fault}", number + 1) from None


def fields_of(row: Row, wanted: str | None = None) -> str:
    """Which fields a row has, for a message about one that it lacks.

    Args:
        wanted: the name that was looked for: a near one is named.
    """
    names = [str(name) for name in row]
    near = nearest(wanted, names) if wanted is not None else None
    hint = f"; did you mean '{near}'" if near else ""
    if len(names) == 1:
        sign = next((sign for sign in _SEPARATORS if sign in names[0]), None)
        if sign is not None:
            hint = (
                f"; {_SEPARATORS[sign]} stands in its only one: separate cells by commas, or by "
                "tabs with 'format: tsv'"
            )
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"its fields are {', '.join(names[:_NAMED]) or 'none'}{more}{hint}"


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
