"""Two runs in one metric: of a metric with a target, which is nearer to it."""

from __future__ import annotations

import pytest

from evalharness.scorecard.metrics.shares import PercentStereotype
from evalharness.scorecard.pairing import pair_runs
from tests.scorecard.test_metrics import rows


def pairs(preferred: int, n: int = 400, start: int = 0):
    """Of n pairs those from ``start`` on prefer the stereotype, so many of them."""
    return rows(
        *[
            (f"s{i:04d}", "answered", {"stereotype": float(start <= i < start + preferred)})
            for i in range(n)
        ]
    )


def test_on_two_sides_of_a_target_a_difference_does_not_say_who_is_nearer():
    """41.5 % and 59 % differ beyond doubt, and are .085 and .09 from the target."""
    found = pair_runs(PercentStereotype(), pairs(166), pairs(236), 0.95)
    assert found.difference.interval.low > 0.1
    assert found.p_value > 0.5


@pytest.mark.parametrize(("a", "b"), [(220, 320), (80, 180), (210, 40)])
def test_who_is_nearer_to_a_target_is_shown(a, b):
    """On one side of it a difference says so; on two sides, where the distances differ too."""
    found = pair_runs(PercentStereotype(), pairs(a), pairs(b), 0.95)
    assert found.p_value < 0.001
