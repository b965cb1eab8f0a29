"""Reads a question bank: a file of rows, by a small mapping of its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

from evalharness.banks.rules import Kind, Rules
from evalharness.dates import day_of
from evalharness.errors import ConfigError, DataError
from evalharness.lint.near import plain
from evalharness.store.directory import file_sha256
from evalharness.tasks import frameworks
from evalharness.tasks.files import numbered_rows, read_rows
from evalharness.yamlfile import did_you_mean

__all__ = ["FIELDS", "Bank", "Question", "columns_of", "read_bank", "read_keywords"]

#: Field -> the names that its column may have without being named.
FIELDS: dict[str, tuple[str, ...]] = {
    "text": ("text", "question", "prompt", "word", "题目", "问题", "关键词"),
    "risk": ("risk", "category", "风险"),
    "aspect": ("aspect", "方面"),
    "kind": ("kind",),
    "language": ("language", "lang", "语言"),
    "modality": ("modality", "模态"),
    "updated": ("updated", "update", "date", "更新"),
}

_KINDS: tuple[Kind, ...] = get_args(Kind)

#: A larger bank is not what people assess with.
_MOST_ITEMS = 1_000_000
_MOST_KEYWORDS = 50_000


@dataclass(frozen=True)
class Question:
    """One item of a bank.

    Args:
        row: its number in the file, from 1; the line on which it begins, where the file has lines.
        risk: a code of the framework; None where the row has none, or one that is not known.
        stated: the risk as the row has it.
        modality: "text" where the row has none.
    """

    row: int
    text: str
    kind: Kind
    risk: str | None = None
    stated: str | None = None
    aspect: str | None = None
    language: str | None = None
    modality: str = "text"
    updated: date | None = None

    @property
    def letters(self) -> str:
        """Its text without case, spaces and punctuation: equal ones are one item."""
        return plain(self.text) or self.text


@dataclass(frozen=True)
class Bank:
    """A bank's items, with the digest of the file that they were read from.

    ``place`` is what the numbers of its rows count: lines of the file, or rows where it has none.
    """

    path: Path
    sha256: str
    items: tuple[Question, ...]
    columns: Mapping[str, str]
    #: Rows without a text: their number, and their kind.
    empty: tuple[tuple[int, Kind], ...] = ()
    place: Literal["line", "row"] = "row"

    def of(self, kind: Kind) -> tuple[Question, ...]:
        """The items of one kind."""
        return tuple(item for item in self.items if item.kind == kind)

    @property
    def kinds(self) -> list[Kind]:
        """The kinds that it has items of, in the rules' order."""
        found = {item.kind for item in self.items} | {kind for _, kind in self.empty}
        return [kind for kind in _KINDS if kind in found]


def columns_of(
    given: Sequence[str], fields: Mapping[str, tuple[str, ...]] = FIELDS
) -> dict[str, str]:
    """``field=column`` as the command line has it.

    Raises:
        ConfigError: no such field, or no column named.
    """
    found = {}
    for text in given:
        field, equals, column = text.partition("=")
        if not equals or not column:
            raise ConfigError(f"--column {text}: write FIELD=COLUMN, as in text=question")
        if field not in fields:
            hint = did_you_mean(field, list(fields))
            raise ConfigError(f"--column {text}: there is no field '{field}'{hint}")
        found[field] = column
    return found


def read_bank(
    path: Path,
    rules: Rules,
    kind: Kind | None = None,
    columns: Mapping[str, str] | None = None,
    *,
    keep_empty: bool = False,
) -> Bank:
    """A CSV, TSV, JSON, JSONL or parquet file of items, one a row.

    Args:
        kind: of every item where no column says it; with a column each row says its own.
        columns: field -> column, where the column has none of the usual names (`FIELDS`).
        keep_empty: rows without a text are counted in `Bank.empty`, not refused.

    Raises:
        ConfigError: a column is not there, or nothing says which kind the items are.
        DataError: the file cannot be read, or a row has no text or a date that is none.
    """
    given = columns or {}
    codes = _codes(rules)
    named: dict[str, str] | None = None
    items: list[Question] = []
    empty: list[tuple[int, Kind]] = []
    place: Literal["line", "row"] = "row"
    for count, (line, row) in enumerate(numbered_rows(path), 1):
        place, number = ("row", count) if line is None else ("line", line)
        if named is None:
            named = _named(row, given, path, kind)
        if count > _MOST_ITEMS:
            raise DataError(f"{path}: more than {_MOST_ITEMS:,} rows; split the bank")
        if keep_empty and not _cell(row, named, "text"):
            said = _cell(row, named, "kind") if "kind" in named else kind
            empty.append((number, _kind(said, f"{path}: {place} {number}")))
            continue
        where = f"{path}: {place} {number}"
        items.append(_question(number, row, named, codes, (where, kind)))
    if named is None:
        raise DataError(f"{path}: the bank has no rows")
    return Bank(path, file_sha256(path), tuple(items), named, tuple(empty), place)


def _named(
    row: Mapping[str, Any], given: Mapping[str, str], path: Path, kind: Kind | None
) -> dict[str, str]:
    found = {}
    for field, names in FIELDS.items():
        if field in given:
            if given[field] not in row:
                hint = did_you_mean(given[field], list(map(str, row)))
                raise ConfigError(f"--column: {path} has no column '{given[field]}'{hint}")
            found[field] = given[field]
        else:
            own = {str(name).strip().casefold(): str(name) for name in row}
            column = next((own[name] for name in names if name in own), None)
            if column is not None:
                found[field] = column
    if "text" not in found:
        raise ConfigError(
            f"{path}: no column holds the items' text; name it: --column text=COLUMN (columns: "
            f"{', '.join(map(str, row))})"
        )
    if kind is not None and "kind" not in given and row.get(found.get("kind", "")) not in _KINDS:
        found.pop("kind", None)  # a column of that name that means something else
    if kind is None and "kind" not in found:
        kinds = ", ".join(_KINDS)
        raise ConfigError(
            f"{path}: nothing says what its items are; give --kind ({kinds}), or a column 'kind'"
        )
    return found


def _cell(row: Mapping[str, Any], named: Mapping[str, str], field: str) -> str | None:
    """What a row has in a field; None where that is nothing."""
    value = row.get(named[field]) if field in named else None
    text = "" if value is None else str(value).strip()
    return text or None


def _question(
    number: int,
    row: Mapping[str, Any],
    named: Mapping[str, str],
    codes: Mapping[str, str],
    given: tuple[str, Kind | None],
) -> Question:
    """One item of a row.

    Args:
        given: where the row stands, for messages; and the kind of every item.
    """
    where, kind = given

    def of(field: str) -> str | None:
        return _cell(row, named, field)

    text = of("text")
    if text is None:
        raise DataError(f"{where}: no text in column '{named['text']}'; fill it in")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise DataError(f"{where}: half of a character in its text; mend it")
    stated = of("risk")
    return Question(
        row=number,
        text=text,
        kind=_kind(of("kind") if "kind" in named else kind, where),
        risk=None if stated is None else codes.get(plain(stated)),
        stated=stated,
        aspect=(of("aspect") or "").casefold() or None,
        language=of("language"),
        modality=(of("modality") or "text").casefold(),
        # a table of another program writes the time of day behind it
        updated=None if (day := of("updated")) is None else day_of(day[:10], where, DataError),
    )


def _kind(said: str | None, where: str) -> Kind:
    for kind in _KINDS:
        if said == kind:
            return kind
    hint = did_you_mean(said or "", list(_KINDS))
    raise DataError(f"{where}: '{said}' is no kind of bank{hint}")


def _codes(rules: Rules) -> dict[str, str]:
    """Ways to write a risk -> its code: ``A1-a``, ``A.1 a``, or its name in either language."""
    found = {}
    for code in frameworks.framework(rules.framework).counted:
        for written in (code.id, code.name, code.name_zh or code.name):
            found[plain(written)] = code.id
    return found


def read_keywords(path: Path) -> tuple[str, ...]:
    """Words that are looked for: one a line, or a column ``word`` or ``text``; each once.

    Raises:
        ConfigError: there are none, or too many.
        DataError: the file cannot be read.
    """
    found: dict[str, None] = {}
    for row in read_rows(path):
        own = {str(name).strip().casefold(): value for name, value in row.items()}
        value = next((own[name] for name in FIELDS["text"][::-1] if name in own), None)
        if word := str(value or "").strip():
            found[word] = None
    if not found:
        raise ConfigError(f"{path}: no keywords in it; one a line, or a column 'word'")
    if len(found) > _MOST_KEYWORDS:
        raise ConfigError(f"{path}: more than {_MOST_KEYWORDS:,} keywords; give fewer")
    return tuple(found)
