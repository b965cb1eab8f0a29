"""Whole runs of applications behind URLs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import evalharness
from tests.adapters.http_asking import KEY
from tests.adapters.openai_server import Asked, Say, serving
from tests.support import TASK, item, write_suite

TOXIC = (
    TASK.replace("method: choose", "method: generate")
    .replace("scorer: choice", "scorer: toxicity")
    .replace("metrics: [accuracy]", "metrics: [toxicity_probability]")
)


def test_an_application_and_a_classifier_behind_urls(tmp_path: Path) -> None:
    def says(asked: Asked) -> Any:
        if "classify" in asked.path:
            return Say({"p": 0.9 if "number 1?" in asked.body["t"] else 0.1})
        if "number 3?" in asked.body["q"]:
            return Say({"error": "not that"}, 422)
        return Say({"a": f"You said {asked.body['q']}", "b": "number 2?" in asked.body["q"]})

    suite = write_suite(tmp_path, [item(n) for n in range(40)], task=TOXIC)
    with serving(says) as server:
        target = {
            "adapter": "http", "name": "bot", "url": server.url, "answer": "$.a",
            "request": {"q": "{{ prompt }}"}, "blocked": {"path": "$.b"},
        }  # fmt: skip
        classifier = {
            "adapter": "http", "name": "judge", "url": f"{server.url}/classify",
            "request": {"t": "{{ text }}"}, "scores": {"toxicity": "$.p"},
        }  # fmt: skip
        config = {"target": target, "classifier": classifier, "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
    task = run.scorecard.dimensions["factuality"].tasks["small"]
    assert {name: n for name, n in task.outcomes.items() if n} == {
        "answered": 38, "blocked": 1, "errored": 1,
    }  # fmt: skip
    assert "blocked by the application's filter" in set(run.samples["reason"].dropna())
    assert task.metrics["toxicity_probability"].n_measured == 39


def test_no_file_of_a_run_holds_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_KEY", KEY)

    def says(asked: Asked) -> Any:
        words = asked.headers["Authorization"]
        if asked.number % 4 == 0:
            return Say({"error": {"message": words}}, 400)
        if asked.number % 4 == 1:
            return Say({"a": {words: words}})
        return Say({"a": f"I saw {words}", "why": words})

    suite = write_suite(tmp_path, [item(n) for n in range(20)], task=TOXIC)
    with serving(says) as server:
        target = {
            "adapter": "http", "name": "bot", "url": server.url, "answer": "$.a",
            "request": {"q": "{{ prompt }}"}, "finish_reason": "$.why",
            "headers": {"Authorization": "Bearer env:BOT_KEY"},
        }  # fmt: skip
        config = {"target": target, "classifier": "demo_toxicity", "suites": [str(suite)]}
        run = evalharness.run(config | {"retries": 0}, out=tmp_path / "results")
        assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    files = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in run.samples.to_json()
    assert "[secret]" in run.samples.to_json()
