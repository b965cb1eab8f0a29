"""The page of a comparison, and its part for notebooks: differences with intervals, and ties.

As the report it has no JavaScript, loads nothing, escapes every text, and is the same for the same
runs to the byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    p_value,
    plot,
    signed,
    span,
    way,
)
from evalharness.reports.differences import method as method_of
from evalharness.reports.language import _, current, plural, said
from evalharness.reports.numbers import Quantity
from evalharness.reports.page import SCREEN, Medium, environment
from evalharness.reports.placing import placement_views
from evalharness.reports.view import tag_value, word_of

if TYPE_CHECKING:
    from evalharness.comparison import Claim, Comparison, Ranked, Ranking
    from evalharness.scorecard.model import Cell
    from evalharness.scorecard.pairing import Paired
    from evalharness.scorecard.placing import Placement

__all__ = ["RunView", "comparison_fragment", "render_comparison", "run_views"]

#: What each verdict says, in the order of every table.
_VERDICTS = ("better", "worse", "no difference shown", "not tested")


@dataclass(frozen=True, slots=True)
class RunView:
    """One run against the baseline."""

    name: str
    target: str
    anchor: str
    counts: tuple[tuple[str, int], ...]
    claims: tuple[ClaimView, ...]
    slices: tuple[ClaimView, ...]
    refused: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class PlaceView:
    rank: str
    groups: str
    name: str
    target: str
    value: str
    beside: tuple[str, str | None] | None
    demonstration: bool


@dataclass(frozen=True, slots=True)
class RankingView:
    name: str
    title: str
    direction: str
    counted: str
    pairs: int
    separated: int
    places: tuple[PlaceView, ...]
    left_out: tuple[tuple[str, str], ...]


def render_comparison(
    found: Comparison, medium: Medium = SCREEN, placements: Sequence[Placement] = ()
) -> str:
    """Draw a comparison as one page.

    Args:
        medium: a screen, or paper.
        placements: where its runs stand among references; they follow the differences.
    """
    more = {"medium": medium, "placements": placement_views(placements)}
    context = _context(found, drawn=True) | more
    return environment().get_template("comparison.html.j2").render(**context)


def comparison_fragment(found: Comparison) -> str:
    """The tables of the page, without its drawings and style: for a notebook."""
    return environment().get_template("_compared.html.j2").render(**_context(found, drawn=False))


def run_views(found: Comparison, *, drawn: bool = True) -> tuple[RunView, ...]:
    """Each later run against the first: in words, and as drawings where ``drawn``."""
    spans, names = half_widths(map(_shown, found.claims)) if drawn else {}, counter(1)
    later = list(zip(found.runs, found.targets, strict=True))[1:]
    return tuple(
        _run(found, place, name, target, spans, names)
        for place, (name, target) in enumerate(later, 1)
    )


def _context(found: Comparison, *, drawn: bool) -> dict[str, object]:
    return {
        "found": found,
        "foot": _foot(found.runs),
        "name": _name(found),
        "baseline": (found.runs[0], found.targets[0]),
        "runs": run_views(found, drawn=drawn),
        "rankings": tuple(_ranking(ranking, found) for ranking in found.rankings),
        "tested": found.tested,
        "error": numbers.level(round(1 - found.level, 12)),
        "lang": current().code,
    }


def _name(found: Comparison) -> str:
    """What the page is called: the models, or the runs where they are of one model."""
    names = found.targets if len(set(found.targets)) > 1 else found.runs
    if len(names) == 2:
        return _("{first} against {later}", first=names[0], later=names[1])
    more = len(names) - 1
    return plural(more, "{first} against {n} other", "{first} against {n} others", first=names[0])


def _foot(runs: Sequence[str]) -> str:
    """What stands at the foot of each sheet: which runs are compared."""
    if len(runs) == 2:
        return _("{first}, then {later}", first=runs[0], later=runs[1])
    more = len(runs) - 1
    return plural(more, "{first} and {n} more run", "{first} and {n} more runs", first=runs[0])


def _run(
    found: Comparison,
    place: int,
    name: str,
    target: str,
    spans: dict[str, float],
    names: Iterator[int],
) -> RunView:
    claims = [claim for claim in found.claims if claim.run == name]
    slices = [claim for claim in found.slices if claim.run == name]
    verdicts = [claim.verdict for claim in claims]
    return RunView(
        name=name,
        target=target,
        anchor=f"run-{place}",
        counts=tuple((said(verdict), verdicts.count(verdict)) for verdict in _VERDICTS),
        claims=tuple(_claim(found, claim, spans, names) for claim in claims),
        slices=tuple(
            _claim(found, claim, {}, names)
            for claim in slices
            if claim.verdict in {"better", "worse"}
        ),
        refused=tuple((r.task, r.reasons) for r in found.refused if r.run == name),
    )


def _counted(n: int, planned: int, units: str, clusters: int | None = None) -> str:
    fields = {"n": numbers.count(n), "m": numbers.count(planned), "units": said(units)}
    if clusters is None:
        return _("{n} of {m} {units}", **fields)
    shown = numbers.count(clusters)
    return _("{n} of {m} {units} in {clusters} clusters", **fields, clusters=shown)


def _shown(claim: Claim) -> Shown:
    difference = claim.paired.difference
    return Shown(
        title=claim.title,
        direction=claim.direction,
        unit=claim.unit,
        range=claim.range,
        n=claim.paired.n_compared,
        value=difference.value,
        interval=difference.interval,
        verdict=claim.verdict,
    )


def _claim(
    found: Comparison, claim: Claim, spans: dict[str, float], names: Iterator[int]
) -> ClaimView:
    paired, difference, shown = claim.paired, claim.paired.difference, _shown(claim)
    figures = [figure for figure in (paired.a, paired.b) if figure is not None]
    scale = Quantity(claim.unit, claim.range, paired.n_compared, tuple(figures))
    change = change_of(shown)
    notes = difference.notes
    if claim.verdict == "no difference shown" and paired.detectable is not None:
        size = change.value(paired.detectable)
        notes += (_("one of {difference} would be found four times of five", difference=size),)
    return ClaimView(
        name=f"{claim.task}/{claim.metric}",
        part=None
        if claim.slice is None
        else _("{tag}: {value}", tag=word_of(claim.slice[0]), value=tag_value(*claim.slice)),
        title=said(claim.title),
        direction=way(claim.direction),
        before=_("not measured") if paired.a is None else scale.value(paired.a),
        after=_("not measured") if paired.b is None else scale.value(paired.b),
        difference=_("none") if difference.value is None else signed(change, difference.value),
        interval=span(change, difference.interval),
        method=method_of(difference.interval),
        verdict=said(claim.verdict),
        shown=shown.separated,
        p_value=p_value(claim.p_adjusted, paired.test),
        won=_won(paired),
        counted=_counted(paired.n_compared, paired.n_planned, claim.counted, difference.n_clusters),
        notes=notes,
        plot=plot(shown, spans, f"diff-{next(names)}"),
        correction=correction(
            paired.p_value,
            found.tested if claim.slice is None else found.tested_slices,
            slices=claim.slice is not None,
        ),
        own=tuple(_own(cell) for cell in found.own(claim)),
        task=said(found.titles.get(claim.task, "")),
    )


def _own(cell: Cell) -> str:
    """A run's own interval and denominator, as its scorecard has them."""
    n = numbers.count(cell.n_measured)
    if cell.interval is None:
        return _("no interval, n {n}", n=n)
    scale = Quantity.of(cell)
    return _("{interval}, n {n}", interval=scale.span(cell.interval.low, cell.interval.high), n=n)


def _won(paired: Paired) -> str:
    if paired.wins is None:
        return _("no count by unit")
    counts = {"wins": paired.wins, "ties": paired.ties, "losses": paired.losses}
    return _("{wins} won, {ties} tied, {losses} lost", **counts)


def _beside(ranked: Ranked) -> tuple[str, str | None] | None:
    """The counterpart of a figure that must not be read alone, and its value, where it has one."""
    if ranked.beside is None:
        return None
    name, value = ranked.beside.name, ranked.beside.value
    return name, None if value is None else numbers.significant(value)


def _ranking(ranking: Ranking, found: Comparison) -> RankingView:
    values = [ranked.value for ranked in ranking.runs]
    scale = Quantity(ranking.unit, ranking.range, ranking.n_compared, tuple(values))
    shown: Sequence[Claim] = [p for p in ranking.pairs if p.verdict in {"better", "worse"}]
    return RankingView(
        name=f"{ranking.task}/{ranking.metric}",
        title=said(ranking.title),
        direction=way(ranking.direction),
        counted=_counted(ranking.n_compared, ranking.n_planned, ranking.counted),
        pairs=len(ranking.pairs),
        separated=len(shown),
        places=tuple(
            PlaceView(
                rank="\u2013".join(map(str, sorted({ranked.place.best, ranked.place.worst}))),
                groups=" ".join(ranked.place.groups),
                name=ranked.run,
                target=ranked.target,
                value=scale.value(ranked.value),
                beside=_beside(ranked),
                demonstration=found.demonstrates(ranking.task, ranked.run),
            )
            for ranked in ranking.runs
        ),
        left_out=tuple((refused.run, "; ".join(refused.reasons)) for refused in ranking.left_out),
    )
