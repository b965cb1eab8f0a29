"""Decides whether a figure meets a limit, by a named rule whose risk is said.

Estimate and demonstrated bound stand side by side: 900 of 1,000 is 90 %, and demonstrates 88.3 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any, Literal

from evalharness import stats
from evalharness.errors import ConfigError
from evalharness.policies import Criterion, Rule
from evalharness.scorecard.ends import Ends
from evalharness.scorecard.metrics.registry import READ_WITH
from evalharness.scorecard.model import INSUFFICIENT, Cell, Interval, Scorecard
from evalharness.scorecard.rejection import ACCEPTED, Rejection, rejection_of
from evalharness.yamlfile import did_you_mean

__all__ = [
    "Decision", "Demand", "Figure", "GateFailed", "check_limits", "decide", "found_by", "matching",
]  # fmt: skip

Verdict = Literal["holds", "fails", "insufficient"]

#: A size that is asked for is sought up to this many times the present one.
_MOST_TIMES = 1_000


class GateFailed(AssertionError):  # noqa: N818 - what it says, not what kind of thing it is
    """A figure does not meet its limit, or is not enough to say so."""


@dataclass(frozen=True)
class Demand:
    """A criterion with everything that the policy leaves to its defaults filled in."""

    criterion: Criterion
    rule: Rule
    missing: Literal["left out", "worst case"]

    @property
    def words(self) -> str:
        """What is demanded."""
        return self.criterion.words


@dataclass(frozen=True)
class Decision:
    """One criterion on one metric.

    Args:
        by_estimate: whether the estimate meets the limit, as a regulation's point rule asks.
        by_bound: whether the one-sided bound does: whether it is demonstrated.
        verdict: by the rule; ``insufficient`` where too little was measured to decide.
        reason: why not, and what would do.
        rejection: the risk of false rejection; None where it is not known.
    """

    key: str
    title: str
    demand: str
    rule: str
    verdict: Verdict
    reason: str
    cell: Cell | None = None
    by_estimate: bool | None = None
    by_bound: bool | None = None
    rejection: Rejection | None = None
    #: What ``demand`` says in words.
    criterion: Criterion | None = None

    @property
    def limits(self) -> tuple[float, ...]:
        """What the figure is compared with, in the metric's unit; nothing for a grade."""
        both = (None, None) if self.criterion is None else self.criterion.limits
        return tuple(limit for limit in both if limit is not None)

    @property
    def holds(self) -> bool:
        """Whether the criterion is met."""
        return self.verdict == "holds"

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        lines = [f"{self.key}: {self.demand}: {self.verdict.upper()} ({self.rule})"]
        return "\n".join([*lines, *(f"  {line}" for line in self.lines)])

    @property
    def lines(self) -> list[str]:
        """The figures behind it, and what would do."""
        found = []
        if self.cell is not None and self.cell.value is not None:
            value = _beside(self.cell.value, self.limits)
            found.append(f"estimate {value}{_said(self.by_estimate)}")
            if self.cell.demonstrated is not None:
                shown = _bounds(self.cell.demonstrated, self.limits)
                found.append(f"{shown}{_said(self.by_bound)}")
        if self.cell is not None:
            cell = self.cell
            counted = f"{cell.n_measured:,} of {cell.n_planned:,} {cell.counted} measured"
            found.append(f"{counted}, {cell.n_missing:,} missing" if cell.n_missing else counted)
        if self.rejection is not None:
            found.append(_rejected(self.rejection))
        return [*found, self.reason] if self.reason else found

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        cell = self.cell
        return {
            "metric": self.key,
            "title": self.title,
            "demand": self.demand,
            "rule": self.rule,
            "verdict": self.verdict,
            "reason": self.reason,
            "by_estimate": self.by_estimate,
            "by_bound": self.by_bound,
            "rejection": None if self.rejection is None else asdict(self.rejection),
            "value": None if cell is None else cell.value,
            "demonstrated": None
            if cell is None or cell.demonstrated is None
            else cell.demonstrated.model_dump(mode="json"),
            "n_measured": 0 if cell is None else cell.n_measured,
            "n_planned": 0 if cell is None else cell.n_planned,
        }


def _said(met: bool | None) -> str:
    return "" if met is None else ": within the limit" if met else ": NOT within the limit"


def _beside(value: float, limits: tuple[float, ...]) -> str:
    """A figure with at least four digits, and as many as show on which side of a limit it is."""
    shown = (f"{value:.{digits}g}" for digits in range(4, 18))  # 17 always tell a float
    told = (
        text
        for text in shown
        if all((float(text) > one, float(text) < one) == (value > one, value < one)
               for one in limits)
    )  # fmt: skip
    return next(told)


def _bounds(bounds: Interval, limits: tuple[float, ...]) -> str:
    low, high = (_beside(end, limits) for end in (bounds.low, bounds.high))
    return (
        f"demonstrated at least {low}, at most {high} "
        f"(each end alone: one-sided {bounds.level * 100:.4g} %, {bounds.method})"
    )


def _rejected(risk: Rejection) -> str:
    if risk.at is None:
        return f"no item is accepted, however good: {risk.n:,} are too few for this limit"
    return (
        f"of {risk.n:,} an item with a true figure of {risk.at:.4g} is accepted in "
        f"{ACCEPTED * 100:.3g} % of runs, one at the limit rejected in {risk.at_limit * 100:.3g} %"
    )


def risk_of(rule: Rule, level: float) -> str:
    """The risks of a false accept and a false reject that go with a rule (ISO/IEC 17025, 7.8.6)."""
    if rule == "simple":
        return (
            "simple: a figure just beyond its limit is accepted in about half of the runs of a "
            "large test, and in more or fewer of a small one; one just within it is rejected in "
            "the others"
        )
    percent = 100 * ((1 - level) / 2 if rule == "guard-band" else 1 - level)
    name = "guard band of the two-sided interval" if rule == "guard-band" else "one-sided bound"
    return (
        f"{name}: a figure just beyond its limit is accepted in at most {percent:.3g} % of runs, "
        f"and one just within it rejected in about {100 - percent:.3g} % or more"
    )


def decide(key: str, cell: Cell, demand: Demand) -> Decision:
    """Decide one criterion on one cell.

    Raises:
        ConfigError: the limit lies outside the metric's range.
    """
    criterion = demand.criterion
    if criterion.grade is not None:
        raise ValueError("a grade is decided by the policy's scale")
    check_limits(key, criterion, cell.range)
    for tag, wanted in criterion.where.items():
        part = cell.slices.get(tag, {}).get(wanted)
        if part is None:
            return nothing(key, demand, f"there is no slice where {tag} is {wanted}", cell.title)
        cell = part
    ends = Ends.of(cell, demand.missing)
    estimate = _estimate_meets(ends.value, criterion)
    bound = _inside(ends.demonstrated, criterion)
    band = _inside(ends.interval, criterion)
    met = {"simple": estimate, "guard-band": band, "one-sided": bound}[demand.rule]
    verdict: Verdict = "holds" if met else "fails"
    reason = ""
    if cell.grade == INSUFFICIENT:
        verdict, reason = "insufficient", _too_little(cell)
    elif met is None:
        verdict, reason = "insufficient", _notes(cell) or "there is no interval"
    elif not met:
        reason = _advice(cell, demand, estimate)
    return Decision(
        key, cell.title, demand.words, _rule_words(demand), verdict, reason, cell, estimate, bound,
        rejection_of(cell, criterion, demand.rule, demand.missing),
        criterion,
    )  # fmt: skip


def check_limits(key: str, criterion: Criterion, ends: tuple[float, float]) -> None:
    """That a limit lies within its metric's range: 5 % of a share is 0.05.

    Raises:
        ConfigError: it does not.
    """
    low, high = ends
    wrong = [
        limit
        for limit in (criterion.at_least, criterion.at_most, criterion.of)
        if limit is not None and not low <= limit <= high
    ]
    if criterion.within is not None and criterion.within > high - low:
        wrong.append(criterion.within)
    if wrong:
        raise ConfigError(
            f"{key}: {criterion.words}: {wrong[0]:g} lies outside the metric's range, {low:g} to "
            f"{high:g}; limits are in the metric's unit, 5 % of a share is 0.05"
        )


def nothing(key: str, demand: Demand, reason: str, title: str = "") -> Decision:
    """A criterion on which there is nothing to decide."""
    return Decision(key, title, demand.words, _rule_words(demand), "insufficient", reason)


def _rule_words(demand: Demand) -> str:
    if demand.criterion.grade is not None:
        return "grade"
    two = demand.rule == "one-sided" and demand.criterion.within is not None
    rule = "two one-sided tests" if two else demand.rule
    worst = ", missing as the worst case" if demand.missing == "worst case" else ""
    return f"{rule}{worst}"


def _notes(cell: Cell) -> str:
    """What is known of why there is no verdict; how a figure is to be read is no reason."""
    return "; ".join(note for note in cell.notes if not note.startswith(READ_WITH))


def _too_little(cell: Cell) -> str:
    return _notes(cell) or (
        f"{cell.n_measured:,} of {cell.n_planned:,} {cell.counted} measured: too few to decide"
    )


def _estimate_meets(span: tuple[float, float] | None, criterion: Criterion) -> bool | None:
    """As counts: 15 of 300 is 0.05, whatever the nearest float to it is."""
    if span is None:
        return None
    low, high = (Fraction(end).limit_denominator(1_000_000) for end in span)
    least, most = criterion.limits
    return (least is None or low >= Fraction(repr(least))) and (
        most is None or high <= Fraction(repr(most))
    )


def _inside(ends: tuple[float, float] | None, criterion: Criterion) -> bool | None:
    if ends is None:
        return None
    least, most = criterion.limits
    return (least is None or ends[0] >= least) and (most is None or ends[1] <= most)


def _advice(cell: Cell, demand: Demand, estimate: bool | None) -> str:
    """What an engineer can do about it."""
    if not estimate:
        return "the estimate itself is beyond the limit: the model has to change, or the limit"
    criterion = demand.criterion
    if demand.rule != "one-sided" or demand.missing != "left out" or criterion.within is not None:
        return "the estimate is within the limit; a larger test could show it, this one does not"
    size = _size(cell, criterion)
    if size is None:
        more = "the estimate is too near the limit for a test of any size to show it"
    else:
        more = f"at this rate about {size:,} {cell.counted} would"
    return f"{_counts_needed(cell, criterion)}{more}"


def _counts_needed(cell: Cell, criterion: Criterion) -> str:
    """How many of so many would have shown it; said of independent shares alone."""
    bounds, n = cell.demonstrated, cell.n_measured
    if bounds is None or bounds.method != "clopper-pearson":
        return ""
    least, most = criterion.limits
    if least is not None:
        need = stats.demonstrates(least, n, bounds.level)
        return "" if need is None else f"{need:,} of {n:,} would demonstrate it; "
    allowed = stats.at_most(most or 0.0, n, bounds.level)
    return "" if allowed is None else f"at most {allowed:,} of {n:,} would demonstrate it; "


def _size(cell: Cell, criterion: Criterion) -> int | None:
    """How many units would show it if the estimate stayed; the half width falls as 1/sqrt(n)."""
    least, most = criterion.limits
    value, bounds = cell.value, cell.demonstrated
    if value is None or bounds is None:
        return None
    room = value - least if least is not None else (most or 0.0) - value
    width = value - bounds.low if least is not None else bounds.high - value
    if room <= 0 or (width / room) ** 2 > _MOST_TIMES:
        return None
    size = math.ceil(cell.n_measured * (width / room) ** 2)
    step = int(10 ** max(0, len(str(size)) - 2))
    return -(-size // step) * step  # up to two digits: it is a guide


def matching(scorecard: Scorecard, pattern: str) -> list[str]:
    """The keys of the metrics that a criterion's pattern finds, in the scorecard's order."""
    headlines = {
        name: f"{name}/{card.headline.task}/{card.headline.metric}"
        for name, card in scorecard.dimensions.items()
        if card.headline is not None
    }
    return found_by(pattern, scorecard.cells(), headlines)


def found_by(pattern: str, keys: Iterable[str], headlines: Mapping[str, str]) -> list[str]:
    """Which of these keys a criterion's pattern finds, in their order.

    Args:
        headlines: dimension -> the key of its headline.
    """
    parts = pattern.split("/")
    if len(parts) == 2 and parts[1] == "headline":
        return [key for name, key in headlines.items() if fnmatchcase(name, parts[0])]
    return [
        key
        for key in keys
        if len(parts) == 3
        and all(fnmatchcase(a, b) for a, b in zip(key.split("/"), parts, strict=True))
    ]


@dataclass(frozen=True)
class Figure:
    """One metric of a scorecard, to state what it must be.

    Each statement raises `GateFailed` (an AssertionError) with the figures, the rule and what
    would do, unless it is met; so a forgotten ``assert`` passes nothing.
    """

    key: str
    cell: Cell
    level: float

    @classmethod
    def of(cls, scorecard: Scorecard, key: str) -> Figure:
        """The figure of that key.

        Raises:
            ConfigError: there is none.
        """
        found = matching(scorecard, key) if "*" not in key else []
        if len(found) != 1:
            names = list(scorecard.cells())
            raise ConfigError(
                f"there is no metric '{key}' (dimension/task/metric, or dimension/headline)"
                f"{did_you_mean(key, names)}"
            )
        return cls(found[0], scorecard.cells()[found[0]], scorecard.level)

    @property
    def value(self) -> float | None:
        """The estimate."""
        return self.cell.value

    def at_most(
        self, limit: float, *, confidence: float | None = None, rule: Rule = "one-sided"
    ) -> Decision:
        """The figure is at most ``limit``, in the metric's unit."""
        __tracebackhide__ = True
        return self._demand({"at_most": limit}, confidence, rule)

    def at_least(
        self, limit: float, *, confidence: float | None = None, rule: Rule = "one-sided"
    ) -> Decision:
        """The figure is at least ``limit``, in the metric's unit."""
        __tracebackhide__ = True
        return self._demand({"at_least": limit}, confidence, rule)

    def within(
        self,
        margin: float,
        *,
        of: float,
        confidence: float | None = None,
        rule: Rule = "one-sided",
    ) -> Decision:
        """The figure is within ``margin`` of ``of``: two one-sided tests."""
        __tracebackhide__ = True
        return self._demand({"within": margin, "of": of}, confidence, rule)

    def _demand(self, limits: dict[str, float], confidence: float | None, rule: Rule) -> Decision:
        __tracebackhide__ = True
        if confidence is not None and confidence != self.level:
            raise ConfigError(
                f"{self.key}: the scorecard's bounds are at {self.level:g}, not {confidence:g}; "
                f"'evalharness score RUN --set level={confidence:g}' makes one at that level"
            )
        criterion = Criterion(metric=self.key, **limits)  # type: ignore[arg-type] # checked there
        found = decide(self.key, self.cell, Demand(criterion, rule, "left out"))
        if not found.holds:
            raise GateFailed(str(found))
        return found
