"""Draws which items a report shows, and writes the report files of a run."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness.reports.assurance import SHOWN, Assurance, render_assurance
from evalharness.reports.engagement import Engagement
from evalharness.reports.formats import as_markdown, as_pdf
from evalharness.reports.html import render_html
from evalharness.reports.label.build import build_label
from evalharness.reports.label.card import ModelCard
from evalharness.reports.label.given import File, LabelInput, Off, Records
from evalharness.reports.label.page import render_label
from evalharness.reports.language import ENGLISH, speaking
from evalharness.reports.page import SCREEN, Medium, SampleRow
from evalharness.reports.reliability import reliability_curves
from evalharness.scorecard.gate import own_gate
from evalharness.scorecard.model import Scorecard
from evalharness.store.directory import RunDirectory, file_sha256

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = [
    "Output",
    "drawn_samples",
    "write_assurance",
    "write_label",
    "write_reports",
    "write_scorecard",
]

_DEFAULT_SHOWN = 3

#: Rows whose keys are read at once, and a rank that none is above.
_BATCH = 16_384
_LAST = b"\xff" * 32

_KEYS = ["task", "sample_id", "epoch", "generation"]


def write_reports(directory: RunDirectory, scorecard: Scorecard) -> None:
    """Write report.html from the run's other files; the same run gives the same bytes."""
    write_scorecard(directory, scorecard, Output())


@dataclass(frozen=True)
class Output:
    """In which language and formats a report is written.

    Args:
        pdf, markdown: beside the page.
        hazardous: they have the texts of tasks with a content warning, not their digests.
    """

    language: str = "en"
    pdf: bool = False
    markdown: bool = False
    hazardous: bool = False

    def write(
        self, directory: RunDirectory, name: str, draw: Callable[[Medium], str]
    ) -> list[Path]:
        """Draw the page in the language, and write it in each format."""
        with speaking(self.language):
            page = draw(SCREEN)
            paper = ""
            if self.pdf or self.markdown:
                paper = draw(Medium(paper=True, hazardous=self.hazardous))
        stem = name if self.language == "en" else f"{name}.{self.language}"
        path = directory.path / f"{stem}.html"
        directory.write_text(path, page)
        written = [path]
        if self.pdf:
            written.append(path.with_suffix(".pdf"))
            directory.write_bytes(written[-1], as_pdf(paper))
        if self.markdown:
            written.append(path.with_suffix(".md"))
            directory.write_text(written[-1], as_markdown(paper))
        return written


def write_scorecard(directory: RunDirectory, scorecard: Scorecard, output: Output) -> list[Path]:
    """The scorecard's page, report.html."""
    run = _run(directory)
    shown = run["config"].get("report_samples", _DEFAULT_SHOWN)
    rows = drawn_samples(directory, run["seed"], shown)
    curves = reliability_curves(directory, scorecard)
    return output.write(
        directory,
        "report",
        lambda medium: render_html(scorecard, run=run, samples=rows, medium=medium, curves=curves),
    )


def write_assurance(
    directory: RunDirectory,
    scorecard: Scorecard,
    engagement: Engagement,
    output: Output,
    *,
    withheld: frozenset[str] = frozenset(),
    switched_off: Mapping[str, Scorecard] | None = None,
) -> list[Path]:
    """The assurance report, assurance.html, and the engagement that it follows from."""
    run = _run(directory)
    report = Assurance(
        scorecard=scorecard,
        run=run,
        engagement=engagement,
        samples=drawn_samples(directory, run["seed"], SHOWN),
        gate=own_gate(run, scorecard),
        withheld=withheld,
        switched_off=switched_off,
        curves=reliability_curves(directory, scorecard),
    )
    content = engagement.model_dump(mode="json", exclude_none=True)
    directory.write_json(directory.path / "engagement.json", content)
    return output.write(directory, "assurance", lambda medium: render_assurance(report, medium))


def write_label(
    directory: RunDirectory,
    scorecard: Scorecard,
    output: Output,
    *,
    engagement: tuple[Engagement, Path] | None = None,
    card: ModelCard | None = None,
    switched_off: Mapping[str, tuple[RunDirectory, Scorecard]] | None = None,
) -> list[Path]:
    """The disclosure label: label.json in English, and its page in the output's language."""
    has_summary = directory.summary.is_file()
    given = LabelInput(
        scorecard=scorecard,
        run=_run(directory),
        records=Records(
            scorecard=_file(directory.scorecard),
            run=_file(directory.run_json),
            summary=_file(directory.summary) if has_summary else None,
        ),
        summary=directory.read_json(directory.summary) if has_summary else {},
        engagement=None if engagement is None else (engagement[0], _file(engagement[1])),
        card=card,
        switched_off={
            part: Off(off, _file(other.scorecard, f" of run {other.path.resolve().name}"))
            for part, (other, off) in (switched_off or {}).items()
        },
    )
    with speaking(ENGLISH.code):
        content = build_label(given).model_dump(mode="json", exclude_none=True)
    path = directory.path / "label.json"
    directory.write_json(path, content)
    drawn = output.write(directory, "label", lambda _medium: render_label(build_label(given)))
    return [*drawn, path]


def _file(path: Path, remark: str = "") -> File:
    return File(f"{path.name}{remark}", file_sha256(path))


def _run(directory: RunDirectory) -> dict[str, Any]:
    """run.json, with the day of measurement, which stands nowhere else."""
    run = directory.read_json(directory.run_json)
    if directory.summary.is_file():
        run["measured"] = directory.read_json(directory.summary)["started"][:10]
    return run


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
