"""How alike two texts are, word by word: ROUGE-1, ROUGE-L and BLEU.

Each is a pure function of two texts with values in [0, 1]. Words are runs of letters and digits
after case folding, for all three, so that only the definitions differ. Written here and not taken
from a library because a score must not change with a library's version: the tests hold the figures
of rouge-score 0.1.2 and sacrebleu 2.6.0 (both Apache-2.0; they bring nltk, lxml and seven more).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

__all__ = ["MEASURES", "SIMILARITY_VERSION", "Measure", "bleu", "rouge_1", "rouge_l", "words"]

#: Raised whenever two texts would get another figure; part of the scorers that use it.
SIMILARITY_VERSION = 1

Measure: TypeAlias = Literal["rouge1", "rougeL", "bleu"]

_ORDER = 4


def words(text: str) -> list[str]:
    """Runs of letters and digits, case folded."""
    return re.findall(r"[^\W_]+", text.casefold())


def rouge_1(answer: str, reference: str) -> float:
    """F1 of the words that both have, each counted as often as in the text that has it less often.

    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 2.
    """
    one, other = words(answer), words(reference)
    return _f1((Counter(one) & Counter(other)).total(), len(one), len(other))


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (Lin 2004, section 3.1, beta = 1)."""
    from rapidfuzz.distance import LCSseq

    one, other = words(answer), words(reference)
    return _f1(LCSseq.similarity(one, other), len(one), len(other))


def bleu(answer: str, reference: str) -> float:
    """BLEU with n-grams up to 4, for one answer and one reference.

    Orders without a match get half the weight of the one before ("exp" smoothing of the NIST
    script, method 3 of Chen & Cherry 2014); an order that the answer is too short for makes it 0,
    as in sacrebleu.

    Source: Papineni et al. 2002, https://aclanthology.org/P02-1040.
    """
    one, other = words(answer), words(reference)
    if len(one) < _ORDER or not other:
        return 0.0
    logarithms, halved, any_match = [], 1.0, False
    for order in range(1, _ORDER + 1):
        mine, theirs = _ngrams(one, order), _ngrams(other, order)
        matches = (mine & theirs).total()
        if matches:
            any_match = True
        else:
            halved *= 2
        logarithms.append(math.log((matches or 1 / halved) / mine.total()))
    if not any_match:
        return 0.0
    shortness = min(0.0, 1 - len(other) / len(one))
    return min(1.0, math.exp(shortness + math.fsum(logarithms) / _ORDER))


MEASURES: dict[Measure, Callable[[str, str], float]] = {
    "rouge1": rouge_1,
    "rougeL": rouge_l,
    "bleu": bleu,
}


def _f1(common: int, one: int, other: int) -> float:
    return 2 * common / (one + other) if common else 0.0


def _ngrams(text: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[i : i + order]) for i in range(len(text) - order + 1))
