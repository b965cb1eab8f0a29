"""From a run's rows to its findings: the failing answers of a cluster are one finding.

Two passes over a task: numbers first, to see what failed; then the rows themselves, of which only
the examples are kept, and only until their finding is whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from evalharness.errors import ConfigError
from evalharness.evidence.merkle import leaf_digest
from evalharness.findings.model import FORMAT, HARM, Disclosure, Example, Finding, Said
from evalharness.finished import Finished, sha256
from evalharness.records import OutcomeKind, digest
from evalharness.scorecard.failures import Judged, confirmed, judge_answers
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import Flags
from evalharness.scorecard.metrics.registry import metrics_of
from evalharness.scorecard.model import TaskCard
from evalharness.scorecard.people import LabelSet
from evalharness.scorecard.rows import TaskRows, read_keys, read_task
from evalharness.tasks.planned import PlannedTask
from evalharness.yamlfile import did_you_mean

__all__ = ["Listing"]

#: Failed answers of a finding that are named one by one.
_EXAMPLES = 3
#: Characters of a text that a finding shows.
_MOST_TEXT = 10_000

_SILENT = (
    OutcomeKind.EMPTY, OutcomeKind.UNPARSED, OutcomeKind.ERRORED, OutcomeKind.NOT_RUN,
)  # fmt: skip

Counts = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Listing:
    """The findings of a run, and what they are about.

    Args:
        task: of this task alone.
        with_text: prompts and responses are shown; they are withheld otherwise.
    """

    run: Finished
    disclosure: Disclosure
    task: str | None = None
    with_text: bool = False

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in self.run.tasks:
            hint = did_you_mean(self.task, list(self.run.tasks))
            raise ConfigError(f"findings: {self.run.path} has no task '{self.task}'{hint}")

    @cached_property
    def tasks(self) -> list[PlannedTask]:
        """The tasks that are looked at, as planned."""
        return [t for name, t in self.run.tasks.items() if self.task in {None, name}]

    @property
    def not_measured(self) -> dict[str, dict[str, int]]:
        """Task -> how often nothing came back that could be judged: no failure, and no pass."""
        found = {}
        for task in self.tasks:
            outcomes = self.card(task).outcomes
            silent = {kind.value: outcomes[kind.value] for kind in _SILENT if kind in outcomes}
            if silent:
                found[task.name] = silent
        return found

    def card(self, task: PlannedTask) -> TaskCard:
        return self.run.scorecard.dimensions[task.dimension].tasks[task.name]

    @property
    def head(self) -> dict[str, Any]:
        """All but the findings, as plain data."""
        return {
            "format": FORMAT,
            "run_id": self.run.run["run_id"],
            "measurement": self.run.run["measurement"],
            "evalharness": self.run.run["evalharness"],
            "measured_at": self.run.measured,
            "model": self.run.model.to_json(),
            "harm": HARM,
            "disclosure": self.disclosure.model_dump(mode="json"),
            "texts": "shown" if self.with_text else "withheld; digests are SHA-256 of the whole",
            "not_measured": self.not_measured,
        }

    def __iter__(self) -> Iterator[Finding]:
        for task in self.tasks:
            yield from _Search(self, task).findings()


@dataclass
class _Open:
    """A finding whose examples are not yet all read."""

    criterion: int
    unit: int
    waiting: int = 0
    cluster: str | None = None
    examples: list[Example] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Criterion:
    """Metrics that call the same answers failed; their counts by unit, shape (u,)."""

    judged: Sequence[Judged]
    members: Counts
    planned: Counts
    failed: Counts
    tried: Counts
    labelled: Counts
    agreed: Counts


@dataclass(frozen=True, eq=False)
class _Search:
    listing: Listing
    task: PlannedTask

    def findings(self) -> Iterator[Finding]:
        sets = self._label_sets()
        rows = self._rows(sets)
        judged = judge_answers(metrics_of(self.task.definition), rows)
        if not any(one.failed.any() for one in judged):
            return
        units = _units(rows)
        first, codes = units.units()
        criteria = [_counted(group, rows, codes, len(first)) for group in _merged(judged)]
        wanted = _examples_wanted(criteria, codes)
        if not wanted:
            return
        last = max(wanted)
        for place, row in enumerate(self.listing.run.rows(self.task.name)):
            for found in wanted.pop(place, ()):
                criterion = criteria[found.criterion]
                found.examples.append(self._example(row, criterion))
                found.cluster = row["cluster"]
                found.waiting -= 1
                if not found.waiting:
                    yield self._finding(found, criterion, sets)
            if place >= last:
                return

    def _label_sets(self) -> list[LabelSet]:
        labels = self.listing.run.labels
        if labels is None:
            return []
        return [found for found in labels.of(self.task.name) if found.of == "this_run"]

    def _rows(self, sets: Sequence[LabelSet]) -> TaskRows:
        """The task's rows as numbers, with what people said of them."""
        samples = self.listing.run.samples
        rows = read_task(samples, self.task.name)
        if not sets:
            return rows
        keys = read_keys(samples, self.task.name)
        return replace(rows, people={found.score: found.column(keys) for found in sets})

    def _example(self, row: Mapping[str, Any], criterion: _Criterion) -> Example:
        reads = dict.fromkeys(name for one in criterion.judged for name in one.use.metric.reads)
        scores = {name: row.get(f"score_{name}") for name in reads}
        shown = ("prompt", "response", "answer", "expected") if self.listing.with_text else ()
        return Example(
            sample_id=row["sample_id"],
            epoch=row["epoch"],
            generation=row["generation"],
            row_sha256=leaf_digest(row).hex(),
            outcome=row["outcome"],
            scores={name: value for name, value in scores.items() if value is not None},
            prompt_sha256=_digest(row["prompt"]),
            response_sha256=_digest(row["response"]),
            **{name: _cut(row[name]) for name in shown},
        )

    def _finding(
        self,
        found: _Open,
        criterion: _Criterion,
        sets: Sequence[LabelSet],
    ) -> Finding:
        task, card, unit = self.task, self.listing.card(self.task), found.unit
        uses = [one.use for one in criterion.judged]
        # no metric with a target judges single answers
        direction = cast("Literal['higher', 'lower']", uses[0].metric.direction)
        failed = int(criterion.failed[unit])
        reads = {name for use in uses for name in use.metric.reads}
        raters = sorted({r for found in sets if found.score in reads for r in found.raters})
        labelled = int(criterion.labelled[unit])
        named = found.cluster or found.examples[0].sample_id
        return Finding(
            id=self._id(uses[0].key, found.cluster, named),
            dimension=task.dimension,
            task=task.name,
            task_version=task.definition.version,
            construct_=task.definition.construct_,
            metrics=tuple(use.key for use in uses),
            titles=tuple(use.title for use in uses),
            direction=direction,
            cluster=found.cluster,
            n_samples=int(criterion.members[unit]),
            epochs=task.epochs,
            generations=task.generations,
            failed=failed,
            measured=int(criterion.tried[unit]),
            planned=int(criterion.planned[unit]),
            by=self._judge(),
            people=Said(
                labelled=labelled, confirmed=int(criterion.agreed[unit]), raters=tuple(raters)
            )
            if labelled
            else None,
            tags=task.definition.tags,
            demonstration=card.demonstration,
            protocol_id=task.protocol_id,
            method=task.method,
            decoding=task.decoding.to_json(),
            examples=tuple(found.examples),
            examples_left_out=failed - len(found.examples),
        )

    def _judge(self) -> str:
        """Who called it a failure: the scorer, and the model that it asked."""
        models = self.listing.run.run["models"]
        asked = [f"{role} {models[role]['model']}" for role in self.task.roles if role in models]
        return ", ".join([f"scorer {self.task.definition.scorer.name}", *asked])

    def _id(self, metric: str, cluster: str | None, named: str) -> str:
        """Of what failed, in which model: the same in each run that finds it again."""
        parts = {
            "task": self.task.name,
            "version": self.task.definition.version,
            "metric": metric,
            "kind": "sample" if cluster is None else "cluster",
            "name": sha256(named),
            "model": self.listing.run.model.identity_sha256,
        }
        return f"F-{digest(parts)[:16]}"


def _units(rows: TaskRows) -> Labels:
    """What a finding is about: a cluster, or a sample that has none."""
    named = zip(rows.cluster.tolist(), rows.sample.tolist(), strict=True)
    return Labels.of(f"s {sample}" if name is None else f"c {name}" for name, sample in named)


def _merged(judged: Sequence[Judged]) -> list[list[Judged]]:
    """Metrics that call the same answers failed, together."""
    groups: list[list[Judged]] = []
    for one in judged:
        same = next((group for group in groups if group[0].says_the_same(one)), None)
        if same is None:
            groups.append([one])
        else:
            same.append(one)
    return groups


def _counted(
    judged: Sequence[Judged], rows: TaskRows, codes: npt.NDArray[Any], count: int
) -> _Criterion:
    def many(flags: Flags) -> Counts:
        return np.bincount(codes[flags], minlength=count)

    first = judged[0]
    labelled, agreed = confirmed(first, rows)
    own, _ = rows.sample[first.about].units()  # the first row of each sample
    return _Criterion(
        judged,
        np.bincount(codes[first.about][own], minlength=count),
        many(first.about),
        many(first.failed),
        many(first.tried),
        many(labelled & first.failed),
        many(agreed & first.failed),
    )


def _examples_wanted(
    criteria: Sequence[_Criterion], codes: npt.NDArray[Any]
) -> dict[int, list[_Open]]:
    """Place of a row -> the findings that show it: the first failed answers of each."""
    wanted: dict[int, list[_Open]] = {}
    for number, criterion in enumerate(criteria):
        opened: dict[int, _Open] = {}
        for place in np.flatnonzero(criterion.judged[0].failed).tolist():
            unit = int(codes[place])
            found = opened.setdefault(unit, _Open(number, unit))
            if found.waiting < _EXAMPLES:
                found.waiting += 1
                wanted.setdefault(place, []).append(found)
    return wanted


def _digest(text: str | None) -> str | None:
    return None if text is None else sha256(text)


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= _MOST_TEXT:
        return text
    return f"{text[:_MOST_TEXT]} [cut: {len(text)} characters in all]"
