"""Signs that a text was in the training data, from the log-likelihoods of its tokens."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from evalharness.errors import ScorerError
from evalharness.records import Attempt, Outcome, OutcomeKind, Role, Sample
from evalharness.scorers.base import Scoring, one_by_one

__all__ = ["Membership"]


@dataclass(frozen=True)
class Membership:
    """Four attacks; each is a number that is higher the more a text looks like training data.

    ``loss``: the mean log-likelihood of a token, the loss with its sign turned (Yeom et al. 2018,
    1709.01604). ``zlib``: that mean divided by the bytes of the text after zlib (Carlini et al.
    2021, 2012.07805, section 5.1). ``min_k``: the mean over the share ``k`` of the tokens that are
    least likely (Min-K%, Shi et al. 2024, 2310.16789). ``min_k_plus_plus``: the same over
    standardised log-likelihoods, (log p - mean) / standard deviation under the model's own
    distribution at that place (Min-K%++, Zhang et al. 2024, 2404.02936): only where the adapter
    gives ``token_zscores``.

    ``member`` (``target.member``, 0 or 1) and ``blind`` (``target.blind``: what a classifier that
    never saw the model says of the text) come from the sample; metrics compare with them. A model
    that gives no log-likelihoods of single tokens is ``not_run``.

    Args:
        k: share of the tokens, above 0 and at most 1; at least one token is taken.
    """

    k: float = 0.2

    name: ClassVar[str] = "membership"
    version: ClassVar[int] = 1
    scores: ClassVar[tuple[str, ...]] = (
        "member", "blind", "loss", "zlib", "min_k", "min_k_plus_plus",
    )  # fmt: skip
    languages: ClassVar[frozenset[str] | None] = None
    roles: ClassVar[frozenset[Role]] = frozenset()

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        if not 0 < self.k <= 1:
            raise ScorerError(f"membership: k is {self.k}; a share above 0 and at most 1 is wanted")
        if not attempt.per_choice or len(attempt.responses) != 1 or len(sample.choices) != 1:
            raise ScorerError(f"sample {sample.id}: the log-likelihood of one text is wanted")
        (response,) = attempt.responses
        values = response.token_logprobs
        if not values:
            reason = "the model gives no log-likelihoods of single tokens"
            return one_by_one([Outcome(OutcomeKind.NOT_RUN, reason=reason)])
        packed = len(zlib.compress(sample.choices[0].encode("utf-8", "replace")))
        mean = math.fsum(values) / len(values)
        scores = {
            "member": float(bool(sample.target["member"])),
            "blind": float(sample.target["blind"]),
            "loss": mean,
            "zlib": mean / packed,
            "min_k": self._lowest(values),
        }
        if response.token_zscores:
            scores["min_k_plus_plus"] = self._lowest(response.token_zscores)
        return one_by_one([Outcome(OutcomeKind.ANSWERED, scores)])

    def _lowest(self, values: Sequence[float]) -> float:
        count = max(1, int(len(values) * self.k))
        return math.fsum(sorted(values)[:count]) / count
