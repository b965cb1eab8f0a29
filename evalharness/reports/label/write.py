"""Writes the disclosure label of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from evalharness.reports.drawn import LABEL, LABEL_GIVEN, LABEL_RECORD
from evalharness.reports.engagement import Engagement
from evalharness.reports.formats import Output
from evalharness.reports.issued import record_of
from evalharness.reports.label.build import build_label
from evalharness.reports.label.card import ModelCard
from evalharness.reports.label.given import File, LabelInput, Off, Records
from evalharness.reports.label.page import render_label
from evalharness.reports.language import ENGLISH, speaking
from evalharness.reports.switched_off import OffRun
from evalharness.reports.write import Draw, drawn, run_of, write_drawn
from evalharness.scorecard.model import Scorecard
from evalharness.store.directory import RunDirectory, file_sha256

__all__ = ["Given", "given_of", "label_input", "label_page", "label_record", "write_label"]


class Assigned(BaseModel):
    """An engagement, and the file that it was read from."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    file: File
    content: Engagement


class Given(BaseModel):
    """What a label follows from beside the run's records, as ``label.given.json`` keeps it.

    Args:
        switched_off: part of the application -> the run in which it was off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    engagement: Assigned | None = None
    card: ModelCard | None = None
    switched_off: Mapping[str, Off] = Field(default_factory=dict)


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
    given = Given(
        engagement=None
        if engagement is None
        else Assigned(content=engagement[0], file=_file(engagement[1])),
        card=card,
        switched_off={
            part: Off(scored, File(_name_in(other), scored.scorecard))
            for part, (other, scored) in sorted((switched_off or {}).items())
        },
    )
    whole = label_input(directory, scorecard, given)
    records = {
        LABEL_RECORD: label_record(whole),
        LABEL_GIVEN: None if given == Given() else given.model_dump(mode="json"),
    }
    written = write_drawn(directory, LABEL, drawn(LABEL, output, label_page(whole)), records)
    return [*written, directory.path / LABEL_RECORD]


def given_of(directory: RunDirectory) -> Given:
    """What a folder's label was given, as it is recorded; nothing where there is no record.

    Raises:
        RunCorruptError: the record is damaged.
    """
    return record_of(directory, LABEL_GIVEN, Given) or Given()


def label_input(directory: RunDirectory, scorecard: Scorecard, given: Given) -> LabelInput:
    """Everything that a run's label follows from."""
    has_summary, assigned = directory.summary.is_file(), given.engagement
    return LabelInput(
        scorecard=scorecard,
        run=run_of(directory),
        records=Records(
            scorecard=_file(directory.scorecard),
            run=_file(directory.run_json),
            summary=_file(directory.summary) if has_summary else None,
        ),
        summary=directory.read_json(directory.summary) if has_summary else {},
        engagement=None if assigned is None else (assigned.content, assigned.file),
        card=given.card,
        switched_off=given.switched_off,
    )


def label_record(given: LabelInput) -> dict[str, Any]:
    """The content of label.json."""
    with speaking(ENGLISH.code):
        return build_label(given).model_dump(mode="json", exclude_none=True)


def label_page(given: LabelInput) -> Draw:
    """What draws the label's page, from its own cells in the language that is spoken."""
    return lambda _medium: render_label(build_label(given))


def _file(path: Path) -> File:
    return File(path.name, file_sha256(path))


def _name_in(other: RunDirectory) -> str:
    """The scorecard of another run, by name."""
    return f"{other.scorecard.name} of run {other.path.resolve().name}"
