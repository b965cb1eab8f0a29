"""Two CSV files for spreadsheets: a row a metric, and a row a sample, epoch and generation.

UTF-8 with a byte order mark. What is not there is an empty cell, never NaN. Texts that a
spreadsheet would take for a formula get an apostrophe; longer ones than a cell holds are cut.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from evalharness.exports.figures import Choices, Figure, figures_of, texts_of
from evalharness.finished import Finished
from evalharness.outfile import write_whole
from evalharness.spreadsheet import guarded
from evalharness.store.samples import TIMING_COLUMNS

__all__ = ["write_tables"]

_COLUMNS = (
    "dimension", "task", "metric", "title", "value", "low", "high", "level", "sides", "method",
    "claim_low", "claim_high", "n_measured", "n_planned", "n_excluded", "n_missing", "counted",
    "bounds_low", "bounds_high", "direction", "unit", "grade", "read_with", "demonstration",
    "protocol_id", "notes",
)  # fmt: skip


#: By it spreadsheets know UTF-8.
_MARK = "\ufeff"


def write_tables(run: Finished, folder: Path, choices: Choices) -> list[Path]:
    """Write ``metrics.csv`` and ``samples.csv``."""
    metrics, samples = folder / "metrics.csv", folder / "samples.csv"
    lines = _lines(_COLUMNS, (_metric(figure) for figure in figures_of(run)))
    write_whole(metrics, chain([_MARK], lines))
    columns = _sample_columns(run)
    rows = (
        [texts[name] for name in columns]
        for task in run.tasks
        for row in run.rows(task)
        if (texts := texts_of(row, choices))
    )
    write_whole(samples, chain([_MARK], _lines(columns, rows)))
    return [metrics, samples]


def _sample_columns(run: Finished) -> list[str]:
    """Those of samples.parquet; not its timings, which differ from run to run."""
    import pyarrow.parquet as pq

    names = [name for name in pq.read_schema(run.samples).names if name not in TIMING_COLUMNS]
    return [str(name) for name in names]


def _metric(figure: Figure) -> list[Any]:
    cell = figure.cell
    span, claim, bounds = cell.interval, cell.claim, cell.bounds or (None, None)
    return [
        figure.dimension, figure.task, figure.metric, cell.title, cell.value,
        *((None,) * 5 if span is None
          else (span.low, span.high, span.level, span.sides, span.method)),
        *((None, None) if claim is None else (claim.low, claim.high)),
        cell.n_measured, cell.n_planned, cell.n_excluded, cell.n_missing, cell.counted,
        *bounds, figure.direction, cell.unit, cell.grade, cell.headline_pair,
        figure.demonstration, cell.protocol_id, "; ".join(cell.notes),
    ]  # fmt: skip


def _lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    """Numbers as they are (a minus sign begins no formula there), texts guarded."""
    if value is None:
        return ""
    return guarded(value) if isinstance(value, str) else value
