"""The runs of a comparison: whether they sat the same test, and their rows, each read once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from evalharness import pipeline
from evalharness.scorecard.differences import PartDiffers, differences
from evalharness.scorecard.grades import counterpart_of
from evalharness.scorecard.metrics.registry import MetricUse, slices_of
from evalharness.scorecard.model import Scorecard
from evalharness.scorecard.pairing import Measured, read_metric
from evalharness.scorecard.rows import TaskRows, read_task
from evalharness.store.directory import RunDirectory
from evalharness.store.journal import Journal
from evalharness.tasks.planned import PlannedTask

__all__ = ["Beside", "Cells", "ComparedRun", "Refused", "Same", "same_test"]

#: A slice of a task: tag and value; None for the whole.
Slice = tuple[str, str] | None


@dataclass(frozen=True)
class Refused:
    """A task that cannot be compared, and why."""

    run: str
    task: str
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"run": self.run, "task": self.task, "reasons": list(self.reasons)}


@dataclass(frozen=True)
class Same:
    """A task that is the same test in both runs; ``items`` are those in both, None for all."""

    items: frozenset[str] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Beside:
    """A counterpart by its name, with its value in one run; None where it was not measured."""

    name: str
    value: float | None


@dataclass
class ComparedRun:
    """A run, with what is read of it once."""

    directory: RunDirectory
    info: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.directory.require_finished()
        self.info = self.directory.read_json(self.directory.run_json)

    @property
    def name(self) -> str:
        return self.directory.path.name

    @property
    def target(self) -> str:
        """What the model is called."""
        return str(self.info["models"]["target"]["model"])

    @cached_property
    def scorecard(self) -> Scorecard:
        """What the run says of itself."""
        return pipeline.load_scorecard(self.directory)

    @cached_property
    def demonstrations(self) -> frozenset[str]:
        """The tasks whose figures show how the harness works, not what the model does."""
        cards = self.scorecard.dimensions.values()
        return frozenset(
            n for card in cards for n, task in card.tasks.items() if task.demonstration
        )

    def beside(self, task: str, metric: str) -> Beside | None:
        """The figure without which this one must not be read; None where it stands alone."""
        cells = self.scorecard.cells()
        ending = f"/{task}/{metric}"
        key = next((key for key in cells if key.endswith(ending)), None)
        if key is None or (name := cells[key].headline_pair) is None:
            return None
        other = counterpart_of(key, cells[key], cells)
        return Beside(name, None if other is None else cells[other].value)

    @cached_property
    def tasks(self) -> dict[str, PlannedTask]:
        return {task.name: task for task in pipeline.tasks_of(self.info)}

    def cells(self, task: str, items: Collection[str] | None = None) -> Cells:
        """The task's metrics, over some of its items."""
        rows = read_task(self.directory.samples, task, reasons=False)
        if items is not None:
            kept = (sample in items for sample in rows.sample.tolist())
            rows = rows.only(np.fromiter(kept, bool, len(rows)))
        return Cells(rows)

    def digests(self, task: str) -> dict[str, bytes]:
        """Sample -> the digest of all that the protocol holds of it."""
        journal = Journal(self.directory.journal, sealed=True)
        try:
            return {
                sample.id: hashlib.sha256(sample.protocol_bytes()).digest()
                for sample in journal.samples(task)
            }
        finally:
            journal.close()


@dataclass
class Cells:
    """The metrics of one task of one run by unit: each is made once, however often it is paired."""

    rows: TaskRows
    _made: dict[tuple[str, Slice], Measured | None] = field(default_factory=dict)

    def of(self, use: MetricUse) -> Measured | None:
        """The metric over all of its rows."""
        key = (use.key, None)
        if key not in self._made:
            self._made[key] = read_metric(use.metric, self.rows.where(use.where))
        return self._made[key]

    def slices(self, use: MetricUse, tags: Collection[str]) -> Iterator[tuple[str, str, Measured]]:
        """Tag, value and metric of every slice, where a tag has more than one."""
        rows = self.rows.where(use.where)
        for tag in tags:
            for value, part in slices_of(use, rows, tag):
                key = (use.key, (tag, value))
                if key not in self._made:
                    self._made[key] = read_metric(use.metric, part)
                found = self._made[key]
                if found is not None:
                    yield tag, value, found


def same_test(first: ComparedRun, other: ComparedRun, name: str, common: bool) -> Same | Refused:
    """Whether a task is the same test in both runs.

    Args:
        common: where the items are all that differs, those that both have will do.
    """
    for run in (first, other):
        if name not in run.tasks:
            return Refused(other.name, name, (f"{run.name} does not have it",))
        if (reason := run.tasks[name].not_run) is not None:
            return Refused(other.name, name, (f"{run.name} did not run it: {reason}",))
    a, b = first.tasks[name], other.tasks[name]
    found = differences(a, b, first.info["models"], other.info["models"])
    if not found:
        return Same()
    if [part.part for part in found] != ["items"]:
        return Refused(other.name, name, tuple(part.sentence() for part in found))
    return _common(first, other, name, found[0], common)


def _common(
    first: ComparedRun, other: ComparedRun, name: str, items: PartDiffers, wanted: bool
) -> Same | Refused:
    """Of two tasks with other items: the items that both have, if that is wanted."""
    left, right = first.digests(name), other.digests(name)
    same = {sample for sample, digest in left.items() if right.get(sample) == digest}
    changed = len((left.keys() & right.keys()) - same)
    words = f"{len(same)} items are in both"
    if changed:
        words += (
            f", {changed} have the same id and another content (another prompt, or options in "
            "another order: that of another seed)"
        )
    if not wanted or not same:
        hint = "; --common compares those" if same else ""
        return Refused(other.name, name, (items.sentence(), words + hint))
    note = f"{name}: of {items.a} and {items.b} the {len(same)} that are in both are compared"
    return Same(frozenset(same), (note,))
