"""Calibration: the Brier score, and the bias-corrected calibration error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import scipy
from pydantic import Field

from evalharness.scorecard.metrics.base import (
    AMONG_ANSWERED,
    Computed,
    Numbers,
    per_sample,
    row_values,
)
from evalharness.scorecard.metrics.samples import MeanMetric
from evalharness.scorecard.model import Direction
from evalharness.scorecard.rows import TaskRows

__all__ = ["BrierScore", "CalibrationError"]

#: Samples in a bin: the variance of fewer says nothing of chance.
_FEWEST = 10


@dataclass(frozen=True)
class BrierScore(MeanMetric):
    """Mean over samples of the squared distance of a model's probabilities from the truth.

    Over all options: 0 for certain and right, 2 for certain and wrong, 1 - 1/k for no preference
    among k. A proper score: no other probabilities than the model's own lower its expectation, so
    unlike a calibration error it cannot be had by always claiming the average.

    Source: Brier 1950, https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """

    name: ClassVar[str] = "brier_score"
    score: ClassVar[str] = "brier"
    title: ClassVar[str] = "Brier score"
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "score"
    range: ClassVar[tuple[float, float]] = (0.0, 2.0)


@dataclass(frozen=True)
class CalibrationError:
    """Expected calibration error of the chosen option, corrected for the bias of binning.

    Samples sorted by confidence fall into ``bins`` bins of equal size (equal confidences stay
    together); the error is the mean distance of confidence and accuracy, weighted by size. That
    plain figure is above 0 even for a perfectly calibrated model, by chance alone, and the more so
    the fewer samples a bin has. What chance adds is estimated as Kumar et al. do, with each bin's
    accuracy drawn from a normal distribution, here in closed form, and is taken off; the result
    ends at 0. No interval: the estimate keeps a part of its bias, and no resampling of it is known
    to cover. Judge by the Brier score.

    Args:
        bins: how many, 2 to 100; fewer where a bin would have fewer than ten samples.

    Source: Kumar, Liang & Ma 2019, "Verified Uncertainty Calibration", arXiv 1909.10155 (debiased
    estimator); the bias of binned estimates: Bröcker 2012, https://doi.org/10.1007/s00382-011-1191-1,
    and Ferro & Fricker 2012, https://doi.org/10.1002/qj.1924.
    """

    bins: Annotated[int, Field(ge=2, le=100)] = 15

    name: ClassVar[str] = "calibration_error"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("confidence", "correct")
    title: ClassVar[str] = "Calibration error (ECE, bias-corrected)"
    direction: ClassVar[Direction] = "lower"
    unit: ClassVar[str] = "proportion"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    counted: ClassVar[str] = "samples"

    def compute(self, rows: TaskRows, level: float) -> Computed:  # noqa: ARG002 - the seam's shape
        columns = []
        for score in self.reads:
            values, missing, excluded = row_values(rows, score, AMONG_ANSWERED)
            columns.append(per_sample(rows, values, missing, excluded, self.range))
        confidence, correct = columns
        measured = confidence.measured & correct.measured
        counted = ~confidence.excluded
        value, plain = _errors(confidence.value[measured], correct.value[measured], self.bins)
        notes = ("nothing was measured",)
        if value is not None:
            notes = (
                f"no interval: a binned estimate promises no coverage (uncorrected: {plain:.3f})",
            )
        return Computed(
            value=value,
            n_planned=len(measured),
            n_measured=int(measured.sum()),
            n_excluded=int((~counted).sum()),
            coverage=float(measured.sum() / counted.sum()) if counted.any() else 0.0,
            notes=notes,
        )


def binned(
    confidence: Numbers, correct: Numbers, bins: int = CalibrationError.bins
) -> tuple[Numbers, Numbers, Numbers]:
    """Size, mean confidence and accuracy of each bin, in rising order of confidence.

    Args:
        confidence, correct: of samples, each of shape (n,), n at least 1.
    """
    n = len(confidence)
    order = np.argsort(confidence, kind="stable")
    sure = confidence[order]
    place = np.arange(n) * max(1, min(bins, n // _FEWEST)) // n
    # equal confidences stay in the bin of the first of them, so that no order of rows matters
    first = np.searchsorted(sure, sure)
    codes = np.unique(place[first], return_inverse=True)[1]
    sizes = np.bincount(codes)
    share = np.bincount(codes, weights=correct[order]) / sizes
    return sizes.astype(np.float64), np.bincount(codes, weights=sure) / sizes, share


def _errors(confidence: Numbers, correct: Numbers, bins: int) -> tuple[float | None, float]:
    """The corrected and the plain error of samples, each of shape (n,); None without samples."""
    if not len(confidence):
        return None, 0.0
    sizes, sure, share = binned(confidence, correct, bins)
    gap = np.abs(sure - share)
    weight = sizes / len(confidence)
    plain = float(weight @ gap)
    # expectation of |gap + noise|, the noise normal with the variance of the bin's accuracy
    spread = np.sqrt(share * (1 - share) / sizes)
    ratio = np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)
    folded = spread * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2)
    expected = np.where(spread > 0, folded + gap * (2 * scipy.special.ndtr(ratio) - 1), gap)
    return max(0.0, 2 * plain - float(weight @ expected)), plain
