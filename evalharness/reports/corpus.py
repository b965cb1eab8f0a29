"""The audit of a corpus as lines that people read."""

from __future__ import annotations

from evalharness.corpus.audit import Audit, Gate, Rate
from evalharness.reports.numbers import count
from evalharness.reports.text import plain

__all__ = ["lines"]

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
        shown.append(f"  labels by {raters}, {' to '.join(found.labels.dates)}")
    shown += ["", "Gates: the point estimate decides, the bound says what is demonstrated"]
    gates = [gate for gate in found.gates if not gate.name.startswith("source ")]
    sources = [gate for gate in found.gates if gate.name.startswith("source ")]
    # the worst first: they are what is looked for
    sources.sort(key=lambda gate: (gate.state != "fails", -(gate.value or 0.0), gate.name))
    shown += [_gate(gate) for gate in (*gates, *sources[:_MOST_SOURCES])]
    if len(sources) > _MOST_SOURCES:
        shown.append(f"          and {len(sources) - _MOST_SOURCES:,} more; see the JSON")
    return shown


def _rate(rate: Rate) -> str:
    note = f"; {plain(rate.note, 300)}" if rate.note else ""
    if rate.value is None:
        return f"  {rate.title}: not measured{note}"
    counted = f"{count(rate.n_bad)} of {count(rate.n_measured)}"
    if rate.n_planned != rate.n_measured:
        counted += f" ({count(rate.n_planned)} planned)"
    interval = ""
    if rate.interval is not None and rate.at_most is not None:
        low, high = rate.interval
        interval = f" [{_share(low)} to {_share(high)}], at most {_share(rate.at_most)}"
    return f"  {rate.title}: {_share(rate.value)}{interval}: {counted}{note}"


def _gate(gate: Gate) -> str:
    rule = "at least" if gate.rule == "at_least" else "at most"
    wanted = f"{plain(gate.name, 200)} {rule} {_share(gate.threshold)} [{gate.certainty}]"
    if gate.value is None or gate.bound is None:
        return f"  {_WORDS[gate.state]}  {wanted}: not measured"
    word = "yes" if gate.demonstrated else "no"
    if gate.needed is None:
        too_few = "is too few" if gate.n_measured == 1 else "are too few"
        items = _many(gate.n_measured, "item")
        needed = f"{items} {too_few} to demonstrate {_share(gate.threshold)}"
    else:
        needed = f"{rule} {count(gate.needed)} would"
    note = f"; {gate.note}" if gate.note else ""
    return (
        f"  {_WORDS[gate.state]}  {wanted}: {_share(gate.value)} of {count(gate.n_measured)}; "
        f"demonstrated: {word} ({_share(gate.bound)}; {needed}){note}"
    )


def _many(number: int, word: str) -> str:
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def _share(value: float) -> str:
    return f"{100 * value:.4g} %"
