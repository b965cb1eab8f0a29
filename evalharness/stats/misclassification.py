"""A rate as an imperfect judge or classifier saw it, and what it says about the true one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy

from evalharness.stats.records import Estimate, Interval, check_level

__all__ = ["Calibration", "corrected_rate", "sensitivity_range"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often a judge agreed with people, on items that people have labelled.

    Args:
        true_positives: items that are positive and were called so, of ``positives``.
        true_negatives: items that are negative and were called so, of ``negatives``. All four are
            counts, or shares of an effective size where items share clusters.

    Raises:
        ValueError: no item of a kind, or more hits than items.
    """

    true_positives: float
    positives: float
    true_negatives: float
    negatives: float

    def __post_init__(self) -> None:
        for hits, items, kind in (
            (self.true_positives, self.positives, "positive"),
            (self.true_negatives, self.negatives, "negative"),
        ):
            if not 0 <= hits <= items or items <= 0:
                raise ValueError(
                    f"{hits} of {items} {kind} items: a calibration needs some of each"
                )

    @property
    def sensitivity(self) -> float:
        """Share of the positive items that were called positive."""
        return self.true_positives / self.positives

    @property
    def specificity(self) -> float:
        """Share of the negative items that were called negative."""
        return self.true_negatives / self.negatives


def corrected_rate(
    called: float,
    n: float,
    calibration: Calibration,
    level: float = 0.95,
    *,
    among: int | None = None,
) -> Estimate:
    """The true rate behind what a judge called positive, with the calibration's own uncertainty.

    (p + specificity - 1) / (sensitivity + specificity - 1): Rogan & Gladen 1978,
    https://doi.org/10.1093/oxfordjournals.aje.a112510. Interval: Lang & Reiczigel 2014,
    https://doi.org/10.1016/j.prevetmed.2013.09.015 (their formulas are those of Lee et al. 2025,
    arXiv 2511.21140, for judges), clipped to [0, 1].

    Only for items that the calibration's are exchangeable with: drawn from the same run, or
    declared so by whoever made it.

    Where the calibration's items are among the n themselves, rate and calibration are not
    independent: Cov(p, sensitivity) is sensitivity (1 - sensitivity) / n, and so for specificity.
    By the delta method twice rate * sensitivity (1 - sensitivity) + (1 - rate) * specificity
    (1 - specificity) over n comes off the variance; with every item labelled rate (1 - rate) / n is
    left, a plain proportion's.

    Args:
        called: items called positive, of ``n``; both may be shares of an effective size.
        among: how many items the rate is of, where the calibration's are a random draw from them;
            None where they are others.

    Returns:
        The corrected rate; no value where the judge is no better than chance. A value outside
        [0, 1] is clipped, and says so.

    Raises:
        ValueError: ``called`` is no count of ``n``.
    """
    check_level(level)
    if n <= 0 or not 0 <= called <= n:
        raise ValueError(f"{called} of {n}: give a count of one item or more")
    whole = math.ceil(n - 1e-9)
    youden = calibration.sensitivity + calibration.specificity - 1
    if youden <= 0:
        return Estimate(None, None, None, whole, notes=("the judge agrees no better than chance",))
    raw = (called / n + calibration.specificity - 1) / youden
    value = min(1.0, max(0.0, raw))
    notes: tuple[str, ...] = () if value == raw else (f"clipped: the correction gives {raw:.4f}",)
    interval = _interval((called, n), calibration, level, value, among)
    if interval is None:
        notes += ("no interval: the judge's errors alone give more than was seen; another judge?",)
    return Estimate(value, interval, None, whole, notes=notes)


def _interval(
    seen: tuple[float, float],
    calibration: Calibration,
    level: float,
    value: float,
    among: int | None,
) -> Interval | None:
    """Normal approximation after adding z^2 trials to the rate and two to each calibration part."""
    called, n = seen
    z = float(scipy.special.ndtri((1 + level) / 2))
    trials = n + z * z
    p = (called + z * z / 2) / trials
    q1 = (calibration.true_positives + 1) / (calibration.positives + 2)
    q0 = (calibration.true_negatives + 1) / (calibration.negatives + 2)
    youden = q0 + q1 - 1
    if youden <= 0:
        return None
    rate = (p + q0 - 1) / youden
    of_q1 = q1 * (1 - q1) / (calibration.positives + 2)
    of_q0 = q0 * (1 - q0) / (calibration.negatives + 2)
    shift = 2 * z * z * (rate * of_q1 - (1 - rate) * of_q0)
    variance = p * (1 - p) / trials + (1 - rate) ** 2 * of_q0 + rate**2 * of_q1
    if among is not None:
        known = min(1.0, max(0.0, rate))
        both = 2 * (known * q1 * (1 - q1) + (1 - known) * q0 * (1 - q0)) / (among + z * z)
        variance = max(variance - both, known * (1 - known) / trials * youden**2)
    error = math.sqrt(variance) / youden
    low, high = (rate + shift + sign * z * error for sign in (-1, 1))
    if high <= 0 or low >= 1:  # cut to the range nothing would be left but its end
        return None
    low, high = max(0.0, low), min(1.0, high)
    method = "lang-reiczigel" + ("" if among is None else ", of the same items")
    return Interval(min(low, value), max(high, value), level, 2, method)


def sensitivity_range(
    called: float, n: float, sensitivity: tuple[float, float], specificity: tuple[float, float]
) -> tuple[float, float]:
    """The lowest and highest corrected rate for a judge whose quality lies in these ranges.

    What can be said of a judge that was calibrated on other items: no interval, a what-if.

    Raises:
        ValueError: a range is empty, or allows a judge no better than chance.
    """
    (low1, high1), (low0, high0) = sensitivity, specificity
    if not (0 <= low1 <= high1 <= 1 and 0 <= low0 <= high0 <= 1):
        raise ValueError("give ranges between 0 and 1, the lower end first")
    if low1 + low0 <= 1:
        raise ValueError("the ranges allow a judge that agrees no better than chance")
    p = called / n
    ends = [(p + q0 - 1) / (q1 + q0 - 1) for q1 in (low1, high1) for q0 in (low0, high0)]
    return max(0.0, min(ends)), min(1.0, max(ends))
