"""A run's figures as every format tells them: never a value without what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evalharness.finished import Finished, withheld
from evalharness.scorecard.model import INSUFFICIENT, Cell, TaskCard
from evalharness.tasks.planned import PlannedTask

__all__ = ["Choices", "Figure", "figures_of", "shown", "texts_of"]

#: Columns of samples.parquet in which prompts and answers stand in full.
_TEXTS = ("prompt", "response", "answer", "expected", "choices", "target")


@dataclass(frozen=True)
class Choices:
    """What the person who exports has chosen.

    Args:
        withhold: prompts and responses are replaced by their digest.
        organization: who measured, for formats that ask it.
        relationship: of the evaluator to the model's provider.
    """

    withhold: bool = False
    organization: str | None = None
    relationship: str | None = None


@dataclass(frozen=True)
class Figure:
    """One metric of one task."""

    dimension: str
    task: str
    metric: str
    card: TaskCard
    cell: Cell

    @property
    def key(self) -> str:
        """``dimension/task/metric``."""
        return f"{self.dimension}/{self.task}/{self.metric}"

    @property
    def counted(self) -> str:
        """The denominator in words: '95 of 100 samples'."""
        return f"{self.cell.n_measured} of {self.cell.n_planned} {self.cell.counted}"

    @property
    def direction(self) -> str:
        """``higher``, ``lower`` or ``target 0.5``."""
        given = self.cell.direction
        return given if isinstance(given, str) else f"target {given:g}"

    @property
    def demonstration(self) -> str | None:
        """Why it only demonstrates the harness; None where it measures."""
        return "; ".join(self.card.demonstration) or None

    @property
    def reason(self) -> str | None:
        """Why it is not to be read as a figure: no value, or too little measured."""
        if self.cell.value is not None and self.cell.grade != INSUFFICIENT:
            return None
        said = "insufficient" if self.cell.value is not None else "not measured"
        return ": ".join([said, "; ".join(self.cell.notes) or self.counted])

    def details(self) -> dict[str, Any]:
        """What must stand beside the value, as plain data, without what is None."""
        cell = self.cell
        parts = {"interval": cell.interval, "claim": cell.claim, "corrected": cell.corrected}
        spans = {
            name: None if part is None else part.model_dump(mode="json")
            for name, part in parts.items()
        }
        found: dict[str, Any] = {
            **spans,
            "n_measured": cell.n_measured,
            "n_planned": cell.n_planned,
            "n_excluded": cell.n_excluded,
            "n_missing": cell.n_missing,
            "counted": cell.counted,
            "n_clusters": cell.n_clusters,
            "bounds": None if cell.bounds is None else list(cell.bounds),
            "outcomes": cell.outcomes,
            "direction": self.direction,
            "unit": cell.unit,
            "grade": cell.grade,
            "read_with": cell.headline_pair,
            "protocol_id": cell.protocol_id,
            "demonstration": self.demonstration,
            "notes": list(cell.notes) or None,
        }
        return {name: value for name, value in found.items() if value is not None}


def figures_of(run: Finished, task: PlannedTask | None = None) -> Iterator[Figure]:
    """Every metric, in the scorecard's order; or those of one task."""
    for dimension, card in run.scorecard.dimensions.items():
        for name, tested in card.tasks.items():
            if task is None or task.name == name:
                for metric, cell in tested.metrics.items():
                    yield Figure(dimension, name, metric, tested, cell)


def shown(text: str | None, choices: Choices) -> str | None:
    """A text of a sample, or what stands in its place."""
    return withheld(text) if text and choices.withhold else text


def texts_of(row: dict[str, Any], choices: Choices) -> dict[str, Any]:
    """A row of samples.parquet with its texts as they are shown."""
    return {**row, **{name: shown(row[name], choices) for name in _TEXTS}}
