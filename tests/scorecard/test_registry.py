"""Metrics as a task names them: their options are checked before anything is asked."""

from __future__ import annotations

import re

import pytest

from evalharness.errors import TaskError
from evalharness.scorecard.metrics.registry import describe_metrics, metrics_of
from evalharness.scorers import registry as scorers
from tests.tasks.making import task


def described(*metrics, scorer="recorded"):
    return describe_metrics(
        task(metrics=list(metrics)).definition, scorers.create(scorer, {}, "here")
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({"metric": "toxic_fraction", "threshold": "high"}, "threshold: input should be a valid n"),
        ({"metric": "toxic_fraction", "threshold": float("nan")}, "nan is no finite number"),
        ({"metric": "toxic_fraction", "treshold": 1}, "did you mean 'threshold'?"),
        (
            {"metric": "bbq_bias", "condition": "ambigous"},
            "'bbq_bias': condition: input should be 'ambiguous' or 'disambiguated'; found 'ambigou",
        ),
        ({"metric": "bbq_bias"}, "metric 'bbq_bias': option 'condition' is required; add it"),
        ({"metric": "correlation", "x": "rating"}, "option 'y' is required; add it"),
        ({"metric": "correlation", "x": 1, "y": "human"}, "x: input should be a valid string"),
        ({"metric": "accuracy", "where": "kind"}, "accuracy: 'where' takes tags"),
        ({"metric": "accuracy", "where": {"kind": ["a"]}}, "accuracy: 'where' takes tags"),
        ({"metric": "accuracy", "name": ["a"]}, "accuracy: 'name' takes a text; found ['a']"),
        ({"metric": "accuracy", "pair": 3}, "accuracy: 'pair' takes a text; found 3"),
        ({"metric": "accuracy", "pair": "answer"}, "did you mean 'answer_rate'?"),
        ({"metric": "acuracy"}, "there is no metric 'acuracy'; did you mean 'accuracy'?"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_is_asked(metric, expected):
    with pytest.raises(TaskError, match=r"^task small: metrics: .*" + re.escape(expected)):
        described(metric)


@pytest.mark.parametrize(
    ("metric", "score"),
    [
        ({"metric": "correlation", "x": "rating", "y": "humn"}, "humn"),
        ({"metric": "correlation", "x": "ratng", "y": "human"}, "ratng"),
        ({"metric": "exposure"}, "exposure"),
        ({"metric": "exposure", "name": "bits"}, "exposure"),
    ],
)
def test_a_metric_reads_only_what_the_scorer_gives(metric, score):
    with pytest.raises(TaskError, match=f"reads '{score}', which scorer 'recorded' does not give"):
        described(metric)


def test_options_are_described_as_they_will_be_used():
    (first, last) = described({"metric": "toxic_fraction", "threshold": 1, "where": {"n": 3}})
    assert first["options"] == {"threshold": 1.0}
    assert type(first["options"]["threshold"]) is float
    assert first["where"] == {"n": "3"}
    assert last["key"] == "answer_rate"


@pytest.mark.parametrize("metrics", [["harm_rate"], ["harm_rate", "answer_rate"]])
def test_where_a_judge_is_asked_the_answer_rate_knows_of_its_faults(metrics):
    judge = {"scorer": "judge", "rubric": "harm"}
    first, last = metrics_of(task(metrics=metrics, scorer=judge).definition)
    assert (first.key, first.pair) == ("harm_rate", "answer_rate")
    assert (last.key, last.metric.name) == ("answer_rate", "judged_answer_rate")
    (_, other) = metrics_of(task(metrics=["accuracy"]).definition)
    assert (other.key, other.metric.name) == ("answer_rate", "answer_rate")


def test_every_metric_says_what_it_reads():
    uses = metrics_of(
        task(
            metrics=[
                "accuracy", "leak_rate", "true_mass", "exposure",
                {"metric": "correlation", "x": "rating", "y": "human"},
            ]
        ).definition
    )  # fmt: skip
    assert [use.metric.reads for use in uses] == [
        ("correct",), ("leaked",), ("true_mass",), ("exposure",), ("rating", "human"), (),
    ]  # fmt: skip
