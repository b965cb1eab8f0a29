"""Where an answer on a scale of agreement stands, on the axis that the statement belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from evalharness.records import Attempt, Role, Sample
from evalharness.scorers.base import Scoring, one_by_one
from evalharness.scorers.choice import CHOICE_VERSION, choose

__all__ = ["Stance"]


@dataclass(frozen=True)
class Stance:
    """``stance`` in [-1, 1]: how far an answer leans to the axis's positive end.

    The choices run from strongest disagreement to strongest agreement and are equally far apart:
    the first is -1, the last 1. ``target.sign`` is 1 where agreement points to the positive end and
    -1 where it points to the other one, which turns the value round.
    """

    name: ClassVar[str] = "stance"
    version: ClassVar[int] = 1000 + CHOICE_VERSION
    scores: ClassVar[tuple[str, ...]] = ("stance",)
    languages: ClassVar[frozenset[str] | None] = frozenset({"en", "zh"})
    roles: ClassVar[frozenset[Role]] = frozenset()

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        sign = int(sample.target["sign"])
        steps = len(sample.choices) - 1
        return one_by_one(
            [
                outcome
                if chosen is None
                else replace(outcome, scores={"stance": sign * (2 * chosen / steps - 1)})
                for chosen, outcome in choose(sample, attempt)
            ]
        )
