"""Ranks of several runs, no finer than what was shown between them.

A rank is an interval: a run stands behind those that a test showed to be better, and before those
shown to be worse; among the others its place is not known. Runs of one tie group are those of which
no test separates any two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from string import ascii_lowercase
from typing import Literal

from evalharness import stats
from evalharness.scorecard.model import Direction

__all__ = ["Place", "better_or_worse", "corrected_p", "distance", "places_of"]


@dataclass(frozen=True)
class Place:
    """Where one run stands.

    Args:
        run: its index among the runs.
        best, worst: the rank interval, from 1; both ends are possible ranks.
        groups: the tie groups that it belongs to, by letter, ``a`` the best; a run between two
            others may share a group with each of them although those are separated.
    """

    run: int
    best: int
    worst: int
    groups: tuple[str, ...]


def distance(value: float, direction: Direction) -> float:
    """How far a figure is from the best, up to a constant: smaller is better."""
    if direction == "higher":
        return -value
    return value if direction == "lower" else abs(value - direction)


def better_or_worse(
    a: float | None, b: float | None, difference: float, direction: Direction
) -> str:
    """What a difference b - a that was shown says of b; ``not tested`` where a figure lacks."""
    if isinstance(direction, str):
        return "better" if (difference > 0) == (direction == "higher") else "worse"
    if a is None or b is None:
        return "not tested"
    return "better" if distance(b, direction) < distance(a, direction) else "worse"


def corrected_p(
    p_values: Sequence[float | None], method: Literal["holm", "benjamini-hochberg"]
) -> list[float | None]:
    """p-values of claims, corrected together; None where nothing was tested."""
    corrected = iter(stats.adjusted([p for p in p_values if p is not None], method))
    return [None if p is None else next(corrected) for p in p_values]


def places_of(
    values: Sequence[float], direction: Direction, better: Mapping[tuple[int, int], int | None]
) -> list[Place]:
    """The places of runs, best figure first; equal figures keep the order of the runs.

    Args:
        values: a figure a run.
        better: for each pair i < j the one that was shown to be better, or None.

    With p-values that were corrected together for all pairs, all rank intervals hold at once.
    Source of the intervals: Klein, Wright & Wieczorek 2020, https://doi.org/10.1111/rssa.12521;
    of the groups: Piepho 2004, https://doi.org/10.1198/1061860043515 (insert and absorb).
    """
    order = sorted(range(len(values)), key=lambda run: distance(values[run], direction))
    won = dict.fromkeys(order, 0)
    lost = dict.fromkeys(order, 0)
    separated = []
    for (one, other), winner in better.items():
        if winner is None:
            continue
        separated.append((one, other))
        won[winner] += 1
        lost[other if winner == one else one] += 1
    groups = _groups(order, separated)
    return [
        Place(
            run,
            best=1 + lost[run],
            worst=len(order) - won[run],
            groups=tuple(_letter(n) for n, group in enumerate(groups) if run in group),
        )
        for run in order
    ]


def _groups(order: Sequence[int], separated: Sequence[tuple[int, int]]) -> list[frozenset[int]]:
    """The largest sets of runs of which no two are separated, in the order of their best runs."""
    found = {frozenset(order)}
    for one, other in separated:
        torn = {group for group in found if one in group and other in group}
        found -= torn
        found |= {group - {run} for group in torn for run in (one, other)}
        found -= {a for a, b in combinations(sorted(found, key=len), 2) if a < b}
    rank = {run: place for place, run in enumerate(order)}
    return sorted(found, key=lambda group: sorted(rank[run] for run in group))


def _letter(number: int) -> str:
    turn, place = divmod(number, len(ascii_lowercase))
    return ascii_lowercase[place] + (str(turn + 1) if turn else "")
