"""The risk of false rejection of a decision: how good an item must be to be accepted.

ISO/IEC 17025:2017, 7.8.6 asks for the risk of a decision rule, false acceptance and false
rejection. Both are exact here, from the binomial distribution, where a share of independent units
was counted; of other figures the rule's own words say what is known (`risk_of`).
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from fractions import Fraction

from evalharness import stats
from evalharness.policies import Criterion, Rule
from evalharness.scorecard.model import Cell

__all__ = ["ACCEPTED", "Rejection", "rejection_of"]

#: Share of the runs in which an item is accepted whose true figure is `Rejection.at`.
ACCEPTED = 0.8


@dataclass(frozen=True)
class Rejection:
    """What a test of this size asks of an item.

    Args:
        n: units that were measured.
        need: with how many of them it is accepted, at least or at most; None where with none.
        at: the true figure with which `ACCEPTED` of the runs accept it; None where none does.
        at_limit: the chance, 0 to 1, that an item whose true figure is the limit is rejected.
    """

    n: int
    need: int | None
    at: float | None
    at_limit: float


def rejection_of(cell: Cell, criterion: Criterion, rule: Rule, missing: str) -> Rejection | None:
    """The risk of false rejection; None where it is not known for this rule or figure.

    It is for one limit on a counted share of independent units.

    Args:
        missing: ``left out``; or ``worst case``, of which nothing is known once units are missing.
    """
    if not _is_known(cell, criterion, rule, missing):
        return None
    least, n = criterion.at_least, cell.n_measured
    limit = (criterion.at_most or 0.0) if least is None else least
    need = _need(cell, rule, limit, least=least is not None)
    if need is None:
        return Rejection(n, None, None, 1.0)
    if least is not None:
        at, accepted = stats.passing_rate(need, n, ACCEPTED), stats.passing_chance(need, n, limit)
        return Rejection(n, need, at, 1 - accepted)
    # at most so many events are at least so many others
    others = n - need
    at = 1 - stats.passing_rate(others, n, ACCEPTED)
    return Rejection(n, need, at, 1 - stats.passing_chance(others, n, 1 - limit))


def _is_known(cell: Cell, criterion: Criterion, rule: Rule, missing: str) -> bool:
    counted = cell.demonstrated is not None and cell.demonstrated.method == "clopper-pearson"
    wilson = cell.interval is not None and cell.interval.method == "wilson"
    whole = not cell.n_missing or missing == "left out"
    one_limit = criterion.within is None and criterion.grade is None
    return counted and whole and one_limit and (wilson or rule != "guard-band")


def _need(cell: Cell, rule: Rule, limit: float, *, least: bool) -> int | None:
    """With how many units of score 1 the rule accepts, at least or at most; None: with none."""
    n = cell.n_measured
    if rule == "simple":
        exact = Fraction(repr(limit)) * n
        return math.ceil(exact) if least else math.floor(exact)
    if rule == "one-sided":
        assert cell.demonstrated is not None  # noqa: S101 - its caller asked
        return (stats.demonstrates if least else stats.at_most)(limit, n, cell.demonstrated.level)
    assert cell.interval is not None  # noqa: S101 - its caller asked
    level, counts = cell.interval.level, range(n + 1)
    if least:
        found = bisect.bisect_left(counts, limit, key=lambda x: stats.wilson(x, n, level).low)
        return found if found <= n else None
    found = bisect.bisect_right(counts, limit, key=lambda x: stats.wilson(x, n, level).high)
    return found - 1 if found else None
