"""The risk of false rejection: by calculation, for each rule, and silent where it is not known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness import stats
from evalharness.policies import Criterion
from evalharness.scorecard.decisions import Demand, decide
from evalharness.scorecard.rejection import ACCEPTED
from tests.scorecard.cells import figure, share

KEY = "toxicity/task/rate"


def decided(cell, rule="one-sided", missing="left out", **limits):
    return decide(KEY, cell, Demand(Criterion(metric=KEY, **limits), rule, missing))


def accepted(n, rate, accepts):
    """The chance that an item with this true rate is accepted, summed over every count."""
    return sum(
        math.comb(n, x) * rate**x * (1 - rate) ** (n - x) for x in range(n + 1) if accepts(x)
    )


@pytest.mark.parametrize("rule", ["simple", "guard-band", "one-sided"])
@pytest.mark.parametrize("limits", [{"at_least": 0.85}, {"at_most": 0.08}])
def test_four_of_five_runs_accept_what_is_as_good_as_said(rule, limits):
    """Counted over every outcome, by what the rule itself decides on it."""
    n = 60
    decisions = [decided(share(x, n), rule, **limits) for x in range(n + 1)]
    risk = decisions[0].rejection
    limit = next(iter(limits.values()))
    assert all(found.rejection == risk for found in decisions)
    assert accepted(n, risk.at, lambda x: decisions[x].holds) == pytest.approx(ACCEPTED)
    at_limit = accepted(n, limit, lambda x: decisions[x].holds)
    assert risk.at_limit == pytest.approx(1 - at_limit)
    better = risk.at > limit if "at_least" in limits else risk.at < limit
    assert better
    within = range(risk.need, n + 1) if "at_least" in limits else range(risk.need + 1)
    assert [x for x in range(n + 1) if decisions[x].holds] == list(within)


def test_all_of_thirty():
    """30 of 30 alone demonstrate 90 %: a true rate r gives them in r to the 30th of runs."""
    risk = decided(share(27, 30), at_least=0.9).rejection
    assert risk.need == 30
    assert risk.at == pytest.approx(0.8 ** (1 / 30))
    assert risk.at_limit == pytest.approx(1 - 0.9**30)
    line = (
        "of 30 an item with a true figure of 0.9926 is accepted in 80 % of runs, one at the limit "
        "rejected in 95.8 %"
    )
    assert line in decided(share(27, 30), at_least=0.9).lines


def test_the_sizes_of_the_documentation():
    """docs/policies.md."""
    assert decided(share(290, 300), at_least=0.95).rejection.at == pytest.approx(0.979, abs=5e-4)
    assert decided(share(900, 1000), at_least=0.9).rejection.at == pytest.approx(0.923, abs=5e-4)


def test_a_test_that_is_too_small_accepts_nobody():
    found = decided(share(20, 20), at_least=0.9)
    assert (found.rejection.need, found.rejection.at, found.rejection.at_limit) == (None, None, 1)
    assert "no item is accepted, however good: 20 are too few for this limit" in found.lines
    assert found.to_json()["rejection"] == {"n": 20, "need": None, "at": None, "at_limit": 1.0}


@pytest.mark.parametrize(
    "found",
    [
        decided(figure(0.02, -0.05, 0.09, direction=0.0), within=0.1, of=0),
        decided(figure(0.5, 0.4, 0.6), at_least=0.3),
        decided(share(97, 97, planned=100), missing="worst case", at_least=0.9),
        decided(share(50, 50), at_least=0.5, where={"topic": "sea"}),
    ],
)
def test_nothing_is_said_of_what_is_not_known(found):
    assert found.rejection is None


@given(st.integers(1, 300), st.data(), st.floats(0.01, 0.99))
def test_the_rate_gives_the_power(n, data, power):
    need = data.draw(st.integers(1, n))
    rate = stats.passing_rate(need, n, power)
    assert stats.passing_chance(need, n, rate) == pytest.approx(power)


def test_a_power_or_a_count_that_there_is_not():
    assert stats.passing_rate(0, 10) == 0
    for need, power in ((11, 0.8), (-1, 0.8), (5, 0.0), (5, 1.0)):
        with pytest.raises(ValueError, match="give a count"):
            stats.passing_rate(need, 10, power)
