"""Proportions of units that share clusters: a template, a passage, a prompt asked several times.

500 answers to 25 templates are not 500 independent trials; with an intra-cluster correlation of .3
the plain interval covers about 55 % instead of 95 %. Korn and Graubard's answer is to ask how many
independent units the clustered ones are worth, and to give that effective size to the intervals
that are right at 0 and at 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import scipy
from numpy.typing import ArrayLike

from evalharness.stats._clusters import (
    Clusters,
    FloatArray,
    as_values,
    check_range,
    cluster_marks,
    group,
    one_cluster,
    variance_of_mean,
)
from evalharness.stats.proportions import clopper_pearson, wilson
from evalharness.stats.records import Estimate, Interval, Side, check_level

__all__ = ["EffectiveSize", "clustered_proportion", "effective_size", "t_ratio"]


@dataclass(frozen=True, slots=True)
class EffectiveSize:
    """How many independent units clustered ones are worth.

    Args:
        size: above 0, at most n.
        basis: ``"plain"`` (every unit is its own cluster: n itself), ``"korn-graubard"`` or
            ``"clusters"`` (no variance between clusters: their number).
    """

    size: float
    basis: Literal["plain", "korn-graubard", "clusters"]


def t_ratio(n: int, m: int, tail: float) -> float:
    """Korn and Graubard's factor (t_{n-1} / t_{m-1})²: m clusters know the variance less well.

    Args:
        n: units, above 1.
        m: clusters, above 1.
        tail: probability in one tail, .025 for a two-sided 95 %.
    """
    quantile = 1 - tail
    ratio = scipy.special.stdtrit(n - 1, quantile) / scipy.special.stdtrit(m - 1, quantile)
    return float(ratio**2)


def effective_size(
    values: ArrayLike, clusters: ArrayLike | None, *, tail: float = 0.025
) -> EffectiveSize | None:
    """The effective size of clustered 0/1 values.

    p(1-p) over the cluster-robust variance of p, times (t_{n-1} / t_{m-1})², at most n. Where the
    variance is 0 (always at p = 0 and p = 1), the number of clusters.

    Args:
        values: shape (n,), n ≥ 1, within [0, 1]; shares where repeats of an item were averaged.
        clusters: labels (strings or integers), shape (n,); None for independent units.
        tail: probability in one tail of the interval that the size is for.

    Returns:
        The size and what it rests on; None where several units share one cluster, which tells
        nothing of the variance between clusters.

    Raises:
        ValueError: no values, values outside [0, 1], or shapes that differ.

    Source: Korn & Graubard 1998, Confidence intervals for proportions with small expected number
    of positive counts estimated from survey data, Survey Methodology 24(2), 193-201. As in R's
    survey::svyciprop(method = "beta") but for the cap and the size at zero variance.
    """
    checked = as_values(values)
    check_range(checked, (0.0, 1.0))
    if not len(checked):
        raise ValueError("no values: an effective size needs at least one unit")
    return _effective_size(checked, group(clusters, len(checked)), tail)


def clustered_proportion(
    values: ArrayLike,
    clusters: ArrayLike | None = None,
    level: float = 0.95,
    *,
    claim_side: Side | None = None,
) -> Estimate:
    """A proportion of units that may share clusters, with both intervals.

    Args:
        values: 0/1 (or booleans), shape (n,). Shares within [0, 1] are taken too, for items whose
            repeats were averaged; the intervals are then on the safe side.
        clusters: labels (strings or integers), shape (n,); None, or a label of its own for every
            unit, gives the plain intervals.
        level: confidence level.
        claim_side: makes the claim one-sided; two-sided by default.

    Returns:
        The mean with Wilson's interval to show and Clopper and Pearson's to claim, both on the
        effective size. No interval, and a note, where all units share one cluster; the note
        ``"few clusters (k)"`` below 15. Without values: no estimate, and a note.

    Raises:
        ValueError: values outside [0, 1] or not finite, or shapes that differ.

    Source: Korn & Graubard 1998 (see `effective_size`); Wilson on the effective size: Franco,
    Little, Louis & Slud 2019, https://pmc.ncbi.nlm.nih.gov/articles/PMC6690503.
    """
    check_level(level)
    checked = as_values(values)
    check_range(checked, (0.0, 1.0))
    n = len(checked)
    if not n:
        return Estimate(None, None, None, 0, notes=("nothing was measured",))
    grouped = group(clusters, n)
    value = float(checked.mean())
    m = None if grouped is None else grouped.count
    shown = _effective_size(checked, grouped, (1 - level) / 2)
    sides: Literal[1, 2] = 2 if claim_side is None else 1
    claimed = _effective_size(checked, grouped, (1 - level) / sides)
    if shown is None or claimed is None:
        return Estimate(value, None, None, n, m, notes=(one_cluster(),))
    claim = clopper_pearson(value * claimed.size, claimed.size, level, sides, claim_side)
    return Estimate(
        value=value,
        interval=_named(wilson(value * shown.size, shown.size, level), shown),
        claim=_named(claim, claimed),
        n=n,
        n_clusters=m,
        effective_n=None if m is None else shown.size,
        notes=_notes(shown, grouped, shown.size * min(value, 1 - value)),
    )


def _effective_size(
    values: FloatArray, clusters: Clusters | None, tail: float
) -> EffectiveSize | None:
    n = len(values)
    if clusters is None or clusters.singletons:
        return EffectiveSize(float(n), "plain")
    m = clusters.count
    if m == 1:
        return None
    variance = variance_of_mean(values, clusters)
    if variance == 0:
        return EffectiveSize(float(m), "clusters")
    p = float(values.mean())
    size = p * (1 - p) / variance * t_ratio(n, m, tail)
    return EffectiveSize(min(size, float(n)), "korn-graubard")


def _named(interval: Interval, size: EffectiveSize) -> Interval:
    suffix = {"plain": "", "korn-graubard": ", korn-graubard", "clusters": " on clusters"}
    return replace(interval, method=interval.method + suffix[size.basis])


def _notes(size: EffectiveSize, clusters: Clusters | None, events: float) -> tuple[str, ...]:
    marks = cluster_marks(clusters, events)
    if size.basis != "clusters":
        return marks
    count = f"{size.size:.0f}"
    return (f"no variance between clusters: the effective size is their number ({count})", *marks)
