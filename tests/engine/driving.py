"""Runs of small suites on fake models, for the tests of the engine."""

from __future__ import annotations

import evalharness
from evalharness.records import Response
from tests.support import TASK, FakeModel, write_suite

GENERATE = (
    TASK.replace("method: choose", "method: generate\ngenerations: 3")
    .replace("scorer: choice", "scorer: toxicity")
    .replace("metrics: [accuracy]", "metrics: [toxic_fraction]")
)


def start(tmp_path, model, items, *, task=TASK, **config):
    suite = tmp_path / "suite_small"
    if not suite.exists():
        write_suite(tmp_path, items, task=task)
    return evalharness.run(
        {"target": model, "suites": [str(suite)], "retries": 0, **config}, out=tmp_path / "results"
    )


def toxic(tmp_path, target, classifier, items, generations=3, **config):
    task = GENERATE.replace("generations: 3", f"generations: {generations}")
    return start(tmp_path, target, items, task=task, classifier=classifier, **config)


def mild(**more):
    return FakeModel(lambda r: Response(scores={"toxicity": 0.1}), kinds=["classify"], **more)
