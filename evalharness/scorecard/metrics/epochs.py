"""A figure over the k answers of a unit (the largest, any, all) is taken within an epoch.

Taken over all epochs at once it would be another figure: the largest of twelve answers, where four
were asked for three times. So each epoch gives a value, and these are averaged within the unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import Flags, Numbers, Units
from evalharness.scorecard.rows import TaskRows

__all__ = ["Rounds", "rounds_of"]

Places = npt.NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class Rounds:
    """Each unit in each epoch of which it has rows.

    Args:
        of_row: each row's round, shape (n,).
        unit: each round's unit, shape (r,).
        n_units: how many units there are, u.
    """

    of_row: Places
    unit: Places
    n_units: int

    def __len__(self) -> int:
        return len(self.unit)

    def count(self, rows: Flags) -> Numbers:
        """How many of these rows each round has, shape (r,)."""
        return np.bincount(self.of_row[rows], minlength=len(self)).astype(np.float64)

    def highest(self, values: Numbers) -> Numbers:
        """The largest value of each round, shape (r,); NaN does not count, -inf where none does."""
        found = np.full(len(self), -np.inf)
        np.maximum.at(found, self.of_row, np.where(np.isnan(values), -np.inf, values))
        return found

    def averaged(
        self,
        value: Numbers,
        ends: tuple[Numbers, Numbers],
        flags: tuple[Flags, Flags],
        cluster: Labels,
        names: Labels | None = None,
    ) -> Units:
        """The units, each the mean of its rounds.

        A unit is measured when one of its rounds is, and excluded when all of them are; rounds that
        were not measured widen its bounds.

        Args:
            value: shape (r,); what it is where a round was not measured does not matter.
            ends: the lowest and highest that each round could have, shape (r,) each.
            flags: which rounds were measured, and which are excluded, shape (r,) each.
            cluster: of each unit, shape (u,).
        """
        measured, excluded = flags
        counted = ~excluded
        n_measured, n_counted = self._total(measured), self._total(counted)
        mean = self._total(np.where(measured, value, 0.0)) / np.maximum(n_measured, 1)
        low, high = (
            self._total(np.where(counted, end, 0.0)) / np.maximum(n_counted, 1) for end in ends
        )
        return Units(
            value=np.where(n_measured > 0, mean, np.nan),
            low=low,
            high=high,
            measured=n_measured > 0,
            excluded=n_counted == 0,
            cluster=cluster,
            coverage=float(measured.sum() / counted.sum()) if counted.any() else 0.0,
            names=names,
        )

    def _total(self, values: Numbers | Flags) -> Numbers:
        """The sum over the rounds of each unit, shape (u,)."""
        sums = np.bincount(self.unit, weights=values, minlength=self.n_units)
        return sums.astype(np.float64)


def rounds_of(rows: TaskRows, codes: Places, n_units: int) -> Rounds:
    """The rounds of some units, by unit and then by epoch.

    Args:
        codes: each row's unit, shape (n,).
    """
    if rows.epoch is None:
        return Rounds(codes, np.arange(n_units), n_units)
    width = int(rows.epoch.max(initial=0)) + 1
    keys = codes.astype(np.int64) * width + rows.epoch
    present, of_row = np.unique(keys, return_inverse=True)
    return Rounds(of_row, present // width, n_units)
