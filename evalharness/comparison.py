"""Compares runs: checks that they sat the same test, then pairs them sample by sample.

The first run is what the others are compared with. Two tasks of one name are the same test if their
protocol ids are equal; where they are not, each part that differs is named and nothing is computed.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from evalharness import pipeline, stats
from evalharness.errors import ConfigError
from evalharness.scorecard.differences import PartDiffers, differences
from evalharness.scorecard.metrics.registry import MetricUse, metrics_of
from evalharness.scorecard.model import Direction
from evalharness.scorecard.pairing import Paired, pair_runs
from evalharness.scorecard.rows import TaskRows, read_task
from evalharness.store.directory import RunDirectory
from evalharness.store.journal import Journal
from evalharness.tasks.planned import PlannedTask

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Claim", "Comparison", "Refused", "compare_runs"]

LEVEL = 0.95


@dataclass(frozen=True)
class Claim:
    """What one run differs by from the first in one metric, or in one slice of it.

    Args:
        p_adjusted: corrected for all claims of the comparison (Holm), or for all slices
            (Benjamini-Hochberg).
        verdict: ``better``, ``worse``, ``no difference shown``, or ``not tested``.
        slice: tag and value, of a slice.
    """

    run: str
    dimension: str
    task: str
    metric: str
    title: str
    direction: Direction
    unit: str
    paired: Paired
    slice: tuple[str, str] | None = None
    p_adjusted: float | None = None
    verdict: str = "not tested"

    def to_json(self) -> dict[str, Any]:
        """As plain data; no NaN in it."""
        paired, interval = self.paired, self.paired.difference.interval
        return {
            "run": self.run, "dimension": self.dimension, "task": self.task,
            "metric": self.metric, "slice": None if self.slice is None else list(self.slice),
            "direction": self.direction, "unit": self.unit, "a": paired.a, "b": paired.b,
            "difference": paired.difference.value,
            "interval": None if interval is None else {
                "low": interval.low, "high": interval.high, "level": interval.level,
                "sides": interval.sides, "method": interval.method,
            },
            "test": paired.test, "p_value": paired.p_value, "p_adjusted": self.p_adjusted,
            "verdict": self.verdict, "wins": paired.wins, "ties": paired.ties,
            "losses": paired.losses, "n_planned": paired.n_planned,
            "n_compared": paired.n_compared, "n_clusters": paired.difference.n_clusters,
            "detectable": paired.detectable, "not_worse_by": paired.not_worse_by,
            "notes": list(paired.difference.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class Refused:
    """A task that cannot be compared, and why."""

    run: str
    task: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other: what differs, how sure that is, and what was not compared."""

    runs: tuple[str, ...]
    targets: tuple[str, ...]
    level: float
    claims: tuple[Claim, ...]
    slices: tuple[Claim, ...]
    refused: tuple[Refused, ...]
    #: task/metric without a test by pairs.
    not_paired: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def comparable(self) -> bool:
        """Whether every task of the runs was compared."""
        return not self.refused

    def not_inferior(self, margin: float) -> list[tuple[Claim, bool]]:
        """For each claim with a direction: whether b is shown to be worse by less than ``margin``.

        One-sided, at the comparison's level. Whoever demands all of them needs no correction.
        """
        return [
            (claim, claim.paired.not_worse_by is not None and claim.paired.not_worse_by < margin)
            for claim in self.claims
            if claim.direction in {"higher", "lower"}
        ]

    def to_frame(self) -> pd.DataFrame:
        """One row a claim, slices among them: what differs, by how much, and how sure that is."""
        import pandas as pd

        return pd.json_normalize([c.to_json() for c in (*self.claims, *self.slices)])

    def _repr_html_(self) -> str:
        head = ("run", "task", "metric", "a", "b", "difference", "verdict", "p_adjusted")
        rows = [[claim.to_json()[name] for name in head] for claim in self.claims]
        cells = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_short(cell))}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        refused = "".join(
            f"<p>{html.escape(r.task)} of {html.escape(r.run)} is not comparable: "
            f"{html.escape('; '.join(r.reasons))}</p>"
            for r in self.refused
        )
        titles = "".join(f"<th>{name}</th>" for name in head)
        return f"<table><tr>{titles}</tr>{cells}</table>{refused}"

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "runs": list(self.runs),
            "targets": list(self.targets),
            "level": self.level,
            "claims": [claim.to_json() for claim in self.claims],
            "slices": [claim.to_json() for claim in self.slices],
            "refused": [
                {"run": r.run, "task": r.task, "reasons": list(r.reasons)} for r in self.refused
            ],
            "not_paired": list(self.not_paired),
            "notes": list(self.notes),
        }


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)


@dataclass
class _Run:
    """A run, with what is read of it once."""

    directory: RunDirectory
    info: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.directory.require_finished()
        self.info = self.directory.read_json(self.directory.run_json)

    @property
    def name(self) -> str:
        return self.directory.path.name

    @cached_property
    def tasks(self) -> dict[str, PlannedTask]:
        return {task.name: task for task in pipeline.tasks_of(self.info)}

    def rows(self, task: str) -> TaskRows:
        return read_task(self.directory.samples, task)

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


def compare_runs(
    directories: Sequence[RunDirectory], *, common: bool = False, level: float = LEVEL
) -> Comparison:
    """Compare runs with the first of them.

    Args:
        common: where two tasks differ in their items alone, compare the items that both have.
        level: of the intervals, and 1 - level of all claims together.

    Raises:
        ConfigError: fewer than two runs, or one of them twice.
        RunError: a run was not finished.
    """
    if len(directories) < 2:
        raise ConfigError("compare: name two runs or more: evalharness compare RUN RUN")
    if len({directory.path.resolve() for directory in directories}) < len(directories):
        raise ConfigError("compare: a run stands twice; a run does not differ from itself")
    first, *others = (_Run(directory) for directory in directories)
    claims: list[Claim] = []
    slices: list[Claim] = []
    refused: list[Refused] = []
    not_paired: dict[str, None] = {}
    notes: list[str] = []
    for other in others:
        for name in dict.fromkeys([*first.tasks, *other.tasks]):
            found = _task(first, other, name, common)
            if isinstance(found, Refused):
                refused.append(found)
                continue
            notes += found.notes
            for use in metrics_of(found.task.definition):
                claim = _claim(found, use, level)
                if claim is None:
                    not_paired[f"{name}/{use.key}"] = None
                    continue
                claims.append(claim)
                slices += _slices(found, use, level)
    return Comparison(
        runs=tuple(run.name for run in (first, *others)),
        targets=tuple(str(run.info["models"]["target"]["model"]) for run in (first, *others)),
        level=level,
        claims=tuple(_judged(claims, "holm", level)),
        slices=tuple(_judged(slices, "benjamini-hochberg", level)),
        refused=tuple(refused),
        not_paired=tuple(not_paired),
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Both:
    """One task of two runs, over the items that are compared."""

    run: str
    task: PlannedTask
    a: TaskRows
    b: TaskRows
    notes: tuple[str, ...] = ()


def _task(first: _Run, other: _Run, name: str, common: bool) -> _Both | Refused:
    for run in (first, other):
        if name not in run.tasks:
            return Refused(other.name, name, (f"{run.name} does not have it",))
        if (reason := run.tasks[name].not_run) is not None:
            return Refused(other.name, name, (f"{run.name} did not run it: {reason}",))
    a, b = first.tasks[name], other.tasks[name]
    found = differences(a, b, first.info["models"], other.info["models"])
    if not found:
        return _Both(other.name, a, first.rows(name), other.rows(name))
    if [part.part for part in found] != ["items"]:
        return Refused(other.name, name, tuple(part.sentence() for part in found))
    return _common(first, other, name, found[0], common)


def _common(
    first: _Run, other: _Run, name: str, items: PartDiffers, wanted: bool
) -> _Both | Refused:
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
    a, b = (_only(run.rows(name), same) for run in (first, other))
    note = f"{name}: of {items.a} and {items.b} the {len(same)} that are in both are compared"
    return _Both(other.name, first.tasks[name], a, b, (note,))


def _only(rows: TaskRows, wanted: set[str]) -> TaskRows:
    return rows.only(np.fromiter((s in wanted for s in rows.sample.tolist()), bool, len(rows)))


def _claim(
    both: _Both, use: MetricUse, level: float, where: Mapping[str, str] | None = None
) -> Claim | None:
    a, b = (rows.where({**use.where, **(where or {})}) for rows in (both.a, both.b))
    paired = pair_runs(use.metric, a, b, level)
    if paired is None:
        return None
    return Claim(
        run=both.run,
        dimension=both.task.dimension,
        task=both.task.name,
        metric=use.key,
        title=use.title,
        direction=use.metric.direction,
        unit=use.metric.unit,
        paired=paired,
        slice=None if not where else next(iter(where.items())),
    )


def _slices(both: _Both, use: MetricUse, level: float) -> Iterator[Claim]:
    rows = both.a.where(use.where)
    for tag in both.task.definition.slices:
        values = rows.values_of(tag)
        for value in values if tag not in use.where and len(values) > 1 else ():
            claim = _claim(both, use, level, {tag: value})
            if claim is not None:
                yield claim


def _judged(claims: Sequence[Claim], method: Any, level: float) -> Iterator[Claim]:
    """The claims with p-values that may be read beside each other, and what they say."""
    tested = [claim for claim in claims if claim.paired.p_value is not None]
    corrected = iter(
        stats.adjusted([p for c in tested if (p := c.paired.p_value) is not None], method)
    )
    for claim in claims:
        if claim.paired.p_value is None:
            yield claim
            continue
        p = next(corrected)
        yield replace(claim, p_adjusted=p, verdict=_verdict(claim, p < 1 - level))


def _verdict(claim: Claim, shown: bool) -> str:
    difference = claim.paired.difference.value
    if not shown or not difference:
        return "no difference shown"
    if claim.direction in {"higher", "lower"}:
        return "better" if (difference > 0) == (claim.direction == "higher") else "worse"
    a, b, target = claim.paired.a, claim.paired.b, float(claim.direction)
    if a is None or b is None:
        return "not tested"
    return "better" if abs(b - target) < abs(a - target) else "worse"
