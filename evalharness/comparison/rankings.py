"""Several runs in the order of one metric, with no rank that no test has shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from evalharness.comparison.claims import Claim, Pairing, judged
from evalharness.comparison.sides import Beside, ComparedRun, Refused
from evalharness.scorecard.metrics.base import Units
from evalharness.scorecard.metrics.registry import MetricUse
from evalharness.scorecard.model import Direction
from evalharness.scorecard.pairing import Measured, common, only
from evalharness.scorecard.ranking import Place, places_of
from evalharness.tasks.planned import PlannedTask

__all__ = ["Ranked", "Ranking", "Unranked", "judge_rankings", "rank_runs"]


@dataclass(frozen=True)
class Ranked:
    """One run in a ranking: its figure over the common units, and its place.

    Args:
        beside: the figure without which this one must not be read, as the run's scorecard has it.
    """

    run: str
    target: str
    value: float
    place: Place
    beside: Beside | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "run": self.run,
            "target": self.target,
            "value": self.value,
            "rank": [self.place.best, self.place.worst],
            "groups": list(self.place.groups),
            "beside": None if self.beside is None else {
                "metric": self.beside.name, "value": self.beside.value,
            },
        }  # fmt: skip


@dataclass(frozen=True)
class Ranking:
    """Runs in the order of one metric, over the units that all of them have measured.

    Args:
        runs: the best figure first; a rank is an interval (`scorecard.ranking`).
        pairs: every pair, tested and corrected together with those of all rankings (Holm).
        left_out: runs that are not ranked, and why.
    """

    dimension: str
    task: str
    metric: str
    title: str
    direction: Direction
    unit: str
    range: tuple[float, float]
    counted: str
    n_planned: int
    n_compared: int
    runs: tuple[Ranked, ...]
    pairs: tuple[Claim, ...]
    left_out: tuple[Refused, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data; no NaN in it."""
        return {
            "dimension": self.dimension, "task": self.task, "metric": self.metric,
            "title": self.title, "direction": self.direction, "unit": self.unit,
            "counted": self.counted, "n_planned": self.n_planned, "n_compared": self.n_compared,
            "runs": [ranked.to_json() for ranked in self.runs],
            "pairs": [claim.to_json() for claim in self.pairs],
            "left_out": [refused.to_json() for refused in self.left_out],
        }  # fmt: skip


@dataclass(frozen=True)
class Unranked:
    """A figure by which no runs were ranked though it was asked for, and why.

    Args:
        figure: ``task/metric``, or the dimension where that has no headline.
    """

    figure: str
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"figure": self.figure, "reasons": list(self.reasons)}


def rank_runs(
    task: PlannedTask,
    use: MetricUse,
    sides: Sequence[tuple[ComparedRun, Measured | None]],
    level: float,
) -> Ranking:
    """All pairs of runs over the units that all of them have measured; not judged yet."""
    some = [(run, side) for run, side in sides if side is not None and _measured(side).any()]
    left_out = [
        Refused(run.name, task.name, (f"{use.key}: nothing was measured that can be paired",))
        for run, side in sides
        if side is None or not _measured(side).any()
    ]
    aligned = common([side for _, side in some]) if some else []
    planned = len(_measured(aligned[0])) if aligned else 0
    if aligned:
        in_all = np.logical_and.reduce([_measured(side) for side in aligned])
        aligned = [only(side, in_all) for side in aligned]
    pairs = [
        Pairing(task, use, some[i][0].name, some[j][0].name, level).claim(aligned[i], aligned[j])
        for i, j in combinations(range(len(some)), 2)
    ]
    figures = [
        figure
        for claim in pairs
        for figure in ((claim.baseline, claim.paired.a), (claim.run, claim.paired.b))
    ]
    values = {name: value for name, value in figures if value is not None}
    unknown = Place(0, 1, len(some), ())
    return Ranking(
        dimension=task.dimension,
        task=task.name,
        metric=use.key,
        title=use.title,
        direction=use.metric.direction,
        unit=use.metric.unit,
        range=use.metric.range,
        counted=use.metric.counted,
        n_planned=planned,
        n_compared=min((claim.paired.n_compared for claim in pairs), default=0),
        runs=tuple(
            Ranked(run.name, run.target, values[run.name], unknown, run.beside(task.name, use.key))
            for run, _ in some
            if run.name in values
        ),
        pairs=tuple(pairs),
        left_out=tuple(left_out),
    )


def _measured(side: Measured) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which units have a value, or are out by the definition of a figure that can be drawn."""
    return side.measured if isinstance(side, Units) else ~side.missing


def judge_rankings(rankings: Sequence[Ranking], level: float) -> Iterator[Ranking]:
    """The rankings with their pairs judged together, and the places that follow from them."""
    judged_pairs = judged([claim for ranking in rankings for claim in ranking.pairs], "holm", level)
    for ranking in rankings:
        pairs = [next(judged_pairs) for _ in ranking.pairs]
        index = {ranked.run: place for place, ranked in enumerate(ranking.runs)}
        better: dict[tuple[int, int], int | None] = {}
        for claim in pairs:
            if claim.baseline in index and claim.run in index:
                one, other = index[claim.baseline], index[claim.run]
                winner = {"better": other, "worse": one}.get(claim.verdict)
                better[one, other] = winner
        places = places_of([ranked.value for ranked in ranking.runs], ranking.direction, better)
        runs = tuple(replace(ranking.runs[place.run], place=place) for place in places)
        yield replace(ranking, runs=runs, pairs=tuple(pairs))
