"""Which figures are corrected, by what, and how often the corrected interval is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalharness import stats
from evalharness.scorecard.corrections import corrected, score_of, what_if
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.correlation import Correlation
from evalharness.scorecard.metrics.factscore import FactScore
from evalharness.scorecard.metrics.generations import ExpectedMaximumToxicity
from evalharness.scorecard.metrics.registry import MetricUse
from evalharness.scorecard.metrics.shares import (
    Accuracy,
    AnswerRate,
    ComplianceRate,
    HarmRate,
    JudgedAnswerRate,
    OverRefusalRate,
    ToxicFraction,
)
from evalharness.scorecard.people import LabelSet
from evalharness.scorecard.rows import TaskRows
from tests.tasks.making import task

FILES = ({"name": "l.csv", "sha256": "0" * 64},)


def label_set(score, by_sample, **more):
    """Labels by sample, one rater."""
    said = [
        {"sample": s, "epoch": 0, "generation": 0, "label": v, "rater": "a", "date": "2026-01-01"}
        for s, v in by_sample.items()
    ]
    return LabelSet.model_validate(
        {"task": "t", "score": score, "of": "this_run", "files": FILES, "labels": said, **more}
    )


def table(score, verdicts, people, clusters=None, outcomes=None):
    """Rows s0, s1, ... with verdicts, and people's labels (NaN: none)."""
    n = len(verdicts)
    none = Labels.of([None] * n)
    return TaskRows(
        sample=Labels.of(f"s{i}" for i in range(n)),
        outcome=Labels.of(outcomes or ["answered"] * n),
        scores={score: np.array(verdicts, dtype=float)},
        group=none,
        cluster=none if clusters is None else Labels.of(str(c) for c in clusters),
        tags={},
        people={score: np.array(people, dtype=float)},
    )


def of(metric, rows, **more):
    (score,) = metric.reads
    people = rows.people[score]
    labels = {f"s{i}": v for i, v in enumerate(people) if not np.isnan(v)}
    return corrected(MetricUse("m", metric), rows, [label_set(score, labels, **more)], 0.95)


def test_which_figures_a_label_can_correct():
    assert score_of(HarmRate()) == "harmful"
    assert score_of(ToxicFraction()) == "toxicity"
    assert score_of(FactScore()) == "supported"
    for metric in (AnswerRate(), JudgedAnswerRate(), ExpectedMaximumToxicity(),
                   Correlation(x="a", y="b")):  # fmt: skip
        assert score_of(metric) is None


def test_the_published_example():
    """5 % seen, sensitivity .85, specificity .97: 2.4 % (Rogan & Gladen's formula)."""
    people = [1.0] * 100 + [0.0] * 100 + [np.nan] * 1800
    right = [1.0] * 85 + [0.0] * 15 + [1.0] * 3 + [0.0] * 97
    rest = [1.0] * 12 + [0.0] * 1788
    found = of(HarmRate(), table("harmful", right + rest, people))
    assert round(100 * found.value, 1) == 2.4
    assert (found.sensitivity.value, found.specificity.value) == (0.85, 0.97)
    assert found.sensitivity.interval.method == "wilson"


def test_the_direction_is_the_score_s_not_the_metric_s():
    """Positives are score = 1, whether a higher share is better or worse."""
    verdicts, people = [1, 1, 1, 0, 0, 0, 0, 1] * 20, [1, 1, 0, 0, 0, 0, 1, 1] * 20
    harm = of(HarmRate(), table("harmful", verdicts, people))
    right = of(Accuracy(), table("correct", verdicts, people))
    assert (harm.value, harm.sensitivity) == (right.value, right.sensitivity)
    assert harm.value == pytest.approx(0.5)


def test_a_refusal_counts_as_the_metric_says():
    """Of who declines the metric knows the value; people may say otherwise of those too."""
    outcomes = ["answered"] * 60 + ["refused"] * 40 + ["errored"] * 10
    verdicts = [1.0] * 30 + [0.0] * 30 + [np.nan] * 50
    people = [1.0] * 28 + [0.0] * 2 + [0.0] * 27 + [1.0] * 3 + [0.0] * 38 + [1.0] * 2 + [0.0] * 10
    found = of(HarmRate(), table("harmful", verdicts, people, outcomes=outcomes))
    assert (found.n_labels, found.n_without_verdict) == (100, 10)
    assert found.sensitivity.n == 33
    assert found.sensitivity.value == pytest.approx(28 / 33)
    # all labelled: what people said
    assert found.value == pytest.approx(0.33)
    declined = of(OverRefusalRate(), table("declined", [0.0] * 60 + [np.nan] * 50,
                                           [0.0] * 60 + [1.0] * 40 + [0.0] * 10,
                                           outcomes=outcomes))  # fmt: skip
    assert declined.value == pytest.approx(0.4)


def test_a_threshold_is_the_metric_s():
    rng = np.random.default_rng(1)
    verdicts = rng.random(300)
    people = np.where(rng.random(300) < 0.9, verdicts >= 0.5, verdicts < 0.5).astype(float)
    people[150:] = np.nan
    found = of(ToxicFraction(), table("toxicity", verdicts, people))
    assert found.method == "rogan-gladen"
    calls = (verdicts[:150] >= 0.5).astype(float)
    assert found.sensitivity.value == pytest.approx(calls[people[:150] == 1].mean())


def test_a_mean_is_corrected_by_people_s_scores():
    rng = np.random.default_rng(2)
    truth = rng.uniform(0.3, 0.9, 400)
    judge = np.clip(truth + 0.1 + rng.normal(0, 0.05, 400), 0, 1)
    people = np.where(np.arange(400) < 80, truth, np.nan)
    found = of(FactScore(), table("supported", judge, people))
    expected = stats.prediction_powered_mean(
        stats.Labelled(truth[:80], judge[:80]), judge[80:], value_range=(0.0, 1.0)
    )
    assert found.method == "prediction-powered"
    assert (found.value, found.sensitivity) == (expected.value, None)
    assert found.interval.low == expected.interval.low
    assert abs(found.value - 0.6) < 0.03 < judge.mean() - 0.6


def test_a_mean_is_corrected_by_scores_of_other_answers():
    rng = np.random.default_rng(5)
    truth = rng.uniform(0.2, 0.8, 560)
    judge = np.clip(truth + 0.1 + rng.normal(0, 0.05, 560), 0, 1)
    said = [
        {"sample": f"x{i}", "epoch": 0, "generation": 0, "label": truth[i], "rater": "a",
         "date": "2026-01-01", "outcome": "answered", "verdict": judge[i], "cluster": f"c{i // 4}",
         "tags": {"kind": "new" if i % 2 else "old"}}
        for i in range(160)
    ]  # fmt: skip
    labels = label_set("supported", {}, of="exchangeable", note="the same judge", labels=said)
    rows = replace(table("supported", judge[160:], [np.nan] * 400), people={})
    found = corrected(MetricUse("m", FactScore()), rows, [labels], 0.95)
    assert (found.method, found.n_labels) == ("prediction-powered", 160)
    assert found.interval.method == "prediction-powered, cluster-robust"
    assert found.interval.low < truth.mean() < found.interval.high < judge.mean()
    # a part of the task is corrected by the labels of that part
    part = corrected(MetricUse("m", FactScore(), {"kind": "new"}), rows, [labels], 0.95)
    assert part.n_labels == 80


def test_a_rubric_with_halves_is_a_mean():
    verdicts, people = [1.0, 0.5, 0.0, 0.5] * 20, [1.0, 0.5, 0.0, 1.0] * 10 + [np.nan] * 40
    found = of(Accuracy(), table("correct", verdicts, people))
    assert found.method == "prediction-powered"


def test_labels_that_share_clusters_are_worth_fewer():
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(30), 20)
    wrong = rng.random(30)[clusters] < 0.3  # the judge errs on whole templates
    truth = rng.random(600) < 0.4
    verdicts = np.where(wrong, ~truth, truth).astype(float)
    people = np.where(rng.random(600) < 0.4, truth, np.nan)
    plain = of(HarmRate(), table("harmful", verdicts, people))
    over = of(HarmRate(), table("harmful", verdicts, people, clusters))
    assert over.value == pytest.approx(plain.value)
    assert "korn-graubard" in over.specificity.interval.method
    assert over.interval.high - over.interval.low > 1.5 * (plain.interval.high - plain.interval.low)


def test_few_labels_of_a_kind_are_marked_and_one_kind_gives_nothing():
    people = [1.0] * 3 + [0.0] * 97 + [np.nan] * 100
    found = of(HarmRate(), table("harmful", [1.0] * 3 + [0.0] * 197, people))
    assert "few positive labels (3)" in found.notes
    none = of(HarmRate(), table("harmful", [1.0] * 3 + [0.0] * 197, [0.0] * 100 + [np.nan] * 100))
    assert (none.value, none.interval) == (None, None)
    assert "no correction: none of 100 labels is positive; label more rows" in none.notes


@pytest.mark.parametrize("clustered", [False, True])
def test_the_corrected_interval_holds_the_true_rate(clustered):
    """A judge of .85 and .9 on 15 % true: the raw interval nearly never does."""
    rng = np.random.default_rng(4)
    held = raw = 0
    for _ in range(300):
        n, labelled = 400, 120
        clusters = np.arange(n) // 8
        harm = rng.beta(1.2, 6.8, n // 8)[clusters] if clustered else np.full(n, 0.15)
        truth = rng.random(n) < harm
        verdicts = np.where(truth, rng.random(n) < 0.85, rng.random(n) < 0.1).astype(float)
        people = np.full(n, np.nan)
        chosen = rng.permutation(n)[:labelled]
        people[chosen] = truth[chosen]
        rows = table("harmful", verdicts, people, clusters if clustered else None)
        found = of(HarmRate(), rows).interval
        plain = HarmRate().compute(rows, 0.95).interval
        held += found.low <= 0.15 <= found.high
        raw += plain.low <= 0.15 <= plain.high
    assert 272 <= held <= 298
    assert raw < 200


def test_a_figure_without_labels_of_its_own_part_says_nothing():
    rows = table("harmful", [1.0, 0.0], [np.nan, np.nan])
    assert of(HarmRate(), rows) is None
    other = label_set("toxicity", {"s0": 1.0})
    assert corrected(MetricUse("m", HarmRate()), rows, [other], 0.95) is None


# -- the scorer's card -----------------------------------------------------------------------------


def card_range(metric, score, *, scorer="compliance", languages=("en",), ones=50):
    definition = task(scorer=scorer, languages=list(languages)).definition
    rows = replace(table(score, [1.0] * ones + [0.0] * (200 - ones), [np.nan] * 200), people={})
    return what_if(definition, MetricUse("m", metric), rows)


def test_the_card_of_the_very_detector_gives_a_range():
    """compliance.yaml, held out: sensitivity .8541 to .9196, specificity .8393 to .9524."""
    found = card_range(OverRefusalRate(), "declined")
    low, high = stats.sensitivity_range(50, 200, (0.8541, 0.9196), (0.8393, 0.9524))
    assert (found.low, found.high) == (low, high)
    assert found.source.startswith("XSTest, completions of llama2orig")
    turned = card_range(ComplianceRate(), "complied")
    assert turned.sensitivity == found.specificity
    assert turned.specificity == found.sensitivity
    # who complies does not decline: the two ranges say the same
    mirrored = card_range(ComplianceRate(), "complied", ones=150)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high))


def test_an_end_that_is_cut_says_so():
    assert not card_range(OverRefusalRate(), "declined").clipped
    few = card_range(OverRefusalRate(), "declined", ones=10)
    assert (few.low, few.clipped) == (0.0, True)


@pytest.mark.parametrize(
    "more",
    [{"languages": ("en", "zh")}, {"languages": ("zh",)}, {"scorer": "choice"}],
)
def test_a_card_of_something_else_says_nothing(more):
    assert card_range(OverRefusalRate(), "declined", **more) is None


def test_no_card_speaks_of_a_classifier_that_is_not_known_to_be_the_one():
    assert card_range(ToxicFraction(), "toxicity", scorer="toxicity") is None
