"""FActScore and how much an answer says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalharness.scorecard.metrics.samples import MeanMetric
from evalharness.scorecard.model import Direction

__all__ = ["FactScore", "FactsPerAnswer"]


@dataclass(frozen=True)
class FactScore(MeanMetric):
    """Mean over the answers of the share of their facts that are supported.

    Each answer weighs the same, however many facts it states. Who declines is excluded, and
    counted: read it with the abstentions, and with how many facts an answer states, since saying
    little is a way of being right.

    Source: Min et al. 2023 (FActScore, 2305.14251), section 3.
    """

    name: ClassVar[str] = "factscore"
    score: ClassVar[str] = "supported"
    title: ClassVar[str] = "FActScore (facts supported)"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "proportion"
    counted: ClassVar[str] = "answers"


@dataclass(frozen=True)
class FactsPerAnswer(MeanMetric):
    """Mean number of facts that an answer states, supported or not.

    No bounds: what was not measured could have stated any number up to the scorer's limit.
    """

    name: ClassVar[str] = "facts_per_answer"
    score: ClassVar[str] = "facts"
    title: ClassVar[str] = "Facts an answer"
    direction: ClassVar[Direction] = "higher"
    unit: ClassVar[str] = "facts"
    range: ClassVar[tuple[float, float]] = (0.0, 1000.0)
    counted: ClassVar[str] = "answers"
