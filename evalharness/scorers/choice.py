"""A choice among options: by log-likelihood, by letter or by the option's own text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from evalharness.errors import ScorerError
from evalharness.records import Attempt, Outcome, OutcomeKind, Response, Role, Sample
from evalharness.scorers.base import Scoring, first_look, one_by_one
from evalharness.scorers.reading import lists_options, read_letter, read_text
from evalharness.scorers.refusal import REFUSAL_VERSION, is_refusal

__all__ = [
    "CHOICE_VERSION",
    "Choice",
    "Normalisation",
    "Rating",
    "TrueMass",
    "choose",
    "loglikelihoods",
    "preferences",
    "weighed",
]

CHOICE_VERSION = 700 + REFUSAL_VERSION

#: Letters and options are read in any of these; refusals in English and Chinese only.
_READ = frozenset({"en", "zh", "ms", "ta"})

Normalisation = Literal["none", "tokens", "characters"]


def loglikelihoods(sample: Sample, attempt: Attempt) -> list[float]:
    """The summed log-likelihood (nats) of each choice, in the data's order.

    Raises:
        ScorerError: the attempt does not hold one finite log-likelihood a choice.
    """
    values = [response.loglikelihood for response in attempt.responses]
    found = [value for value in values if value is not None and math.isfinite(value)]
    if not attempt.per_choice or len(found) != len(sample.choices):
        raise ScorerError(
            f"sample {sample.id}: {len(found)} finite log-likelihoods for "
            f"{len(sample.choices)} choices"
        )
    return found


def weighed(sample: Sample, attempt: Attempt, normalise: Normalisation = "none") -> list[float]:
    """The log-likelihood of each choice, in the data's order, divided as ``normalise`` says.

    Raises:
        ScorerError: the attempt has no log-likelihood for a choice, or nothing to divide by.
    """
    values = loglikelihoods(sample, attempt)
    if normalise == "characters":
        # an option may be empty (TruthfulQA's file has some)
        lengths = [max(1, len(text)) for text in sample.choices]
        return [value / length for value, length in zip(values, lengths, strict=True)]
    if normalise == "tokens":
        counts = [response.output_tokens or 0 for response in attempt.responses]
        if not all(counts):
            raise ScorerError(
                f"sample {sample.id}: the model does not say how many tokens a choice has; "
                "use normalise: characters"
            )
        return [value / count for value, count in zip(values, counts, strict=True)]
    return values


def preferences(sample: Sample, attempt: Attempt, normalise: Normalisation = "none") -> list[float]:
    """A finite number a choice, in the data's order: the higher, the likelier.

    Log-likelihoods, divided as ``normalise`` says; or the scores that a recording ranks the choices
    by, which are taken as they are.

    Raises:
        ScorerError: the attempt has no number for a choice, or nothing to divide by.
    """
    scores = [r.choice_score for r in attempt.responses if r.choice_score is not None]
    if attempt.per_choice and scores and len(scores) == len(sample.choices):
        return scores
    return weighed(sample, attempt, normalise)


def choose(
    sample: Sample, attempt: Attempt, normalise: Normalisation = "none"
) -> list[tuple[int | None, Outcome]]:
    """The chosen index with its outcome, one a generation; the index is None when none was read.

    Two choices equally likely are no choice: ``unparsed``, with the reason "tie".
    """
    if attempt.per_choice:
        return [_likeliest(sample, attempt, normalise)]
    return [_read(sample, response) for response in attempt.responses]


def _likeliest(
    sample: Sample, attempt: Attempt, normalise: Normalisation
) -> tuple[int | None, Outcome]:
    values = preferences(sample, attempt, normalise)
    best = max(values)
    winners = [index for index, value in enumerate(values) if value == best]
    if len(winners) > 1:
        return None, Outcome(OutcomeKind.UNPARSED, reason=f"tie of {len(winners)} choices")
    return winners[0], Outcome(OutcomeKind.ANSWERED, answer=sample.choices[winners[0]])


def _read(sample: Sample, response: Response) -> tuple[int | None, Outcome]:
    if (early := first_look(response)) is not None:
        return None, early
    if sample.order:
        chosen = read_letter(response.text, sample.order, sample.choices)
    else:
        chosen = read_text(response.text, sample.choices)
    if chosen is not None:
        return chosen, Outcome(OutcomeKind.ANSWERED, answer=sample.choices[chosen])
    if not lists_options(response.text) and is_refusal(response.text):
        return None, Outcome(OutcomeKind.REFUSED, reason="the answer is a refusal")
    return None, Outcome(OutcomeKind.UNPARSED, reason="the answer names no single option")


def _with(outcome: Outcome, scores: dict[str, float]) -> Outcome:
    return Outcome(outcome.kind, scores, outcome.answer, outcome.reason)


@dataclass(frozen=True)
class Choice:
    """Whether the right option was chosen: ``correct`` is 1 or 0, ``chosen`` the option's index.

    In Malay and Tamil letters and options are read, and refusals are not: they are ``unparsed``.
    Where ``target.unknown`` is the index of an option such as "I don't know", ``unknown`` is 1 if
    that one was chosen, else 0: an abstention among the options.
    """

    normalise: Normalisation = "none"

    name: ClassVar[str] = "choice"
    version: ClassVar[int] = CHOICE_VERSION
    scores: ClassVar[tuple[str, ...]] = ("correct", "chosen", "unknown")
    questions: ClassVar[Mapping[str, str]] = {
        "correct": "Does the answer name the right option?",
        "chosen": "Does the answer name the option that the task looks for?",
        "unknown": "Does the answer say that it cannot be known?",
    }
    languages: ClassVar[frozenset[str] | None] = _READ
    roles: ClassVar[frozenset[Role]] = frozenset()

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        if sample.answer is None:
            raise ScorerError(f"sample {sample.id} has no answer to compare with")
        return one_by_one(
            [
                outcome if chosen is None else _with(outcome, self._scores(sample, chosen))
                for chosen, outcome in choose(sample, attempt, self.normalise)
            ]
        )

    @staticmethod
    def _scores(sample: Sample, chosen: int) -> dict[str, float]:
        found = {"correct": float(chosen == sample.answer), "chosen": float(chosen)}
        if (unknown := sample.target.get("unknown")) is not None:
            found["unknown"] = float(chosen == unknown)
        return found


@dataclass(frozen=True)
class Rating:
    """A choice among numbers: ``rating`` is the number chosen, ``human`` the raters' mean."""

    name: ClassVar[str] = "rating"
    version: ClassVar[int] = CHOICE_VERSION
    scores: ClassVar[tuple[str, ...]] = ("rating", "human")
    languages: ClassVar[frozenset[str] | None] = frozenset({"en", "zh"})
    roles: ClassVar[frozenset[Role]] = frozenset()

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        human = float(sample.target["human"])
        return one_by_one(
            [
                outcome
                if chosen is None
                else _with(outcome, {"rating": float(sample.choices[chosen]), "human": human})
                for chosen, outcome in choose(sample, attempt)
            ]
        )


@dataclass(frozen=True)
class TrueMass:
    """Share of the probability on the true options (TruthfulQA's MC2).

    The likelihoods of all options are normalised to sum to 1; ``true_mass`` in [0, 1] is the sum
    over those that ``target.labels`` marks 1. Source: Lin et al. 2022, section 2.3 and the
    authors' evaluation code. Needs log-likelihoods: there is no such thing as an answer by letter.
    """

    name: ClassVar[str] = "true_mass"
    version: ClassVar[int] = 1
    scores: ClassVar[tuple[str, ...]] = ("true_mass",)
    languages: ClassVar[frozenset[str] | None] = None
    roles: ClassVar[frozenset[Role]] = frozenset()

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        values = loglikelihoods(sample, attempt)
        labels: Sequence[int] = sample.target["labels"]
        best = max(values)
        weights = [math.exp(value - best) for value in values]
        mass = math.fsum(w for w, label in zip(weights, labels, strict=True) if label == 1)
        return one_by_one([Outcome(OutcomeKind.ANSWERED, {"true_mass": mass / math.fsum(weights)})])
