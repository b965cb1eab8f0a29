"""What a text alone tells of its label: the baseline of a membership test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from evalharness.errors import MappingError
from evalharness.tasks.items import Item

__all__ = ["BlindBaseline"]

#: Of the folds. Not the run's: the same data has the same baseline in every run.
_SEED = 20_240_620
#: Scores are rounded, so that rounding in the solver does not make another protocol.
_DIGITS = 3
#: Letters and digits run together, but for Chinese characters, each of which is a word.
_WORD = r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+"


@dataclass(frozen=True)
class BlindBaseline:
    """Adds ``target.blind``: how a classifier that never meets the model rates the item's text.

    Logistic regression on a bag of words, cross-validated: each text is rated by a classifier that
    was trained on the other folds, with ``target.member`` as the label. Higher is more like a
    member. Where it tells the two apart, members and non-members differ in themselves (in date, in
    topic, in length), and an attack's success says nothing of the model.

    Source: Das, Zhang and Tramèr 2024, "Blind Baselines Beat Membership Inference Attacks for
    Foundation Models" (2406.16201).

    Args:
        folds: at most; fewer where a label has fewer items.
    """

    folds: int = 5

    name: ClassVar[str] = "blind_baseline"
    version: ClassVar[int] = 1
    tags: ClassVar[tuple[str, ...]] = ()

    def items(self, items: Iterable[Item], seed: int) -> Iterator[Item]:  # noqa: ARG002 - the seam's shape
        """Every item with its blind score, in the data's order.

        Raises:
            MappingError: an item has no text or no label, or a label has fewer than two items.
        """
        # the same folds, whatever order the rows stand in
        ordered = sorted(items, key=lambda item: item.id)
        for item in ordered:
            if len(item.choices) != 1 or not isinstance(item.target.get("member"), bool):
                raise MappingError(
                    f"item {item.id}: blind_baseline wants one choice (the text) and "
                    "target.member, true or false"
                )
        members = [bool(item.target["member"]) for item in ordered]
        fewest = min(sum(members), len(members) - sum(members))
        if fewest < 2:
            raise MappingError(
                f"{sum(members)} members and {len(members) - sum(members)} non-members: a baseline "
                "needs two of each or more, to be trained on and tried on"
            )
        scores = out_of_fold([i.choices[0] for i in ordered], members, min(self.folds, fewest))
        for item, score in zip(ordered, scores, strict=True):
            yield replace(item, target={**item.target, "blind": score})


def out_of_fold(texts: Sequence[str], labels: Sequence[bool], folds: int) -> list[float]:
    """The decision function for each text, by a classifier trained on the other folds.

    Args:
        texts: n of them.
        labels: shape (n,), both values at least ``folds`` times.
        folds: two or more.
    """
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    words = CountVectorizer(token_pattern=_WORD)
    try:
        counts = words.fit_transform(texts)
    except ValueError:
        raise MappingError("no text holds a word: there is nothing to compare") from None
    answers = np.array(labels)
    scores = np.zeros(len(texts))
    split = StratifiedKFold(folds, shuffle=True, random_state=_SEED)
    for train, test in split.split(counts, answers):
        model = LogisticRegression(max_iter=1000).fit(counts[train], answers[train])
        scores[test] = model.decision_function(counts[test])
    return [round(float(score), _DIGITS) for score in scores]
