"""AUC by hand and against scikit-learn; what is claimed is the excess over a blind baseline."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from evalharness.scorecard.metrics.membership import ExcessAUC, MembershipAUC, auc
from evalharness.scorecard.metrics.registry import metrics_of
from evalharness.tasks.library import Library
from tests.scorecard.test_metrics import answered, rows


@pytest.mark.parametrize(
    ("scores", "members", "expected"),
    [
        ([3, 2, 1], [1, 0, 0], 1.0),
        ([1, 2, 3], [1, 0, 0], 0.0),
        ([2, 1, 3], [1, 0, 0], 0.5),
        ([1, 1, 1], [1, 0, 0], 0.5),
        # pairs: 4 against 3 and 1 won, 2 against 3 lost and against 1 won: 3 of 4
        ([4, 2, 3, 1], [1, 1, 0, 0], 0.75),
        # 2 against 2 is half, against 1 won
        ([2, 2, 1], [1, 0, 0], 0.75),
        ([1, 2], [1, 1], None),
        ([1, 2], [0, 0], None),
    ],
)
def test_auc_by_hand(scores, members, expected):
    assert auc(np.array(scores, float), np.array(members, bool)) == expected


def test_auc_equals_scikit_learn_s():
    draw = np.random.default_rng(3)
    for _ in range(50):
        members = np.r_[True, False, draw.random(40) < 0.4]
        scores = draw.integers(0, 8, 42).astype(float)  # with ties
        assert auc(scores, members) == pytest.approx(roc_auc_score(members, scores), abs=1e-12)


def texts(n, attack, blind, **more):
    """n texts, every second a member, scored by two functions of (index, member)."""
    return [
        answered(f"s{i}", member=i % 2, min_k=attack(i, i % 2), blind=blind(i, i % 2), **more)
        for i in range(n)
    ]


def noise(seed):
    values = np.random.default_rng(seed).normal(size=1000)
    return lambda i, _member: float(values[i])


def test_attacks_are_told_apart_by_their_titles():
    uses = metrics_of(Library.load().task("membership_inference", "here").definition)
    titles = [use.title for use in uses]
    assert len(set(titles)) == len(titles)
    assert "Members told from others (AUC) (blind baseline)" in titles
    assert "AUC beyond the blind baseline (Min-K%++)" in titles


def test_an_attack_that_sees_what_the_texts_tell_claims_nothing():
    """Members are newer texts: both the attack and the baseline see the date, and no model."""
    dated = texts(200, lambda i, m: m + noise(1)(i, m), lambda i, m: m + noise(2)(i, m))
    table = rows(*dated)
    attack = MembershipAUC("min_k").compute(table, 0.95)
    excess = ExcessAUC("min_k").compute(table, 0.95)
    assert attack.value > 0.7
    assert attack.interval.low > 0.5
    assert abs(excess.value) < 0.1
    assert excess.interval.low < 0 < excess.interval.high


def test_what_only_the_model_tells_is_claimed():
    table = rows(*texts(200, lambda i, m: 2 * m + noise(1)(i, m), noise(2)))
    blind = MembershipAUC("blind").compute(table, 0.95)
    excess = ExcessAUC("min_k").compute(table, 0.95)
    assert blind.interval.low < 0.5 < blind.interval.high
    assert excess.interval.low > 0.2
    assert excess.n_measured == 200


def test_a_baseline_below_chance_counts_as_chance():
    # the attack ranks 2 of 4 pairs right (0.5); the baseline none (0)
    table = rows(*texts(4, lambda i, m: [2, 3, 1, 0][i], lambda i, m: -m))
    assert MembershipAUC("blind").compute(table, 0.95).value == 0
    value = MembershipAUC("min_k").compute(table, 0.95).value
    assert ExcessAUC("min_k").compute(table, 0.95).value == pytest.approx(value - 0.5)


def test_a_perfect_attack_has_no_bootstrap_interval_and_says_why():
    found = MembershipAUC("min_k").compute(rows(*texts(40, lambda i, m: m, noise(2))), 0.95)
    assert (found.value, found.interval) == (1.0, None)
    assert "end of its range" in found.notes[0]


def test_the_interval_is_the_same_every_time():
    table = rows(*texts(60, lambda i, m: m + noise(1)(i, m), noise(2)))
    first, second = (ExcessAUC("min_k").compute(table, 0.95) for _ in range(2))
    assert first == second


def test_clusters_are_what_is_drawn():
    entries = texts(80, lambda i, m: m + noise(1)(i // 8, m), noise(2))
    alone = MembershipAUC("min_k").compute(rows(*entries), 0.95)
    of = {entry[0]: f"book {i // 8}" for i, entry in enumerate(entries)}
    books = MembershipAUC("min_k").compute(rows(*entries, cluster=of), 0.95)
    assert books.value == alone.value
    assert (books.n_clusters, alone.n_clusters) == (10, None)


def test_what_was_not_measured_is_counted():
    entries = [*texts(20, noise(1), noise(2)), ("e", "errored", {}), ("n", "not_run", {})]
    found = ExcessAUC("min_k").compute(rows(*entries), 0.95)
    assert (found.n_planned, found.n_measured, found.n_excluded) == (22, 20, 0)
    assert found.coverage == pytest.approx(20 / 22)


def test_a_score_that_the_adapter_cannot_give_is_not_run_with_the_reason():
    table = rows(*texts(20, noise(1), noise(2)), ("e", "errored", {}))
    for metric in (MembershipAUC("min_k_plus_plus"), ExcessAUC("min_k_plus_plus")):
        found = metric.compute(table, 0.95)
        assert (found.value, found.interval, found.n_measured) == (None, None, 0)
        assert found.n_excluded == 20
        assert "token_statistics" in found.notes[0]


def test_members_alone_tell_nothing():
    table = rows(*[answered(f"s{i}", member=1, min_k=i, blind=i) for i in range(9)])
    assert MembershipAUC("min_k").compute(table, 0.95).value is None
    assert ExcessAUC("min_k").compute(table, 0.95).value is None
