"""Cells and scorecards by hand, as aggregation would make them."""

from __future__ import annotations

from typing import Any

from evalharness import stats
from evalharness.scorecard.model import (
    DIMENSIONS,
    INSUFFICIENT,
    Cell,
    DimensionCard,
    Headline,
    Interval,
    Scorecard,
    TaskCard,
)

LEVEL = 0.95


def interval(found: stats.Interval, **changes: Any) -> Interval:
    return Interval(
        low=found.low, high=found.high, level=found.level, sides=found.sides, method=found.method
    ).model_copy(update=changes)


def share(hits: int, n: int, planned: int | None = None, **fields: Any) -> Cell:
    """A proportion of independent samples."""
    planned = n if planned is None else planned
    missing = planned - n
    found = stats.clustered_proportion([1] * hits + [0] * (n - hits), None, LEVEL)
    one = stats.clustered_proportion([1] * hits + [0] * (n - hits), None, 2 * LEVEL - 1)
    assert found.interval is not None
    assert found.claim is not None
    assert one.claim is not None
    fields = {
        "direction": "higher",
        "unit": "proportion",
        "range": (0.0, 1.0),
        "title": "A share",
        "grade": INSUFFICIENT if n < 0.95 * planned else None,
        **fields,
    }
    return Cell(
        value=found.value,
        interval=interval(found.interval),
        claim=interval(found.claim),
        demonstrated=interval(one.claim, level=LEVEL, sides=1),
        bounds=(hits / planned, (hits + missing) / planned) if missing else None,
        n_planned=planned,
        n_measured=n,
        n_missing=missing,
        outcomes={},
        protocol_id="0" * 64,
        **fields,
    )


def figure(value: float, low: float, high: float, **fields: Any) -> Cell:
    """Any figure with the one-sided bounds that are given."""
    both = Interval(low=low, high=high, level=LEVEL, sides=1, method="t")
    fields = {"direction": "higher", "unit": "score", "range": (-1.0, 1.0), **fields}
    return Cell(
        value=value,
        interval=both.model_copy(update={"sides": 2}),
        demonstrated=both,
        n_planned=100,
        n_measured=100,
        n_missing=0,
        outcomes={},
        title="A figure",
        protocol_id="0" * 64,
        **fields,
    )


def scorecard(cells: dict[str, Cell], headlines: dict[str, str] | None = None) -> Scorecard:
    """From ``dimension/task/metric`` -> cell."""
    dimensions = {}
    for dimension in DIMENSIONS:
        tasks: dict[str, dict[str, Cell]] = {}
        for key, cell in cells.items():
            where, task, metric = key.split("/")
            if where == dimension:
                tasks.setdefault(task, {})[metric] = cell
        top = (headlines or {}).get(dimension)
        named = None if top is None else top.split("/")
        dimensions[dimension] = DimensionCard(
            headline=None if named is None else Headline(task=named[0], metric=named[1]),
            tasks={task: _card(metrics) for task, metrics in tasks.items()},
        )
    return Scorecard(
        name="made",
        target={"model": "m"},
        roles={},
        seed=1,
        floor=0.95,
        level=LEVEL,
        estimand="e",
        dimensions=dimensions,
    )


def _card(metrics: dict[str, Cell]) -> TaskCard:
    return TaskCard(
        construct="c",
        version=1,
        source="s",
        licence="Apache-2.0",
        languages=("en",),
        method="choose",
        scorer="choice",
        epochs=1,
        generations=1,
        protocol_id="0" * 64,
        protocol={},
        outcomes={},
        tags={},
        metrics=metrics,
    )
