"""How a figure is written: its unit, its sign, and no more digits than its n supports."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from evalharness.reports.language import _, current, said
from evalharness.scorecard.model import Cell, Direction, Variance

__all__ = ["Quantity", "best", "count", "level", "method", "significant", "spread"]

_NBSP = "\u00a0"
_MINUS = "\u2212"
#: Units that are said by the metric's title, or by a sign of their own.
_SILENT = frozenset({"", "none", "correlation", "coefficient", "index", "ratio", "score"})
#: Methods that are called by people's names; in a scorecard they are small.
_PEOPLE = re.compile(
    r"\b(?:agresti-min|clopper-pearson|korn-graubard|lang-reiczigel|newcombe|wilson)\b"
)
#: Digits that a figure may have beyond its own, to be told from a limit.
_MOST_DIGITS = 8
_HUNDREDTHS = frozenset({"proportion", "percent", "percentage points"})


def count(number: int) -> str:
    """An integer with its thousands apart."""
    return current().number(f"{number:,}")


def level(share: float) -> str:
    """A confidence level or a floor: '95 %', '97.5 %'."""
    digits = f"{_decimal(share) * 100:.6f}".rstrip("0").rstrip(".")
    return current().number(digits) + current().percent


def method(name: str) -> str:
    """How an interval was made: 'Wilson', 'Clopper-Pearson, upper bound'."""
    return _PEOPLE.sub(lambda found: found.group().title(), said(name))


def best(direction: Direction, mark: Callable[[float], str]) -> str:
    """Which values are good, in words.

    Args:
        mark: how a target is written.
    """
    if direction == "higher":
        return _("higher is better")
    if direction == "lower":
        return _("lower is better")
    return _("{value} is best", value=mark(direction))


def significant(value: float) -> str:
    """Three significant digits, whole numbers kept whole."""
    if not math.isfinite(value):
        return _("not a number")
    return _signed(_rounded(_decimal(value), _exponent([value])), plus=False)


def _decimal(value: float) -> Decimal:
    return Decimal(repr(float(value)))


def _exponent(values: Sequence[float]) -> int:
    """The last digit to write so that the largest of ``values`` has three significant ones."""
    largest = max(abs(_decimal(value)) for value in values)
    return min(largest.adjusted() - 2, 0) if largest else 0


def _rounded(value: Decimal, exponent: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(exponent), rounding=ROUND_HALF_UP)


def _signed(value: Decimal, *, plus: bool) -> str:
    digits = current().number(f"{abs(value):,f}")
    if value == 0:
        return digits
    if value < 0:
        return f"{_MINUS}{digits}"
    return f"+{digits}" if plus else digits


@dataclass(frozen=True, slots=True)
class Quantity:
    """The scale on which one metric is written.

    Proportions become percent: one decimal, none below 100 units. Percentage points carry their
    sign. All else has three significant digits. ``n`` is the number of units measured;
    ``together`` are the figures that stand side by side and share their last digit.
    """

    unit: str
    range: tuple[float, float]
    n: int
    together: tuple[float, ...] = ()

    @classmethod
    def of(cls, cell: Cell) -> Quantity:
        ends = () if cell.interval is None else (cell.interval.low, cell.interval.high)
        together = tuple(figure for figure in (cell.value, *ends) if figure is not None)
        return cls(cell.unit, cell.range, cell.n_measured, together)

    @property
    def _factor(self) -> int:
        if self.unit == "proportion":
            return 100
        fraction = max(abs(end) for end in self.range) <= 1
        return 100 if self.unit == "percentage points" and fraction else 1

    @property
    def words(self) -> str:
        """The unit where it is a word, else nothing."""
        return "" if self.unit in _SILENT | {"proportion", "percent"} else said(self.unit)

    @property
    def _sign(self) -> str:
        return current().percent if self.unit in {"proportion", "percent"} else ""

    def _number(self, value: float, exponent: int) -> str:
        rounded = _rounded(_decimal(value) * self._factor, exponent)
        return _signed(rounded, plus=self.unit == "percentage points")

    def _last_digit(self, values: Sequence[float]) -> int:
        if self.unit in _HUNDREDTHS:
            return 0 if self.n < 100 else -1
        return _exponent([value * self._factor for value in self.together or values])

    def number(self, value: float) -> str:
        """One figure, without the word of its unit. What is not 0 is never written as 0."""
        return self._with(value, self._last_digit([value]))

    def beside(self, value: float, *limits: float) -> str:
        """A figure that is compared with limits, with its unit.

        It has as many more digits as it takes to see on which side of each it is: a bound of
        5.034 % beside a limit of 5 % is '5.03 %'.
        """
        exponent = self._last_digit([value])
        last = exponent - _MOST_DIGITS
        while exponent > last and not all(self._tells(value, one, exponent) for one in limits):
            exponent -= 1
        return self._with(value, exponent) + (f"{_NBSP}{self.words}" if self.words else "")

    def _tells(self, value: float, limit: float, exponent: int) -> bool:
        """Whether a figure with this last digit shows on which side of a limit it is."""
        exact, edge = (_decimal(number) * self._factor for number in (value, limit))
        shown, step = _rounded(exact, exponent), Decimal(1).scaleb(exponent)
        # an end is written as '<1 %' or '>99 %', which says nothing of a limit that lies there too
        at_end = self.unit == "proportion" and shown in (0, 100) and shown != exact
        if at_end and 0 < abs(edge - shown) < step:
            return False
        return shown.compare(edge) == exact.compare(edge)

    def _with(self, value: float, exponent: int) -> str:
        exact = _decimal(value) * self._factor
        rounded = _rounded(exact, exponent)
        step = Decimal(1).scaleb(exponent)
        if self.unit == "proportion" and value > 0 and rounded == 0:
            return f"<{current().number(str(step))}{self._sign}"
        if self.unit == "proportion" and value < 1 and rounded == 100:
            return f">{current().number(str(100 - step))}{self._sign}"
        if value and rounded == 0:
            exponent = exact.adjusted()
        return self._number(value, exponent) + self._sign

    def deviation(self, value: float) -> str:
        """A standard deviation: as a figure, without a sign before it."""
        return self.value(value).removeprefix("+")

    def value(self, value: float) -> str:
        """One figure with its unit."""
        return self.number(value) + (f"{_NBSP}{self.words}" if self.words else "")

    def span(self, low: float, high: float) -> str:
        """Two ends: '62.1-78.4 %' with an en dash, or 'a to b' where a sign would hide in it."""
        exponent = self._last_digit([low, high])
        first, last = (self._number(end, exponent) for end in (low, high))
        signs = low < 0 or self.unit == "percentage points"
        fields = {"low": first, "high": last, "sign": self._sign}
        span = _("{low} to {high}{sign}", **fields) if signs else _("{low}–{high}{sign}", **fields)
        return f"{span}{_NBSP}{self.words}" if self.words else span

    def mark(self, value: float) -> str:
        """A point of the scale itself (an end of its range, a target), without idle zeros."""
        text = f"{_decimal(value) * self._factor:,f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return current().number(text).replace("-", _MINUS) + self._sign


def spread(variance: Variance, scale: Quantity) -> str:
    """How single answers vary, as standard deviations: 'SD 12 % within items, 31 % between'."""
    within, between = (scale.deviation(math.sqrt(v)) for v in (variance.within, variance.between))
    repeats = current().number(f"{variance.repeats:.1f}".removesuffix(".0"))
    return _(
        "SD {within} within items ({n} answers each), {between} between",
        within=within,
        n=repeats,
        between=between,
    )
