"""How often a 95 % interval of `evalharness.stats` holds the truth (docs/statistics.md).

Binomial intervals by exact enumeration, the others by seeded simulation of `designs.py`::

    python benchmarks/coverage.py            # 2,000 replications, a quarter of an hour
    python benchmarks/coverage.py --quick    # 200 replications, a minute and a half

Everything is seeded: the same versions of numpy and scipy print the same tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from designs import DESIGNS, TESTS, answers, covered
from numpy.typing import NDArray
from scipy import stats as reference

from evalharness import stats

Array = NDArray[np.float64]

#: Closed forms are cheap: so many times the replications of a bootstrap.
CLOSED_FORMS = 2

_P_GRID = np.linspace(0.001, 0.999, 999)

#: Clusters, items of each, correlation within, true share.
CLUSTERED = (
    (40, 20, 0.3, 0.3),
    (40, 20, 0.3, 0.1),
    (30, 20, 0.3, 0.3),
    (30, 20, 0.3, 0.15),
    (100, 10, 0.3, 0.1),
    (40, 20, 0.1, 0.1),
    (30, 20, 0.3, 0.1),
    (25, 20, 0.3, 0.3),
    (25, 20, 0.3, 0.1),
    (10, 20, 0.3, 0.3),
    (40, 20, 0.3, 0.02),
    (25, 20, 0.3, 0.02),
)


def enumerated(method: Callable[[int, int], stats.Interval], n: int) -> Array:
    """The exact coverage of a binomial interval at every p of the grid, shape (999,)."""
    intervals = [method(x, n) for x in range(n + 1)]
    low = np.array([i.low for i in intervals])[:, None]
    high = np.array([i.high for i in intervals])[:, None]
    chances = reference.binom.pmf(np.arange(n + 1)[:, None], n, _P_GRID)
    return np.asarray((chances * ((low <= _P_GRID) & (high >= _P_GRID))).sum(axis=0))


def binomial_rows() -> Iterator[str]:
    """Exact coverage over 999 values of p."""
    methods = {"wilson": stats.wilson, "clopper-pearson": stats.clopper_pearson}
    for n in (10, 50, 100, 300, 1000):
        for name, method in methods.items():
            found = enumerated(method, n)
            yield f"| {name} | n = {n} | {_percent(found.mean())} | {_percent(found.min())} |"


def clustered_rows(replications: int) -> Iterator[str]:
    """Proportions over templates: what the clusters cost, and what ignoring them costs.

    An interval that does not exist does not hold the truth.
    """
    for m, k, icc, p in CLUSTERED:
        clusters = np.repeat(np.arange(m), k)
        rng = np.random.default_rng(20_240_607)
        hits = np.zeros(6)
        for number in range(CLOSED_FORMS * replications):
            values = answers(rng, m, k, p, icc)
            found = stats.clustered_proportion(values, clusters)
            bound = stats.clustered_proportion(values, clusters, claim_side="upper").claim
            few = number >= replications
            resampled = None if few else stats.ratio_bootstrap(
                values, np.ones(len(values)), clusters, seed=1, replicates=1000
            ).interval  # fmt: skip
            hits += [
                interval is not None and interval.low <= p <= interval.high
                for interval in (
                    stats.wilson(int(values.sum()), len(values)),
                    stats.mean(values, clusters).interval,
                    resampled,
                    found.interval,
                    found.claim,
                    bound,
                )
            ]
        shares = hits / (CLOSED_FORMS * replications)
        shares[2] *= CLOSED_FORMS
        events = p * m * k / (1 + (k - 1) * icc) >= stats.SHOWN_EVENTS
        inside = "yes" if events and m >= stats.SHOWN_CLUSTERS else "no"
        design = f"{m} of {k}, ICC {icc}, p = {p}"
        yield f"| {design} | {' | '.join(map(_percent, shares))} | {inside} |"


def design_rows(replications: int) -> Iterator[str]:
    """Means, bootstraps, differences, judges, groups and correlations."""
    for design in DESIGNS:
        times = 1 if design.slow else CLOSED_FORMS
        share, absent = covered(design, times * replications)
        remark = " (of those that exist)" if absent else ""
        inside = ("yes, safe" if design.safe else "yes") if design.inside else "no"
        yield f"| {design.interval} | {design.design} | {_percent(share)}{remark} | {inside} |"


def test_rows(replications: int) -> Iterator[str]:
    """How often a test at 5 % calls a difference where there is none."""
    for name, design, draw, slow in TESTS:
        rng = np.random.default_rng(20_240_607)
        times = replications if slow else CLOSED_FORMS * replications
        found = sum(draw(rng) for _ in range(times)) / times
        yield f"| {name} | {design} | {_percent(found)} |"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _table(head: str, rows: Iterator[str]) -> None:
    names = head.split("|")
    print(f"\n| {' | '.join(names)} |")
    print(f"|{'|'.join(' ---: ' if '%' in name else ' --- ' for name in names)}|")
    for row in rows:
        print(row, flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="200 replications instead of 2,000")
    replications = 200 if parser.parse_args().quick else 2000
    _table("interval|design|mean over p, %|minimum over p, %", binomial_rows())
    print(f"\nSimulated, {replications} replications with a bootstrap or a permutation, ", end="")
    print(f"{CLOSED_FORMS * replications} without:")
    _table(
        "clusters|plain Wilson, %|t, %|bootstrap, %|Wilson, %|Clopper-Pearson, %"
        "|upper bound, %|in the region",
        clustered_rows(replications),
    )
    _table("interval|design|covers, %|in the region", design_rows(replications))
    _table("test at level .05|design without a difference|calls one, %", test_rows(replications))


if __name__ == "__main__":
    main()
