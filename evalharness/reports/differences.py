"""One difference in words and as a drawing: of two runs, or of a run and a reference."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup

from evalharness.reports import numbers, svg
from evalharness.reports.language import _, current, said
from evalharness.reports.numbers import Quantity
from evalharness.scorecard.model import Direction

__all__ = [
    "ClaimView", "Shown", "change_of", "correction", "half_widths", "method", "p_value", "plot",
    "rounded_up", "signed", "span", "way",
]  # fmt: skip


#: Smaller p-values are not told apart.
_LEAST = 1e-4


class Interval(Protocol):
    """What is shown of an interval, whoever computed it."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def level(self) -> float: ...
    @property
    def method(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Shown:
    """What is drawn of a difference.

    Args:
        unit, range: of the figure itself, not of the difference.
        n: units that the difference is over.
        verdict: ``better``, ``worse``, ``no difference shown`` or ``not tested``.
    """

    title: str
    direction: Direction
    unit: str
    range: tuple[float, float]
    n: int
    value: float | None
    interval: Interval | None
    verdict: str

    @property
    def separated(self) -> bool:
        """Whether a test shows a difference."""
        return self.verdict in {"better", "worse"}

    @property
    def ends(self) -> tuple[float, ...]:
        """The difference and the ends of its interval, as far as there are any."""
        interval = () if self.interval is None else (self.interval.low, self.interval.high)
        return tuple(end for end in (self.value, *interval) if end is not None)


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
    #: How the p-value was corrected, and what it is alone; empty where it stands alone.
    correction: str = ""
    #: Each side's own interval and denominator, where its scorecard has them.
    own: tuple[str, ...] = ()
    #: What people call the task; empty where it has its name alone.
    task: str = ""


def change_of(shown: Shown) -> Quantity:
    """The scale of the difference: shares differ by percentage points."""
    unit = "percentage points" if shown.unit == "proportion" else shown.unit
    return Quantity(unit, shown.range, shown.n, shown.ends)


def way(direction: Direction) -> str:
    """Which values are good, in words."""
    return numbers.best(direction, lambda target: current().number(f"{target:g}"))


def span(scale: Quantity, interval: Interval | None) -> str:
    """Both ends of an interval of a difference, each with its sign."""
    if interval is None:
        return _("no interval")
    if scale.unit == "percentage points":  # these have theirs
        return scale.span(interval.low, interval.high)
    low, high = (signed(scale, end) for end in (interval.low, interval.high))
    return _("{low} to {high}", low=low, high=high)


def method(interval: Interval | None) -> str:
    """Level and method of an interval; empty where there is none."""
    if interval is None:
        return ""
    level = numbers.level(interval.level)
    return _("{level}, {method}", level=level, method=numbers.method(interval.method))


def signed(scale: Quantity, value: float) -> str:
    """A difference, with its sign."""
    text = scale.value(value)
    return f"+{text}" if value > 0 and not text.startswith("+") else text


def p_value(adjusted: float | None, test: str | None) -> str:
    """A corrected p-value with its test, where there is one to name."""
    if adjusted is None:
        return _("no test")
    shown = _p_digits(adjusted)
    if test is None:
        return _("p below {p}", p=shown) if adjusted < _LEAST else _("p {p}", p=shown)
    if adjusted < _LEAST:
        return _("p below {p}, {test}", p=shown, test=said(test))
    return _("p {p}, {test}", p=shown, test=said(test))


def correction(alone: float | None, among: int, *, slices: bool = False) -> str:
    """How a p-value was corrected, and what it is without; empty where nothing stands beside it.

    Args:
        alone: the p-value without correction.
        among: how many were corrected together, this one among them.
        slices: of slices (Benjamini-Hochberg), not of whole figures (Holm).
    """
    if alone is None or among < 2:
        return ""
    shown = _p_digits(alone)
    fields = {"p": _("below {p}", p=shown) if alone < _LEAST else shown, "n": numbers.count(among)}
    if slices:
        return _("after Benjamini-Hochberg over {n} slices; {p} alone", **fields)
    return _("after Holm over {n} figures; {p} alone", **fields)


def _p_digits(p: float) -> str:
    return current().number("0.0001" if p < _LEAST else f"{p:.2g}")


def half_widths(shown: Iterable[Shown]) -> dict[str, float]:
    """Unit -> half the width of its scale: differences of one unit are drawn on the same one."""
    widest: dict[str, float] = {}
    for one in shown:
        for end in one.ends:
            widest[one.unit] = max(widest.get(one.unit, 0.0), abs(end))
    return {unit: rounded_up(width) for unit, width in widest.items() if width}


def rounded_up(width: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    power: float = 10.0 ** math.floor(math.log10(width))
    return next((step * power for step in (1, 2, 5) if width <= step * power), 10 * power)


def plot(shown: Shown, spans: Mapping[str, float], ident: str) -> Markup | None:
    """The difference with its interval and the line of no difference; None without a value."""
    half = spans.get(shown.unit)
    if half is None or shown.value is None:
        return None
    interval, scale = shown.interval, change_of(shown)
    desc = _(
        "Difference {difference}, {span}. {direction}: {verdict}.",
        difference=signed(scale, shown.value),
        span=span(scale, interval),
        direction=way(shown.direction).capitalize(),
        verdict=said(shown.verdict),
    )
    return svg.interval_svg(
        svg.Plot(
            ident=ident,
            range=(-half, half),
            value=shown.value,
            interval=None if interval is None else (interval.low, interval.high),
            bounds=None,
            target=0.0,
            ends=(scale.mark(-half), scale.mark(half)),
            title=said(shown.title),
            desc=desc,
        )
    )
