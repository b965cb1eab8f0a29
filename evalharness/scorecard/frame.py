"""Figures as a tidy table: one row a metric, or one a slice of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from evalharness.scorecard.model import Cell, Interval, Scorecard, TaskCard

__all__ = ["COLUMNS", "figures_frame", "rows_of"]

#: Column -> pandas' type of it. Each holds missing values as ``pandas.NA``, never as NaN.
COLUMNS: dict[str, str] = {
    "dimension": "string",
    "task": "string",
    "metric": "string",
    "tag": "string",
    "part": "string",
    "title": "string",
    "value": "Float64",
    "low": "Float64",
    "high": "Float64",
    "level": "Float64",
    "method": "string",
    "claim_low": "Float64",
    "claim_high": "Float64",
    "demonstrated_low": "Float64",
    "demonstrated_high": "Float64",
    "demonstrated_level": "Float64",
    "bound_low": "Float64",
    "bound_high": "Float64",
    "corrected": "Float64",
    "corrected_low": "Float64",
    "corrected_high": "Float64",
    "n_planned": "Int64",
    "n_measured": "Int64",
    "n_excluded": "Int64",
    "n_missing": "Int64",
    "n_clusters": "Int64",
    "counted": "string",
    "unit": "string",
    "direction": "string",
    "best_at": "Float64",
    "range_low": "Float64",
    "range_high": "Float64",
    "grade": "string",
    "headline": "bool",
    "headline_pair": "string",
    "demonstration": "bool",
    "asked_by": "string",
    "scorer": "string",
    "task_version": "Int64",
    "protocol_id": "string",
    "notes": "string",
}

_PARTS = ("tag", "part")


def rows_of(scorecard: Scorecard, *, slices: bool = False) -> Iterator[dict[str, Any]]:
    """One row a metric, in the scorecard's order; with ``slices`` one a slice instead."""
    for dimension, card in scorecard.dimensions.items():
        for task, tested in card.tasks.items():
            for metric, cell in tested.metrics.items():
                headline = card.headline is not None and (
                    (task, metric) == (card.headline.task, card.headline.metric)
                )
                place = {
                    "dimension": dimension,
                    "task": task,
                    "metric": metric,
                    "headline": headline,
                    **_asked(tested),
                }
                if not slices:
                    yield {**place, **_figure(cell)}
                    continue
                for tag, parts in cell.slices.items():
                    for part, found in parts.items():
                        yield {**place, "tag": tag, "part": part, **_figure(found)}


def figures_frame(
    rows: Iterable[Mapping[str, Any]], first: Sequence[str] = (), *, slices: bool = False
) -> pd.DataFrame:
    """The rows as a DataFrame with the columns of ``COLUMNS``, after those named ``first``.

    >>> from evalharness.scorecard.frame import figures_frame, rows_of
    >>> str(figures_frame(rows_of(run.scorecard))["best_at"].iloc[0])
    '<NA>'

    Args:
        first: columns of text that the caller put before, such as the run's id.
        slices: whether the rows are of slices, and have ``tag`` and ``part``.
    """
    import pandas as pd

    found = list(rows)
    kinds = {**dict.fromkeys(first, "string"), **COLUMNS}
    return pd.DataFrame(
        {
            # pandas' stubs know each kind by a literal alone
            name: pd.array([row.get(name) for row in found], dtype=kind)  # type: ignore[call-overload]
            for name, kind in kinds.items()
            if slices or name not in _PARTS
        }
    )


def _asked(tested: TaskCard) -> dict[str, Any]:
    return {
        "asked_by": tested.method,
        "scorer": tested.scorer,
        "task_version": tested.version,
        "demonstration": bool(tested.demonstration),
    }


def _figure(cell: Cell) -> dict[str, Any]:
    corrected = cell.corrected
    bounds = cell.bounds or (None, None)
    worded = isinstance(cell.direction, str)
    return {
        "title": cell.title,
        "value": cell.value,
        **_ends("", cell.interval),
        "level": None if cell.interval is None else cell.interval.level,
        "method": None if cell.interval is None else cell.interval.method,
        **_ends("claim_", cell.claim),
        **_ends("demonstrated_", cell.demonstrated),
        "demonstrated_level": None if cell.demonstrated is None else cell.demonstrated.level,
        "bound_low": bounds[0],
        "bound_high": bounds[1],
        "corrected": None if corrected is None else corrected.value,
        **_ends("corrected_", None if corrected is None else corrected.interval),
        "n_planned": cell.n_planned,
        "n_measured": cell.n_measured,
        "n_excluded": cell.n_excluded,
        "n_missing": cell.n_missing,
        "n_clusters": cell.n_clusters,
        "counted": cell.counted,
        "unit": cell.unit,
        "direction": cell.direction if worded else "target",
        "best_at": None if worded else cell.direction,
        "range_low": cell.range[0],
        "range_high": cell.range[1],
        "grade": cell.grade,
        "headline_pair": cell.headline_pair,
        "protocol_id": cell.protocol_id,
        "notes": "; ".join(cell.notes) or None,
    }


def _ends(prefix: str, interval: Interval | None) -> dict[str, float | None]:
    return {
        f"{prefix}low": None if interval is None else interval.low,
        f"{prefix}high": None if interval is None else interval.high,
    }
