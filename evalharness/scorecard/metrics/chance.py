"""What chance alone shows in a figure that is never below 0: its noise floor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from evalharness.scorecard.metrics.base import Computed, Numbers

__all__ = ["by_chance"]

_SHUFFLES = 500


def by_chance(
    found: Computed,
    values: Numbers,
    statistic: Callable[[Numbers], float],
    seed: int,
    *,
    together: npt.NDArray[np.intp] | None = None,
) -> Computed:
    """The mean of a statistic after the values of each row were shuffled, with a seed.

    Args:
        found: the figure itself, whose counts stay.
        values: shape (rows, k); within a row none differs from another but by chance.
        statistic: of a shuffled copy of ``values``.
        together: for each row the number of its cluster, from 0 on; rows of one cluster are
            shuffled in the same way. Without it each row is shuffled on its own.
    """
    rng = np.random.default_rng(seed)
    unit = np.arange(len(values)) if together is None else together
    places = np.tile(np.arange(values.shape[1]), (int(unit.max()) + 1, 1))
    drawn = [
        statistic(np.take_along_axis(values, rng.permuted(places, axis=1)[unit], axis=1))
        for _ in range(_SHUFFLES)
    ]
    return replace(
        found,
        value=float(np.mean(drawn)),
        interval=None,
        bounds=None,
        notes=(f"the mean of {_SHUFFLES} seeded shuffles has no interval",),
    )
