"""The audit of a corpus: as lines, and as a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.corpus.audit import LEVEL, Audit, Gate, Rate
from evalharness.reports import svg
from evalharness.reports.differences import rounded_up
from evalharness.reports.language import _, current, day_said, plural, said
from evalharness.reports.numbers import Quantity, count, level
from evalharness.reports.page import SCREEN, Medium, environment
from evalharness.reports.text import begun, plain

__all__ = ["lines", "render_audit"]

_WORDS = {
    "holds": "holds ", "fails": "FAILED", "insufficient": "few   ", "not measured": "?     ",
}  # fmt: skip
_MOST_SOURCES = 40


def lines(found: Audit) -> list[str]:
    """What was read and drawn, every rate, the sources, and each gate twice."""
    rules, census = found.rules, found.drawing.census
    shown = [
        f"{rules.title}, {rules.version}: {rules.certainty} source, {rules.source}",
        *([rules.note] if rules.note else []),
        f"{_many(census.n_items, 'item')} of {_many(len(census.sources), 'source')}",
        f"{_many(len(found.files), 'file')}; {_many(census.n_empty, 'row')} without text",
        f"drawn with seed {census.seed}",
        f"  for people {count(found.drawing.n_manual)}",
        f"  for keywords and classifier {count(found.drawing.n_automatic)}",
        "",
        *(_rate(rate) for rate in found.rates),
    ]
    if found.identifiers:
        types = ", ".join(f"{name} {count(n)}" for name, n in found.identifiers.items())
        shown.append(f"  identifiers, in how many items: {types}")
    if found.labels is not None and found.labels.dates is not None:
        raters = plain(", ".join(found.labels.raters), 300)
        days = " to ".join(dict.fromkeys(found.labels.dates))
        shown.append(f"  labels by {raters}, {days}")
    shown += ["", "Gates: the point estimate decides, the bound says what is demonstrated"]
    gates, more = _shown_gates(found)
    shown += [_gate(gate) for gate in gates]
    if more:
        shown.append(f"          and {more:,} more; see the JSON")
    return shown


def _shown_gates(found: Audit) -> tuple[list[Gate], int]:
    """The gates of the whole, then of sources, the worst first; and how many are left out."""
    gates = [gate for gate in found.gates if not gate.name.startswith("source ")]
    sources = [gate for gate in found.gates if gate.name.startswith("source ")]
    # the worst first: they are what is looked for
    sources.sort(key=lambda gate: (gate.state != "fails", -(gate.value or 0.0), gate.name))
    return [*gates, *sources[:_MOST_SOURCES]], max(0, len(sources) - _MOST_SOURCES)


def _rate(rate: Rate) -> str:
    note = f"; {plain(rate.note, 300)}" if rate.note else ""
    if rate.value is None:
        return f"  {rate.title}: not measured{note}"
    scale = _quantity(rate.n_measured)
    counted = f"{count(rate.n_bad)} of {count(rate.n_measured)}"
    if rate.n_planned != rate.n_measured:
        counted += f" ({count(rate.n_planned)} planned)"
    interval = ""
    if rate.interval is not None and rate.at_most is not None:
        span = scale.span(*rate.interval)
        interval = f" [{span}], at most {scale.value(rate.at_most)}"
    return _spaced(f"  {rate.title}: {scale.value(rate.value)}{interval}: {counted}{note}")


def _gate(gate: Gate) -> str:
    rule = "at least" if gate.rule == "at_least" else "at most"
    scale, limit = _quantity(gate.n_measured), level(gate.threshold)
    wanted = _spaced(f"{plain(gate.name, 200)} {rule} {limit} [{gate.certainty}]")
    if gate.value is None or gate.bound is None:
        return f"  {_WORDS[gate.state]}  {wanted}: not measured"
    word = "yes" if gate.demonstrated else "no"
    if gate.needed is None:
        too_few = "is too few" if gate.n_measured == 1 else "are too few"
        items = _many(gate.n_measured, "item")
        needed = f"{items} {too_few} to demonstrate {limit}"
    else:
        needed = f"{rule} {count(gate.needed)} would"
    note = f"; {gate.note}" if gate.note else ""
    value, bound = (scale.beside(each, gate.threshold) for each in (gate.value, gate.bound))
    return _spaced(
        f"  {_WORDS[gate.state]}  {wanted}: {value} of {count(gate.n_measured)}; "
        f"demonstrated: {word} ({bound}; {needed}){note}"
    )


def _many(number: int, word: str) -> str:
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def _spaced(text: str) -> str:
    """For a terminal, where what must not be broken is a plain space."""
    return text.replace("\u00a0", " ")


@dataclass(frozen=True, slots=True)
class RateView:
    title: str
    value: str
    interval: str
    at_most: str
    counted: str
    note: str
    plot: Markup | None


@dataclass(frozen=True, slots=True)
class GateView:
    name: str
    threshold: str
    state: str
    strong: bool
    value: str
    counted: str
    demonstrated: str
    needed: str
    note: str


def render_audit(found: Audit, medium: Medium = SCREEN) -> str:
    """Draw the audit as one page: every rate with its denominator, and each gate twice.

    The labels' own texts and the corpus's are on none of it; names of sources are.
    """
    gates, more = _shown_gates(found)
    end = _end(found.rates)
    return (
        environment()
        .get_template("audit.html.j2")
        .render(
            found=found,
            level=LEVEL,
            rules=found.rules,
            census=found.drawing.census,
            rates=[_rate_view(rate, place, end) for place, rate in enumerate(found.rates, 1)],
            gates=[_gate_view(gate) for gate in gates],
            more=more,
            name=_name(found),
            days=_days(found),
            foot=f"{found.rules.version}, seed {found.drawing.census.seed}",
            medium=medium,
            lang=current().code,
        )
    )


def _name(found: Audit) -> str:
    """What the page is called: the corpus's file or folder, and how many more were named."""
    parts = list(dict.fromkeys(file["part"] for file in found.files))
    first = plain(parts[0], 120) if parts else _("none")
    if len(parts) < 2:
        return first
    more = len(parts) - 1
    return plural(more, "{first} and {n} more", "{first} and {n} more", first=first)


def _days(found: Audit) -> str:
    """On which days people labelled; empty where they did not."""
    if found.labels is None or found.labels.dates is None:
        return ""
    days = [day_said(day) for day in dict.fromkeys(found.labels.dates)]
    return days[0] if len(days) == 1 else _("{low} to {high}", low=days[0], high=days[1])


def _quantity(n: int) -> Quantity:
    return Quantity("proportion", (0.0, 1.0), n)


def _end(rates: Iterable[Rate]) -> float:
    """Where the scale of the drawings ends: bad items are few, so not at 100 %."""
    highest = max((rate.interval[1] for rate in rates if rate.interval is not None), default=1.0)
    return min(1.0, rounded_up(highest))


def _rate_view(rate: Rate, place: int, end: float) -> RateView:
    scale = _quantity(rate.n_measured)
    plot = None
    if rate.value is not None and rate.interval is not None:
        span = scale.span(*rate.interval)
        plot = svg.interval_svg(
            svg.Plot(
                ident=f"rate-{place}",
                range=(0.0, end),
                value=rate.value,
                interval=rate.interval,
                bounds=None,
                target=None,
                ends=(scale.mark(0.0), scale.mark(end)),
                title=said(rate.title),
                desc=_("{value}, {interval}", value=scale.value(rate.value), interval=span),
            )
        )
    measured = {"n": count(rate.n_bad), "m": count(rate.n_measured)}
    counted = _("{n} of {m} items", **measured)
    if rate.n_planned != rate.n_measured:
        planned = count(rate.n_planned)
        counted = _("{n} of {m} items measured, {planned} planned", **measured, planned=planned)
    if rate.value is None:
        counted = ""
    title = said(rate.title)
    return RateView(
        title=begun(title),
        value=_("not measured") if rate.value is None else scale.value(rate.value),
        interval="" if rate.interval is None else scale.span(*rate.interval),
        at_most=""
        if rate.at_most is None
        else _("at most {value}", value=scale.value(rate.at_most)),
        counted=counted,
        note=said(rate.note) if rate.note else "",
        plot=plot,
    )


def _gate_view(gate: Gate) -> GateView:
    scale = _quantity(gate.n_measured)
    limit = level(gate.threshold)
    least, name = gate.rule == "at_least", said(gate.name)
    threshold = _("at least {value}", value=limit) if least else _("at most {value}", value=limit)
    demonstrated = needed = ""
    if gate.bound is not None:
        bound = scale.beside(gate.bound, gate.threshold)
        yes, no = _("yes: {bound}", bound=bound), _("no: {bound}", bound=bound)
        demonstrated = yes if gate.demonstrated else no
        if gate.needed is None:
            needed = plural(
                gate.n_measured,
                "{n} item is too few to demonstrate {limit}",
                "{n} items are too few to demonstrate {limit}",
                limit=limit,
            )
        elif least:
            needed = _("at least {n} would", n=count(gate.needed))
        else:
            needed = _("at most {n} would", n=count(gate.needed))
    return GateView(
        name=begun(name),
        threshold=threshold,
        state=said(gate.state),
        strong=gate.state == "fails",
        value=_("not measured") if gate.value is None else scale.beside(gate.value, gate.threshold),
        counted="" if gate.value is None else _("of {n} items", n=count(gate.n_measured)),
        demonstrated=demonstrated,
        needed=needed,
        note=said(gate.note) if gate.note else "",
    )
