"""Figures that can be drawn again are the metric's own, of all units and of any draw of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.balanced import BalancedAccuracy
from evalharness.scorecard.metrics.bbq import BBQBias
from evalharness.scorecard.metrics.calibration import CalibrationError
from evalharness.scorecard.metrics.contamination import OrderPValue
from evalharness.scorecard.metrics.correlation import Correlation, GapCorrelation
from evalharness.scorecard.metrics.group_gaps import AccuracyGap, EqualisedOddsDifference
from evalharness.scorecard.metrics.membership import ExcessAUC, MembershipAUC
from evalharness.scorecard.metrics.opinions import SimilarityGap
from evalharness.scorecard.metrics.paired import AttackSuccessRate
from evalharness.scorecard.metrics.registry import BUILT_IN
from evalharness.scorecard.metrics.representation import Representation, StereotypicalAssociation
from evalharness.scorecard.metrics.spread import FormatSpread
from evalharness.scorecard.metrics.stereotypes import ICAT
from evalharness.scorecard.metrics.variation import BetweenItemVariance
from evalharness.scorecard.pairing import UnitMetric, pair_runs
from evalharness.scorecard.rows import TaskRows
from evalharness.scorers.opinions import country_score

DRAWABLE = [
    BBQBias("ambiguous"),
    BBQBias("disambiguated"),
    BalancedAccuracy("merit"),
    Correlation("x", "y"),
    GapCorrelation("correct", "y", "variant", "clean", "attacked"),
    AccuracyGap("by"),
    AccuracyGap("by", within=("merit",)),
    AccuracyGap("variant", paired=True),
    EqualisedOddsDifference("by"),
    SimilarityGap(("A", "B", "C")),
    AttackSuccessRate(),
    MembershipAUC("loss"),
    ExcessAUC("loss"),
    Representation("axis", ("p", "q")),
    StereotypicalAssociation("axis", ("p", "q"), "word"),
    FormatSpread(),
    ICAT(),
    BetweenItemVariance(),
]
#: A p-value, an estimate whose resampling covers nothing, and a mean of shuffles.
WITHOUT = [OrderPValue, CalibrationError]


def made(seed: int, items: int = 24, repeats: int = 2) -> TaskRows:
    """Rows with a clean and an attacked sample an item, and every score that is read here."""
    rng = np.random.default_rng(seed)
    n = items * 2 * repeats
    item = np.repeat(np.arange(items), 2 * repeats)
    variant = np.tile(np.repeat([0, 1], repeats), items)
    outcome = rng.choice(["answered", "answered", "answered", "refused", "empty"], n)
    outcome[::7] = "answered"
    told = np.where(outcome == "answered", 0.0, np.nan)

    def coin(p: float = 0.5) -> np.ndarray:
        return (rng.random(n) < p) + told

    unknown = coin()
    scores = {
        "correct": coin(0.6), "unknown": unknown, "biased": np.where(unknown == 1, np.nan, coin()),
        "x": rng.normal(size=n) + told, "y": rng.normal(size=n) + told, "favourable": coin(0.4),
        country_score("A"): rng.random(n) + told, country_score("B"): rng.random(n) + told,
        country_score("C"): rng.random(n) + told, "member": (item % 2) + told,
        "loss": np.round(rng.normal(size=n), 1) + told, "blind": rng.normal(size=n) + told,
        "axis:p": rng.poisson(1, n) + told, "axis:q": rng.poisson(2, n) + told,
        "word:one": coin(), "word:two": coin(0.3), "stereotype": coin(), "meaningful": coin(0.8),
    }  # fmt: skip
    pick = {
        "variant": np.array(["clean", "attacked"])[variant],
        "condition": np.array(["ambiguous", "disambiguated"])[variant],
        "by": np.array(["a", "b", "c"])[item % 3],
        "merit": np.array(["yes", "no"])[(item // 3) % 2],
    }
    return TaskRows(
        sample=Labels.of(f"s{i}-{v}" for i, v in zip(item, variant, strict=True)),
        outcome=Labels.of(outcome.tolist()),
        scores=scores,
        group=Labels.of(f"g{i:02d}" for i in item),
        cluster=Labels.of(f"c{i // 3}" for i in item),
        tags={name: Labels.of(values.tolist()) for name, values in pick.items()},
    )


def for_metric(metric, rows: TaskRows) -> TaskRows:
    """Of a metric over formats: formats instead of attacks."""
    if not isinstance(metric, FormatSpread):
        return rows
    return TaskRows(
        rows.sample, rows.outcome, rows.scores, rows.group, rows.cluster,
        {"variant": Labels.of(["format"] * len(rows)), "format": rows.tags["variant"]},
    )  # fmt: skip


def names(metric) -> str:
    return repr(metric)


@pytest.mark.parametrize("metric", DRAWABLE, ids=names)
@pytest.mark.parametrize("seed", range(2))
def test_the_figure_of_all_units_is_the_metric_s_own(metric, seed):
    rows = for_metric(metric, made(seed))
    figure = metric.figure(rows)
    kept = np.flatnonzero(~figure.missing)
    (value,) = figure.weighted(kept, np.arange(len(kept)), len(kept))(np.ones((1, len(kept))))
    own = metric.compute(rows, 0.95).value
    assert own is not None
    assert value == pytest.approx(own, abs=1e-12)


@pytest.mark.parametrize("metric", DRAWABLE, ids=names)
def test_the_figure_without_some_clusters_is_that_of_the_other_rows(metric):
    rows = for_metric(metric, made(11))
    figure = metric.figure(rows)
    for out in ("c0", "c7"):
        rest = rows.only(~rows.cluster.are(out))
        kept = np.flatnonzero(~figure.missing)
        counts = ~figure.cluster[kept].are(out)
        (value,) = figure.weighted(kept, np.arange(len(kept)), len(kept))(
            counts[None].astype(float)
        )
        own = metric.compute(rest, 0.95).value
        assert (value if own is not None else None) == (own and pytest.approx(own, abs=1e-12))


@given(seed=st.integers(0, 2**32 - 1), place=st.integers(0, len(DRAWABLE) - 1))
@settings(max_examples=30)
def test_two_runs_change_their_sign_with_their_places(seed, place):
    metric = DRAWABLE[place]
    a, b = (for_metric(metric, made(s, items=12)) for s in (seed, seed + 1))
    one, other = pair_runs(metric, a, b, 0.95), pair_runs(metric, b, a, 0.95)
    assert (one.a, one.b) == (other.b, other.a)
    assert one.n_compared == other.n_compared
    if one.difference.value is not None:
        assert one.difference.value == pytest.approx(-other.difference.value)
    for found in (one, other):
        interval = found.difference.interval
        assert (interval is not None) or found.difference.notes
        if interval is not None:
            assert interval.low < interval.high
            assert found.p_value is not None
            assert 0 <= found.p_value <= 1


@pytest.mark.parametrize("metric", DRAWABLE, ids=names)
def test_a_run_does_not_differ_from_one_with_the_same_answers(metric):
    rows = for_metric(metric, made(5))
    found = pair_runs(metric, rows, rows, 0.95)
    assert found.difference.value == 0
    assert found.difference.interval is None
    assert found.difference.notes[0] == "the statistic is the same on every replicate"
    assert found.p_value == 1


def test_every_metric_can_be_paired_or_drawn_again_or_has_no_interval():
    neither = {
        name
        for name, metric in BUILT_IN.items()
        if not hasattr(metric, "units") and not hasattr(metric, "figure")
    }
    assert neither == {metric.name for metric in WITHOUT}
    assert FormatSpread(by_chance=True).figure(made(1)) is None
    for metric in (
        Representation("axis", ("p", "q"), by_chance=True),
        StereotypicalAssociation("axis", ("p", "q"), "word", by_chance=True),
    ):
        assert metric.figure(made(1)) is None


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_what_is_a_mean_over_units_says_so(name):
    """The mean over the units is the metric's own value."""
    metric = BUILT_IN[name]
    if not hasattr(metric, "units"):
        assert hasattr(metric, "figure") or metric in WITHOUT
        return
    try:
        use = metric()
    except TypeError:
        use = metric("variant", "clean", "attacked")  # a difference between two versions
    assert isinstance(use, UnitMetric)
    rows = made(3)
    more = {score: rows.scores["correct"] for score in use.reads if score not in rows.scores}
    overlap = Labels.of(["yes", "no"] * (len(rows) // 2))
    rows = replace(rows, scores={**rows.scores, **more}, tags={**rows.tags, "overlap": overlap})
    own, units = use.compute(rows, 0.95), use.units(rows)
    assert own.n_planned == len(units.measured)
    assert own.n_measured == units.measured.sum()
    assert own.value == pytest.approx(float(units.measured_values.mean()))
    assert units.names is None or len(set(units.names.tolist())) == len(units.measured)
