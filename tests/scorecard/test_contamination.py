"""The tests on a data set's order, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evalharness.scorecard.metrics.contamination import OrderPreference, OrderPValue
from tests.scorecard.test_metrics import answered, rows


def shards(*advantages):
    return rows(*[answered(f"s{n}", advantage=a, rank=0.5) for n, a in enumerate(advantages)])


def test_the_p_value_is_scipys_one_sided_t_test():
    found = OrderPValue().compute(shards(1.0, 2.0, -0.5, 0.7, 1.1), 0.95)
    expected = stats.ttest_1samp([1.0, 2.0, -0.5, 0.7, 1.1], 0, alternative="greater").pvalue
    assert found.value == pytest.approx(expected)
    assert found.interval is None
    assert (found.n_planned, found.n_measured) == (5, 5)


def test_an_advantage_of_the_shuffled_orders_is_no_evidence():
    assert OrderPValue().compute(shards(-1.0, -2.0, -1.5), 0.95).value > 0.9


def test_without_variance_or_with_one_shard_there_is_no_test():
    for table in (shards(1.0, 1.0, 1.0), shards(1.0), shards(0.0, 0.0)):
        found = OrderPValue().compute(table, 0.95)
        assert found.value is None
        assert found.notes


def test_p_values_of_models_that_never_saw_the_file_are_uniform():
    rng = np.random.default_rng(11)
    values = [OrderPValue().compute(shards(*rng.normal(size=12)), 0.95).value for _ in range(300)]
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_the_preference_is_a_mean_over_shards_with_an_interval():
    ranks = [0.5, 0.6, 1.0, 0.9]
    table = rows(*[answered(f"s{n}", rank=r, advantage=1.0) for n, r in enumerate(ranks)],
                 ("e", "errored", {}))  # fmt: skip
    found = OrderPreference().compute(table, 0.95)
    assert found.value == pytest.approx(0.75)
    assert found.interval.low < 0.75 < found.interval.high <= 1
    assert (found.n_planned, found.n_measured) == (5, 4)
    assert OrderPreference.direction == 0.5
