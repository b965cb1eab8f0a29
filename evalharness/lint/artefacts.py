"""What lets a model guess the answer without the question: its position, length, or a leak.

A pattern is reported when chance explains it with probability below `ALPHA` and it is large enough
to matter; data sets are large, and everything is significant in them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from evalharness.lint.finding import Finding
from evalharness.lint.items import Item, Items

__all__ = ["ALPHA", "check_artefacts", "classes_of", "position_test"]

ALPHA = 0.001
#: Cohen's w of a small effect; below it a position is no help to anyone.
_SMALL = 0.1
_MIN_ITEMS = 10
#: Chance of a right guess may be beaten by so much before it is a fault.
_NOTED, _FAULT = 0.10, 0.25
#: Share of the items from which on the same options are classes.
_SHARED = 0.2


def check_artefacts(items: Items) -> Iterator[Finding]:
    """Patterns in the answers of items that have options."""
    chosen = [i for i in items.items if i.answer is not None and len(i.options) >= 2]
    classes = classes_of(items)
    chosen = [item for item in chosen if frozenset(item.options) not in classes]
    if len(chosen) < _MIN_ITEMS:
        return
    yield from _position(items, chosen)
    yield from _length(items, chosen)
    yield from _leak(items, chosen)


def classes_of(items: Items) -> frozenset[frozenset[str]]:
    """Options that many items share: classes such as yes and no, not answers of their own."""
    counts = Counter(frozenset(item.options) for item in items.items if item.options)
    most = max(_MIN_ITEMS, _SHARED * sum(counts.values()))
    return frozenset(options for options, count in counts.items() if count > most)


def position_test(answers: Sequence[int], counts: Sequence[int]) -> tuple[float, float, list[int]]:
    """Chi-square of the answers' positions against equal chances in every item.

    Args:
        answers: index of the right option, shape (n,).
        counts: number of options, shape (n,).

    Returns:
        p value, Cohen's w = sqrt(chi2 / n), and how often each position is right. Where fewer than
        five are expected at a position, the p value is by simulation (seeded), else by chi-square.
    """
    places = max(counts)
    sizes = np.asarray(counts)
    chance = np.array([np.where(sizes > place, 1 / sizes, 0.0).sum() for place in range(places)])
    observed = np.bincount(np.asarray(answers), minlength=places)

    def statistic(found: np.ndarray) -> np.ndarray:
        return np.asarray(((found - chance) ** 2 / chance).sum(axis=-1))

    chi2 = float(statistic(observed))
    if chance.min() >= 5:
        from scipy.stats import chi2 as distribution

        p = float(distribution.sf(chi2, places - 1))
    else:
        random = np.random.default_rng(0)
        draws = 9999
        found = np.zeros((draws, places))
        for size in np.unique(sizes):
            n = int((sizes == size).sum())
            found[:, :size] += random.multinomial(n, [1 / size] * int(size), size=draws)
        p = (1 + int((statistic(found) >= chi2 - 1e-9).sum())) / (draws + 1)
    return p, float(np.sqrt(chi2 / len(answers))), observed.tolist()


def _position(items: Items, chosen: Sequence[Item]) -> Iterator[Finding]:
    answers = [item.answer or 0 for item in chosen]
    p, effect, found = position_test(answers, [len(item.options) for item in chosen])
    if p < ALPHA and effect >= _SMALL:
        shown = ", ".join(f"{place}: {n:,}" for place, n in enumerate(found, 1) if n)
        yield Finding(
            "answer-position", "fault" if items.fixed else "note", items.place,
            f"the right answer stands more often at some positions than at others ({shown} of "
            f"{len(chosen):,}; chi-square p {_small(p)}, w {effect:.2f})",
            "shuffle the options" if items.fixed else "let the harness shuffle them",
            field=items.options,
        )  # fmt: skip


def _small(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"= {p:.4f}"


def _length(items: Items, chosen: Sequence[Item]) -> Iterator[Finding]:
    """How often the one longest, or the one shortest, option is the right one."""
    for word, pick in (("longest", max), ("shortest", min)):
        hits, chances = [], []
        for item in chosen:
            sizes = [len(option) for option in item.options]
            end = pick(sizes)
            if sizes.count(end) == 1:
                hits.append(sizes.index(end) == item.answer)
                chances.append(1 / len(sizes))
        yield from _guess(items, hits, chances, f"the {word} option", "answer-length")


def _leak(items: Items, chosen: Sequence[Item]) -> Iterator[Finding]:
    """Where one option alone stands in the question, how often it is the right one."""
    hits, chances = [], []
    for item in chosen:
        asked = item.prompt or ""
        if item.inline:  # the options themselves are no leak
            asked = asked[: asked.rfind(item.options[0])]
        said = [len(o) > 1 and o.casefold() in asked.casefold() for o in item.options]
        if sum(said) == 1:
            hits.append(said.index(True) == item.answer)
            chances.append(1 / len(said))
    yield from _guess(items, hits, chances, "the option that the question names", "label-leakage")


def _guess(
    items: Items, hits: Sequence[bool], chances: Sequence[float], rule: str, check: str
) -> Iterator[Finding]:
    if len(hits) < _MIN_ITEMS or len(hits) < 0.05 * len(items.items):
        return
    share, chance = sum(hits) / len(hits), sum(chances) / len(chances)
    if share - chance < _NOTED:
        return
    from scipy.stats import poisson_binom

    p = float(poisson_binom.sf(sum(hits) - 1, list(chances)))
    if p >= ALPHA:
        return
    yield Finding(
        check, "fault" if share - chance >= _FAULT else "note", items.place,
        f"{rule} is right in {share:.0%} of the {len(hits):,} items that have one; chance is "
        f"{chance:.0%}",
        "rewrite the options so that this rule does not help, or report what it gets",
        field=items.options,
    )  # fmt: skip
