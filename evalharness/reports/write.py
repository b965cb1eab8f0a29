"""Writes the report files of a run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from evalharness.reports.assurance import SHOWN, Assurance, render_assurance, report_id
from evalharness.reports.drawn import ASSURANCE, SCORECARD, remove_drawn
from evalharness.reports.engagement import Engagement
from evalharness.reports.formats import Output
from evalharness.reports.html import render_html
from evalharness.reports.issued import ENGAGEMENT, RECORD, REPORT, Earlier, Issued
from evalharness.reports.language import ENGLISH, speaking
from evalharness.reports.made import marked
from evalharness.reports.page import Medium
from evalharness.reports.reliability import reliability_curves
from evalharness.reports.shown import chosen_samples, drawn_samples
from evalharness.reports.switched_off import OffRun
from evalharness.scorecard.gate import own_gate
from evalharness.scorecard.model import Scorecard
from evalharness.store.directory import RunDirectory

__all__ = [
    "Draw", "assurance_page", "drawn", "run_of", "scorecard_page", "write_assurance", "write_drawn",
    "write_reports", "write_scorecard",
]  # fmt: skip

_DEFAULT_SHOWN = 3

#: What draws a page, for a screen or for paper, in the language that is spoken.
Draw: TypeAlias = Callable[[Medium], str]


def write_reports(
    directory: RunDirectory, scorecard: Scorecard, withheld: Collection[str] = ()
) -> None:
    """Write report.html from the run's other files; the same run gives the same bytes."""
    write_scorecard(directory, scorecard, Output(), withheld=withheld)


def drawn(name: str, output: Output, draw: Draw) -> dict[str, bytes]:
    """The page in each format: name of the file -> its bytes."""
    stem = name if output.language == ENGLISH.code else f"{name}.{output.language}"
    files = output.drawn(draw)
    if ".md" in files:  # a page and a PDF say in their heads what they were made with
        with speaking(output.language):
            files[".md"] = marked(files[".md"])
    return {f"{stem}{suffix}": content for suffix, content in files.items()}


def write_drawn(
    directory: RunDirectory, kind: str, files: Mapping[str, bytes], records: Mapping[str, Any]
) -> list[Path]:
    """Write drawn files, after what they follow from (None: there is no such file).

    Where that changed, the kind's earlier files are taken away. All is drawn by now: what cannot be
    drawn leaves the folder as it was.
    """
    directory.manifest.unlink(missing_ok=True)  # a kill from here on leaves a run to resume
    paths = {directory.path / name: content for name, content in records.items()}
    before = {path: directory.read_json(path) if path.is_file() else None for path in paths}
    if before != paths:
        remove_drawn(directory, [kind])
    for path, content in paths.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            directory.write_json(path, content)
    for name, content in files.items():
        directory.write_bytes(directory.path / name, content)
    return [directory.path / name for name in files]


def write_scorecard(
    directory: RunDirectory,
    scorecard: Scorecard,
    output: Output,
    *,
    withheld: Collection[str] = (),
) -> list[Path]:
    """The scorecard's page, report.html, and which texts it withholds, if any.

    What was drawn with other texts before is taken away.
    """
    files = drawn(SCORECARD, output, scorecard_page(directory, scorecard, withheld))
    record = {"withheld": sorted(withheld)} if withheld else None
    return write_drawn(directory, SCORECARD, files, {REPORT: record})


def scorecard_page(
    directory: RunDirectory, scorecard: Scorecard, withheld: Collection[str]
) -> Draw:
    """What draws the scorecard's page, from the run's records.

    Args:
        withheld: which texts it shows as digests: prompts, responses.
    """
    run = run_of(directory)
    shown = run["config"].get("report_samples", _DEFAULT_SHOWN)
    rows = drawn_samples(directory, run["seed"], shown)
    curves = reliability_curves(directory, scorecard)
    return lambda medium: render_html(
        scorecard, run=run, samples=rows, medium=medium, curves=curves, withheld=withheld
    )


def write_assurance(
    directory: RunDirectory,
    scorecard: Scorecard,
    engagement: Engagement,
    output: Output,
    *,
    withheld: frozenset[str] = frozenset(),
    switched_off: Mapping[str, OffRun] | None = None,
    earlier: Earlier | None = None,
) -> list[Path]:
    """The assurance report, assurance.html, and the engagement that it follows from.

    What was drawn of another engagement before is taken away.

    Args:
        switched_off: part of the application -> the run in which it was off.
        earlier: what is recorded of the report that it supersedes.

    Raises:
        ConfigError: the engagement names a sample that the run has not.
    """
    run = run_of(directory)
    issued = Issued(
        report=report_id(run, scorecard, engagement, withheld=withheld, switched_off=switched_off),
        run_id=run["run_id"],
        supersedes=earlier,
        withheld=sorted(withheld),
        switched_off=switched_off or {},
    )
    records = {
        ENGAGEMENT: engagement.model_dump(mode="json", exclude_none=True),
        RECORD: issued.model_dump(mode="json"),
    }
    page = assurance_page(directory, scorecard, engagement, issued)
    return write_drawn(directory, ASSURANCE, drawn(ASSURANCE, output, page), records)


def assurance_page(
    directory: RunDirectory, scorecard: Scorecard, engagement: Engagement, issued: Issued
) -> Draw:
    """What draws the assurance report, from the run's records and the assignment.

    Args:
        issued: what its own record says: what is withheld, the runs in which a part was off, and
            which report it supersedes.

    Raises:
        ConfigError: the engagement names a sample that the run has not.
    """
    run = run_of(directory)
    earlier = issued.supersedes
    report = Assurance(
        scorecard=scorecard,
        run=run,
        engagement=engagement,
        samples=drawn_samples(directory, run["seed"], SHOWN),
        gate=own_gate(run, scorecard),
        withheld=frozenset(issued.withheld),
        switched_off=issued.switched_off,
        curves=reliability_curves(directory, scorecard),
        chosen=chosen_samples(directory, engagement.samples),
        on_record=earlier is not None and bool(earlier.files),
    )
    return lambda medium: render_assurance(report, medium)


def run_of(directory: RunDirectory) -> dict[str, Any]:
    """run.json, with the day of measurement, which stands nowhere else."""
    run = directory.read_json(directory.run_json)
    if directory.summary.is_file():
        run["measured"] = directory.measured
    return run
