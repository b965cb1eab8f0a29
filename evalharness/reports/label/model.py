"""The label as typed records: label.json, from whose cells the page is drawn.

The areas are the seven of the "food label" in the Model AI Governance Framework for Generative AI
(IMDA and AI Verify Foundation, 2024). The schema in ``label.schema.json`` is generated from these
classes; a test keeps the two together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from evalharness.reports.engagement import AREAS, Area
from evalharness.reports.text import plain
from evalharness.scorecard.model import INSUFFICIENT, Cell, Direction, Interval

__all__ = ["TEXT", "Figure", "Label", "LabelCell", "Source", "State", "shortened"]

SCHEMA_VERSION = 1

#: Characters of a text in a cell; more is cut, with an ellipsis.
TEXT = 600

#: Measured in a run; stated by the provider and not tested here; neither.
State = Literal["measured", "declared", "absent"]


def shortened(text: str, limit: int) -> str:
    """``text`` on one line, cut at a word and ended by an ellipsis where it is longer."""
    line = " ".join(text[: 4 * limit].split())
    if len(line) <= limit and len(text) <= 4 * limit:
        return line
    kept = line[: limit - 1]
    word = kept.rfind(" ")
    return (kept[:word] if word > limit // 2 else kept).rstrip(" ,;:") + "\u2026"


def _clean(text: Any) -> Any:
    """One bounded line with its hidden characters named: people read JSON too."""
    return plain(shortened(text, TEXT) or "\u2014", 4 * TEXT) if isinstance(text, str) else text


Text = Annotated[str, BeforeValidator(_clean), Field(min_length=1)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Source(_Record):
    """A file that cells follow from."""

    name: Text = Field(description="the file's name, and the run where it is another one")
    sha256: str
    cells: int = Field(ge=0, description="cells that follow from it; 0: nothing was found in it")


class Figure(_Record):
    """A measured value, never without its denominator."""

    value: float
    interval: Interval | None = Field(
        default=None, description="two-sided; none: the cell's text says why"
    )
    n_measured: int
    n_planned: int
    counted: str = Field(description="what n counts: samples, pairs, prompts, labels")
    unit: str
    range: tuple[float, float]
    direction: Direction
    protocol_id: str

    @classmethod
    def of(cls, cell: Cell) -> Figure | None:
        """A metric's figure; None where it has no value or too little of it was measured."""
        if cell.value is None or cell.grade == INSUFFICIENT:
            return None
        return cls(
            value=cell.value,
            interval=cell.interval,
            n_measured=cell.n_measured,
            n_planned=cell.n_planned,
            counted=cell.counted,
            unit=cell.unit,
            range=cell.range,
            direction=cell.direction,
            protocol_id=cell.protocol_id,
        )


class LabelCell(_Record):
    """One statement of the label, with where it comes from."""

    area: Area
    state: State
    what: Text = Field(description="what the cell is about, in words")
    says: Text | None = Field(
        default=None, description="the declared text, a remark, or why it is absent"
    )
    figure: Figure | None = Field(default=None, description="of a measured cell")
    without: Figure | None = Field(
        default=None, description="the same metric with the part of the application off"
    )
    source: Text | None = Field(default=None, description="file, and the place in it")
    sha256: str | None = Field(default=None, description="of that file")

    @model_validator(mode="after")
    def _says_what_its_state_needs(self) -> LabelCell:
        if self.state != "absent" and (self.source is None or self.sha256 is None):
            raise ValueError(f"a {self.state} cell names its source")
        if self.state != "measured" and self.figure is not None:
            raise ValueError("only a measured cell has a figure")
        if self.figure is None and self.says is None:
            raise ValueError("a cell without a figure says something")
        return self


class Label(_Record):
    """The label of one run: every area has a cell, in the framework's order."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    measurement: str = Field(description="SHA-256 of what defines the measurement")
    name: Text = Field(description="what was tested")
    model: Text = Field(description="the model under test, as the run identifies it")
    measured: str | None = Field(
        default=None, description="day on which the last session began, UTC"
    )
    evaluator: Text | None = Field(
        default=None, description="who tested, and how they stand to the provider"
    )
    level: float = Field(description="of the intervals")
    demonstration: tuple[Text, ...] = Field(
        default=(), description="why figures only demonstrate the harness"
    )
    sources: tuple[Source, ...]
    cells: tuple[LabelCell, ...]

    @model_validator(mode="after")
    def _every_area_in_order(self) -> Label:
        places = [AREAS.index(cell.area) for cell in self.cells]
        if places != sorted(places) or set(places) != set(range(len(AREAS))):
            raise ValueError("the seven areas stand in order, each with a cell")
        return self
