"""What chance alone shows in a figure that is never below 0: its noise floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evalharness.scorecard.metrics.base import Computed, Numbers

__all__ = ["by_chance"]

_SHUFFLES = 500


def by_chance(
    found: Computed, values: Numbers, statistic: Callable[[Numbers], float], seed: int
) -> Computed:
    """The mean of a statistic after the values of each row were shuffled, with a seed.

    Args:
        found: the figure itself, whose counts stay.
        values: shape (rows, k); within a row none differs from another but by chance.
        statistic: of a shuffled copy of ``values``.
    """
    rng = np.random.default_rng(seed)
    drawn = [statistic(rng.permuted(values, axis=1)) for _ in range(_SHUFFLES)]
    return replace(
        found,
        value=float(np.mean(drawn)),
        interval=None,
        bounds=None,
        notes=(f"the mean of {_SHUFFLES} seeded shuffles has no interval",),
    )
