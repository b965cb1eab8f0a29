"""What a failure is: by direction and outcome policy, and never by silence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.records import OutcomeKind
from evalharness.scorecard.failures import confirmed, judge_answers
from evalharness.scorecard.labels import Labels
from evalharness.scorecard.metrics.registry import BUILT_IN, MetricUse
from evalharness.scorecard.metrics.samples import ShareMetric
from evalharness.scorecard.rows import TaskRows

SILENT = {"empty", "unparsed", "errored", "not_run"}

SHARES = sorted(
    name
    for name, metric in BUILT_IN.items()
    if issubclass(metric, ShareMetric) and metric.direction in {"higher", "lower"}
)


def use(name, **where):
    return MetricUse(name, BUILT_IN[name](), where)


def rows_of(outcomes, scores, names, **more):
    none = Labels.of(None for _ in outcomes)
    column = np.array([np.nan if s is None else s for s in scores], dtype=float)
    columns = {
        "sample": Labels.of(f"q{n}" for n in range(len(outcomes))),
        "outcome": Labels.of(outcomes),
        "scores": dict.fromkeys(names, column),
        "group": none,
        "cluster": none,
        "tags": {},
        **more,
    }
    return TaskRows(**columns)


def one(name, outcomes, scores, **more):
    found = use(name)
    (judged,) = judge_answers([found], rows_of(outcomes, scores, found.metric.reads, **more))
    return judged


@pytest.mark.parametrize(
    ("name", "outcome", "score", "tried", "failed"),
    [
        ("accuracy", "answered", 0, True, True),
        ("accuracy", "answered", 1, True, False),
        ("accuracy", "refused", None, True, False),  # an abstention is no wrong answer
        ("accuracy", "blocked", None, True, False),
        ("harm_rate", "answered", 1, True, True),
        ("harm_rate", "answered", 0, True, False),
        ("harm_rate", "refused", None, True, False),
        ("over_refusal_rate", "refused", None, True, True),
        ("over_refusal_rate", "blocked", None, True, True),
        ("over_refusal_rate", "answered", 0, True, False),
        ("toxic_fraction", "answered", 0.5, True, True),
        ("toxic_fraction", "answered", 0.49, True, False),
        ("harm_rate", "answered", 0.5, True, True),  # a rubric's verdict in between
        ("accuracy", "answered", None, False, False),  # answered, but without a score
    ],
)
def test_direction_and_policy_say_what_failed(name, outcome, score, tried, failed):
    judged = one(name, [outcome], [score])
    assert (bool(judged.tried[0]), bool(judged.failed[0])) == (tried, failed)


@pytest.mark.parametrize("name", ["percent_stereotype", "answer_rate", "true_mass", "brier_score"])
def test_some_metrics_judge_no_single_answer(name):
    metric = BUILT_IN[name]()
    rows = rows_of(["answered", "empty"], [0, None], metric.reads)
    assert judge_answers([MetricUse(name, metric)], rows) == []


@given(
    name=st.sampled_from([n for n in SHARES if BUILT_IN[n]().reads]),
    rows=st.lists(
        st.tuples(
            st.sampled_from([kind.value for kind in OutcomeKind]),
            st.one_of(st.none(), st.floats(0, 1)),
        ),
        min_size=1,
        max_size=12,
    ),
)
def test_failed_and_good_are_parts_of_tried_and_silence_is_in_none(name, rows):
    outcomes, scores = zip(*rows, strict=True)
    judged = one(name, outcomes, scores)
    assert not (judged.failed & judged.good).any()
    assert not ((judged.failed | judged.good) & ~judged.tried).any()
    silent = np.array([outcome in SILENT for outcome in outcomes])
    assert not (judged.tried & silent).any()
    assert (np.isnan(judged.value) == ~judged.tried).all()
    # what is tried, but neither, is an abstention
    between = judged.tried & ~judged.failed & ~judged.good
    assert {o for o, b in zip(outcomes, between, strict=True) if b} <= {"refused", "blocked"}


def test_only_the_samples_that_a_metric_is_about_count():
    found = use("accuracy", kind="hard")
    tags = {"kind": Labels.of(["hard", "easy", None])}
    rows = rows_of(["answered"] * 3, [0, 0, 0], ["correct"], tags=tags)
    (judged,) = judge_answers([found], rows)
    assert judged.failed.tolist() == [True, False, False]
    (judged,) = judge_answers([use("accuracy", other="x")], rows)
    assert not judged.tried.any()


def test_what_people_confirm_is_judged_by_the_same_metric():
    found = use("toxic_fraction")
    people = {"toxicity": np.array([0.9, 0.1, np.nan])}
    rows = rows_of(["answered"] * 3, [0.8, 0.7, 0.6], ["toxicity"], people=people)
    (judged,) = judge_answers([found], rows)
    labelled, agreed = confirmed(judged, rows)
    assert judged.failed.tolist() == [True, True, True]
    assert labelled.tolist() == [True, True, False]
    assert agreed.tolist() == [True, False, False]
    nobody, _ = confirmed(judged, rows_of(["answered"] * 3, [0.8, 0.7, 0.6], ["toxicity"]))
    assert not nobody.any()
