"""A part of an application on and off: the figures of the run in which it was off.

Both runs must have been the same test of a figure, by its protocol id; else it is left out, and
what differs is kept in its place. The record holds all that a report shows of the other run, and
the SHA-256 of the scorecard that it was taken from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from evalharness.reports.language import _, listed
from evalharness.reports.outcomes import word_of
from evalharness.reports.view import CellView, View, figure_views
from evalharness.scorecard.model import Cell, Scorecard, TaskCard
from evalharness.store.directory import RunDirectory, file_sha256

__all__ = ["OffRun", "PartView", "off_run", "part_views"]


class OffRun(BaseModel):
    """The run in which a part of the application was off.

    Args:
        run_id, measurement: that run's own.
        scorecard: SHA-256 of its scorecard.json.
        figures: ``dimension/task/metric`` -> its figure there, of the same test as here.
        unlike: the report's other figures -> the parts of the protocol that differ; None: the run
            has no such figure.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    run_id: str
    measurement: str
    scorecard: str
    figures: Mapping[str, Cell]
    unlike: Mapping[str, tuple[str, ...] | None]


def off_run(here: Scorecard, directory: RunDirectory, there: Scorecard) -> OffRun:
    """What is recorded of a run with a part off.

    Args:
        here: the scorecard that its figures stand beside.
        directory, there: the other run, and its scorecard.
    """
    run = directory.read_json(directory.run_json)
    others = there.cells()
    figures: dict[str, Cell] = {}
    unlike: dict[str, tuple[str, ...] | None] = {}
    for key, cell in here.cells().items():
        other = others.get(key)
        if other is not None and other.protocol_id == cell.protocol_id:
            figures[key] = other.model_copy(update={"slices": {}})
        else:
            unlike[key] = None if other is None else _differing(_task(here, key), _task(there, key))
    return OffRun(
        run_id=run["run_id"],
        measurement=run["measurement"],
        scorecard=file_sha256(directory.scorecard),
        figures=figures,
        unlike=unlike,
    )


def _task(scorecard: Scorecard, key: str) -> TaskCard:
    dimension, task, _metric = key.split("/", 2)
    return scorecard.dimensions[dimension].tasks[task]


def _differing(one: TaskCard, other: TaskCard) -> tuple[str, ...]:
    parts = dict.fromkeys([*one.protocol, *other.protocol])
    return tuple(part for part in parts if one.protocol.get(part) != other.protocol.get(part))


@dataclass(frozen=True, slots=True)
class _Pair:
    """A figure with the part on and with it off."""

    key: str
    on: CellView
    off: CellView


@dataclass(frozen=True, slots=True)
class PartView:
    """A part that was off in another run, in words.

    Args:
        unlike: figures that are not set against each other, and why.
    """

    part: str
    run: OffRun
    pairs: tuple[_Pair, ...]
    unlike: tuple[tuple[tuple[str, ...], str], ...]


def part_views(here: View, switched_off: Mapping[str, OffRun]) -> tuple[PartView, ...]:
    """Each part that was off in another run, with this run's figures beside that run's."""
    return tuple(_part(here, part, run) for part, run in sorted(switched_off.items()))


def _part(here: View, part: str, run: OffRun) -> PartView:
    cells = {
        f"{dimension.name}/{task.name}/{cell.name}": cell
        for dimension in here.dimensions
        for task in dimension.tasks
        for cell in task.metrics
    }
    keys = [key for key in cells if key in run.figures]
    off = figure_views((key, run.figures[key]) for key in keys)
    reasons: dict[str, list[str]] = {}
    for key in cells:
        if key in run.unlike:
            reasons.setdefault(_reason(run.unlike[key]), []).append(key)
    return PartView(
        part=part,
        run=run,
        pairs=tuple(_Pair(key, cells[key], found) for key, found in zip(keys, off, strict=True)),
        unlike=tuple((tuple(keys), why) for why, keys in reasons.items()),
    )


def _reason(parts: Sequence[str] | None) -> str:
    if parts is None:
        return _("not measured in the run with the part off")
    return _(
        "not the same test with the part off, so not set against each other; of the protocol "
        "differ: {parts}",
        parts=listed(map(word_of, parts)),
    )
