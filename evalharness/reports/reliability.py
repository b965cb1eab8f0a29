"""Reliability curves: how often a model is right where it is so and so sure.

The one place that derives them, from the rows of ``samples.parquet``: in the bins of the metric
``calibration_error``, whose corrected figure stands in the scorecard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from evalharness.reports import numbers, svg
from evalharness.reports.language import _
from evalharness.reports.numbers import Quantity, count
from evalharness.scorecard.model import Scorecard
from evalharness.store.directory import RunDirectory

__all__ = ["Bin", "Curve", "CurveView", "curve_views", "reliability_curves"]

_SCORER = "calibration"


@dataclass(frozen=True, slots=True)
class Bin:
    """Samples of like confidence. ``interval`` is Wilson's, for the accuracy."""

    n: int
    confidence: float
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Curve:
    """The bins of one task, in rising order of confidence; ``level`` is that of the intervals."""

    bins: tuple[Bin, ...]
    level: float


def reliability_curves(directory: RunDirectory, scorecard: Scorecard) -> dict[str, Curve]:
    """Task -> its curve, for the tasks whose scorer records how sure the model was."""
    tasks = [
        name
        for dimension in scorecard.dimensions.values()
        for name, card in dimension.tasks.items()
        if card.scorer == _SCORER
    ]
    if not tasks:
        return {}
    import pyarrow.parquet as pq

    table = pq.read_table(
        directory.samples,
        columns=["task", "sample_id", "score_confidence", "score_correct"],
        filters=[("task", "in", tasks)],
    ).to_pandas()
    # a sample asked for several times counts once, as in the metric
    rows = table.dropna().groupby(["task", "sample_id"], sort=True).mean().reset_index()
    return {
        str(task): _curve(part, scorecard.level) for task, part in rows.groupby("task", sort=True)
    }


def _curve(rows: Any, level: float) -> Curve:
    from evalharness.scorecard.metrics.calibration import binned
    from evalharness.stats import wilson

    sizes, sure, right = binned(rows.score_confidence.to_numpy(), rows.score_correct.to_numpy())
    found = []
    for size, confidence, accuracy in zip(sizes, sure, right, strict=True):
        interval = wilson(float(accuracy) * int(size), int(size), level)
        ends = (interval.low, interval.high)
        found.append(Bin(int(size), float(confidence), float(accuracy), ends))
    return Curve(tuple(found), level)


@dataclass(frozen=True, slots=True)
class CurveView:
    """A curve as a drawing, and the rows of the table that says the same."""

    drawing: Markup
    rows: tuple[tuple[str, str, str, str], ...]
    level: str


def curve_views(curves: Mapping[str, Curve]) -> dict[str, CurveView]:
    """Task -> its curve, drawn."""
    return {
        task: _view(f"curve-{place}", curve)
        for place, (task, curve) in enumerate(sorted(curves.items()), 1)
        if curve.bins
    }


def _view(ident: str, curve: Curve) -> CurveView:
    level = numbers.level(curve.level)
    n = sum(found.n for found in curve.bins)
    return CurveView(
        drawing=svg.curve_svg(
            ident,
            [svg.Point(found.confidence, found.accuracy, found.interval) for found in curve.bins],
            title=_("Reliability curve"),
            desc=_(
                "Accuracy over confidence, {n} samples in {m} bins; the table has the figures.",
                n=count(n), m=len(curve.bins),
            ),
        ),
        rows=tuple(_row(found) for found in curve.bins),
        level=level,
    )  # fmt: skip


def _row(found: Bin) -> tuple[str, str, str, str]:
    scale = Quantity("proportion", (0, 1), 100)
    return (
        scale.value(found.confidence),
        scale.value(found.accuracy),
        scale.span(*found.interval),
        count(found.n),
    )
