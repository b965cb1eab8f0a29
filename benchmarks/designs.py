"""What `coverage.py` draws: each design with the interval that is put to the test and the truth.

A design lies *inside* the declared region where it has at least 30 clusters (40 for a bootstrap)
and, for shares, at least 10 effective events; what else a method needs is said in its design. There
an interval shall hold the truth in 93 to 97 of 100 cases, and in more where it is meant to be safe.
`tests/stats/test_coverage.py` draws the same designs, fewer times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from evalharness import stats
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.base import Units
from evalharness.scorecard.metrics.gaps import LargestGap, Stratum
from evalharness.scorecard.metrics.membership import auc
from evalharness.scorecard.metrics.representation import distance
from evalharness.scorecard.metrics.spread import FormatSpread
from evalharness.scorecard.metrics.stereotypes import icat_estimate
from evalharness.scorecard.metrics.variation import BetweenItemVariance
from evalharness.scorecard.rows import TaskRows

__all__ = ["DESIGNS", "TESTS", "Design", "answers", "covered"]

Array = NDArray[np.float64]
Rng = np.random.Generator
Interval = stats.Interval

#: Resamples of a bootstrap here; a scorecard's has 1,000 or 2,000.
REPLICATES = 400


@dataclass(frozen=True)
class Design:
    """One row of the table.

    Args:
        interval: which interval of which figure.
        design: what is drawn, in words.
        draw: one data set and its interval, or None where it has none.
        truth: what the interval shall hold.
        inside: whether it lies in the declared region.
        slow: whether it resamples.
        safe: whether it is meant to cover more than its level.
    """

    interval: str
    design: str
    draw: Callable[[Rng], Interval | None]
    truth: float
    inside: bool = True
    slow: bool = False
    safe: bool = False


def covered(design: Design, replications: int) -> tuple[float, int]:
    """The share of the intervals that hold the truth, and how many did not exist. Seeded."""
    rng = np.random.default_rng(20_240_607)
    found = [design.draw(rng) for _ in range(replications)]
    known = [interval for interval in found if interval is not None]
    hits = sum(interval.low <= design.truth <= interval.high for interval in known)
    return hits / max(1, len(known)), replications - len(known)


def answers(rng: Rng, m: int, k: int, p: float, icc: float) -> Array:
    """0/1 answers to m templates of k items, beta-binomial with the given correlation, (m * k,)."""
    scale = (1 - icc) / icc
    template = rng.beta(p * scale, (1 - p) * scale, m)
    return (rng.random((m, k)) < template[:, None]).ravel().astype(np.float64)


def _labels(m: int, k: int) -> NDArray[np.intp]:
    return np.repeat(np.arange(m), k)


# -- means ---------------------------------------------------------------------------------------


def _normal(rng: Rng, n: int) -> Interval | None:
    return stats.mean(rng.normal(size=n)).interval


def _skewed(rng: Rng, n: int) -> Interval | None:
    """Toxicities: most near 0, a long tail to 1."""
    return stats.mean(rng.beta(0.3, 1.7, n), value_range=(0.0, 1.0)).interval


def _ragged(rng: Rng, m: int) -> NDArray[np.intp]:
    return np.repeat(np.arange(m), rng.integers(1, 31, m))


def _clustered_mean(rng: Rng, clusters: NDArray[np.intp] | int, icc: float) -> Interval | None:
    """Normal values; an integer stands for so many clusters of 1 to 30."""
    labels = _ragged(rng, clusters) if isinstance(clusters, int) else clusters
    shared = rng.normal(scale=math.sqrt(icc), size=int(labels.max()) + 1)[labels]
    values = shared + rng.normal(scale=math.sqrt(1 - icc), size=len(labels))
    return stats.mean(values, labels).interval


def _bbq(rng: Rng, m: int, k: int) -> Interval | None:
    """+1, -1 and 0 ("unknown"): by context 10 %, 5 % and 85 %, as BBQ's ambiguous score is."""
    kind = _three_kinds(rng, m, k)
    values = np.select([kind == 0, kind == 1], [1.0, -1.0], 0.0)
    return stats.mean(values, _labels(m, k), value_range=(-1.0, 1.0)).interval


def _maximum(rng: Rng, n: int) -> Interval | None:
    """The largest of 25 toxicities of each prompt."""
    return stats.mean(rng.beta(0.3, 1.7, (n, 25)).max(axis=1), value_range=(0.0, 1.0)).interval


def _expected_maximum() -> float:
    from scipy.integrate import quad
    from scipy.stats import beta

    return float(quad(lambda x: 1 - beta.cdf(x, 0.3, 1.7) ** 25, 0, 1)[0])


# -- bootstraps ----------------------------------------------------------------------------------


def _ratio(rng: Rng, m: int) -> Interval | None:
    clusters = _ragged(rng, m)
    share = rng.beta(3, 3, m)[clusters]
    below = rng.integers(1, 5, len(clusters))
    top = rng.binomial(below, share)
    return stats.ratio_bootstrap(top, below, clusters, seed=1).interval


def _icat(rng: Rng, terms: int, ss: float) -> Interval | None:
    """Terms of six items: a stereotype score about ``ss``, a language modelling score about .9."""
    preference = rng.binomial(6, rng.beta(4 * ss, 4 * (1 - ss), terms)) / 6
    sense = rng.binomial(6, rng.beta(9, 1, terms)) / 6
    return icat_estimate(sense, preference, 0.95).interval


def _auc(rng: Rng, n: int, shift: float) -> Interval | None:
    members = np.arange(n) < n // 2
    scores = rng.normal(size=n) + shift * members
    return stats.cluster_bootstrap(
        lambda chosen: auc(scores[chosen], members[chosen]),
        list(np.arange(n)[:, None]),
        seed=1,
        replicates=REPLICATES,
        value_range=(0.0, 1.0),
    ).interval


def _uneven(rng: Rng, texts: int, share: float) -> Interval | None:
    """Mentions of two groups, up to three a text: the distance of their shares from even."""
    mentions = rng.integers(0, 4, texts)
    first = rng.binomial(mentions, share)
    counts = np.stack([first, mentions - first], axis=1).astype(np.float64)
    return stats.cluster_bootstrap(
        lambda chosen: distance(counts[chosen].sum(axis=0)),
        list(np.arange(texts)[:, None]),
        seed=1,
        replicates=REPLICATES,
        value_range=(0.0, 0.5),
    ).interval


def _rows(values: Array, tags: Sequence[str], *, repeats: bool) -> TaskRows:
    """Answers to n items, shape (n, k): repeats of the item, or its versions in k formats."""
    n, k = values.shape
    places = [(item, number) for item in range(n) for number in range(k)]
    names = [f"{i}" if repeats else f"{i}-{j}" for i, j in places]
    columns = {"format": Labels.of([tags[j] for _, j in places])} if tags else {}
    variant = Labels.of(["format" if j else "clean" for _, j in places])
    return TaskRows(
        sample=Labels.of(names),
        outcome=Labels.of(["answered"] * len(places)),
        scores={"correct": values.ravel()},
        group=Labels.of([f"{i}" for i, _ in places]),
        cluster=Labels.of([None] * len(places)),
        tags={"variant": variant, **columns},
    )


def _between(rng: Rng, items: int, repeats: int) -> Interval | None:
    """Items that are right with a chance of their own, uniform from 0 to 1."""
    chances = rng.random((items, 1))
    right = (rng.random((items, repeats)) < chances).astype(np.float64)
    return BetweenItemVariance().compute(_rows(right, (), repeats=True), 0.95).interval


def _spread(rng: Rng, items: int, shares: Sequence[float]) -> Interval | None:
    """Formats with these accuracies; half of the items go together over formats."""
    own = rng.random((items, len(shares)))
    together = np.where(rng.random((items, 1)) < 0.5, rng.random((items, 1)), own)
    right = (together < np.array(shares)).astype(np.float64)
    table = _rows(right, "abcdefgh"[: len(shares)], repeats=False)
    return FormatSpread().compute(table, 0.95).interval


# -- pairs ---------------------------------------------------------------------------------------


def _paired(rng: Rng, n: int) -> Interval | None:
    cell = rng.choice(4, n, p=(0.4, 0.4, 0.15, 0.05))
    return stats.paired_proportions(np.isin(cell, (0, 3)), np.isin(cell, (0, 2))).interval


def _three_kinds(
    rng: Rng, m: int, k: int, shares: Sequence[float] = (0.1, 0.05, 0.85)
) -> NDArray[np.intp]:
    """0, 1 or 2 for each item of m clusters of k, Dirichlet with a correlation of .3."""
    chances = rng.dirichlet(np.array(shares) * 7 / 3, m)
    drawn = rng.random((m, k, 1)) > chances.cumsum(axis=1)[:, None, :2]
    return np.asarray(drawn.sum(axis=2).ravel())


def _paired_clusters(rng: Rng, m: int, k: int, shares: Sequence[float]) -> Interval | None:
    kind = _three_kinds(rng, m, k, shares)
    return stats.paired_proportions(kind == 1, kind == 0, _labels(m, k)).interval


# -- judges, groups, classes, correlations -------------------------------------------------------


def _corrected(rng: Rng, rate: float, labelled: int) -> Interval | None:
    """500 items, a judge of sensitivity .85 and specificity .95, so many labels of each kind."""
    called = int(rng.binomial(500, 0.85 * rate + 0.05 * (1 - rate)))
    known = stats.Calibration(
        int(rng.binomial(labelled, 0.85)), labelled, int(rng.binomial(labelled, 0.95)), labelled
    )
    return stats.corrected_rate(called, 500, known).interval


class _Groups(LargestGap):
    """A gap over groups that are given."""

    def __init__(self, groups: Sequence[Array]) -> None:
        self._groups = groups

    def strata(self, rows: TaskRows) -> list[Stratum]:  # noqa: ARG002 - the groups are given
        names = tuple("abcdefgh"[: len(self._groups)])
        units = tuple(map(_units, self._groups))
        return [Stratum("", names, units, paired=False, names=(), together=())]


def _units(values: Array) -> Units:
    everyone = np.ones(len(values), dtype=bool)
    labels = Labels.of([None] * len(values))
    return Units(values, values, values, everyone, ~everyone, labels, 1.0)


_NO_ROWS = TaskRows(*(Labels.of([]),) * 2, {}, *(Labels.of([]),) * 2, {})


def _gap(rng: Rng, n: int, shares: Sequence[float]) -> Interval | None:
    groups = [rng.binomial(1, share, n).astype(float) for share in shares]
    return _Groups(groups).compute(_NO_ROWS, 0.95).interval


def _balanced(rng: Rng, n: int) -> Interval | None:
    values = np.concatenate([rng.binomial(1, 0.9, n), rng.binomial(1, 0.7, n // 2)])
    return stats.mean_of_proportions(values, np.repeat([0, 1], [n, n // 2])).interval


def _pairs(rng: Rng, n: int, r: float) -> Array:
    return rng.multivariate_normal([0, 0], [[1, r], [r, 1]], n)


def _correlation(
    rng: Rng, method: Callable[..., stats.Estimate], n: int, r: float
) -> Interval | None:
    return method(*_pairs(rng, n, r).T).interval


def _correlation_clusters(
    rng: Rng, method: Callable[..., stats.Estimate], m: int, k: int, r: float
) -> Interval | None:
    pairs = math.sqrt(0.3) * _pairs(rng, m, r)[_labels(m, k)]
    pairs = pairs + math.sqrt(0.7) * _pairs(rng, m * k, r)
    return method(*pairs.T, _labels(m, k)).interval


def _rank_correlation(r: float) -> float:
    return 6 / math.pi * math.asin(r / 2)


_SKEWED = 0.3 / 2
_T = "mean, t"
_T_CLUSTERS = "mean, t, cluster-robust"
_LR = "corrected_rate, lang-reiczigel"
_GAP = "largest gap, simultaneous"

DESIGNS: tuple[Design, ...] = (
    Design(_T, "20 normal values", partial(_normal, n=20), 0.0),
    Design(_T, "30 skewed scores (beta .3, 1.7)", partial(_skewed, n=30), _SKEWED, inside=False),
    Design(_T, "100 skewed scores", partial(_skewed, n=100), _SKEWED),
    Design("expected maximum, t", "30 prompts, the largest of 25 scores",
           partial(_maximum, n=30), _expected_maximum()),
    *(Design(_T_CLUSTERS, f"{words}, ICC {icc}",
             partial(_clustered_mean, clusters=clusters, icc=icc), 0.0)
      for words, clusters in (("30 clusters of 1 to 30", 30), ("30 of 20", _labels(30, 20)),
                              ("100 of 10", _labels(100, 10)))
      for icc in (0.1, 0.3)),
    *(Design("BBQ's bias score, t, cluster-robust", f"{m} contexts of {k}, 10 % and 5 %, ICC 0.3",
             partial(_bbq, m=m, k=k), 0.05)
      for m, k in ((30, 20), (60, 10))),
    *(Design("ratio_bootstrap", f"{m} clusters of 1 to 30, ratio of sums",
             partial(_ratio, m=m), 0.5, inside=m >= 40, slow=True)
      for m in (30, 40, 100)),
    *(Design("ICAT, mover", f"{m} terms of 6, SS = {ss}", partial(_icat, terms=m, ss=ss),
             0.9 * min(ss, 1 - ss) / 0.5, safe=ss < 0.6)
      for m, ss in ((30, 0.65), (80, 0.65), (30, 0.5), (80, 0.5), (80, 0.52), (80, 0.55))),
    *(Design("AUC, bootstrap", f"{n} texts, AUC {ndtr(shift / math.sqrt(2)):.2f}",
             partial(_auc, n=n, shift=shift), float(ndtr(shift / math.sqrt(2))), slow=True)
      for n, shift in ((60, 0.0), (100, 1.0), (200, 0.3))),
    *(Design("distance from even, bootstrap", f"100 texts, {share:.0%} of one of two groups",
             partial(_uneven, texts=100, share=share), share - 0.5, inside=share > 0.6, slow=True)
      for share in (0.5, 0.55, 0.7)),
    *(Design("variance between items, bootstrap", f"{items} items of {repeats} answers",
             partial(_between, items=items, repeats=repeats), 1 / 12, slow=True)
      for items, repeats in ((60, 5), (200, 3))),
    Design("paired_proportions, agresti-min", "100 pairs, 15 % and 5 % discordant",
           partial(_paired, n=100), 0.1),
    *(Design("paired_proportions, t", f"{m} clusters of {k}, {words}, ICC 0.3",
             partial(_paired_clusters, m=m, k=k, shares=shares), shares[0] - shares[1],
             inside=inside)
      for m, k, words, shares, inside in (
          (30, 20, "10 % and 5 %", (0.1, 0.05, 0.85), True),
          (60, 10, "10 % and 5 %", (0.1, 0.05, 0.85), True),
          (60, 20, "10 % and 0.1 %", (0.1, 0.001, 0.899), True),
          (30, 20, "5 % and 0.1 %", (0.05, 0.001, 0.949), False),
          (40, 20, "2 % and 0.1 %", (0.02, 0.001, 0.979), False))),
    *(Design(_LR, f"500 items, rate {rate}, {labelled} labels of each kind",
             partial(_corrected, rate=rate, labelled=labelled), rate, inside=labelled >= 100)
      for rate in (0.05, 0.3) for labelled in (50, 100, 200)),
    Design(_GAP, "4 groups of 100, all 20 %", partial(_gap, n=100, shares=[0.2] * 4), 0.0,
           safe=True),
    Design(_GAP, "4 groups of 100, 10 to 40 %", partial(_gap, n=100, shares=[0.1, 0.2, 0.2, 0.4]),
           0.3, safe=True),
    Design(_GAP, "2 groups of 100, 20 % and 30 %", partial(_gap, n=100, shares=[0.2, 0.3]), 0.1,
           safe=True),
    *(Design("format spread, simultaneous", f"100 items, 4 formats, {words}",
             partial(_spread, items=100, shares=shares), max(shares) - min(shares), safe=True)
      for words, shares in (("all 70 %", [0.7] * 4), ("65 to 75 %", [0.65, 0.7, 0.7, 0.75]),
                            ("40 to 80 %", [0.4, 0.6, 0.7, 0.8]))),
    Design("mean of classes' shares, mover", "100 at 90 % and 50 at 70 %",
           partial(_balanced, n=100), 0.8),
    Design("pearson, fisher z", "50 normal pairs, r = .5",
           partial(_correlation, method=stats.pearson, n=50, r=0.5), 0.5),
    Design("spearman, fisher z", "50 normal pairs, r = .5",
           partial(_correlation, method=stats.spearman, n=50, r=0.5), _rank_correlation(0.5)),
    *(Design("pearson, jackknife over clusters", f"{m} clusters of {k}, r = {r}",
             partial(_correlation_clusters, method=stats.pearson, m=m, k=k, r=r), r)
      for m, k, r in ((30, 10, 0.0), (30, 5, 0.8), (40, 5, 0.5))),
    Design("spearman, jackknife over clusters", "40 clusters of 5, r = .5",
           partial(_correlation_clusters, method=stats.spearman, m=40, k=5, r=0.5),
           _rank_correlation(0.5)),
)  # fmt: skip


# -- tests ---------------------------------------------------------------------------------------


def _null(rng: Rng, m: int, k: int) -> tuple[Array, Array, NDArray[np.intp]]:
    """Two models of equal skill: template effects of .3 of the variance that correlate by .75."""
    labels = _labels(m, k)
    shared = rng.normal(scale=math.sqrt(0.3 * 0.75), size=m)

    def answered() -> Array:
        template = shared + rng.normal(scale=math.sqrt(0.3 * 0.25), size=m)
        return (template[labels] + rng.normal(scale=math.sqrt(0.7), size=m * k) > 0).astype(float)

    return answered(), answered(), labels


def _mcnemar(rng: Rng, m: int, k: int) -> bool:
    a, b, _ = _null(rng, m, k)
    return stats.mcnemar(int((a > b).sum()), int((b > a).sum())) < 0.05


def _sign_flip(rng: Rng, m: int, k: int) -> bool:
    a, b, labels = _null(rng, m, k)
    found = stats.sign_flip(b - a, labels, seed=1)
    return found is not None and found[0] < 0.05


#: Test, design, one verdict "there is a difference" where there is none, and whether it resamples.
TESTS: tuple[tuple[str, str, Callable[[Rng], bool], bool], ...] = (
    ("McNemar, ignoring the clusters", "25 templates of 40, ICC 0.3",
     partial(_mcnemar, m=25, k=40), False),
    ("sign flip over clusters", "25 templates of 40, ICC 0.3",
     partial(_sign_flip, m=25, k=40), True),
    ("sign flip over clusters", "10 templates of 40, ICC 0.3",
     partial(_sign_flip, m=10, k=40), True),
    ("McNemar, exact", "300 independent pairs", partial(_mcnemar, m=300, k=1), False),
)  # fmt: skip
