"""A training corpus: several sources of texts, read as streams and never held whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError, DataError
from evalharness.lint.table import KINDS, kind_of
from evalharness.store.directory import file_sha256
from evalharness.tasks.files import read_rows
from evalharness.yamlfile import did_you_mean

__all__ = ["FIELDS", "Corpus", "Item", "open_corpus"]

#: Field -> the names that its column may have without being named; a source is always named.
FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("text", "content", "body", "document", "sentence", "正文", "内容", "文本"),
    "source": (),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One text of the corpus.

    Args:
        part: the file's or folder's name on the command line.
        row: its number among the texts of that part, from 1.
        source: whom it is from: the part, or what the row's source column says.
    """

    part: str
    row: int
    source: str
    text: str

    @property
    def id(self) -> str:
        """Its name in sheets."""
        return f"{self.part}:{self.row}"

    @property
    def digest(self) -> str:
        """A short digest of the text: whether a sheet still speaks of the same one."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class Corpus:
    """What is audited; `items` reads it from the beginning each time."""

    parts: Mapping[str, tuple[Path, ...]]
    columns: Mapping[str, str]

    def items(self) -> Iterator[Item | None]:
        """Every text in order; None for a row without one.

        Raises:
            ConfigError: a file has no column of texts.
            DataError: a file cannot be read.
        """
        for part, files in self.parts.items():
            row = 0
            for path in files:
                names: tuple[str, str | None] | None = None
                for fields in read_rows(path):
                    names = names or self._names(fields, path)
                    text = fields.get(names[0])
                    if not isinstance(text, str) or not text.strip():
                        yield None
                        continue
                    row += 1
                    said = None if names[1] is None else fields.get(names[1])
                    yield Item(part, row, str(said or part)[:200], text)

    def digests(self) -> list[dict[str, str]]:
        """Name and SHA-256 of every file; no path of this machine."""
        return [
            {"part": part, "file": path.name, "sha256": file_sha256(path)}
            for part, files in self.parts.items()
            for path in files
        ]

    def _names(self, fields: Mapping[str, Any], path: Path) -> tuple[str, str | None]:
        """The columns of a file's texts and sources."""
        for field, column in self.columns.items():
            if column not in fields:
                hint = did_you_mean(column, list(map(str, fields)))
                raise ConfigError(f"--column {field}={column}: {path} has no such column{hint}")
        own = {str(name).strip().casefold(): str(name) for name in fields}
        found = self.columns.get("text") or next(
            (own[name] for name in FIELDS["text"] if name in own), None
        )
        if found is None:
            raise ConfigError(
                f"{path}: no column holds the texts; name it: --column text=COLUMN (columns: "
                f"{', '.join(map(str, fields))})"
            )
        return found, self.columns.get("source")


def open_corpus(paths: Sequence[Path], columns: Mapping[str, str]) -> Corpus:
    """Files, or folders of them; each named path is a part of the corpus.

    Raises:
        ConfigError: nothing was named, or two parts would have one name.
        DataError: a path is not there, or holds no data.
    """
    if not paths:
        raise ConfigError("corpus: name at least one file or folder")
    parts: dict[str, tuple[Path, ...]] = {}
    for path in paths:
        if path.is_dir():
            files = tuple(sorted(p for p in path.rglob("*") if p.is_file() and kind_of(p) in KINDS))
            if not files:
                raise DataError(f"{path}: holds no data files ({', '.join(sorted(KINDS))})")
        elif path.is_file():
            files = (path,)
        else:
            raise DataError(f"{path}: there is no such file or folder; check the path")
        name = path.resolve().name
        if name in parts:
            name = "/".join(path.resolve().parts[-2:])
        if name in parts:
            raise ConfigError(f"{path}: another part is called '{name}' too; rename one of them")
        parts[name] = files
    return Corpus(parts, dict(columns))
