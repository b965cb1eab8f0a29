"""What is claimed about two runs: a difference, how sure it is, and who is better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from evalharness.scorecard.metrics.registry import MetricUse
from evalharness.scorecard.model import Direction
from evalharness.scorecard.pairing import Measured, Paired, pair
from evalharness.scorecard.ranking import better_or_worse, corrected_p
from evalharness.tasks.planned import PlannedTask

__all__ = ["Claim", "Pairing", "judged"]


@dataclass(frozen=True)
class Claim:
    """What one run differs by from another in one metric, or in one slice of it.

    Args:
        baseline: the other run; the first one but in a ranking.
        range: of the metric.
        counted: what the counts are of: samples, pairs, items.
        p_adjusted: corrected for all claims of the comparison (Holm), or for all slices
            (Benjamini-Hochberg).
        verdict: ``better``, ``worse``, ``no difference shown``, or ``not tested``.
        slice: tag and value, of a slice.
    """

    run: str
    dimension: str
    task: str
    metric: str
    title: str
    direction: Direction
    unit: str
    range: tuple[float, float]
    counted: str
    baseline: str
    paired: Paired
    slice: tuple[str, str] | None = None
    p_adjusted: float | None = None
    verdict: str = "not tested"

    @property
    def unchanged(self) -> bool:
        """Whether a figure that was drawn again was the same in both runs on every draw.

        No bound can be had of that, though nothing is worse.
        """
        paired = self.paired
        return paired.difference.interval is None and paired.p_value == 1.0

    def to_json(self) -> dict[str, Any]:
        """As plain data; no NaN in it."""
        paired, interval = self.paired, self.paired.difference.interval
        return {
            "run": self.run, "baseline": self.baseline, "dimension": self.dimension,
            "task": self.task, "metric": self.metric,
            "slice": None if self.slice is None else list(self.slice),
            "direction": self.direction, "unit": self.unit, "a": paired.a, "b": paired.b,
            "difference": paired.difference.value,
            "interval": None if interval is None else {
                "low": interval.low, "high": interval.high, "level": interval.level,
                "sides": interval.sides, "method": interval.method,
            },
            "test": paired.test, "p_value": paired.p_value, "p_adjusted": self.p_adjusted,
            "verdict": self.verdict, "wins": paired.wins, "ties": paired.ties,
            "losses": paired.losses, "counted": self.counted, "n_planned": paired.n_planned,
            "n_compared": paired.n_compared, "n_clusters": paired.difference.n_clusters,
            "detectable": paired.detectable, "not_worse_by": paired.not_worse_by,
            "notes": list(paired.difference.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class Pairing:
    """What is compared: one metric of one task, of two runs."""

    task: PlannedTask
    use: MetricUse
    baseline: str
    run: str
    level: float

    def claim(self, a: Measured, b: Measured, part: tuple[str, str] | None = None) -> Claim:
        metric = self.use.metric
        return Claim(
            run=self.run,
            baseline=self.baseline,
            dimension=self.task.dimension,
            task=self.task.name,
            metric=self.use.key,
            title=self.use.title,
            direction=metric.direction,
            unit=metric.unit,
            range=metric.range,
            counted=metric.counted,
            paired=pair(metric, a, b, self.level),
            slice=part,
        )


def judged(
    claims: Sequence[Claim], method: Literal["holm", "benjamini-hochberg"], level: float
) -> Iterator[Claim]:
    """The claims with p-values that may be read beside each other, and what they say."""
    corrected = corrected_p([claim.paired.p_value for claim in claims], method)
    for claim, p in zip(claims, corrected, strict=True):
        if p is None:
            yield claim
            continue
        yield replace(claim, p_adjusted=p, verdict=_verdict(claim, p < 1 - level))


def _verdict(claim: Claim, shown: bool) -> str:
    paired, difference = claim.paired, claim.paired.difference.value
    if not shown or not difference:
        return "no difference shown"
    return better_or_worse(paired.a, paired.b, difference, claim.direction)
