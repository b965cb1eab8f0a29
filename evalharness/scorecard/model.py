"""The scorecard: the one source of every report, as typed records with a JSON schema.

It holds no time, host, run id or path, so the same measurement gives the same bytes. The schema in
``scorecard.schema.json`` is generated from these classes; a test keeps the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import pandas as pd

    from evalharness import stats
    from evalharness.display import Drawing
    from evalharness.scorecard.decisions import Figure

__all__ = [
    "DIMENSIONS",
    "INSUFFICIENT",
    "SCHEMA_VERSION",
    "Cell",
    "Corrected",
    "DimensionCard",
    "Grading",
    "Headline",
    "Interval",
    "Rate",
    "RaterPair",
    "Scorecard",
    "TaskCard",
    "Variance",
    "WhatIf",
]

SCHEMA_VERSION = 1

#: The five recommended attributes, in the order in which every table shows them.
DIMENSIONS = ("robustness", "factuality", "bias", "toxicity", "data_governance")

#: The grade of a cell whose measured share is below the floor.
INSUFFICIENT = "insufficient"

Direction = Literal["higher", "lower"] | Annotated[float, Field(description="the target value")]


class _Record(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        populate_by_name=True,
        serialize_by_alias=True,
    )


class Interval(_Record):
    """An interval, never without its level, sides and method."""

    low: float
    high: float
    level: float = Field(gt=0, lt=1)
    sides: Literal[1, 2] = 2
    method: str = Field(description="e.g. 'wilson', 'clopper-pearson', 'cluster bootstrap'")

    @classmethod
    def of(cls, interval: stats.Interval) -> Interval:
        """An estimate's interval."""
        return cls(
            low=interval.low,
            high=interval.high,
            level=interval.level,
            sides=interval.sides,
            method=interval.method,
        )


class Rate(_Record):
    """How often a scorer agreed with people, on answers of one kind."""

    value: float
    interval: Interval
    n: int = Field(description="answers of this kind by people's labels")


class RaterPair(_Record):
    """How far two people agree, on the answers that both labelled."""

    raters: tuple[str, str]
    n: int = Field(description="answers that both labelled")
    equal: int = Field(description="answers to which both gave the same label")
    kappa: float | None = Field(description="Cohen's; null where it is undefined")
    interval: Interval | None


class Corrected(_Record):
    """A figure as people would have scored it, from their labels of a part of the answers."""

    value: float | None
    interval: Interval | None = Field(description="two-sided; it holds the labels' uncertainty")
    method: Literal["rogan-gladen", "prediction-powered"]
    scope: str = Field(description="whose answers the labels are of, in words")
    n_labels: int = Field(description="answers with a label and a verdict: what it rests on")
    n_without_verdict: int = Field(default=0, description="labelled answers without a verdict")
    n_unresolved: int = Field(
        default=0, description="answers of the sheet on which the raters tie; left out"
    )
    n_unlabelled: int = Field(default=0, description="answers that were drawn and not labelled")
    sensitivity: Rate | None = Field(
        default=None, description="share of people's positives (score 1) that were found"
    )
    specificity: Rate | None = Field(
        default=None, description="share of people's negatives (score 0) that were left alone"
    )
    raters: tuple[str, ...]
    dates: tuple[str, str] = Field(description="first and last day of labelling")
    agreement: tuple[RaterPair, ...] = ()
    notes: tuple[str, ...] = ()


class WhatIf(_Record):
    """What a figure would be for a scorer that errs as a card says; no interval."""

    low: float
    high: float
    clipped: bool = Field(default=False, description="an end was cut to the range of a share")
    sensitivity: tuple[float, float]
    specificity: tuple[float, float]
    source: str = Field(description="the data on which the scorer's errors were measured")


class Grading(_Record):
    """What a policy's scale says of a figure: never one letter alone."""

    policy: str = Field(description="name and version")
    by: Literal["value", "bound"] = Field(description="what was graded")
    at_value: str | None = Field(description="the grade of the estimate")
    at_ends: tuple[str, str] | None = Field(
        description="the grades at the worse and the better end of the one-sided bounds"
    )
    counterpart: str | None = Field(
        default=None, description="the metric that the grade was the worse of two with"
    )
    reason: str | None = Field(default=None, description="why there is no grade")


class Variance(_Record):
    """Of a single answer, by where it comes from; in the squared unit of the metric."""

    between: float = Field(ge=0, description="between items, of their long-run means")
    within: float = Field(ge=0, description="within items, of one item's answers")
    repeats: float = Field(gt=1, description="answers measured of an item, on average")


class Cell(_Record):
    """One metric: an estimate with its denominator, or the reason why there is none."""

    value: float | None
    interval: Interval | None = Field(description="two-sided, to show")
    claim: Interval | None = Field(default=None, description="exact (Clopper-Pearson), to claim")
    demonstrated: Interval | None = Field(
        default=None,
        description="each end alone is a one-sided bound: at least low, and at most high",
    )
    bounds: tuple[float, float] | None = Field(
        default=None,
        description="lowest and highest value that the missing samples could have made it",
    )
    n_planned: int = Field(description="units that the metric is about, measured or not")
    n_measured: int = Field(description="units with a value")
    n_excluded: int = Field(default=0, description="units left out by the metric's definition")
    n_missing: int = Field(description="n_planned - n_measured - n_excluded")
    counted: str = Field(default="samples", description="what n counts: samples, pairs, prompts")
    n_clusters: int | None = None
    variance: Variance | None = Field(
        default=None, description="within and between items, where items were asked repeatedly"
    )
    outcomes: dict[str, int] = Field(description="count of each outcome, over generations")
    direction: Direction
    unit: str = Field(description="proportion, percentage points, bits, correlation, ...")
    range: tuple[float, float]
    title: str = Field(description="the metric in words, for tables")
    headline_pair: str | None = Field(
        default=None, description="metric without which this one must not be read"
    )
    grade: str | None = Field(
        default=None, description="'insufficient' below the floor; a policy's grade otherwise"
    )
    grading: Grading | None = Field(default=None, description="how the policy came to the grade")
    notes: tuple[str, ...] = Field(
        default=(), description="why no value or interval, and marks: few clusters, demonstration"
    )
    protocol_id: str
    corrected: Corrected | None = Field(
        default=None,
        description="the figure corrected for the scorer's errors, with people's labels",
    )
    what_if: WhatIf | None = Field(
        default=None, description="a range from the scorer's card, where there are no labels"
    )
    slices: dict[str, dict[str, Cell]] = Field(
        default_factory=dict, description="tag -> tag's value -> cell"
    )


class TaskCard(_Record):
    """One task: what it tests, how, and its metrics."""

    # `construct` is a method of pydantic models, hence the trailing underscore in Python
    construct_: str = Field(alias="construct", description="what is measured, in words")
    version: int
    source: str
    licence: str
    languages: tuple[str, ...]
    method: str
    scorer: str
    epochs: int
    generations: int
    protocol_id: str
    protocol: dict[str, str] = Field(description="part of the protocol -> its own SHA-256")
    outcomes: dict[str, int]
    reasons: dict[str, dict[str, int]] = Field(
        default_factory=dict,
        description="outcome other than answered -> its most frequent reasons, with their counts",
    )
    not_run: str | None = Field(default=None, description="why nothing of it was run")
    content_warning: str | None = None
    demonstration: tuple[str, ...] = Field(
        default=(), description="why its figures only demonstrate the harness"
    )
    tags: dict[str, list[str]] = Field(description="framework -> its codes")
    metrics: dict[str, Cell]


class Headline(_Record):
    """Which cell stands for a dimension. Never an average over tasks."""

    task: str
    metric: str


class DimensionCard(_Record):
    """One of the five dimensions."""

    headline: Headline | None
    tasks: dict[str, TaskCard]


class Scorecard(_Record):
    """One target under a set of protocols; its metrics by dimension."""

    schema_version: int = SCHEMA_VERSION
    name: str
    target: dict[str, Any] = Field(description="the model's identity")
    roles: dict[str, dict[str, Any]] = Field(description="judge, classifier -> identity")
    seed: int
    floor: float
    level: float
    estimand: str
    dimensions: dict[str, DimensionCard]

    @property
    def model(self) -> str:
        """What was tested, as its identity calls it; else the scorecard's name."""
        return str(self.target.get("model") or self.name)

    def cells(self) -> dict[str, Cell]:
        """``dimension/task/metric`` -> cell, in the scorecard's order."""
        return {
            f"{dimension}/{task}/{metric}": cell
            for dimension, card in self.dimensions.items()
            for task, tested in card.tasks.items()
            for metric, cell in tested.metrics.items()
        }

    def metric(self, key: str) -> Figure:
        """One metric, to state what it must be: ``.at_most(0.05)``, ``.within(0.1, of=0)``.

        Args:
            key: ``dimension/task/metric``, or ``dimension/headline``.

        Raises:
            ConfigError: there is none of that name; the nearest is said.
        """
        from evalharness.scorecard.decisions import Figure

        return Figure.of(self, key)

    def to_frame(self, *, slices: bool = False) -> pd.DataFrame:
        """One row a metric, or with ``slices`` one a slice of a metric.

        >>> run.scorecard.to_frame()["metric"].to_list()
        ['accuracy', 'abstention_rate', 'answer_rate']

        Columns are those of `evalharness.scorecard.frame.COLUMNS`; missing is ``pandas.NA``.
        """
        from evalharness.scorecard.frame import figures_frame, rows_of

        return figures_frame(rows_of(self, slices=slices), slices=slices)

    def plot(
        self, figures: str | Sequence[str] = "*/headline", *, slices: str | None = None
    ) -> Drawing:
        """Figures with their intervals, each on the range of its metric.

        A figure that must not be read alone brings its counterpart.

        >>> run.scorecard.plot("factuality/*/*").rows
        3

        Args:
            figures: ``dimension/task/metric`` or ``dimension/headline``, or several; ``*`` stands
                for anything.
            slices: a tag; behind each figure stand those of the tag's values.

        Raises:
            ConfigError: there is none of that name, or there are more than a picture holds.
        """
        from evalharness.display import artist

        drawing: Drawing = artist("draw_scorecard")(self, figures, slices)
        return drawing

    def _repr_html_(self) -> str:
        from evalharness.display import artist

        return str(artist("scorecard_fragment")(self))
