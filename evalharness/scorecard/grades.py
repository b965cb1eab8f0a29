"""Grades: what a policy's scale says of a figure, derived from the metric's own direction.

A figure is turned into how good it is, 0 at the worst end of its range and 1 at the best (for a
target: at the target), in exact fractions. The scale is never told which way is up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from evalharness.policies import Bands, Grades, Policy, Relative
from evalharness.scorecard.ends import Ends
from evalharness.scorecard.model import INSUFFICIENT, Cell, Grading, Scorecard

__all__ = ["Grader", "counterpart_of", "goodness", "graded"]

#: Units in which a share of the range means something. A p-value or a count of words has no grade.
_GRADED_UNITS = frozenset({"proportion", "percent", "percentage points", "score"})

#: Counts up to this many are found again exactly in the float of their share.
_MOST = 1_000_000


def goodness(value: float, cell: Cell, *, counts: bool = True) -> Fraction:
    """How good a figure is: exactly 0 at the worst end of its range, 1 at the best.

    A signed figure of which less is better (a drop, a gap) is at its best at 0: nothing is gained
    by a model that does better under attack.

    Args:
        counts: the value is a share of counts, so the fraction that was meant is taken, not the
            nearest float to it: 0.999 is 999/1000.
    """
    low, high = (Fraction(repr(end)) for end in cell.range)
    exact = Fraction(value).limit_denominator(_MOST) if counts else Fraction(value)
    if cell.direction == "higher":
        found = (exact - low) / (high - low)
    elif cell.direction == "lower":
        found = (high - exact) / (high - max(low, Fraction(0)) if high > 0 else high - low)
    else:
        target = Fraction(repr(float(cell.direction)))
        found = 1 - abs(exact - target) / max(target - low, high - target)
    return min(Fraction(1), max(Fraction(0), found))


def _band(good: Fraction, bands: Bands) -> str:
    return next(name for name, least in bands.items() if good >= Fraction(repr(least)))


def _relative(good: Fraction, reference: Fraction, scale: Relative) -> str:
    bad, other = 1 - good, 1 - reference
    if bad <= Fraction(repr(scale.ideal)):
        return "Excellent"
    if bad > 3 * other:
        return "Poor"
    if 2 * bad <= other:
        return "Very Good"
    return "Fair" if 2 * bad >= 3 * other else "Good"


@dataclass(frozen=True)
class Grader:
    """A policy's scale over one scorecard.

    Args:
        cells: ``dimension/task/metric`` -> cell, of the whole run.
    """

    policy: Policy
    grades: Grades
    cells: Mapping[str, Cell]

    def grade(self, key: str) -> tuple[str | None, Grading]:
        """The grade of one cell and how it came about.

        A metric that must not be read alone takes the worse of its own grade and its
        counterpart's; without the counterpart it has none.
        """
        return self._grade(key, frozenset(), paired=False)

    def _grade(self, key: str, seen: frozenset[str], *, paired: bool) -> tuple[str | None, Grading]:
        cell = self.cells[key]
        grade, grading = self._alone(key, cell, paired=paired)
        if grade is None or grade == INSUFFICIENT or cell.headline_pair is None:
            return grade, grading
        other = counterpart_of(key, cell, self.cells)
        if other is None:
            return None, _why(grading, f"not graded without {cell.headline_pair}, which is not run")
        if other in seen:
            return grade, grading
        theirs, _ = self._grade(other, seen | {key}, paired=True)
        if theirs is None or theirs == INSUFFICIENT:
            return None, _why(grading, f"not graded without {cell.headline_pair}: no grade there")
        worse = max(grade, theirs, key=self.grades.names.index)
        return worse, grading.model_copy(update={"counterpart": other})

    def _alone(self, key: str, cell: Cell, *, paired: bool) -> tuple[str | None, Grading]:
        """By the scale, whatever the counterpart."""
        by = self.grades.by
        found = Grading(policy=self.policy.label, by=by, at_value=None, at_ends=None)
        least = INSUFFICIENT if cell.grade == INSUFFICIENT else None
        why = self._not_graded(key, cell, paired=paired)
        if why is not None or cell.value is None:
            return least, _why(found, why or "nothing was measured")
        ends = _ends(cell, self.policy.missing)
        found = found.model_copy(
            update={
                "at_value": self._named(key, cell, goodness(cell.value, cell), paired=paired),
                "at_ends": None
                if ends is None
                else tuple(self._named(key, cell, end, paired=paired) for end in ends),
            }
        )
        if least is not None:
            return least, found
        if by == "bound" and found.at_ends is None:
            return None, _why(found, "no interval, so nothing is demonstrated")
        return found.at_value if by == "value" else (found.at_ends or (None,))[0], found

    def _not_graded(self, key: str, cell: Cell, *, paired: bool) -> str | None:
        """Why the scale says nothing of such a figure; None where it does."""
        if cell.unit not in _GRADED_UNITS:
            return f"a figure in {cell.unit} has no grade"
        relative = self.grades.relative
        if relative is None or paired:
            return None
        if key not in relative.values:
            return "the reference has no figure for it"
        if relative.values[key].protocol_id not in {None, cell.protocol_id}:
            return "the reference sat another test"
        return None

    def _named(self, key: str, cell: Cell, good: Fraction, *, paired: bool) -> str:
        relative = self.grades.relative
        if relative is None:
            return _band(good, self.grades.bands or {})
        if paired:
            return _band(good, relative.counterpart)
        return _relative(good, goodness(relative.values[key].value, cell), relative)


def _why(grading: Grading, reason: str) -> Grading:
    return grading.model_copy(update={"reason": reason})


def _ends(cell: Cell, missing: str) -> tuple[Fraction, Fraction] | None:
    """How good the figure is at the worse and at the better end of what is demonstrated."""
    span = Ends.of(cell, missing).demonstrated
    if span is None:
        return None
    ends = sorted(goodness(end, cell, counts=False) for end in span)
    inside = not isinstance(cell.direction, str) and span[0] < cell.direction < span[1]
    return ends[0], Fraction(1) if inside else ends[1]


def counterpart_of(key: str, cell: Cell, cells: Mapping[str, Cell]) -> str | None:
    """The key of the metric without which a cell must not be read; None where it is not there."""
    if cell.headline_pair is None:
        return None
    dimension, task, _ = key.split("/")
    same = f"{dimension}/{task}/{cell.headline_pair}"
    if same in cells:
        return same
    if "/" not in cell.headline_pair:
        return None
    ending = f"/{cell.headline_pair}"
    return next((other for other in cells if other.endswith(ending)), None)


def graded(scorecard: Scorecard, policy: Policy) -> Scorecard:
    """The scorecard with every metric's grade, as the policy has it."""
    if policy.grades is None:
        return scorecard
    cells = scorecard.cells()
    grader = Grader(policy, policy.grades, cells)
    dimensions = {}
    for name, dimension in scorecard.dimensions.items():
        tasks = {}
        for task, card in dimension.tasks.items():
            metrics = {}
            for metric, cell in card.metrics.items():
                grade, grading = grader.grade(f"{name}/{task}/{metric}")
                metrics[metric] = cell.model_copy(update={"grade": grade, "grading": grading})
            tasks[task] = card.model_copy(update={"metrics": metrics})
        dimensions[name] = dimension.model_copy(update={"tasks": tasks})
    return scorecard.model_copy(update={"dimensions": dimensions})
