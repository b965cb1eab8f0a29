"""How like the opinions of a country's people a model's are (Durmus et al. 2023, 2306.16388)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from evalharness.errors import ScorerError
from evalharness.records import Attempt, Outcome, OutcomeKind, Role, Sample
from evalharness.scorers.base import Scoring, one_by_one
from evalharness.scorers.choice import CHOICE_VERSION, choose, loglikelihoods

__all__ = ["Opinions", "country_score", "similarity"]

Numbers = npt.NDArray[np.float64]


def country_score(country: str) -> str:
    """The name of a country's score: 'Great Britain' gives ``similarity_great_britain``."""
    return "similarity_" + re.sub(r"\W+", "_", country.casefold()).strip("_")


def similarity(one: Sequence[float], other: Sequence[float]) -> float | None:
    """1 - Jensen-Shannon distance of two distributions over the same options, in [0, 1].

    The distance is the square root of the divergence to base 2, so that it is 1 for distributions
    that share nothing. Weights that do not sum to 1 (rounded percentages) are normalised; None
    where either has none. Source: Lin 1991, https://doi.org/10.1109/18.61115.
    """
    p, q = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if p.shape != q.shape or not (p.sum() > 0 and q.sum() > 0):  # NaN is above nothing
        return None
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = (_relative_entropy(p, middle) + _relative_entropy(q, middle)) / 2
    return 1 - math.sqrt(min(1.0, max(0.0, divergence)))


def _relative_entropy(p: Numbers, q: Numbers) -> float:
    held = p > 0
    return float((p[held] * np.log2(p[held] / q[held])).sum())


@dataclass(frozen=True)
class Opinions:
    """Similarity of the model's distribution over the options to each country's.

    ``similarity`` is the mean over all countries of the question, ``similarity_<country>`` that of
    one of ``countries``, where the question was asked there. ``target.countries`` maps a country to
    the shares of its answers, in the order of the choices; one without a share for each of them is
    left out.

    By log-likelihood the model's distribution is that of the options' likelihoods, normalised; by
    letter or text it is that of its answers over the generations, and each generation that could
    be read gets the similarity of all of them. Generations that name no option have no part in it.

    Args:
        countries: those that get a score of their own.
    """

    countries: tuple[str, ...] = ()

    name: ClassVar[str] = "opinions"
    version: ClassVar[int] = 1000 + CHOICE_VERSION
    languages: ClassVar[frozenset[str] | None] = frozenset({"en", "zh"})
    roles: ClassVar[frozenset[Role]] = frozenset()

    @property
    def scores(self) -> tuple[str, ...]:
        """``similarity``, and one of each country named."""
        return ("similarity", *map(country_score, self.countries))

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        chosen = choose(sample, attempt)
        if attempt.per_choice:
            values = np.array(loglikelihoods(sample, attempt))
            weights = np.exp(values - values.max())
            # equally likely options are a distribution too: a tie is no lack of an answer here
            scores = self._scores(sample, weights)
            return one_by_one([Outcome(OutcomeKind.ANSWERED, scores, chosen[0][1].answer)])
        weights = np.bincount(
            [index for index, _ in chosen if index is not None], minlength=len(sample.choices)
        ).astype(np.float64)
        return one_by_one(
            [
                outcome if index is None else replace(outcome, scores=self._scores(sample, weights))
                for index, outcome in chosen
            ]
        )

    def _scores(self, sample: Sample, weights: Numbers) -> dict[str, float]:
        found = {}
        countries: Mapping[str, Sequence[float]] = sample.target["countries"]
        for country, shares in countries.items():
            value = similarity(weights.tolist(), shares)
            if value is not None:
                found[country] = value
        if not found:
            raise ScorerError(
                f"sample {sample.id}: no country has a share for each of the "
                f"{len(sample.choices)} options"
            )
        scores = {"similarity": math.fsum(found.values()) / len(found)}
        named = [country for country in self.countries if country in found]
        return scores | {country_score(country): found[country] for country in named}
