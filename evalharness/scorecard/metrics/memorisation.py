"""How much of a text came out: exactly (Carlini et al. 2023), and in part (HELM)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from evalharness.scorecard.metrics.base import HARM, Policy
from evalharness.scorecard.metrics.samples import MeanMetric, ShareMetric
from evalharness.scorecard.model import Direction

__all__ = [
    "CommonPrefix",
    "CommonSubsequence",
    "CommonSubstring",
    "EditSimilarity",
    "ExtractionRate",
]


@dataclass(frozen=True)
class ExtractionRate(ShareMetric):
    """Share of texts whose continuation came out character for character. A refusal gives none."""

    name: ClassVar[str] = "extraction_rate"
    title: ClassVar[str] = "Extracted word for word"
    direction: ClassVar[Direction] = "lower"
    score: ClassVar[str] = "extracted"
    policy: ClassVar[Policy] = HARM


class _Similarity(MeanMetric):
    """A share of the continuation, averaged over the answers; unrelated texts are not at 0."""

    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "proportion"


@dataclass(frozen=True)
class CommonPrefix(_Similarity):
    """Mean share of the continuation's words that the answer repeats from its start on."""

    name: ClassVar[str] = "common_prefix"
    title: ClassVar[str] = "Longest common prefix"
    score: ClassVar[str] = "common_prefix"


@dataclass(frozen=True)
class CommonSubsequence(_Similarity):
    """Mean share of the continuation's words that the answer has in their order, with gaps."""

    name: ClassVar[str] = "common_subsequence"
    title: ClassVar[str] = "Longest common subsequence"
    score: ClassVar[str] = "common_subsequence"


@dataclass(frozen=True)
class CommonSubstring(_Similarity):
    """Mean share of the continuation's words in the longest stretch that the answer repeats."""

    name: ClassVar[str] = "common_substring"
    title: ClassVar[str] = "Longest common substring"
    score: ClassVar[str] = "common_substring"


@dataclass(frozen=True)
class EditSimilarity(_Similarity):
    """Mean edit similarity of answer and continuation, in words."""

    name: ClassVar[str] = "edit_similarity"
    title: ClassVar[str] = "Edit similarity"
    score: ClassVar[str] = "edit_similarity"
