"""A figure corrected by people's labels, and what the report says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalharness.reports import numbers
from evalharness.reports.language import _, listed, plural, said
from evalharness.reports.numbers import Quantity, count
from evalharness.scorecard.model import Cell, Corrected, Interval, Rate, RaterPair

__all__ = ["CorrectedView", "IntervalView", "corrected_view", "interval_view", "what_if_text"]

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
    method = numbers.method(interval.method)
    share = numbers.level(interval.level)
    if interval.sides == 2:
        caption = _("{level} interval, {method}", level=share, method=method)
        title = _(
            "two-sided interval at level {level}, method: {method}", level=share, method=method
        )
    else:
        caption = _("{level} interval, {method}, one-sided", level=share, method=method)
        title = _(
            "one-sided interval at level {level}, method: {method}", level=share, method=method
        )
    return IntervalView(scale.span(interval.low, interval.high), caption, title)


def corrected_view(cell: Cell) -> CorrectedView | None:
    """The corrected figure of a cell, in words; None where people labelled nothing of it."""
    found = cell.corrected
    if found is None:
        return None
    scale = Quantity.of(cell)
    return CorrectedView(
        method=said(_HOW[found.method]),
        value=None if found.value is None else scale.number(found.value),
        unit=scale.words,
        exact="" if found.value is None else repr(found.value),
        interval=interval_view(found.interval, scale),
        measured=plural(found.n_labels, "{n} answer labelled", "{n} answers labelled"),
        details=tuple(_details(found)),
        notes=(*_remarks(found), *found.notes),
    )


def _details(found: Corrected) -> Iterator[str]:
    for name, rate in (("sensitivity", found.sensitivity), ("specificity", found.specificity)):
        if rate is not None:
            yield _("{name} {figure}", name=said(name), figure=_rate(rate))


def _rate(rate: Rate) -> str:
    scale = Quantity("proportion", (0.0, 1.0), rate.n)
    span = scale.span(rate.interval.low, rate.interval.high)
    return _("{value} ({span}, n {n})", value=scale.value(rate.value), span=span, n=count(rate.n))


def _remarks(found: Corrected) -> Iterator[str]:
    first, last = found.dates
    yield _(
        "of {scope}; {raters} ({names}), {days}",
        scope=said(found.scope),
        raters=plural(len(found.raters), "{n} rater", "{n} raters"),
        names=listed(found.raters),
        days=first if first == last else _("{first} to {last}", first=first, last=last),
    )
    if found.n_without_verdict:
        n = count(found.n_without_verdict)
        yield _("{n} labelled answers without a verdict are left out", n=n)
    for pair in found.agreement:
        yield _pair(pair)


def _pair(pair: RaterPair) -> str:
    fields = {"first": pair.raters[0], "second": pair.raters[1]}
    fields |= {"n": count(pair.equal), "m": count(pair.n)}
    if pair.kappa is None or pair.interval is None:
        return _("{first} and {second}: {n} of {m} labels equal", **fields)
    return _(
        "{first} and {second}: {n} of {m} labels equal, kappa {kappa} ({low} to {high})",
        **fields,
        kappa=numbers.significant(pair.kappa),
        low=numbers.significant(pair.interval.low),
        high=numbers.significant(pair.interval.high),
    )


def what_if_text(cell: Cell) -> str | None:
    """The range of a cell for a scorer that errs as its card says; None where there is none."""
    found = cell.what_if
    if found is None:
        return None
    scale, share = Quantity.of(cell), Quantity("proportion", (0.0, 1.0), 100)
    span = scale.span(found.low, found.high)
    return _(
        "What if the scorer errs here as on {source} (sensitivity {sensitivity}, specificity "
        "{specificity})? Then the true figure lies in {span}. This is no interval: nobody has "
        "labelled these answers.",
        source=said(found.source),
        sensitivity=share.span(*found.sensitivity),
        specificity=share.span(*found.specificity),
        span=_("{span} (clipped)", span=span) if found.clipped else span,
    )
