"""How sure a model is of its choice, and whether it was right: from log-likelihoods."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from evalharness.errors import ScorerError
from evalharness.records import Attempt, Outcome, OutcomeKind, Role, Sample
from evalharness.scorers.base import Scoring, one_by_one
from evalharness.scorers.choice import Normalisation, weighed

__all__ = ["Calibration"]


@dataclass(frozen=True)
class Calibration:
    """``confidence``, ``brier`` and ``correct`` of a choice by log-likelihood.

    The likelihoods of the options are normalised to sum to 1. ``confidence`` is the largest share,
    1/k to 1 for k options; ``correct`` is 1 if it belongs to the right option; ``brier`` is the sum
    over all options of the squared distance of share and truth (1 for the right option, else 0),
    0 to 2. Where several options share the largest likelihood none was chosen: ``correct`` is
    the chance of a fair draw among them, so that a model without preference is calibrated.

    Args:
        normalise: what log-likelihoods are divided by first, as in `Choice`: then the choice is the
            same as there, and the shares are those of a likelihood per character or token.

    Source: Brier 1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """

    normalise: Normalisation = "none"

    name: ClassVar[str] = "calibration"
    version: ClassVar[int] = 1
    scores: ClassVar[tuple[str, ...]] = ("confidence", "brier", "correct")
    questions: ClassVar[Mapping[str, str]] = {
        "correct": "Does the answer name the right option?",
    }
    languages: ClassVar[frozenset[str] | None] = None
    roles: ClassVar[frozenset[Role]] = frozenset()

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        if sample.answer is None:
            raise ScorerError(f"sample {sample.id} has no answer to compare with")
        values = weighed(sample, attempt, self.normalise)
        best = max(values)
        weights = [math.exp(value - best) for value in values]
        total = math.fsum(weights)
        shares = [weight / total for weight in weights]
        brier = math.fsum(
            (share - (index == sample.answer)) ** 2 for index, share in enumerate(shares)
        )
        winners = [index for index, value in enumerate(values) if value == best]
        scores = {
            "confidence": max(shares),
            "brier": min(2.0, brier),
            "correct": (sample.answer in winners) / len(winners),
        }
        answer = sample.choices[winners[0]] if len(winners) == 1 else None
        return one_by_one([Outcome(OutcomeKind.ANSWERED, scores, answer=answer)])
