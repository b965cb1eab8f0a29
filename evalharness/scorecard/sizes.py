"""What a planned test can show: the sizes that a margin needs, and what counts a gate needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evalharness import stats
from evalharness.errors import ConfigError
from evalharness.records import Sample

__all__ = ["GATES", "Question", "sizes_of"]

#: The rates that gates ask for: at least so much, and at most so much, at 95 %, one-sided.
GATES = ((0.9, "at least"), (0.95, "at least"), (0.05, "at most"))


@dataclass(frozen=True)
class Question:
    """What a comparison shall show.

    Args:
        margin: difference of two rates, above 0 and below 1.
        power: chance to find it, 0 to 1.
        rate: about which it lies, for two models that are asked other items.
        discordant: share of the items on which two models differ that are asked the same.
        icc: correlation of outcomes within a cluster, 0 to 1; None where nothing is assumed.
        level: of the two-sided test.

    Raises:
        ConfigError: a figure outside its range.
    """

    margin: float
    power: float = 0.8
    rate: float = 0.9
    discordant: float = 0.1
    icc: float | None = None
    level: float = 0.95

    @classmethod
    def of(cls, margin: float | None, given: Mapping[str, float]) -> Question | None:
        """The question of a command line; None without a margin, which the rest goes with.

        Two models that differ by more than .1 differ on more of the items than is assumed else.
        """
        if margin is None:
            if given:
                raise ConfigError(f"--{next(iter(given))} goes with --margin: add --margin 0.03")
            return None
        return cls(**{"margin": margin, "discordant": max(0.1, margin), **given})

    def __post_init__(self) -> None:
        for name in ("margin", "power", "rate"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"--{name} {getattr(self, name):g}: give a share between 0 and 1")
        if self.icc is not None and not 0 <= self.icc <= 1:
            raise ConfigError(f"--icc {self.icc:g}: give a correlation from 0 to 1")
        if not self.margin <= self.discordant <= 1:
            raise ConfigError(
                f"--discordant {self.discordant:g}: two models that differ by {self.margin:g} "
                "differ on at least that share of the items, and at most on all; give a share "
                f"from {self.margin:g} to 1"
            )


def sizes_of(question: Question, samples: Iterable[Sample]) -> dict[str, Any]:
    """The sizes that a question needs of one task, and what its planned samples show.

    Args:
        samples: those that are planned.

    Returns:
        Plain data: ``paired`` and ``unpaired`` (samples a model), whether each is planned
        (``paired_enough``, ``unpaired_enough``; None where that depends on a correlation within
        clusters that was not given), ``clusters`` (their number; None without),
        ``design_effect`` (how much the sizes were raised for them; None where no correlation was
        given), and ``gates``: for each rate the count of the planned samples that demonstrates
        it; None where none does.
    """
    clusters: Counter[str] = Counter()
    alone = 0
    for sample in samples:
        if sample.cluster is None:
            alone += 1
        else:
            clusters[sample.cluster] += 1
    n = alone + clusters.total()
    effect = None
    if clusters and question.icc is not None:
        effect = stats.design_effect([*clusters.values(), *[1] * alone], question.icc)
    margin, power, level = question.margin, question.power, question.level
    needed = {
        "paired": stats.paired_size(margin, question.discordant, power, level),
        "unpaired": stats.unpaired_size(margin, question.rate, power, level),
    }
    known = effect is not None or not clusters
    needed = {kind: _raised(size, effect) for kind, size in needed.items()}
    return {
        **needed,
        **{f"{kind}_enough": _enough(n, size, known) for kind, size in needed.items()},
        "clusters": len(clusters) + alone if clusters else None,
        "design_effect": effect,
        "gates": [
            {
                "rate": rate,
                "side": side,
                "count": (stats.demonstrates if side == "at least" else stats.at_most)(rate, n),
            }
            for rate, side in GATES
        ],
    }


def _raised(size: int, effect: float | None) -> int:
    return size if effect is None else -int(-size * effect // 1)


def _enough(n: int, size: int, known: bool) -> bool | None:
    return (n >= size) if known or n < size else None
