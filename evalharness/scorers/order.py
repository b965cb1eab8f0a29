"""Whether a model finds a data set's own order likelier than others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from evalharness.records import Attempt, Outcome, OutcomeKind, Role, Sample
from evalharness.scorers.base import Scoring, one_by_one
from evalharness.scorers.choice import loglikelihoods

__all__ = ["Order"]


@dataclass(frozen=True)
class Order:
    """The file's own order of some items (the first choice) against shuffled ones.

    ``advantage`` is its log-likelihood (nats) minus the mean of the others'; ``rank`` the share of
    the others that are less likely, equals counting half.
    Source: Oren et al. 2023, 2310.17623, section 3.
    """

    name: ClassVar[str] = "order"
    version: ClassVar[int] = 1
    scores: ClassVar[tuple[str, ...]] = ("advantage", "rank")
    languages: ClassVar[frozenset[str] | None] = None
    roles: ClassVar[frozenset[Role]] = frozenset()

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        own, *others = loglikelihoods(sample, attempt)
        below = sum(value < own for value in others) + sum(value == own for value in others) / 2
        scores = {
            "advantage": own - math.fsum(others) / len(others),
            "rank": below / len(others),
        }
        answer = f"likelier than {below:g} of {len(others)}"
        return one_by_one([Outcome(OutcomeKind.ANSWERED, scores, answer=answer)])
