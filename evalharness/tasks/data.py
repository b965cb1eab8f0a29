"""Opens a task's data: rows from local files, the hub, the web, or the run's config."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import DataError
from evalharness.tasks.expressions import expression
from evalharness.tasks.files import Row, read_rows
from evalharness.tasks.library import Task
from evalharness.tasks.sources import FileRef, HubRef, Join, Source, WebRef

__all__ = ["DATA_ROOT_VARIABLE", "Dataset", "Part", "mirror_root", "open_data"]

DATA_ROOT_VARIABLE = "EVALHARNESS_DATA"


@dataclass(frozen=True)
class Part:
    """The rows of one source, and how they are mapped."""

    source: Source
    origin: str
    files: tuple[dict[str, str], ...]
    rows: Callable[[], Iterator[Row]]


@dataclass(frozen=True)
class Dataset:
    """A task's rows, and what they are: for the protocol and for run.json."""

    parts: tuple[Part, ...]

    def rows(self) -> Iterator[Row]:
        """The rows of all sources, one source after the other."""
        for part in self.parts:
            yield from part.rows()

    @property
    def origin(self) -> str:
        """Where the rows come from, in words."""
        return ", ".join(dict.fromkeys(part.origin for part in self.parts))

    @property
    def tags(self) -> list[str]:
        """The tags that samples may have, sorted."""
        return sorted({tag for part in self.parts for tag in part.source.tags})

    def to_json(self) -> dict[str, Any]:
        """Origin and digests; no path of this machine."""
        files = [file for part in self.parts for file in part.files]
        return {"source": self.origin, "files": files}


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
        return Dataset((_supplied(definition.data[0], supplied),))
    if definition.supplied is not None:
        raise DataError(
            f"task {task.name} tests data of yours: {definition.supplied}. "
            f"Name it in the config: tasks: [{{task: {task.name}, data: FILE or a list of rows}}]"
        )
    root = mirror_root(data_root)
    away = any(not source.file_refs for source in definition.data)
    if away and root is not None and definition.mirror:
        if not root.is_dir():
            raise DataError(
                f"{root}: the data root is no folder; set data_root or {DATA_ROOT_VARIABLE}"
            )
        mirror = [_local(source, root, "the data root", "mirror") for source in definition.mirror]
        return Dataset(tuple(mirror))
    return Dataset(tuple(_part(source, task) for source in definition.data))


def mirror_root(data_root: Path | None) -> Path | None:
    """The folder of the mirror: the one given, or that of EVALHARNESS_DATA; None without either."""
    named = os.environ.get(DATA_ROOT_VARIABLE)
    return data_root or (Path(named) if named else None)


def _part(source: Source, task: Task) -> Part:
    if source.hub is not None:
        return _hub(source, source.hub, task.name)
    if source.web is not None:
        return _web(source, source.web, task.name)
    return _local(source, task.data_folder or task.folder, "the task's folder", "file")


def _supplied(source: Source, supplied: Sequence[Row] | Path) -> Part:
    if isinstance(supplied, Path):
        digest = _sha256(supplied, None)
        files = ({"path": supplied.name, "sha256": digest},)
        return Part(source, "supplied file", files, lambda: read_rows(supplied))
    rows = [dict(row) for row in supplied]
    try:
        text = json.dumps(rows, sort_keys=True, ensure_ascii=False, allow_nan=False)
        digest = hashlib.sha256(text.encode()).hexdigest()
    except (TypeError, ValueError) as fault:
        raise DataError(f"supplied rows: not what JSON can hold: {fault}") from None
    return Part(source, "supplied rows", ({"path": "-", "sha256": digest},), lambda: iter(rows))


def _local(source: Source, root: Path, root_name: str, origin: str) -> Part:
    base = root.resolve()

    def found(ref: FileRef) -> Path:
        path = (base / ref.path).resolve()
        if not path.is_relative_to(base):
            raise DataError(f"{ref.path}: leads out of {root_name}; copy the file into it")
        files.append({"path": ref.path, "sha256": _sha256(path, ref)})
        return path

    files: list[dict[str, str]] = []
    refs = [(found(ref), ref) for ref in source.file_refs]
    join = source.join
    joined = None if join is None or join.file is None else (found(join.file), join)

    def rows() -> Iterator[Row]:
        every = (row for path, ref in refs for row in read_rows(path, ref))
        yield from every if joined is None else _joined(every, *joined)

    return Part(source, origin, tuple(files), rows)


def _joined(rows: Iterator[Row], path: Path, join: Join, name: str | None = None) -> Iterator[Row]:
    """Each row with the one of another file that belongs to it.

    Args:
        name: by whose ending the other file's format is told, where it has another itself.
    """
    key = expression(join.by, "join: by")
    others: dict[str, Row] = {}
    for other in read_rows(path, join.ref, name=name):
        if join.to not in other:
            raise DataError(f"{path}: join: a row has no field '{join.to}'; it has {sorted(other)}")
        if others.setdefault(str(other[join.to]), other) is not other:
            raise DataError(f"{path}: join: '{join.to}' is {other[join.to]!r} in two rows")
    for row in rows:
        value = str(key(row))
        if value not in others:
            raise DataError(f"{path}: join: no row has '{join.to}' = {value!r:.60}")
        yield {**row, join.as_: others[value]}


def _sha256(path: Path, ref: FileRef | WebRef | None) -> str:
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


def _hub(source: Source, ref: HubRef, task: str) -> Part:
    """A data set of the hub; nothing is fetched before the first row is asked for."""

    def rows() -> Iterator[Row]:
        try:
            loaded = list(_hub_files(ref)) if ref.files else _hub_rows(ref)
        except DataError:
            raise
        except Exception as fault:  # noqa: BLE001 - the library raises many kinds, all mean "not had"
            raise DataError(
                f"task {task}: the data set {ref.path} (revision {(ref.revision or 'main')[:12]}) "
                f"cannot be had from the hub: {_first_line(fault)}. Go online once, or set "
                f"data_root (or {DATA_ROOT_VARIABLE}) to a folder with the task's mirror files"
            ) from None
        yield from loaded

    files = ({"path": f"hub:{ref.path}", "revision": ref.revision or "not pinned"},)
    return Part(source, "hub", files, rows)


def _hub_rows(ref: HubRef) -> Any:
    import datasets

    return datasets.load_dataset(
        ref.path,
        name=ref.name,
        split=ref.split,
        revision=ref.revision,
        data_files=ref.data_files,
    )


def _hub_files(ref: HubRef) -> Iterator[Row]:
    import huggingface_hub

    for file in ref.files or ():
        path = huggingface_hub.hf_hub_download(
            ref.path, file.path, repo_type="dataset", revision=ref.revision
        )
        if file.sha256 is not None:
            _sha256(Path(path), file)
        yield from read_rows(Path(path), file, name=file.path)


def _web(source: Source, refs: Sequence[WebRef], task: str) -> Part:
    """Files of the web; nothing is fetched before the first row is asked for."""

    def fetched(ref: WebRef) -> Path:
        import datasets

        try:
            return Path(datasets.DownloadManager().download(ref.url))
        except Exception as fault:  # noqa: BLE001 - many kinds, all mean "not had"
            raise DataError(
                f"task {task}: {ref.url} cannot be had: {_first_line(fault)}. Go online once, or "
                f"set data_root (or {DATA_ROOT_VARIABLE}) to a folder with the task's mirror files"
            ) from None

    def read(ref: WebRef) -> Iterator[Row]:
        path = fetched(ref)
        _sha256(path, ref)
        yield from read_rows(path, ref, name=_name(ref))

    other = None if source.join is None else source.join.web

    def rows() -> Iterator[Row]:
        every = (row for ref in refs for row in read(ref))
        if source.join is None or other is None:
            yield from every
            return
        path = fetched(other)
        _sha256(path, other)
        yield from _joined(every, path, source.join, _name(other))

    named = refs if other is None else [*refs, other]
    files = tuple({"path": ref.url, "sha256": ref.sha256} for ref in named)
    return Part(source, "web", files, rows)


def _name(ref: WebRef) -> str:
    return ref.url.rpartition("/")[2]


def _first_line(fault: Exception) -> str:
    return str(fault).splitlines()[0][:200] if str(fault) else type(fault).__name__
