"""A figure corrected by people's labels, and what the report says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.reports import numbers
from evalharness.reports.numbers import Quantity, count
from evalharness.scorecard.model import Cell, Corrected, Interval, Rate, RaterPair

__all__ = ["CorrectedView", "IntervalView", "corrected_view", "interval_view", "what_if_text"]

_METHODS = {
    "wilson": "Wilson",
    "clopper-pearson": "Clopper-Pearson",
    "korn-graubard": "Korn-Graubard",
    "lang-reiczigel": "Lang-Reiczigel",
    "lang-reiczigel, of the same items": "Lang-Reiczigel, of the same items",
}
_HOW = {"rogan-gladen": "Rogan-Gladen", "prediction-powered": "prediction-powered"}


@dataclass(frozen=True, slots=True)
class IntervalView:
    text: str
    caption: str
    title: str


@dataclass(frozen=True, slots=True)
class CorrectedView:
    """As a cell in words: value, interval, what it rests on."""

    method: str
    value: str | None
    unit: str
    exact: str
    interval: IntervalView | None
    measured: str
    details: tuple[str, ...]
    notes: tuple[str, ...]


def interval_view(interval: Interval | None, scale: Quantity) -> IntervalView | None:
    """An interval in words; None where there is none."""
    if interval is None:
        return None
    method = _METHODS.get(interval.method, interval.method)
    sides = "two-sided" if interval.sides == 2 else "one-sided"
    share = numbers.level(interval.level)
    caption = f"{share} interval, {method}" + ("" if interval.sides == 2 else ", one-sided")
    return IntervalView(
        text=scale.span(interval.low, interval.high),
        caption=caption,
        title=f"{sides} interval at level {share}, method: {method}",
    )


def corrected_view(cell: Cell) -> CorrectedView | None:
    """The corrected figure of a cell, in words; None where people labelled nothing of it."""
    found = cell.corrected
    if found is None:
        return None
    scale = Quantity.of(cell)
    counted = "answer" if found.n_labels == 1 else "answers"
    return CorrectedView(
        method=_HOW[found.method],
        value=None if found.value is None else scale.number(found.value),
        unit=scale.words,
        exact="" if found.value is None else repr(found.value),
        interval=interval_view(found.interval, scale),
        measured=f"{count(found.n_labels)} {counted} labelled",
        details=tuple(_details(found)),
        notes=(*_remarks(found), *found.notes),
    )


def _details(found: Corrected) -> Iterator[str]:
    for name, rate in (("sensitivity", found.sensitivity), ("specificity", found.specificity)):
        if rate is not None:
            yield f"{name} {_rate(rate)}"


def _rate(rate: Rate) -> str:
    scale = Quantity("proportion", (0.0, 1.0), rate.n)
    span = scale.span(rate.interval.low, rate.interval.high)
    return f"{scale.value(rate.value)} ({span}, n {count(rate.n)})"


def _remarks(found: Corrected) -> Iterator[str]:
    raters = "1 rater" if len(found.raters) == 1 else f"{len(found.raters)} raters"
    first, last = found.dates
    days = first if first == last else f"{first} to {last}"
    yield f"of {found.scope}; {raters} ({', '.join(found.raters)}), {days}"
    if found.n_without_verdict:
        yield f"{count(found.n_without_verdict)} labelled answers without a verdict are left out"
    for pair in found.agreement:
        yield _pair(pair)


def _pair(pair: RaterPair) -> str:
    kappa = ""
    if pair.kappa is not None and pair.interval is not None:
        low, high = (numbers.significant(end) for end in (pair.interval.low, pair.interval.high))
        kappa = f", kappa {numbers.significant(pair.kappa)} ({low} to {high})"
    said = f"{count(pair.equal)} of {count(pair.n)} labels equal"
    return f"{pair.raters[0]} and {pair.raters[1]}: {said}{kappa}"


def what_if_text(cell: Cell) -> str | None:
    """The range of a cell for a scorer that errs as its card says; None where there is none."""
    found = cell.what_if
    if found is None:
        return None
    scale, share = Quantity.of(cell), Quantity("proportion", (0.0, 1.0), 100)
    return (
        f"What if the scorer errs here as on {found.source} (sensitivity "
        f"{share.span(*found.sensitivity)}, specificity {share.span(*found.specificity)})? "
        f"Then the true figure lies in {scale.span(found.low, found.high)}"
        f"{' (clipped)' if found.clipped else ''}. This is no interval: "
        "nobody has labelled these answers"
    )
