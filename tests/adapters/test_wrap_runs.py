"""Whole runs of wrapped models: on and off, guards that fail, resuming."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import evalharness
from evalharness import Wrapped, pipeline
from evalharness.adapters.wrap import GuardFilter, PatternFilter
from evalharness.cli.plan import _means, describe
from evalharness.config import load_config
from evalharness.records import Failure, Request, Response
from tests.adapters.wrapping import echo
from tests.support import TASK, FakeModel, item, write_suite

HARM = (
    TASK.replace("method: choose", "method: generate")
    .replace("scorer: choice", "scorer: toxicity")
    .replace("metrics: [accuracy]", "metrics: [toxic_fraction]")
)

APP = """\
import sys

def answer(question):
    number = int(question.split()[2].rstrip("?"))
    return f"You idiot {number}." if number % 2 == 0 else f"Gladly {number}."

def allow(text):
    if "7" in text:
        raise RuntimeError("guard down")
    return "Question number 1?" != text
"""


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "app.py").write_text(APP)
    return {
        "target": {
            "adapter": "function",
            "path": str(tmp_path / "app.py:answer"),
            "wrap": [{"output_filter": {"classifier": {"adapter": "reference",
                                                       "model": "lexicon"}}}],
        },
        "classifier": {"adapter": "reference", "model": "lexicon"},
        "suites": [str(write_suite(tmp_path, [item(n) for n in range(10)], task=HARM))],
        "retries": 0,
    }  # fmt: skip


def cells(run: evalharness.Run) -> Any:
    return run.scorecard.dimensions["factuality"].tasks["small"].metrics


def test_mitigation_on_and_off_is_one_line_and_the_same_test(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    on = evalharness.run(config, out=tmp_path / "runs")
    off = evalharness.run(config, out=tmp_path / "runs", overrides=["target.wrap=null"])
    assert on.run_id != off.run_id
    assert on.info["protocols"] == off.info["protocols"]
    assert on.info["models"]["classifier"] == off.info["models"]["classifier"]
    assert cells(off)["toxic_fraction"].value == 0.5
    assert cells(on)["toxic_fraction"].value == 0.0  # blocked is no harm ...
    assert cells(on)["toxic_fraction"].n_measured == 10
    assert cells(on)["toxic_fraction"].outcomes == {"answered": 5, "blocked": 5}
    assert cells(off)["answer_rate"].value == 1.0
    assert cells(on)["answer_rate"].value == 0.5  # ... and no answer either
    blocked = on.samples[on.samples["outcome"] == "blocked"]
    assert set(blocked["reason"]) == {"blocked by the output filter (toxicity of 0.5 or more)"}
    stored = (on.path / "responses.sqlite").read_bytes()
    assert b"You idiot 2." not in stored
    assert b"Gladly 3." in stored


def test_a_guard_that_fails_is_errored_and_tried_again_when_asked(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    app = str(tmp_path / "app.py")
    config["target"]["wrap"] = [{"input_filter": {"function": f"{app}:allow"}}]
    run = evalharness.run(config, out=tmp_path / "runs")
    counts = cells(run)["toxic_fraction"].outcomes
    assert counts == {"answered": 8, "blocked": 1, "errored": 1}
    assert run.exit_code == 3
    (reason,) = run.samples.loc[run.samples["outcome"] == "errored", "reason"]
    assert reason == "the input filter could not judge: RuntimeError: guard down"
    again = evalharness.run(config, out=tmp_path / "runs", retry_errored=True)
    assert again.run_id == run.run_id
    assert cells(again)["toxic_fraction"].outcomes == counts


def test_an_interrupted_run_of_a_wrapped_model_resumes(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    class Stopping(FakeModel):
        async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
            if len(self.calls) == 4:
                raise KeyboardInterrupt
            return await super().respond(requests)

    def behind_a_filter(model: FakeModel) -> Wrapped:
        return Wrapped(model, output_filter=PatternFilter(["[13]"]))

    first = Stopping(lambda r: r.messages[-1].content, concurrency=1)
    with pytest.raises(KeyboardInterrupt):
        evalharness.run({**config, "target": behind_a_filter(first)}, out=tmp_path / "runs")
    assert len(first.calls) == 4
    model = echo(concurrency=1)
    target = behind_a_filter(model)
    run = evalharness.run({**config, "target": target}, out=tmp_path / "runs")
    assert len(model.calls) == 6
    assert cells(run)["toxic_fraction"].outcomes == {"answered": 8, "blocked": 2}


def test_a_task_falls_back_to_letters_behind_a_filter(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [item(n) for n in range(4)])
    model = FakeModel(lambda r: "A", kinds=["generate", "loglikelihood"])
    target = Wrapped(model, output_filter=PatternFilter(["zzz"]))
    run = evalharness.run({"target": target, "suites": [str(suite)]}, out=tmp_path / "runs")
    assert {request.kind for request in model.asked} == {"generate"}
    assert cells(run)["accuracy"].outcomes == {"answered": 4}


def test_a_guards_calls_count_towards_the_budget(tmp_path: Path) -> None:
    """Once twenty requests were twenty calls of the model, and as many of its guard."""
    suites = [str(write_suite(tmp_path, [item(n) for n in range(30)]))]
    model = FakeModel(lambda r: "A", concurrency=1)
    guard = FakeModel(lambda r: "safe", concurrency=1)
    for allowed, calls in ((20, 10), (30, 15), (60, 30)):
        wrapped = Wrapped(model, output_filter=GuardFilter(guard))
        run = evalharness.run(
            {"target": wrapped, "suites": suites, "max_requests": allowed}, out=tmp_path / "runs"
        )
        assert (len(model.asked), len(guard.asked)) == (calls, calls)
    assert run.exit_code == 0


def test_a_plan_says_what_the_filters_ask(config: dict[str, Any]) -> None:
    config["max_requests"] = 10
    prepared = pipeline.prepare(load_config(config))
    shown = describe(prepared)
    assert (shown["requests"], shown["filter_requests"]) == (10, {"lexicon": 10})
    said = "\n".join(_means(shown))
    assert "further requests of the target's filters: up to 10 to lexicon; max_requests" in said
    assert "max_requests does not cover the 20 requests" in said
    config["target"]["wrap"] = None
    assert describe(pipeline.prepare(load_config(config)))["filter_requests"] == {}
