"""Where runs stand among references, in words and as drawings; and the page of one run alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count as counter
from typing import TYPE_CHECKING

from evalharness.reports import numbers
from evalharness.reports.differences import (
    ClaimView,
    Shown,
    change_of,
    correction,
    half_widths,
    method,
    p_value,
    plot,
    signed,
    span,
    way,
)
from evalharness.reports.language import _, current, said
from evalharness.reports.numbers import Quantity
from evalharness.reports.page import SCREEN, Medium, environment
from evalharness.reports.text import begun

if TYPE_CHECKING:
    from evalharness.scorecard.placing import Placed, Placement

__all__ = ["PlacementView", "placement_views", "render_placement"]


@dataclass(frozen=True, slots=True)
class PlacementView:
    """One run among references.

    Args:
        figures: reference -> the run's figures beside the reference's.
        ranks: the figure's title and name, its rank interval, and of how many.
        refused: reference, task and what differs.
    """

    run: str
    anchor: str
    references: tuple[str, ...]
    figures: tuple[tuple[str, tuple[ClaimView, ...]], ...]
    ranks: tuple[tuple[str, str, str, int], ...]
    refused: tuple[tuple[str, str, tuple[str, ...]], ...]
    error: str
    note: str


def render_placement(found: Placement, model: str, medium: Medium = SCREEN) -> str:
    """Draw where one run stands among references as a page of its own.

    Args:
        model: what was measured in the run.
        medium: a screen, or paper.
    """
    return (
        environment()
        .get_template("placement.html.j2")
        .render(
            placements=placement_views([found]),
            found=found,
            model=model,
            foot=found.run,
            medium=medium,
            lang=current().code,
        )
    )


def placement_views(placements: Sequence[Placement]) -> tuple[PlacementView, ...]:
    """Each run among the references, all on one scale a unit."""
    every = [figure for placement in placements for figure in placement.figures]
    spans, names = half_widths(map(_shown, every)), counter(1)
    return tuple(
        _placement(placement, place, spans, names) for place, placement in enumerate(placements, 1)
    )


def _placement(
    found: Placement, place: int, spans: Mapping[str, float], names: Iterator[int]
) -> PlacementView:
    note = said(found.note)
    titles = {(figure.task, figure.metric): figure.title for figure in found.figures}
    tested = sum(figure.p_adjusted is not None for figure in found.figures)
    by_reference = (
        (
            name,
            tuple(_figure(f, tested, spans, names) for f in found.figures if f.reference == name),
        )
        for name in found.references
    )
    return PlacementView(
        run=found.run,
        anchor=f"placed-{place}",
        references=found.references,
        figures=tuple((name, figures) for name, figures in by_reference if figures),
        ranks=tuple(
            (said(titles[key]), "/".join(key), _rank(best, worst), among)
            for key, (best, worst, among) in found.ranks.items()
        ),
        refused=found.refused,
        error=numbers.level(round(1 - found.level, 12)),
        note=begun(note),
    )


def _rank(best: int, worst: int) -> str:
    return f"{best}" if best == worst else f"{best}\u2013{worst}"


def _shown(figure: Placed) -> Shown:
    return Shown(
        title=figure.title,
        direction=figure.direction,
        unit=figure.unit,
        range=figure.range,
        n=min(figure.n, figure.reference_n),
        value=figure.difference,
        interval=figure.interval,
        verdict=figure.verdict,
    )


def _figure(
    figure: Placed, tested: int, spans: Mapping[str, float], names: Iterator[int]
) -> ClaimView:
    shown = _shown(figure)
    change = change_of(shown)
    values = [v for v in (figure.reference_value, figure.value) if v is not None]
    scale = Quantity(figure.unit, shown.range, shown.n, tuple(values))
    theirs, own = (
        _("not measured") if value is None else scale.value(value)
        for value in (figure.reference_value, figure.value)
    )
    fields = {"n": numbers.count(figure.n), "m": numbers.count(figure.reference_n)}
    return ClaimView(
        name=f"{figure.task}/{figure.metric}",
        part=None,
        title=said(figure.title),
        direction=way(figure.direction),
        before=theirs,
        after=own,
        difference=_("none") if figure.difference is None else signed(change, figure.difference),
        interval=span(change, figure.interval),
        method=method(figure.interval),
        verdict=said(figure.verdict),
        shown=shown.separated,
        p_value=p_value(figure.p_adjusted, None),
        won=_ratio(figure),
        counted=_("{n} here, {m} there: {units}", units=said(figure.counted), **fields),
        notes=figure.notes,
        plot=plot(shown, spans, f"placed-{next(names)}"),
        correction=correction(figure.p_value, tested),
    )


def _ratio(figure: Placed) -> str:
    """The run's unfavourable share by the reference's; empty where the figure is no share."""
    if figure.ratio is None:
        return ""
    ratio = numbers.significant(figure.ratio)
    if figure.ratio_ends is None:
        return _("{ratio} times its unfavourable share", ratio=ratio)
    low, high = figure.ratio_ends
    return _(
        "{ratio} times its unfavourable share ({low} to {high})",
        ratio=ratio,
        low=numbers.significant(low),
        high=_("open") if high is None else numbers.significant(high),
    )
