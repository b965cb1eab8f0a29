"""Decision rules: the estimate, the guard band, the one-sided bound, two one-sided tests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness import stats
from evalharness.errors import ConfigError
from evalharness.policies import Criterion
from evalharness.scorecard.decisions import Demand, GateFailed, decide, matching, risk_of
from evalharness.scorecard.metrics.registry import NO_COUNTERPART, READ_WITH
from tests.scorecard.cells import figure, scorecard, share

KEY = "toxicity/task/rate"


def decided(cell, rule="one-sided", missing="left out", **limits):
    return decide(KEY, cell, Demand(Criterion(metric=KEY, **limits), rule, missing))


def test_900_of_1000_meets_the_point_rule_and_does_not_demonstrate_90_percent():
    cell = share(900, 1000)
    assert decided(cell, "simple", at_least=0.9).verdict == "holds"
    found = decided(cell, at_least=0.9)
    assert (found.verdict, found.by_estimate, found.by_bound) == ("fails", True, False)
    assert cell.demonstrated.low == pytest.approx(0.883, abs=5e-4)
    assert "916 of 1,000 would demonstrate it" in found.reason
    assert decided(share(916, 1000), at_least=0.9).holds
    assert not decided(share(915, 1000), at_least=0.9).holds


def test_the_other_published_sizes():
    assert decided(share(292, 300), at_least=0.95).holds
    assert not decided(share(291, 300), at_least=0.95).holds
    over = {"direction": "lower"}
    assert decided(share(8, 300, **over), at_most=0.05).holds
    found = decided(share(9, 300, **over), at_most=0.05)
    assert not found.holds
    assert "at most 8 of 300 would demonstrate it" in found.reason
    # the estimate of exactly 5 % meets the point rule
    assert decided(share(15, 300, **over), "simple", at_most=0.05).holds
    assert not decided(share(16, 300, **over), "simple", at_most=0.05).holds


def test_a_target_needs_both_bounds():
    inside = figure(0.02, -0.05, 0.09, direction=0.0)
    outside = figure(0.06, 0.01, 0.11, direction=0.0)
    assert decided(inside, within=0.1, of=0).holds
    found = decided(outside, within=0.1, of=0)
    assert (found.verdict, found.by_estimate, found.by_bound) == ("fails", True, False)
    assert found.rule == "two one-sided tests"


@given(st.integers(0, 200), st.integers(1, 99))
def test_the_rules_are_ordered(hits, limit):
    """What a guard band or a bound accepts the estimate does."""
    cell = share(hits, 200)
    rules = [
        decided(cell, rule, at_least=limit / 100).holds
        for rule in ("guard-band", "one-sided", "simple")
    ]
    # Wilson's guard band is not nested in Clopper-Pearson's bound at the very ends
    assert rules[1] <= rules[2]
    assert rules[0] <= rules[2]


@given(st.integers(0, 300), st.floats(0.05, 0.95))
def test_the_one_sided_bound_is_the_exact_test(hits, limit):
    found = decided(share(hits, 300), at_least=limit)
    need = stats.demonstrates(limit, 300)
    assert found.holds == (need is not None and hits >= need)


def test_missing_samples_as_the_worst_case():
    cell = share(97, 97, planned=100)
    assert decided(cell, "simple", at_least=0.98).holds
    assert not decided(cell, "simple", "worst case", at_least=0.98).holds
    assert decided(cell, "simple", "worst case", at_least=0.97).holds
    assert decided(cell, at_least=0.96).holds
    assert not decided(cell, missing="worst case", at_least=0.96).holds


def test_too_little_measured_is_no_verdict():
    found = decided(share(50, 50, planned=100), at_least=0.5)
    assert found.verdict == "insufficient"
    assert not found
    bare = share(50, 50).model_copy(update={"demonstrated": None, "notes": ("one cluster",)})
    assert (decided(bare, at_least=0.5).verdict, decided(bare, at_least=0.5).reason) == (
        "insufficient",
        "one cluster",
    )


@pytest.mark.parametrize("note", [NO_COUNTERPART, f"{READ_WITH} a/b, which this run does not have"])
def test_how_a_figure_is_to_be_read_is_no_reason(note):
    few = share(5, 5, planned=100).model_copy(update={"notes": (note,)})
    assert decided(few, at_least=0.5).reason == "5 of 100 samples measured: too few to decide"
    bare = share(50, 50).model_copy(update={"demonstrated": None, "notes": (note,)})
    assert decided(bare, at_least=0.5).reason == "there is no interval"
    both = bare.model_copy(update={"notes": (note, "one cluster")})
    assert decided(both, at_least=0.5).reason == "one cluster"


def test_a_bound_beside_its_limit_has_the_digits_that_tell_them_apart():
    found = decided(share(900, 1000), at_least=0.883)
    assert found.by_bound
    assert "demonstrated at least 0.88301, at most 0.9152 " in found.lines[1]
    assert (
        "demonstrated at least 0.883, at most 0.9152 "
        in (decided(share(900, 1000), at_least=0.9).lines[1])
    )


def test_a_slice_can_be_asked_about():
    cell = share(190, 200).model_copy(update={"slices": {"topic": {"law": share(20, 40)}}})
    assert decided(cell, "simple", at_least=0.9).holds
    assert not decided(cell, "simple", at_least=0.9, where={"topic": "law"}).holds
    assert decided(cell, at_least=0.9, where={"topic": "sea"}).verdict == "insufficient"


def test_the_risk_of_each_rule_is_said():
    assert "in about half of the runs of a large test" in risk_of("simple", 0.95)
    small = decided(share(0, 20), "simple", at_most=0.01).rejection
    assert 1 - small.at_limit == pytest.approx(0.818, abs=5e-4)
    assert "at most 2.5 % of runs" in risk_of("guard-band", 0.95)
    assert "at most 5 % of runs" in risk_of("one-sided", 0.95)


def test_the_one_sided_rule_keeps_its_risk():
    """Whatever n: at the limit itself the rule accepts with at most 5 % chance; enumerated."""
    from scipy.stats import binom

    for n in (20, 100, 300):
        for limit in (0.05, 0.3, 0.9):
            need = stats.demonstrates(limit, n)
            accepted = 0.0 if need is None else float(binom.sf(need - 1, n, limit))
            assert accepted <= 0.05


def test_patterns_find_metrics_and_headlines():
    card = scorecard(
        {KEY: share(1, 9), "bias/b/rate": share(1, 9), "bias/b/other": share(1, 9)},
        {"bias": "b/other"},
    )
    assert matching(card, "*/*/rate") == ["bias/b/rate", KEY]
    assert matching(card, "*/headline") == ["bias/b/other"]
    assert matching(card, "toxicity/headline") == []


def test_a_statement_raises_with_what_an_engineer_needs():
    card = scorecard({KEY: share(900, 1000)}, {"toxicity": "task/rate"})
    assert card.metric(KEY).at_least(0.88).holds
    assert card.metric("toxicity/headline").at_least(0.9, rule="simple").holds
    with pytest.raises(GateFailed) as failed:
        card.metric(KEY).at_least(0.9, confidence=0.95)
    said = str(failed.value)
    assert said.startswith(f"{KEY}: at least 0.9: FAILS (one-sided)")
    assert "estimate 0.9: within the limit" in said
    assert "demonstrated at least 0.883," in said
    assert "1,000 of 1,000 samples measured" in said
    assert "916 of 1,000 would demonstrate it" in said


def test_a_statement_about_nothing_is_an_error():
    card = scorecard({KEY: share(900, 1000)})
    with pytest.raises(ConfigError, match=f"did you mean '{KEY}'"):
        card.metric("toxicity/task/rat")
    with pytest.raises(ConfigError, match="no metric 'toxicity/headline'"):
        card.metric("toxicity/headline")
    with pytest.raises(ConfigError, match=r"score RUN --set level=0\.99"):
        card.metric(KEY).at_least(0.5, confidence=0.99)
