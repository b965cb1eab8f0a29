"""What the page shows of a scorecard, already in words: the templates only place it.

Tasks, metrics, slices and outcomes are put in one order here, whatever order a mapping came in, so
that a scorecard from memory and one from its file give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count as counter

from markupsafe import Markup

from evalharness.records import OutcomeKind
from evalharness.reports import numbers, svg
from evalharness.reports.cell_words import demonstrated, details, grading
from evalharness.reports.corrected import (
    CorrectedView,
    IntervalView,
    corrected_view,
    interval_view,
    what_if_text,
)
from evalharness.reports.language import _, current, gap, listed, said
from evalharness.reports.numbers import Quantity, count
from evalharness.reports.outcomes import OutcomesView, outcomes_view, word_of
from evalharness.scorecard.metrics.registry import ANSWER_RATE
from evalharness.scorecard.model import (
    DIMENSIONS,
    INSUFFICIENT,
    Cell,
    DimensionCard,
    Scorecard,
    TaskCard,
)

__all__ = [
    "GLOSSARY",
    "CellView",
    "DimensionView",
    "OutcomesView",
    "TaskView",
    "View",
    "figure_views",
    "scorecard_view",
    "word_of",
]


#: Fewer measured units than this make a slice a name in a line.
FEW = 5

#: What each outcome means, in the order of every table.
GLOSSARY: dict[str, str] = {
    OutcomeKind.ANSWERED: "The model gave an answer that the scorer could read.",
    OutcomeKind.REFUSED: "The model declined to answer.",
    OutcomeKind.BLOCKED: "A filter before or behind the model stopped the request or the answer.",
    OutcomeKind.EMPTY: "A response came, and there was no text in it.",
    OutcomeKind.UNPARSED: "Text came, but not in a form that the scorer can read as an answer.",
    OutcomeKind.ERRORED: "It was tried and failed: network, server or scorer.",
    OutcomeKind.NOT_RUN: "It could not be tried; the reason is given.",
}


@dataclass(frozen=True, slots=True)
class SliceTable:
    """A metric by one tag. Slices with fewer than `FEW` measured are named in one line only."""

    tag: str
    ends: tuple[str, str]
    rows: tuple[tuple[str, CellView], ...]
    few: tuple[tuple[str, str], ...]
    #: What belongs under the table: a remark, and the slices of which it is true.
    remarks: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class CellView:
    """One metric, in words. ``details`` are what belongs to its denominator."""

    name: str
    title: str
    value: str | None
    unit: str
    exact: str
    interval: IntervalView | None
    claim: IntervalView | None
    demonstrated: str | None
    bounds: str | None
    measured: str
    details: tuple[str, ...]
    missing: bool
    arrow: str
    direction: str
    grade: str | None
    grading: str | None
    insufficient: bool
    notes: tuple[str, ...]
    plot: Markup | None
    strip: Markup | None
    ends: tuple[str, str]
    #: Its title is another metric's of the task too: its name is shown beside it.
    told_apart: bool = False
    pair_name: str | None = None
    pair: CellView | None = None
    slices: tuple[SliceTable, ...] = ()
    corrected: CorrectedView | None = None
    what_if: str | None = None
    #: Numerator and denominator of a share, where each unit counts whole or not at all.
    share: str | None = None

    @property
    def enough(self) -> str:
        """The denominator, and whether that is too little, to stand beside another figure."""
        return listed((self.measured, _("insufficient"))) if self.insufficient else self.measured


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task: its card, its metrics in order, its outcomes."""

    name: str
    anchor: str
    card: TaskCard
    metrics: tuple[CellView, ...]
    outcomes: OutcomesView
    codes: tuple[str, ...]
    counts: Mapping[str, int]
    #: What people call it; empty where it has its name alone.
    title: str = ""

    @property
    def sliced(self) -> tuple[CellView, ...]:
        return tuple(cell for cell in self.metrics if cell.slices)


@dataclass(frozen=True, slots=True)
class DimensionView:
    name: str
    title: str
    anchor: str
    tasks: tuple[TaskView, ...]
    headline: CellView | None
    headline_task: TaskView | None
    headline_outcomes: OutcomesView | None


@dataclass(frozen=True, slots=True)
class View:
    dimensions: tuple[DimensionView, ...]

    @property
    def tasks(self) -> tuple[TaskView, ...]:
        return tuple(task for dimension in self.dimensions for task in dimension.tasks)

    @property
    def untested(self) -> tuple[DimensionView, ...]:
        return tuple(dimension for dimension in self.dimensions if not dimension.tasks)

    @property
    def demonstrations(self) -> tuple[tuple[str, tuple[TaskView, ...]], ...]:
        """Why figures only demonstrate the harness -> the tasks of which that is true."""
        found: dict[str, list[TaskView]] = {}
        for task in self.tasks:
            for reason in task.card.demonstration:
                found.setdefault(reason, []).append(task)
        return tuple((reason, tuple(tasks)) for reason, tasks in found.items())

    @property
    def unmeasured(self) -> tuple[tuple[str, int], ...]:
        """Outcomes that usually leave a unit without a value, with their counts."""
        return self._summed(
            (OutcomeKind.ERRORED, OutcomeKind.NOT_RUN, OutcomeKind.EMPTY, OutcomeKind.UNPARSED)
        )

    @property
    def outcomes(self) -> tuple[tuple[str, int], ...]:
        """Every outcome that occurred, with its count."""
        return self._summed(GLOSSARY)

    def _summed(self, kinds: Iterable[str]) -> tuple[tuple[str, int], ...]:
        sums = ((word_of(kind), sum(t.counts.get(kind, 0) for t in self.tasks)) for kind in kinds)
        return tuple((word, number) for word, number in sums if number)

    @property
    def generations(self) -> int:
        return sum(sum(task.counts.values()) for task in self.tasks)

    @property
    def incomplete_metrics(self) -> tuple[int, int]:
        """How many metrics lack units, of how many."""
        cells = [cell for task in self.tasks for cell in task.metrics]
        return sum(cell.missing for cell in cells), len(cells)


@dataclass(slots=True)
class _Names:
    """Names for elements: unique on the page, the same for the same scorecard, never data."""

    _numbers: Iterator[int] = field(default_factory=lambda: counter(1))
    _taken: set[str] = field(default_factory=set)

    def figure(self) -> str:
        return f"fig-{next(self._numbers)}"

    def anchor(self, prefix: str, text: str) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", text.lower())[:60].strip("-")
        name = f"{prefix}-{slug}"
        while name in self._taken:
            name += "-x"
        self._taken.add(name)
        return name


def _direction(cell: Cell, scale: Quantity) -> tuple[str, str]:
    arrow = {"higher": "\u2192", "lower": "\u2190"}.get(str(cell.direction), "\u25bc")
    return arrow, numbers.best(cell.direction, scale.mark)


def _plot(cell: Cell, scale: Quantity, names: _Names) -> svg.Plot | None:
    low, high = cell.range
    if low >= high or (cell.value is None and cell.interval is None and cell.bounds is None):
        return None
    told = [_("On a scale from {low} to {high}.", low=scale.mark(low), high=scale.mark(high))]
    if cell.value is not None:
        told.append(_("Value {value}.", value=scale.value(cell.value)))
    if cell.interval is not None:
        span = scale.span(cell.interval.low, cell.interval.high)
        level = numbers.level(cell.interval.level)
        told.append(_("{level} interval {span}.", level=level, span=span))
    if cell.bounds is not None:
        told.append(_("With the missing ones, anything in {span}.", span=scale.span(*cell.bounds)))
    told.append(_("{text}.", text=_direction(cell, scale)[1].capitalize()))
    return svg.Plot(
        ident=names.figure(),
        range=cell.range,
        value=cell.value,
        interval=(cell.interval.low, cell.interval.high) if cell.interval else None,
        bounds=cell.bounds,
        target=None if isinstance(cell.direction, str) else cell.direction,
        ends=(scale.mark(low), scale.mark(high)),
        title=said(cell.title),
        desc=gap().join(told),
    )


def _slices(cell: Cell) -> tuple[SliceTable, ...]:
    scale = Quantity.of(cell)
    return tuple(
        _slice_table(tag, parts, (scale.mark(cell.range[0]), scale.mark(cell.range[1])), cell)
        for tag, parts in sorted(cell.slices.items())
        if parts
    )


def _slice_table(
    tag: str, parts: Mapping[str, Cell], ends: tuple[str, str], whole: Cell
) -> SliceTable:
    shown = {name: part for name, part in sorted(parts.items()) if part.n_measured >= FEW}
    rows = tuple(
        (tag_value(tag, name), cell_view(name, part, _Names())) for name, part in shown.items()
    )
    remarks: dict[str, list[str]] = {}
    for name, view in rows:
        for note in view.notes:
            remarks.setdefault(note, []).append(name)
    return SliceTable(
        tag=word_of(tag),
        ends=ends,
        rows=tuple(
            (name, replace(view, strip=_strip(shown[view.name], whole))) for name, view in rows
        ),
        few=tuple(
            (
                tag_value(tag, name),
                _("{n} of {m}", n=count(part.n_measured), m=count(part.n_planned)),
            )
            for name, part in sorted(parts.items())
            if part.n_measured < FEW
        ),
        remarks=tuple((note, tuple(names)) for note, names in remarks.items()),
    )


def _strip(part: Cell, whole: Cell) -> Markup | None:
    """A slice as a line, with the value of all as a mark to see it against."""
    plot = _plot(part, Quantity.of(part), _Names())
    return None if plot is None else svg.strip_svg(plot, whole.value)


def tag_value(tag: str, value: str) -> str:
    """A slice's value in words."""
    return current().tongue(value) if tag == "language" else said(value)


def cell_view(
    name: str, cell: Cell, names: _Names, pairs: Mapping[str, Cell] | None = None
) -> CellView:
    """One cell in words, with the metric (out of ``pairs``) that it must not be read without."""
    plot = _plot(cell, Quantity.of(cell), names)
    scale = Quantity.of(cell)
    arrow, direction = _direction(cell, scale)
    pair_name = cell.headline_pair
    pair = pairs.get(pair_name) if pairs and pair_name is not None else None
    return CellView(
        name=name,
        title=said(cell.title),
        value=None if cell.value is None else scale.number(cell.value),
        unit=scale.words,
        exact="" if cell.value is None else repr(cell.value),
        interval=interval_view(cell.interval, scale),
        claim=interval_view(cell.claim, scale),
        demonstrated=demonstrated(cell, scale),
        bounds=None if cell.bounds is None else scale.span(*cell.bounds),
        measured=_(
            "{n} of {m} {units} measured",
            n=count(cell.n_measured),
            m=count(cell.n_planned),
            units=said(cell.counted),
        ),
        details=details(cell, scale),
        missing=cell.n_missing > 0,
        arrow=arrow,
        direction=direction,
        grade=cell.grade if cell.grade != INSUFFICIENT else None,
        grading=grading(cell),
        insufficient=cell.grade == INSUFFICIENT,
        notes=cell.notes,
        plot=None if plot is None else svg.interval_svg(plot),
        strip=None if plot is None else svg.strip_svg(plot),
        ends=("", "") if plot is None else plot.ends,
        pair_name=pair_name,
        pair=None if pair is None or pair_name is None else cell_view(pair_name, pair, names),
        slices=_slices(cell),
        corrected=corrected_view(cell),
        what_if=what_if_text(cell),
    )


def _share(cell: Cell, card: TaskCard) -> str | None:
    """'42 of 49', where the value is the share of units with a score of 1 and none was repeated.

    Told by its interval to claim: Clopper and Pearson's on the units themselves is made of a count.
    """
    counted = cell.claim is not None and cell.claim.method == "clopper-pearson"
    if cell.value is None or not counted or card.epochs * card.generations != 1:
        return None
    exact = cell.value * cell.n_measured
    if abs(exact - round(exact)) > 1e-6:
        return None
    return _("{part} of {whole}", part=count(round(exact)), whole=count(cell.n_measured))


def _task(
    name: str, card: TaskCard, names: _Names, first: Iterable[str], others: Mapping[str, Cell]
) -> TaskView:
    order = {metric: place for place, metric in enumerate(first)}
    metrics = sorted(card.metrics, key=lambda m: (order.get(m, len(order)), m == ANSWER_RATE, m))
    titles = [cell.title for cell in card.metrics.values()]
    return TaskView(
        name=name,
        anchor=names.anchor("task", name),
        card=card,
        metrics=tuple(
            replace(
                cell_view(m, card.metrics[m], names, {**others, **card.metrics}),
                share=_share(card.metrics[m], card),
                told_apart=titles.count(card.metrics[m].title) > 1,
            )
            for m in metrics
        ),
        outcomes=outcomes_view(card.outcomes, names.figure(), name),
        codes=tuple(f"{key}: {listed(card.tags[key])}" for key in sorted(card.tags)),
        counts=card.outcomes,
    )


def _dimension(
    name: str,
    card: DimensionCard | None,
    names: _Names,
    others: Mapping[str, Cell],
    titles: Mapping[str, str],
) -> DimensionView:
    title = word_of(name).capitalize()
    anchor = names.anchor("dimension", name)
    if card is None:
        return DimensionView(name, title, anchor, (), None, None, None)
    headline = card.headline
    tasks = []
    for task in sorted(
        card.tasks, key=lambda task: (headline is None or task != headline.task, task)
    ):
        first: list[str] = []
        if headline is not None and task == headline.task:
            first = [headline.metric]
            top = card.tasks[task].metrics.get(headline.metric)
            first += [top.headline_pair] if top is not None and top.headline_pair else []
        seen = _task(task, card.tasks[task], names, first, others)
        tasks.append(replace(seen, title=said(titles.get(task, ""))))
    chosen = next((t for t in tasks if headline is not None and t.name == headline.task), None)
    cell = outcomes = None
    if headline is not None and chosen is not None:
        metrics = chosen.card.metrics
        if headline.metric in metrics:
            top = metrics[headline.metric]
            cell = cell_view(headline.metric, top, names, {**others, **metrics})
            outcomes = outcomes_view(top.outcomes, names.figure(), title)
    return DimensionView(name, title, anchor, tuple(tasks), cell, chosen, outcomes)


def scorecard_view(scorecard: Scorecard, titles: Mapping[str, str] | None = None) -> View:
    """The five dimensions in their order, then any other that the scorecard holds, by name.

    Args:
        titles: task -> what people call it.
    """
    names = _Names()
    more = sorted(set(scorecard.dimensions) - set(DIMENSIONS))
    # a metric's counterpart may be another task's
    cells = {
        f"{task}/{metric}": cell
        for dimension in scorecard.dimensions.values()
        for task, card in dimension.tasks.items()
        for metric, cell in card.metrics.items()
    }
    found = (
        _dimension(name, scorecard.dimensions.get(name), names, cells, titles or {})
        for name in (*DIMENSIONS, *more)
    )
    return View(tuple(found))


def figure_views(cells: Iterable[tuple[str, Cell]]) -> tuple[CellView, ...]:
    """Figures that stand by themselves under names of the caller's, in words."""
    names = _Names()
    return tuple(cell_view(name, cell, names) for name, cell in cells)
