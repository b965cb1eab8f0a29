"""What every estimate of this package comes back as.

Nothing here is ever NaN or infinite: what does not exist is None, and a note says why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "FEW_CLUSTERS",
    "SHOWN_CLUSTERS",
    "SHOWN_EVENTS",
    "SHOWN_RESAMPLED",
    "Estimate",
    "Interval",
    "Side",
    "check_level",
    "is_mark",
    "marks",
]

#: The end of a one-sided interval that is a bound; the other end is the range's own.
Side = Literal["lower", "upper"]

#: Below this number of clusters an estimate carries the note "few clusters (k)".
FEW_CLUSTERS = 15
#: The region in which a simulation shows that an interval over clusters holds its level: so many
#: clusters, and for shares so many effective events (the effective size times the rarer share).
SHOWN_CLUSTERS = 30
SHOWN_RESAMPLED = 40  # of a bootstrap
SHOWN_EVENTS = 10

_FEW, _NOT_SHOWN = "few ", "coverage not shown"


def marks(
    m: int, events: float | None = None, what: str = "clusters", least: int = SHOWN_CLUSTERS
) -> tuple[str, ...]:
    """The one mark of an interval outside the region where it was shown to hold its level.

    Args:
        m: clusters (or units, of a bootstrap without clusters).
        events: effective events; None where that is no question.
        what: what ``m`` counts.
        least: so many of them are in the region.
    """
    if m < FEW_CLUSTERS:
        return (f"{_FEW}{what} ({m})",)
    if m < least:
        return (f"{_NOT_SHOWN} for {m} {what}, fewer than {least}",)
    if events is not None and events < SHOWN_EVENTS:
        return (f"{_NOT_SHOWN} for {events:.1f} effective events, fewer than {SHOWN_EVENTS}",)
    return ()


def is_mark(note: str) -> bool:
    """Whether a note says that an interval may hold the truth less often than its level."""
    return note.startswith((f"{_FEW}clusters (", f"{_FEW}units (", _NOT_SHOWN))


def check_level(level: float) -> None:
    """Raise ValueError unless ``level`` is a confidence level, strictly between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(
            f"level {level!r} is no confidence level: give one between 0 and 1, as .95"
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval, never without its level, sides and method.

    Args:
        low: lower end, finite, in the unit of the estimate.
        high: upper end, finite, at least ``low``.
        level: confidence level, strictly between 0 and 1.
        sides: 2, or 1 where only one end is a bound and the other is the end of the range.
        method: how it was made, in words: ``"wilson"``, ``"cluster bootstrap, BCa"``.

    Raises:
        ValueError: an end is NaN or infinite, the ends are in the wrong order, or ``level`` or
            ``sides`` is out of range.
    """

    low: float
    high: float
    level: float
    sides: Literal[1, 2]
    method: str

    def __post_init__(self) -> None:
        check_level(self.level)
        if self.sides not in {1, 2}:
            raise ValueError(f"sides is {self.sides!r}: an interval has 1 or 2")
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError(
                f"the interval [{self.low}, {self.high}] ({self.method}) is not finite: "
                "give None and a note where there is no interval"
            )
        if self.low > self.high:
            raise ValueError(f"the interval's ends are swapped: {self.low} > {self.high}")


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate with its denominator, or the reason why there is none.

    Args:
        value: the point estimate; None where it does not exist.
        interval: two-sided, to show; None where it does not exist (``notes`` say why).
        claim: exact (Clopper-Pearson), to claim and to gate on; None for most means and ratios.
        n: measured units.
        n_clusters: clusters that the units fall into; None where no clusters were given.
        effective_n: independent units that the clustered ones are worth (Korn-Graubard); None
            where the method does not use one.
        notes: why there is no value or interval, and marks such as ``"few clusters (9)"``.

    Raises:
        ValueError: ``value`` is NaN or infinite, or ``n`` is negative.
    """

    value: float | None
    interval: Interval | None
    claim: Interval | None
    n: int
    n_clusters: int | None = None
    effective_n: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(
                f"the estimate {self.value} is not finite: give None and a note instead"
            )
        if self.n < 0:
            raise ValueError(f"n is {self.n}: a count is never negative")
