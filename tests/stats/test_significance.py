"""Tests of paired differences: against published cases, other software and simulation."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from evalharness import stats


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 5), (3, 9), (10, 10), (40, 12)])
def test_mcnemar_is_statsmodels_exact_test(only_a, only_b):
    table = [[100, only_b], [only_a, 30]]
    expected = statsmodels_mcnemar(table, exact=True).pvalue if only_a + only_b else 1.0
    assert stats.mcnemar(only_a, only_b) == pytest.approx(min(1.0, expected), abs=1e-12)


def test_paired_data_want_a_paired_test():
    """A z-test of two proportions on the same items sees nothing where the pairs are clear."""
    n, both, only_a, only_b = 200, 150, 3, 18
    a, b = (both + only_a) / n, (both + only_b) / n
    pooled = (a + b) / 2
    z = (b - a) / np.sqrt(2 * pooled * (1 - pooled) / n)
    assert 2 * scipy.stats.norm.sf(z) > 0.05
    assert stats.mcnemar(only_a, only_b) < 0.002


def test_a_sign_flip_counts_every_flip_of_few_clusters():
    # three clusters with sums 2, 1, 1: of eight flips two have a mean as far out as 4 / 3
    found = stats.sign_flip([1, 1, 1, 1], ["a", "a", "b", "c"], seed=1)
    assert found == (pytest.approx(2 / 8), "sign-flip permutation over clusters")
    # four pairs of their own: two of sixteen
    assert stats.sign_flip([1, 1, 1, 1], seed=1) == (pytest.approx(2 / 16), "sign-flip permutation")


def test_a_sign_flip_has_nothing_to_say_of_one_cluster_or_none():
    assert stats.sign_flip([], seed=1) is None
    assert stats.sign_flip([1, 0, 1], ["a", "a", "a"], seed=1) is None
    assert stats.sign_flip([0, 0, 0], seed=1) == (1.0, "sign-flip permutation")


def test_a_sign_flip_is_the_same_each_time():
    values = np.random.default_rng(3).normal(0.2, 1, 40)
    assert stats.sign_flip(values, seed=5) == stats.sign_flip(values, seed=5)
    assert stats.sign_flip(values, seed=5)[0] == pytest.approx(
        scipy.stats.ttest_1samp(values, 0).pvalue, abs=0.02
    )


def test_lm_evaluation_harness_s_case():
    """peers.md 51: an unpaired z-test gives p = .080 where McNemar's gives .008.

    200 items, 105 of them right in both runs, 10 and 27 in one alone.
    """
    both, only_a, only_b, n = 105, 10, 27, 200
    a, b = (both + only_a) / n, (both + only_b) / n
    pooled = (a + b) / 2
    z = (b - a) / np.sqrt(2 * pooled * (1 - pooled) / n)
    assert 2 * scipy.stats.norm.sf(z) == pytest.approx(0.080, abs=0.0005)
    assert stats.mcnemar(only_a, only_b) == pytest.approx(0.008, abs=0.0005)


def test_many_clusters_are_tested_by_t():
    values = np.random.default_rng(4).normal(0.05, 1, 3_000)
    p, name = stats.sign_flip(values, seed=1)
    assert (p, name) == (pytest.approx(scipy.stats.ttest_1samp(values, 0).pvalue), "t")


def clustered_pairs(rng, templates=25, size=40, icc=0.3):
    """Two models without a true difference, whose differences go together within a template."""
    shift = rng.normal(0, np.sqrt(icc), templates).repeat(size)
    a, b = (shift * s + rng.normal(0, np.sqrt(1 - icc), templates * size) > 0 for s in (1, -1))
    return a, b, np.arange(templates).repeat(size)


def test_clusters_keep_the_level_that_mcnemar_loses():
    """peers.md: 25 templates of 40 at ICC .3: McNemar's nominal 5 % is many times that."""
    rng = np.random.default_rng(20_26)
    naive = held = 0
    rounds = 120
    for _ in range(rounds):
        a, b, clusters = clustered_pairs(rng)
        naive += stats.mcnemar(int((a & ~b).sum()), int((b & ~a).sum())) < 0.05
        found = stats.sign_flip(b.astype(float) - a, clusters, seed=1)
        held += found is not None and found[0] < 0.05
    assert naive / rounds > 0.2
    # 120 rounds at 5 %: at most 13 with a chance of 99.5 %
    assert held <= 13


@given(st.lists(st.integers(-3, 3), min_size=2, max_size=9))
def test_every_flip_of_few_units_is_counted_as_scipy_counts_it(values):
    found = stats.sign_flip(values, seed=1)[0]
    if not any(values):
        assert found == 1
        return
    other = scipy.stats.permutation_test(
        (np.array(values, dtype=float),), np.mean, permutation_type="samples", n_resamples=10_000,
        vectorized=True,
    )  # fmt: skip
    assert found == pytest.approx(min(1.0, other.pvalue))


@given(st.lists(st.floats(0, 1), max_size=30), st.sampled_from(["holm", "benjamini-hochberg"]))
def test_corrections_are_those_of_statsmodels(p_values, method):
    name = {"holm": "holm", "benjamini-hochberg": "fdr_bh"}[method]
    other = multipletests(p_values, method=name)[1] if p_values else []
    assert stats.adjusted(p_values, method) == pytest.approx(list(other))


def test_holm_and_benjamini_hochberg_by_hand():
    p = [0.01, 0.04, 0.03, 0.005]
    # sorted .005 .01 .03 .04 times 4, 3, 2, 1, never falling
    assert stats.adjusted(p, "holm") == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # times 4/1, 4/2, 4/3, 4/4, never rising from the end
    assert stats.adjusted(p, "benjamini-hochberg") == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert stats.adjusted([], "holm") == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.adjusted([1.2], "holm")
