"""Paired differences against R's PropCIs, enumeration, hand-computed figures and scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial, ttest_rel

from evalharness.stats import agresti_min, paired_means, paired_proportions

tables = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80)


def outcomes(only_a: int, only_b: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    kind = np.repeat([0, 1, 2], [only_a, only_b, n - only_a - only_b])
    return kind == 0, kind == 1


def test_agresti_min_as_printed_by_propcis() -> None:
    """PropCIs 0.3-0, diffpropci.mp(b = 40, c = 20, n = 160, conf.level = 0.95)."""
    found = agresti_min(40, 20, 160)
    assert (found.low, found.high) == pytest.approx((-0.21601726, -0.03089632), abs=5e-9)


def test_agresti_min_covers_on_average() -> None:
    """Exact enumeration of all tables of 25 pairs, averaged over true tables."""
    n, found = 25, []
    tables = [(a, b) for a in range(n + 1) for b in range(n + 1 - a)]
    intervals = [agresti_min(a, b, n) for a, b in tables]
    low, high = np.array([(i.low, i.high) for i in intervals]).T
    counts = np.array([(a, b, n - a - b) for a, b in tables])
    for p_a, p_b in itertools.product(np.arange(0.02, 0.5, 0.06), repeat=2):
        chances = multinomial.pmf(counts, n, [p_a, p_b, 1 - p_a - p_b])
        found.append(chances[(low <= p_b - p_a) & (high >= p_b - p_a)].sum())
    assert 0.94 <= np.mean(found) <= 0.965
    assert min(found) >= 0.92


def test_independent_pairs() -> None:
    a, b = outcomes(5, 15, 100)
    found = paired_proportions(a, b)
    assert (found.value, found.n, found.n_clusters) == (pytest.approx(0.1), 100, None)
    assert found.interval == agresti_min(5, 15, 100)
    assert paired_proportions(a, b, np.arange(100)).interval == found.interval


def test_trap_51_pairs_are_not_two_samples() -> None:
    """10 of 1,000 items differ, all one way: unpaired, p = .87 against .86 is no difference."""
    a, b = outcomes(0, 10, 1000)
    found = paired_proportions(a, b).interval
    assert found is not None
    assert found.low > 0


@pytest.mark.parametrize("n", [1, 50, 300])
def test_no_discordant_pair_gets_an_exact_bound(n: int) -> None:
    found = paired_proportions([1] * n, [1] * n)
    u = 1 - 0.05 ** (1 / n)
    assert found.value == 0
    assert found.interval is not None
    assert found.claim == found.interval
    assert (found.interval.low, found.interval.high) == pytest.approx((-u, u))
    assert found.interval.method == "clopper-pearson on discordant pairs"
    assert "every difference is 0" in found.notes[0]


@pytest.mark.parametrize("sign", [-1, 1])
def test_every_pair_discordant_the_same_way(sign: int) -> None:
    better, worse = [1] * 60, [0] * 60
    a, b = (worse, better) if sign == 1 else (better, worse)
    u = 1 - 0.05 ** (1 / 20)
    found = paired_proportions(a, b, np.repeat(range(20), 3))
    assert found.interval is not None
    ends = sorted((sign * (1 - 2 * u), float(sign)))
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(ends))
    assert found.interval.method == "clopper-pearson on differing pairs, of clusters"


def test_clusters_give_a_t_interval_over_clusters() -> None:
    # mean differences .5, 0, .5, .5 of two pairs each: a t test of the four
    a = [0, 0, 1, 0, 0, 1, 0, 0]
    b = [1, 0, 0, 1, 1, 1, 0, 1]
    found = paired_proportions(a, b, [0, 0, 1, 1, 2, 2, 3, 3])
    shares = np.array([0.5, 0, 0.5, 0.5])
    half = 3.18244631 * shares.std(ddof=1) / 2
    assert found.value == pytest.approx(0.375)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((0.375 - half, 0.375 + half))
    assert found.interval.method == "t, cluster-robust"
    assert found.notes == ("few clusters (4)",)


def test_one_cluster_has_no_interval() -> None:
    found = paired_proportions([0, 0, 1], [0, 0, 1], [1, 1, 1])
    assert (found.value, found.interval) == (0.0, None)
    assert "share one cluster" in found.notes[0]
    assert paired_means([0.2, 0.3], [0.2, 0.3], [1, 1], value_range=(0, 1)).interval is None


def test_real_outcomes_are_a_paired_t_test() -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(size=30)
    b = a + rng.normal(0.2, 0.3, 30)
    found, other = paired_means(a, b), ttest_rel(b, a).confidence_interval()
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((other.low, other.high))
    assert found.value == pytest.approx((b - a).mean())


def test_real_outcomes_that_never_differ() -> None:
    a = [0.2, 0.7, 0.4] * 10
    assert paired_means(a, a).interval is None
    bounded = paired_means(a, a, value_range=(0, 2)).interval
    u = 1 - 0.05 ** (1 / 30)
    assert bounded is not None
    assert (bounded.low, bounded.high) == pytest.approx((-2 * u, 2 * u))
    # the same shift for every pair: no variance, and no bound either
    shifted = paired_means(a, np.array(a) + 0.1, value_range=(0, 1))
    assert (shifted.value, shifted.interval) == (pytest.approx(0.1), None)
    assert "values are equal" in shifted.notes[0]


def test_nothing_measured() -> None:
    assert paired_proportions([], []).notes == ("nothing was measured",)
    assert paired_means([], [], value_range=(0, 1)).value is None


def test_faulty_input_is_named() -> None:
    with pytest.raises(ValueError, match="one each a pair"):
        paired_proportions([0, 1], [1])
    with pytest.raises(ValueError, match="b holds values other than 0 and 1"):
        paired_proportions([0, 1], [1, 0.5])
    with pytest.raises(ValueError, match=r"a\[0\] is 2.0, outside"):
        paired_means([2], [1], value_range=(0, 1))
    for counts in ((-1, 0, 5), (3, 3, 5), (0, 0, 0)):
        with pytest.raises(ValueError, match="impossible"):
            agresti_min(*counts)


@settings(derandomize=True, deadline=None)
@given(tables, st.sampled_from([0.5, 0.8, 0.95, 0.99]))
def test_properties(pairs: list[tuple[bool, bool]], level: float) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    found, swapped = paired_proportions(a, b, level=level), paired_proportions(b, a, level=level)
    assert found.value is not None
    assert found.interval is not None
    assert swapped.interval is not None
    assert -1 <= found.interval.low <= found.value <= found.interval.high <= 1
    assert found.interval.low == pytest.approx(-swapped.interval.high)
    assert found.interval.low < found.interval.high


@pytest.mark.parametrize(("share", "marked"), [(0.3, False), (0.015, True)])
def test_few_effective_pairs_that_differ_are_marked(share: float, marked: bool) -> None:
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(40), 10)
    differs = rng.random(400) < share * (clusters % 2 + 0.5)
    found = paired_proportions(np.zeros(400), differs, clusters)
    assert found.interval is not None
    assert [note.startswith("coverage not shown for") for note in found.notes] == [True] * marked
