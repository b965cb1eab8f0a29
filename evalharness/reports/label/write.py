"""Writes the disclosure label of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evalharness.reports.drawn import LABEL
from evalharness.reports.engagement import Engagement
from evalharness.reports.formats import Output
from evalharness.reports.label.build import build_label
from evalharness.reports.label.card import ModelCard
from evalharness.reports.label.given import File, LabelInput, Off, Records
from evalharness.reports.label.page import render_label
from evalharness.reports.language import ENGLISH, speaking
from evalharness.reports.switched_off import OffRun
from evalharness.reports.write import drawn, run_of, write_drawn
from evalharness.scorecard.model import Scorecard
from evalharness.store.directory import RunDirectory, file_sha256

__all__ = ["write_label"]


def write_label(
    directory: RunDirectory,
    scorecard: Scorecard,
    output: Output,
    *,
    engagement: tuple[Engagement, Path] | None = None,
    card: ModelCard | None = None,
    switched_off: Mapping[str, tuple[RunDirectory, OffRun]] | None = None,
) -> list[Path]:
    """The disclosure label: label.json in English, and its page in the output's language."""
    has_summary = directory.summary.is_file()
    given = LabelInput(
        scorecard=scorecard,
        run=run_of(directory),
        records=Records(
            scorecard=_file(directory.scorecard),
            run=_file(directory.run_json),
            summary=_file(directory.summary) if has_summary else None,
        ),
        summary=directory.read_json(directory.summary) if has_summary else {},
        engagement=None if engagement is None else (engagement[0], _file(engagement[1])),
        card=card,
        switched_off={
            part: Off(
                off,
                File(f"{other.scorecard.name} of run {other.path.resolve().name}", off.scorecard),
            )
            for part, (other, off) in (switched_off or {}).items()
        },
    )
    with speaking(ENGLISH.code):
        content = build_label(given).model_dump(mode="json", exclude_none=True)
    files = drawn(LABEL, output, lambda _medium: render_label(build_label(given)))
    written = write_drawn(directory, LABEL, files, {"label.json": content})
    return [*written, directory.path / "label.json"]


def _file(path: Path) -> File:
    return File(path.name, file_sha256(path))
