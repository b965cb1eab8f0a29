"""The page of a comparison, and its part for notebooks: differences with intervals, and ties.

As the report it has no JavaScript, loads nothing, escapes every text, and is the same for the same
runs to the byte.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count as counter
from typing import TYPE_CHECKING

from markupsafe import Markup

from evalharness.reports import numbers, svg
from evalharness.reports.language import _, current, said
from evalharness.reports.numbers import Quantity
from evalharness.reports.page import SCREEN, environment

if TYPE_CHECKING:
    from evalharness.comparison import Claim, Comparison, Ranked, Ranking
    from evalharness.scorecard.model import Direction
    from evalharness.scorecard.pairing import Paired
    from evalharness.stats import Interval

__all__ = ["ClaimView", "RunView", "comparison_fragment", "render_comparison", "run_views"]

#: What each verdict says, in the order of every table.
_VERDICTS = ("better", "worse", "no difference shown", "not tested")


@dataclass(frozen=True, slots=True)
class ClaimView:
    """One difference, in words and as a drawing."""

    name: str
    part: str | None
    title: str
    direction: str
    before: str
    after: str
    difference: str
    interval: str
    method: str
    verdict: str
    shown: bool
    p_value: str
    won: str
    counted: str
    notes: tuple[str, ...]
    plot: Markup | None


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
    beside: str
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


def render_comparison(found: Comparison) -> str:
    """Draw a comparison as one page."""
    return environment().get_template("comparison.html.j2").render(**_context(found, drawn=True))


def comparison_fragment(found: Comparison) -> str:
    """The tables of the page, without its drawings and style: for a notebook."""
    return environment().get_template("_compared.html.j2").render(**_context(found, drawn=False))


def run_views(found: Comparison, *, drawn: bool = True) -> tuple[RunView, ...]:
    """Each later run against the first: in words, and as drawings where ``drawn``."""
    spans, names = _spans(found.claims) if drawn else {}, counter(1)
    later = list(zip(found.runs, found.targets, strict=True))[1:]
    return tuple(
        _run(found, place, name, target, spans, names)
        for place, (name, target) in enumerate(later, 1)
    )


def _context(found: Comparison, *, drawn: bool) -> dict[str, object]:
    return {
        "found": found,
        "medium": SCREEN,
        "baseline": (found.runs[0], found.targets[0]),
        "runs": run_views(found, drawn=drawn),
        "rankings": tuple(_ranking(ranking, found) for ranking in found.rankings),
        "tested": sum(claim.p_adjusted is not None for claim in found.claims),
        "error": numbers.level(round(1 - found.level, 12)),
        "lang": current().code,
    }


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
        claims=tuple(_claim(claim, spans, names) for claim in claims),
        slices=tuple(
            _claim(claim, {}, names) for claim in slices if claim.verdict in {"better", "worse"}
        ),
        refused=tuple((r.task, r.reasons) for r in found.refused if r.run == name),
    )


def _spans(claims: Iterable[Claim]) -> dict[str, float]:
    """Unit -> half the width of its scale: differences of one unit are drawn on the same one."""
    widest: dict[str, float] = {}
    for claim in claims:
        difference = claim.paired.difference
        ends = [] if difference.interval is None else [difference.interval.low,
                                                       difference.interval.high]  # fmt: skip
        for end in (*ends, difference.value):
            if end is not None:
                widest[claim.unit] = max(widest.get(claim.unit, 0.0), abs(end))
    return {unit: _round_up(width) for unit, width in widest.items() if width}


def _round_up(width: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(width))
    return next((step * power for step in (1, 2, 5) if width <= step * power), 10 * power)


def _direction(direction: Direction) -> str:
    return numbers.best(direction, lambda target: current().number(f"{target:g}"))


def _counted(n: int, planned: int, units: str, clusters: int | None = None) -> str:
    fields = {"n": numbers.count(n), "m": numbers.count(planned), "units": said(units)}
    if clusters is None:
        return _("{n} of {m} {units}", **fields)
    shown = numbers.count(clusters)
    return _("{n} of {m} {units} in {clusters} clusters", **fields, clusters=shown)


def _claim(claim: Claim, spans: dict[str, float], names: Iterator[int]) -> ClaimView:
    paired, difference = claim.paired, claim.paired.difference
    interval = difference.interval
    figures = [figure for figure in (paired.a, paired.b) if figure is not None]
    ends = [] if interval is None else [interval.low, interval.high]
    scale = Quantity(claim.unit, claim.range, paired.n_compared, tuple(figures))
    apart = [end for end in (difference.value, *ends) if end is not None]
    unit = "percentage points" if claim.unit == "proportion" else claim.unit
    change = Quantity(unit, claim.range, paired.n_compared, tuple(apart))
    notes = difference.notes
    if claim.verdict == "no difference shown" and paired.detectable is not None:
        size = change.value(paired.detectable)
        notes += (_("one of {difference} would be found four times of five", difference=size),)
    return ClaimView(
        name=f"{claim.task}/{claim.metric}",
        part=None
        if claim.slice is None
        else _("{tag}: {value}", tag=claim.slice[0], value=claim.slice[1]),
        title=said(claim.title),
        direction=_direction(claim.direction),
        before=_("not measured") if paired.a is None else scale.value(paired.a),
        after=_("not measured") if paired.b is None else scale.value(paired.b),
        difference=_("none") if difference.value is None else _signed(change, difference.value),
        interval=_span(change, interval),
        method=_method(interval),
        verdict=said(claim.verdict),
        shown=claim.verdict in {"better", "worse"},
        p_value=_p_value(claim),
        won=_won(paired),
        counted=_counted(paired.n_compared, paired.n_planned, claim.counted, difference.n_clusters),
        notes=notes,
        plot=_plot(claim, spans, change, names),
    )


def _span(scale: Quantity, interval: Interval | None) -> str:
    return _("no interval") if interval is None else scale.span(interval.low, interval.high)


def _method(interval: Interval | None) -> str:
    if interval is None:
        return ""
    level = numbers.level(interval.level)
    return _("{level}, {method}", level=level, method=said(interval.method))


def _won(paired: Paired) -> str:
    if paired.wins is None:
        return _("no count by unit")
    counts = {"wins": paired.wins, "ties": paired.ties, "losses": paired.losses}
    return _("{wins} won, {ties} tied, {losses} lost", **counts)


def _signed(scale: Quantity, value: float) -> str:
    text = scale.value(value)
    return f"+{text}" if value > 0 and not text.startswith("+") else text


def _p_value(claim: Claim) -> str:
    if claim.p_adjusted is None:
        return _("no test")
    test = said(claim.paired.test or "")
    if claim.p_adjusted < 1e-4:
        return _("p below {p}, {test}", p=current().number("0.0001"), test=test)
    return _("p {p}, {test}", p=current().number(f"{claim.p_adjusted:.2g}"), test=test)


def _plot(
    claim: Claim, spans: dict[str, float], scale: Quantity, names: Iterator[int]
) -> Markup | None:
    difference, half = claim.paired.difference, spans.get(claim.unit)
    if half is None or difference.value is None:
        return None
    interval = difference.interval
    desc = _(
        "Difference {difference}, {span}. {direction}: {verdict}.",
        difference=_signed(scale, difference.value),
        span=_span(scale, interval),
        direction=_direction(claim.direction).capitalize(),
        verdict=said(claim.verdict),
    )
    return svg.interval_svg(
        svg.Plot(
            ident=f"diff-{next(names)}",
            range=(-half, half),
            value=difference.value,
            interval=None if interval is None else (interval.low, interval.high),
            bounds=None,
            target=0.0,
            ends=(scale.mark(-half), scale.mark(half)),
            title=said(claim.title),
            desc=desc,
        )
    )


def _beside(ranked: Ranked) -> str:
    """The counterpart of a figure that must not be read alone; empty where it stands alone."""
    if ranked.beside is None:
        return ""
    name, value = ranked.beside.name, ranked.beside.value
    if value is None:
        return f"not to be read without {name}, which is not measured"
    return f"beside it {name} {numbers.significant(value)}"


def _ranking(ranking: Ranking, found: Comparison) -> RankingView:
    values = [ranked.value for ranked in ranking.runs]
    scale = Quantity(ranking.unit, ranking.range, ranking.n_compared, tuple(values))
    shown: Sequence[Claim] = [p for p in ranking.pairs if p.verdict in {"better", "worse"}]
    return RankingView(
        name=f"{ranking.task}/{ranking.metric}",
        title=said(ranking.title),
        direction=_direction(ranking.direction),
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
