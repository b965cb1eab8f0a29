"""The sheet of the manual draw: written to be filled in by people, and read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalharness.corpus.draw import Drawing
from evalharness.corpus.items import Item
from evalharness.corpus.measure import Tally
from evalharness.dates import day_of
from evalharness.errors import ConfigError, DataError
from evalharness.spreadsheet import Row, read_sheet, write_sheet
from evalharness.yamlfile import did_you_mean

__all__ = ["COLUMNS", "Labels", "read_labels", "write_labels"]

COLUMNS = ("item", "source", "digest", "text", "label", "rater", "date")

#: What a label may be -> whether the item is bad; None: looked at and not decided.
_LABELS: dict[str, bool | None] = {
    "ok": False, "bad": True, "unsure": None, "合格": False, "不合格": True, "不确定": None,
}  # fmt: skip


@dataclass(frozen=True)
class Labels:
    """Labels by people for the items of a draw, and who gave them when."""

    tally: Tally
    raters: tuple[str, ...]
    dates: tuple[str, str] | None


def write_labels(path: Path, items: Sequence[Item]) -> None:
    """Write the sheet, in the order given.

    Raises:
        ConfigError: the file is there already.
    """
    rows = ((i.id, i.source, i.digest, i.text, "", "", "") for i in items)
    write_sheet(path, COLUMNS, rows)


def read_labels(path: Path, items: Sequence[Item], drawing: Drawing) -> Labels:
    """Read a sheet that was filled in. An item without a label is one that was not measured.

    Raises:
        DataError: a row is no item of this draw, or of another text; a label that is none; no rater
            or date; an item twice. Each with file and line.
    """
    drawn = {item.id: item for item in items}
    verdicts: dict[str, bool | str] = {}
    raters: set[str] = set()
    dates: set[str] = set()
    for row in read_sheet(path, COLUMNS, DataError):
        where = f"{path}:{row.line}"
        item = drawn.get(row["item"])
        if item is None:
            raise DataError(
                f"{where}: '{row['item'][:60]}' is no item of this draw (seed "
                f"{drawing.census.seed}, {drawing.n_manual:,} items); give the corpus, --seed and "
                "--sample with which the sheet was written"
            )
        if item.digest != row["digest"].strip():
            raise DataError(f"{where}: item '{item.id}' has another text now; draw again")
        if item.id in verdicts:
            raise DataError(f"{where}: item '{item.id}' stands twice; keep one of them")
        verdicts[item.id] = _label(row, where)
        if row["label"].strip():
            raters.add(row["rater"].strip())
            dates.add(row["date"].strip())
    tally = Tally()
    for item in items:
        tally.add(item.source, verdicts.get(item.id, "not in the sheet"))
    if not sum(tally.measured.values()):
        raise ConfigError(f"{path}: no row has a label; write {' or '.join(_LABELS)}")
    return Labels(tally, tuple(sorted(raters)), (min(dates), max(dates)) if dates else None)


def _label(row: Row, where: str) -> bool | str:
    said = row["label"].strip().casefold()
    if not said:
        return "not labelled"
    if said not in _LABELS:
        hint = did_you_mean(said, _LABELS)
        raise DataError(f"{where}: '{said[:40]}' is no label{hint}")
    if not row["rater"].strip():
        raise DataError(f"{where}: a label without a rater; say who gave it")
    day_of(row["date"].strip(), where, DataError)
    verdict = _LABELS[said]
    return "unsure" if verdict is None else verdict
