"""Where a run stands among references: by figures of the same protocol, without their samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalharness import stats
from evalharness.scorecard.model import Cell, Direction, Interval, Scorecard, TaskCard
from evalharness.scorecard.ranking import better_or_worse, corrected_p
from evalharness.scorecard.references import Reference, ReferenceFigure, ReferenceTask

__all__ = ["Placed", "Placement", "place"]

UNPAIRED = (
    "the references' samples are not at hand: intervals are those of two independent samples, and "
    "wider than paired ones on the same items"
)
#: Parts of a protocol that a task card and a reference have in words.
_WORDS = ("method", "scorer", "generations")
_METHOD = "hybrid score, from both intervals"


@dataclass(frozen=True)
class Placed:
    """One figure of a run beside the same figure of a reference.

    Args:
        difference: the run's value minus the reference's, with an unpaired interval.
        ratio: the run's unfavourable share (of a rate: harm, or 1 - accuracy) by the reference's;
            None where the figure is no share, or the reference's is 0.
        ratio_ends: of the ratio; the upper end is None where it has none.
        verdict: ``better``, ``worse``, ``no difference shown`` or ``not tested``: the run's.
        notes: why something is missing.
    """

    reference: str
    dimension: str
    task: str
    metric: str
    title: str
    direction: Direction
    unit: str
    range: tuple[float, float]
    counted: str
    value: float | None
    reference_value: float | None
    n: int
    reference_n: int
    difference: float | None = None
    interval: Interval | None = None
    ratio: float | None = None
    ratio_ends: tuple[float, float | None] | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    verdict: str = "not tested"
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data; no NaN in it."""
        return {
            "reference": self.reference, "dimension": self.dimension, "task": self.task,
            "metric": self.metric, "direction": self.direction, "unit": self.unit,
            "counted": self.counted, "value": self.value, "reference_value": self.reference_value,
            "n": self.n, "reference_n": self.reference_n, "difference": self.difference,
            "interval": None if self.interval is None else self.interval.model_dump(mode="json"),
            "ratio": self.ratio,
            "ratio_interval": None if self.ratio_ends is None else list(self.ratio_ends),
            "p_value": self.p_value, "p_adjusted": self.p_adjusted, "verdict": self.verdict,
            "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class Placement:
    """A run among references.

    Args:
        refused: reference, task and the parts of the protocol that differ.
        ranks: (task, metric) -> the run's rank interval among itself and the references that have
            the figure, and how many these are.
    """

    run: str
    references: tuple[str, ...]
    level: float
    figures: tuple[Placed, ...]
    refused: tuple[tuple[str, str, tuple[str, ...]], ...]
    ranks: Mapping[tuple[str, str], tuple[int, int, int]]
    note: str = UNPAIRED

    @property
    def comparable(self) -> bool:
        """Whether every task that a reference has too is the same test there, and there is one."""
        return bool(self.figures) and not self.refused

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "run": self.run,
            "references": list(self.references),
            "level": self.level,
            "figures": [placed.to_json() for placed in self.figures],
            "refused": [
                {"reference": name, "task": task, "reasons": list(reasons)}
                for name, task, reasons in self.refused
            ],
            "ranks": [
                {"task": task, "metric": metric, "rank": [best, worst], "of": among}
                for (task, metric), (best, worst, among) in self.ranks.items()
            ],
            "note": self.note,
        }


def place(run: str, scorecard: Scorecard, references: Sequence[Reference]) -> Placement:
    """Set a run's figures beside those of references, where both sat the same test."""
    placed: list[Placed] = []
    refused: list[tuple[str, str, tuple[str, ...]]] = []
    for reference in references:
        for dimension, cards in scorecard.dimensions.items():
            for name, card in cards.tasks.items():
                other = reference.tasks.get(name)
                if other is None or card.not_run is not None:
                    continue
                if reasons := _differs(card, other):
                    refused.append((reference.name, name, reasons))
                    continue
                placed += _figures(reference.name, dimension, name, card, other)
    judged = tuple(_judged(placed, scorecard.level))
    return Placement(
        run=run,
        references=tuple(reference.name for reference in references),
        level=scorecard.level,
        figures=judged,
        refused=tuple(refused),
        ranks=_ranks(judged),
    )


def _differs(card: TaskCard, other: ReferenceTask) -> tuple[str, ...]:
    """The parts of the protocol that differ: in words where a reference has them, else by hash."""
    if card.protocol_id == other.protocol_id:
        return ()
    parts = []
    for part in dict.fromkeys([*card.protocol, *other.protocol]):
        mine, theirs = (side.protocol.get(part, "none") for side in (card, other))
        if mine == theirs:
            continue
        said = [str(getattr(side, part, "")) for side in (card, other)] if part in _WORDS else []
        if len(set(said)) < 2:
            said = [mine[:12], theirs[:12]]
        parts.append(f"{part}: {said[0]} against {said[1]}")
    return tuple(parts) or ("protocol id",)


def _figures(
    reference: str, dimension: str, task: str, card: TaskCard, other: ReferenceTask
) -> Iterator[Placed]:
    for metric, cell in card.metrics.items():
        figure = other.metrics.get(metric)
        if figure is None:
            continue
        bare = Placed(
            reference=reference,
            dimension=dimension,
            task=task,
            metric=metric,
            title=cell.title,
            direction=cell.direction,
            unit=cell.unit,
            range=cell.range,
            counted=cell.counted,
            value=cell.value,
            reference_value=figure.value,
            n=cell.n_measured,
            reference_n=figure.n_measured,
        )
        yield _with_ratio(_with_difference(bare, cell, figure), cell, figure)


def _with_difference(bare: Placed, cell: Cell, figure: ReferenceFigure) -> Placed:
    a, b = figure.value, cell.value
    if a is None or b is None:
        return replace(bare, notes=("not measured in both",))
    bare = replace(bare, difference=b - a)
    one, other = figure.interval, cell.interval
    if one is None or other is None:
        whose = "the reference" if one is None else "the run"
        return replace(bare, notes=(f"no interval: {whose} has none for this figure",))
    if one.level != other.level or {one.sides, other.sides} != {2}:
        return replace(bare, notes=("no interval: the two have other levels",))
    low, high = stats.hybrid_difference(a, (one.low, one.high), b, (other.low, other.high))
    width = cell.range[1] - cell.range[0]
    p_value = stats.hybrid_p_value(b - a, (low, high), one.level)
    low, high = max(low, -width), min(high, width)
    if isinstance(cell.direction, float):
        # one is shown to be nearer to the target only where neither factor of
        # (b - x)^2 - (a - x)^2 = (b - a) (a + b - 2x) is 0
        middle = a + b - 2 * cell.direction
        ends = stats.hybrid_difference(-a, (-one.high, -one.low), b, (other.low, other.high))
        shift = 2 * cell.direction
        ends = ends[0] - shift, ends[1] - shift
        nearer = stats.hybrid_p_value(middle, ends, one.level)
        p_value = None if p_value is None or nearer is None else max(p_value, nearer)
    interval = Interval(low=low, high=high, level=one.level, sides=2, method=_METHOD)
    return replace(bare, interval=interval, p_value=p_value)


def _with_ratio(placed: Placed, cell: Cell, figure: ReferenceFigure) -> Placed:
    """The ratio of the unfavourable shares, where the figure is one."""
    below = figure.unfavourable
    if below is None or cell.value is None:
        return placed
    higher = cell.direction == "higher"
    top = 1 - cell.value if higher else cell.value
    if not below:
        none = "no ratio: the reference's unfavourable share is 0"
        return replace(placed, notes=(*placed.notes, none))
    placed = replace(placed, ratio=top / below)
    one, other = cell.interval, figure.interval
    if one is None or other is None or one.level != other.level:
        return placed
    ends = [
        (1 - found.high, 1 - found.low) if higher else (found.low, found.high)
        for found in (one, other)
    ]
    return replace(placed, ratio_ends=stats.hybrid_ratio(top, ends[0], below, ends[1]))


def _judged(placed: Sequence[Placed], level: float) -> Iterator[Placed]:
    """All p-values corrected together (Holm), and what they say of the run."""
    corrected = corrected_p([figure.p_value for figure in placed], "holm")
    for figure, p in zip(placed, corrected, strict=True):
        if p is None:
            yield figure
            continue
        verdict = "no difference shown"
        if p < 1 - level:
            verdict = better_or_worse(
                figure.reference_value, figure.value, figure.difference or 0.0, figure.direction
            )
        yield replace(figure, p_adjusted=p, verdict=verdict)


def _ranks(placed: Sequence[Placed]) -> dict[tuple[str, str], tuple[int, int, int]]:
    """Behind the references shown to be better, before those shown to be worse."""
    found: dict[tuple[str, str], tuple[int, int, int]] = {}
    for key in dict.fromkeys((figure.task, figure.metric) for figure in placed):
        verdicts = [
            figure.verdict
            for figure in placed
            if (figure.task, figure.metric) == key and figure.difference is not None
        ]
        if verdicts:
            among = len(verdicts) + 1
            found[key] = (1 + verdicts.count("worse"), among - verdicts.count("better"), among)
    return found
