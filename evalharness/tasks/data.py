"""Opens a task's data: rows from local files, a hub data set, or the run's config."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import itertools
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import DataError
from evalharness.tasks.definition import FileRef, HubRef, Source
from evalharness.tasks.library import Task

__all__ = ["DATA_ROOT_VARIABLE", "Dataset", "open_data", "read_rows"]

DATA_ROOT_VARIABLE = "EVALHARNESS_DATA"

Row = Mapping[str, Any]

#: A larger cell of a CSV file (csv's own limit is 128 kB) or line of a JSONL file is refused.
_LARGEST = 16 * 1024 * 1024
csv.field_size_limit(_LARGEST)


@dataclass(frozen=True)
class Dataset:
    """A task's rows, and what they are: for the protocol and for run.json."""

    source: Source
    origin: str
    files: tuple[dict[str, str], ...]
    rows: Callable[[], Iterator[Row]]

    def to_json(self) -> dict[str, Any]:
        """Origin and digests; no path of this machine."""
        return {"source": self.origin, "files": list(self.files)}


def open_data(
    task: Task, *, data_root: Path | None, supplied: Sequence[Row] | Path | None
) -> Dataset:
    """Choose the source: rows of the config, the task's own files, the mirror, else the hub.

    Args:
        data_root: folder of the mirror; default: the environment variable EVALHARNESS_DATA.
        supplied: rows, or a file of rows, given in the run's config.

    Raises:
        DataError: a file is missing or not the one that its digest promises, or nothing gives rows.
    """
    definition = task.definition
    if supplied is not None:
        return _supplied(definition.data, supplied)
    if definition.data.supplied is not None:
        raise DataError(
            f"task {task.name} tests data of yours: {definition.data.supplied}. "
            f"Name it in the config: tasks: [{{task: {task.name}, data: FILE or a list of rows}}]"
        )
    if definition.data.file_refs:
        return _local(definition.data, task.folder, "the task's folder", "file")
    root = data_root or (
        Path(os.environ[DATA_ROOT_VARIABLE]) if os.environ.get(DATA_ROOT_VARIABLE) else None
    )
    if root is not None and definition.mirror is not None:
        if not root.is_dir():
            raise DataError(
                f"{root}: the data root is no folder; set data_root or {DATA_ROOT_VARIABLE}"
            )
        return _local(definition.mirror, root, "the data root", "mirror")
    if definition.data.hub is None:  # the definition's validator leaves no other case
        raise DataError(f"task {task.name}: its definition names no data")
    return _hub(definition.data, definition.data.hub, task.name)


def _supplied(source: Source, supplied: Sequence[Row] | Path) -> Dataset:
    if isinstance(supplied, Path):
        digest = _sha256(supplied, None)
        files = ({"path": supplied.name, "sha256": digest},)
        return Dataset(source, "supplied file", files, lambda: read_rows(supplied))
    rows = [dict(row) for row in supplied]
    try:
        text = json.dumps(rows, sort_keys=True, ensure_ascii=False, allow_nan=False)
        digest = hashlib.sha256(text.encode()).hexdigest()
    except (TypeError, ValueError) as fault:
        raise DataError(f"supplied rows: not what JSON can hold: {fault}") from None
    return Dataset(source, "supplied rows", ({"path": "-", "sha256": digest},), lambda: iter(rows))


def _local(source: Source, root: Path, root_name: str, origin: str) -> Dataset:
    base = root.resolve()
    paths, files = [], []
    for ref in source.file_refs:
        path = (base / ref.path).resolve()
        if not path.is_relative_to(base):
            raise DataError(f"{ref.path}: leads out of {root_name}; copy the file into it")
        files.append({"path": ref.path, "sha256": _sha256(path, ref)})
        paths.append(path)

    def rows() -> Iterator[Row]:
        for path in paths:
            yield from read_rows(path)

    return Dataset(source, origin, tuple(files), rows)


def _sha256(path: Path, ref: FileRef | None) -> str:
    try:
        with path.open("rb") as handle:
            found = hashlib.file_digest(handle, "sha256").hexdigest()
    except FileNotFoundError:
        raise DataError(
            f"{path}: the data file is missing; put it there, or set data_root (or "
            f"{DATA_ROOT_VARIABLE}) to the folder that has it"
        ) from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder, a data file is wanted") from None
    if ref is not None and ref.sha256 is not None and found != ref.sha256:
        raise DataError(
            f"{path}: SHA-256 is {found}, the task was made for {ref.sha256}: the file is damaged "
            "or another version. Fetch it again, or (if the change is meant) write the new digest "
            "into task.yaml and raise the task's version"
        )
    return found


def _hub(source: Source, ref: HubRef, task: str) -> Dataset:
    def rows() -> Iterator[Row]:
        import datasets

        try:
            loaded = datasets.load_dataset(
                ref.path,
                name=ref.name,
                split=ref.split,
                revision=ref.revision,
                data_files=ref.data_files,
            )
        except Exception as fault:  # noqa: BLE001 - the library raises many kinds, all mean "not had"
            reason = str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
            raise DataError(
                f"task {task}: the data set {ref.path} (revision {(ref.revision or 'main')[:12]}) "
                f"cannot be had from the hub: {reason}. Go online once, or set data_root (or "
                f"{DATA_ROOT_VARIABLE}) to a folder with the task's mirror files"
            ) from None
        yield from loaded

    files = ({"path": f"hub:{ref.path}", "revision": ref.revision or "not pinned"},)
    return Dataset(source, "hub", files, rows)


def read_rows(path: Path) -> Iterator[Row]:
    """Rows of a .json, .jsonl, .csv, .tsv or .parquet file; the text ones also as .gz.

    Raises:
        DataError: an unknown format, or a line that cannot be read (with its number).
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = bool(suffixes) and suffixes[-1] == ".gz"
    kind = suffixes[-2] if packed and len(suffixes) > 1 else (suffixes or [""])[-1]
    if kind == ".parquet":
        yield from _parquet_rows(path)
        return
    readers = {".json": _json_rows, ".jsonl": _jsonl_rows, ".csv": _csv_rows, ".tsv": _tsv_rows}
    if kind not in readers:
        known = ", ".join([*readers, ".parquet"])
        raise DataError(f"{path}: unknown kind of data file; use one of {known} (or .gz of it)")
    try:
        with (
            gzip.open(path, "rb") if packed else path.open("rb") as raw,
            io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text,
        ):
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


def _json_rows(text: io.TextIOBase, path: Path) -> Iterator[Row]:
    data = _parsed(text.read(), path, None)
    rows = data.get("examples") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: expected a list of objects (or an object with 'examples')")
    yield from rows


def _jsonl_rows(text: io.TextIOBase, path: Path) -> Iterator[Row]:
    for number in itertools.count(1):
        line = text.readline(_LARGEST + 1)
        if not line:
            return
        if len(line) > _LARGEST:
            raise DataError(
                f"{path}:{number}: the line is longer than {_LARGEST // 2**20} MiB; split it, "
                "or use parquet"
            )
        if not line.strip():
            continue
        row = _parsed(line, path, number)
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: expected an object, found {type(row).__name__}")
        yield row


def _csv_rows(text: io.TextIOBase, path: Path, delimiter: str = ",") -> Iterator[Row]:
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
            yield row
    except csv.Error as fault:
        raise DataError(f"{path}:{reader.reader.line_num}: not valid CSV: {fault}") from None


def _tsv_rows(text: io.TextIOBase, path: Path) -> Iterator[Row]:
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
