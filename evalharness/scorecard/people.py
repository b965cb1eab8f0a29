"""What people said of a run's answers: their labels, as a run directory keeps them.

A label is the true value of one score of one answer, as a person sees it. Several people may label
the same answer. The records hold all that a corrected figure rests on, so that it can be derived
again; their digest is part of the measurement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from evalharness.records import digest
from evalharness.scorecard import model
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.rows import Numbers, TaskRows
from evalharness.stats.agreement import Agreement

__all__ = ["Draw", "HumanLabels", "Key", "LabelFile", "LabelSet", "Said"]

#: Sample, epoch, generation: which answer of a task.
Key = tuple[str, int, int]

#: Pairs of raters whose agreement is shown.
_MOST_PAIRS = 10


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Draw(_Part):
    """How the rows to label were drawn; the same draw can be made again from the run.

    Args:
        of: the measurement of the run that they were drawn from.
    """

    scheme: Literal["simple"] = "simple"
    seed: int
    count: int = Field(ge=1)
    of: str


class LabelFile(_Part):
    """A file that labels were read from."""

    name: str
    sha256: str


class Said(_Part):
    """One person's label of one answer.

    Args:
        label: the true value of the score.
        outcome, verdict, tags, cluster: of an answer of another run, what the scorer found there.
    """

    sample: str
    epoch: int = Field(ge=0)
    generation: int = Field(ge=0)
    label: float
    rater: str
    date: str
    outcome: str | None = None
    verdict: float | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    cluster: str | None = None

    @property
    def key(self) -> Key:
        """Which answer it is about."""
        return self.sample, self.epoch, self.generation


class LabelSet(_Part):
    """The labels of one score of one task.

    Args:
        of: ``this_run`` (a draw from its own answers) or ``exchangeable`` (declared so).
        n_drawn: answers that the draw chose, labelled or not; 0 without a draw.
    """

    task: str
    score: str
    of: Literal["this_run", "exchangeable"]
    note: str | None = None
    files: tuple[LabelFile, ...]
    draw: Draw | None = None
    n_drawn: int = 0
    labels: tuple[Said, ...]

    @property
    def agreed(self) -> dict[Key, float | None]:
        """Answer -> its label: the majority's where labels are 0 or 1 (None: a tie), else the mean.

        In the order in which the answers first stand.
        """
        said: dict[Key, list[float]] = {}
        for label in self.labels:
            said.setdefault(label.key, []).append(label.label)
        yes_or_no = all(value in {0.0, 1.0} for values in said.values() for value in values)
        return {key: _majority(v) if yes_or_no else sum(v) / len(v) for key, v in said.items()}

    @property
    def raters(self) -> tuple[str, ...]:
        """Who labelled, sorted."""
        return tuple(sorted({label.rater for label in self.labels}))

    @property
    def dates(self) -> tuple[str, str]:
        """The first and the last day of labelling."""
        days = [label.date for label in self.labels]
        return min(days), max(days)

    def pairs(self, level: float) -> tuple[model.RaterPair, ...]:
        """How far each two raters agree on what both labelled; the first ten pairs that share any.

        Without a kappa where labels are no 0 and 1.
        """
        by_rater: dict[str, dict[Key, float]] = {}
        for label in self.labels:
            by_rater.setdefault(label.rater, {})[label.key] = label.label
        found = []
        for one, other in combinations(self.raters, 2):
            shared = [
                (by_rater[one][key], by_rater[other][key])
                for key in by_rater[one]
                if key in by_rater[other]
            ]
            if shared:
                found.append(_pair((one, other), shared, level))
        return tuple(found[:_MOST_PAIRS])

    def column(self, keys: Sequence[Key]) -> Numbers:
        """The labels of these rows, shape (n,); NaN where there is none, or a tie."""
        agreed = self.agreed
        return np.array([np.nan if (v := agreed.get(k)) is None else v for k in keys])

    def rows(self) -> TaskRows:
        """The labelled answers of another run as rows, with their labels."""
        agreed = self.agreed
        first = {label.key: label for label in reversed(self.labels)}
        rows = [first[key] for key in agreed]
        tags = sorted({tag for row in rows for tag in row.tags})
        none = Labels.of(None for _ in rows)
        return TaskRows(
            sample=Labels.of(row.sample for row in rows),
            outcome=Labels.of(row.outcome for row in rows),
            scores={self.score: np.array([_number(row.verdict) for row in rows])},
            group=none,
            cluster=Labels.of(row.cluster for row in rows),
            tags={tag: Labels.of(row.tags.get(tag) for row in rows) for tag in tags},
            people={self.score: np.array([_number(agreed[row.key]) for row in rows])},
        )


class HumanLabels(_Part):
    """All labels of a run: what ``labels.json`` holds."""

    format: Literal[1] = 1
    sets: tuple[LabelSet, ...]

    def of(self, task: str) -> Iterator[LabelSet]:
        """The sets of one task."""
        return (found for found in self.sets if found.task == task)

    def to_json(self) -> dict[str, Any]:
        """For labels.json, without defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def digest(self) -> str:
        """SHA-256 of the content: part of the measurement."""
        return digest(self.to_json())

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> HumanLabels:
        """What `to_json` gave.

        Raises:
            pydantic.ValidationError: it is something else.
        """
        return cls.model_validate(data)


def _majority(values: Sequence[float]) -> float | None:
    share = sum(values) / len(values)
    return None if share == 0.5 else float(share > 0.5)


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _pair(
    raters: tuple[str, str], shared: Sequence[tuple[float, float]], level: float
) -> model.RaterPair:
    equal = sum(one == other for one, other in shared)
    kappa = None
    if all(value in {0.0, 1.0} for pair in shared for value in pair):
        cells = [shared.count(pair) for pair in ((1, 1), (1, 0), (0, 1), (0, 0))]
        kappa = Agreement(*cells).kappa(level)
    return model.RaterPair(
        raters=raters,
        n=len(shared),
        equal=equal,
        kappa=None if kappa is None else kappa[0],
        interval=None if kappa is None else model.Interval.of(kappa[1]),
    )
