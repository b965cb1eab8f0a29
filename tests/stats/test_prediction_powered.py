"""Prediction-powered means: closed forms, limits, coverage, and what is not given."""

from __future__ import annotations

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from evalharness import stats
from evalharness.stats import Labelled


def planted(seed, k=60, n=600, noise=0.1, shift=0.2):
    """People's scores, and a judge who is too kind by ``shift`` and noisy."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0.5, 0.15, k + n)
    judge = truth + shift + rng.normal(0, noise, k + n)
    return truth, judge, Labelled(truth[:k], judge[:k]), judge[k:]


def test_with_weight_one_it_is_the_paper_s_closed_form():
    truth, judge, labelled, others = planted(1)
    found = stats.prediction_powered_mean(labelled, others, weight=1.0)
    rectifier = truth[:60] - judge[:60]
    assert found.value == pytest.approx(others.mean() + rectifier.mean())
    error = (others.var(ddof=1) / 600 + rectifier.var(ddof=1) / 60) ** 0.5
    half = scipy.stats.t.ppf(0.975, 59) * error
    assert found.interval.high - found.value == pytest.approx(half)
    assert found.interval.method == "prediction-powered"
    assert found.n == 660


def test_the_weight_is_the_one_of_the_smallest_variance():
    truth, judge, labelled, others = planted(2)
    weight = np.cov(truth[:60], judge[:60])[0, 1] / (1.1 * judge.var(ddof=1))
    tuned = stats.prediction_powered_mean(labelled, others)
    same = stats.prediction_powered_mean(labelled, others, weight=weight)
    assert tuned == same
    widths = [
        (e := stats.prediction_powered_mean(labelled, others, weight=w).interval).high - e.low
        for w in (0.0, weight, 1.0)
    ]
    assert min(widths) == widths[1]


def test_without_unlabelled_items_it_is_people_s_own_mean():
    truth, _, labelled, _ = planted(3)
    found = stats.prediction_powered_mean(labelled, [])
    plain = stats.mean(truth[:60])
    assert found.value == pytest.approx(plain.value)
    assert found.interval.low == pytest.approx(plain.interval.low)
    assert found.interval.high == pytest.approx(plain.interval.high)


def test_a_judge_that_knows_nothing_costs_nothing():
    rng = np.random.default_rng(4)
    labels, judge = rng.random(80), np.full(80, 0.7)
    found = stats.prediction_powered_mean(Labelled(labels, judge), np.full(900, 0.7))
    plain = stats.mean(labels)
    assert found.value == pytest.approx(plain.value)
    assert found.interval.low == pytest.approx(plain.interval.low)


@given(st.integers(0, 10_000), st.floats(-3, 3))
def test_a_judge_s_constant_error_cancels(seed, shift):
    _, judge, labelled, others = planted(seed, k=20, n=50)
    moved = Labelled(labelled.labels, judge[:20] + shift)
    one = stats.prediction_powered_mean(labelled, others)
    other = stats.prediction_powered_mean(moved, others + shift)
    assert one.value == pytest.approx(other.value, abs=1e-9)
    assert one.interval.low == pytest.approx(other.interval.low, abs=1e-9)


def test_it_holds_the_truth_where_the_judge_s_own_mean_never_does():
    hit = naive = 0
    for seed in range(300):
        _, judge, labelled, others = planted(seed)
        found = stats.prediction_powered_mean(labelled, others).interval
        hit += found.low <= 0.5 <= found.high
        raw = stats.mean(judge).interval
        naive += raw.low <= 0.5 <= raw.high
    assert 275 <= hit <= 297
    assert naive == 0


def test_clusters_with_items_on_both_sides_widen_it():
    rng = np.random.default_rng(6)
    hit, rounds = {"over clusters": 0, "as if none": 0}, 200
    for _ in range(rounds):
        passage = np.repeat(rng.normal(0, 0.3, 40), 10)
        clusters = np.repeat(np.arange(40), 10)
        truth = passage + rng.normal(0, 0.1, 400)
        judge = truth + rng.normal(0.1, 0.1, 400)
        order = rng.permutation(400)
        k, n = order[:120], order[120:]
        over = stats.prediction_powered_mean(
            Labelled(truth[k], judge[k], clusters[k]), judge[n], clusters[n]
        )
        plain = stats.prediction_powered_mean(Labelled(truth[k], judge[k]), judge[n])
        assert over.interval.method == "prediction-powered, cluster-robust"
        assert over.n_clusters == 40
        hit["over clusters"] += over.interval.low <= 0 <= over.interval.high
        hit["as if none"] += plain.interval.low <= 0 <= plain.interval.high
    assert hit["over clusters"] >= 178
    assert hit["as if none"] < 130


def test_of_a_rare_share_it_holds_less_often_than_rogan_and_gladen():
    """Why shares are corrected by the other: 5 % of 500 true, 100 labelled."""
    rng = np.random.default_rng(8)
    hit, wide, rounds = {"ppi": 0, "rate": 0}, {"ppi": 0.0, "rate": 0.0}, 400
    for _ in range(rounds):
        truth = rng.random(500) < 0.05
        judge = np.where(truth, rng.random(500) < 0.9, rng.random(500) < 0.02)
        yes, said = truth[:100], judge[:100]
        if not yes.any():
            continue
        part = stats.Calibration(
            int((yes & said).sum()), int(yes.sum()), int((~yes & ~said).sum()), int((~yes).sum())
        )
        found = {
            "ppi": stats.prediction_powered_mean(
                Labelled(yes.astype(float), said.astype(float)),
                judge[100:].astype(float),
                value_range=(0, 1),
            ),
            "rate": stats.corrected_rate(int(judge.sum()), 500, part, among=500),
        }
        for name, estimate in found.items():
            interval = estimate.interval
            hit[name] += interval is not None and interval.low <= 0.05 <= interval.high
            wide[name] += 0 if interval is None else interval.high - interval.low
    assert hit["rate"] >= 372
    assert hit["ppi"] < 372
    assert wide["ppi"] < wide["rate"]


@pytest.mark.parametrize(
    ("labelled", "note"),
    [
        (Labelled([0.5], [0.4]), "one label: no variance to estimate from"),
        (Labelled([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]), "no interval: the labels leave no variance"),
        (Labelled([0.1, 0.5], [0.2, 0.4], ["a", "a"]), "all units share one cluster"),
    ],
)
def test_where_there_is_no_interval_it_says_why(labelled, note):
    clusters = None if labelled.clusters is None else ["b", "c"]
    others = [0.3, 0.4] if clusters else [1.0, 1.0]
    found = stats.prediction_powered_mean(labelled, others, clusters)
    assert found.interval is None
    assert found.notes[0].startswith(note)


def test_what_leaves_the_range_is_cut_and_says_so():
    labels, judge = [0.0, 0.0, 0.1, 0.0], [0.3, 0.4, 0.9, 0.3]
    found = stats.prediction_powered_mean(
        Labelled(labels, judge), [0.0, 0.1, 0.0, 0.0], value_range=(0, 1), weight=1.0
    )
    assert found.value == 0
    assert found.notes[0].startswith("clipped: it is -0.4")
    assert found.interval is None or 0 <= found.interval.low < found.interval.high <= 1


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="2 labels for 1 predictions"):
        stats.prediction_powered_mean(Labelled([1, 0], [1]), [1.0])
    with pytest.raises(ValueError, match="outside the range"):
        stats.prediction_powered_mean(Labelled([1, 2], [1, 0]), [1.0], value_range=(0, 1))
    with pytest.raises(ValueError, match="both the labelled and the unlabelled"):
        stats.prediction_powered_mean(Labelled([1, 0], [1, 0], ["a", "b"]), [1.0])
