"""How far a detector agrees with labels that people gave: two classes, one label an item."""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy

from evalharness.stats.proportions import wilson
from evalharness.stats.records import Interval, check_level

__all__ = ["Agreement"]


@dataclass(frozen=True)
class Agreement:
    """A two-by-two table: what people call positive, and what the detector does.

    Args:
        hits: positive to both.
        misses: positive to people alone.
        false_alarms: positive to the detector alone.
        rejections: negative to both.
    """

    hits: int
    misses: int
    false_alarms: int
    rejections: int

    @property
    def n(self) -> int:
        """Items with both labels."""
        return self.hits + self.misses + self.false_alarms + self.rejections

    def sensitivity(self, level: float = 0.95) -> tuple[float, Interval] | None:
        """Share of people's positives that are found, with Wilson's interval; None without any."""
        return _share(self.hits, self.hits + self.misses, level)

    def specificity(self, level: float = 0.95) -> tuple[float, Interval] | None:
        """Share of people's negatives that are left alone; None without any."""
        return _share(self.rejections, self.rejections + self.false_alarms, level)

    def agreement(self, level: float = 0.95) -> tuple[float, Interval] | None:
        """Share of equal labels."""
        return _share(self.hits + self.rejections, self.n, level)

    def kappa(self, level: float = 0.95) -> tuple[float, Interval] | None:
        """Cohen's kappa, -1 to 1, with its large-sample interval; None where it is undefined.

        Undefined without items, and where both give every item the same one label: chance alone
        would agree always. No interval of zero width is given: where the table's variance is 0
        (agreement without exception) the interval's low end comes from Wilson's bound on the share
        of equal labels.

        Source: Cohen 1960, https://doi.org/10.1177/001316446002000104; standard error of Fleiss,
        Cohen & Everitt 1969, https://doi.org/10.1037/h0028106.
        """
        check_level(level)
        n = self.n
        if n == 0:
            return None
        cells = [[self.hits / n, self.misses / n], [self.false_alarms / n, self.rejections / n]]
        people = [sum(row) for row in cells]
        detector = [cells[0][j] + cells[1][j] for j in (0, 1)]
        equal = cells[0][0] + cells[1][1]
        chance = sum(people[i] * detector[i] for i in (0, 1))
        if math.isclose(chance, 1.0):
            return None
        kappa = (equal - chance) / (1 - chance)
        spread = sum(
            cells[i][i] * (1 - (people[i] + detector[i]) * (1 - kappa)) ** 2 for i in (0, 1)
        )
        crossed = sum(
            cells[i][1 - i] * (detector[i] + people[1 - i]) ** 2 * (1 - kappa) ** 2 for i in (0, 1)
        )
        variance = spread + crossed - (kappa - chance * (1 - kappa)) ** 2
        half = -scipy.special.ndtri((1 - level) / 2) * math.sqrt(max(0.0, variance) / n)
        half /= 1 - chance
        low, high = max(-1.0, kappa - half), min(1.0, kappa + half)
        if half < 1e-12:
            bound = wilson(self.hits + self.rejections, n, level)
            low = min(low, (bound.low - chance) / (1 - chance))
        return kappa, Interval(low, high, level, 2, "fleiss-cohen-everitt")


def _share(count: int, n: int, level: float) -> tuple[float, Interval] | None:
    return None if n == 0 else (count / n, wilson(count, n, level))
