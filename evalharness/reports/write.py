"""Draws which items a report shows, and writes the report files of a run."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from evalharness.reports.html import SampleRow, render_html
from evalharness.scorecard.model import Scorecard
from evalharness.store.directory import RunDirectory

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["drawn_samples", "write_reports"]

_DEFAULT_SHOWN = 3

#: Rows whose keys are read at once, and a rank that none is above.
_BATCH = 16_384
_LAST = b"\xff" * 32

_KEYS = ["task", "sample_id", "epoch", "generation"]


def write_reports(directory: RunDirectory, scorecard: Scorecard) -> None:
    """Write report.html from the run's other files; the same run gives the same bytes."""
    run = directory.read_json(directory.run_json)
    if directory.summary.is_file():  # when it was measured stands nowhere else
        run["measured"] = directory.read_json(directory.summary)["started"][:10]
    shown = run["config"].get("report_samples", _DEFAULT_SHOWN)
    rows = drawn_samples(directory, run["seed"], shown)
    directory.write_text(directory.report, render_html(scorecard, run=run, samples=rows))


def drawn_samples(directory: RunDirectory, seed: int, count: int) -> list[SampleRow]:
    """``count`` rows a task, drawn with the seed; in the table's order."""
    import pyarrow.parquet as pq

    if count == 0:
        return []
    with pq.ParquetFile(directory.samples) as file:
        chosen = sorted(place for _, place in _lowest(file, seed, count))
        return [_sample_row(row) for row in _rows_at(file, chosen)]


def _lowest(file: pq.ParquetFile, seed: int, count: int) -> Iterator[tuple[bytes, int]]:
    """Rank and place of the ``count`` rows of each task that rank lowest."""
    lowest: dict[str, list[tuple[bytes, int]]] = {}
    worst: dict[str, bytes] = {}
    start = f"report\0{seed}\0"
    places = itertools.count()
    for batch in file.iter_batches(columns=_KEYS, batch_size=_BATCH, use_threads=False):
        keys = zip(*(batch.column(name).to_pylist() for name in _KEYS), strict=True)
        for task, sample, epoch, generation in keys:
            place = next(places)
            key = f"{start}{task}\0{sample}\0{epoch}\0{generation}"
            rank = hashlib.sha256(key.encode()).digest()
            if rank > worst.get(task, _LAST):
                continue
            kept = lowest.setdefault(task, [])
            bisect.insort(kept, (rank, place))
            del kept[count:]
            if len(kept) == count:
                worst[task] = kept[-1][0]
    return itertools.chain.from_iterable(lowest.values())


def _rows_at(file: pq.ParquetFile, wanted: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The rows at these places, in order; only the row groups that hold one are read."""
    first = 0
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        places = [index - first for index in wanted if first <= index < first + size]
        first += size
        if places:
            rows = file.read_row_group(group)
            for place in places:
                yield from rows.slice(place, 1).to_pylist()


def _sample_row(row: dict[str, Any]) -> SampleRow:
    scores = {
        name.removeprefix("score_"): value
        for name, value in row.items()
        if name.startswith("score_") and value is not None
    }
    return SampleRow(
        task=row["task"],
        sample_id=row["sample_id"],
        epoch=row["epoch"],
        generation=row["generation"],
        prompt=row["prompt"],
        response=row["response"],
        outcome=row["outcome"],
        reason=row["reason"],
        answer=row["answer"],
        expected=row["expected"],
        choices=tuple(json.loads(row["choices"] or "[]")),
        scores=scores,
        tags=json.loads(row["tags"]),
        language=row["language"],
    )
