"""Runs of recorded outputs: verdicts, log-likelihoods, and records beyond the plan."""

from __future__ import annotations

import json

import pytest

import evalharness
from evalharness import pipeline
from evalharness.cli.app import run_app
from evalharness.reports.language import said, speaking
from evalharness.store.journal import Journal
from tests.pipeline.running import by_letter, config
from tests.support import FakeModel, item, write_suite


def test_an_extra_record_is_named(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(3)])
    lines = [{"task": "small", "sample": f"q{n:03d}", "response": "right 0"} for n in (0, 1, 9)]
    record = tmp_path / "answers.jsonl"
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = evalharness.run(
        config(suite, {"adapter": "replay", "path": str(record)}), out=tmp_path / "results"
    )
    assert list(run.samples["outcome"]) == ["answered", "unparsed", "not_run"]
    assert any("q009" in text for text in run.info["deviations"])
    assert pipeline.exit_code(run.scorecard) == 3


def test_the_plan_is_not_read_again_for_a_model_that_is_no_recording(tmp_path, suite, monkeypatch):
    def planned(_journal):
        raise AssertionError("a large plan takes long to read")

    monkeypatch.setattr(Journal, "planned", planned)
    run = evalharness.run(config(suite, FakeModel(by_letter)), out=tmp_path / "results")
    assert len(run.samples) == 40


def test_the_plan_of_a_recording_sends_nothing(tmp_path, capsys):
    suite = write_suite(tmp_path, [item(n) for n in range(2)])
    record = tmp_path / "answers.jsonl"
    record.write_text('{"sample": "q000", "response": "right"}\n')
    path = tmp_path / "run.yaml"
    asked = config(suite, {"adapter": "replay", "path": str(record)})
    path.write_text(json.dumps(asked))
    assert run_app(["plan", str(path)]) == 0
    out = capsys.readouterr().out
    assert "nothing is sent to the target: its outputs are read from the recording" in out
    assert "tokens to send" not in out
    path.write_text(json.dumps({**asked, "target": "demo"}))
    assert run_app(["plan", str(path)]) == 0
    assert "tokens to send, at 4 characters a token" in capsys.readouterr().out


def test_many_extra_records_are_one_sentence(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(2)])
    record = tmp_path / "answers.jsonl"
    lines = [{"task": "small", "sample": f"q{n:03d}", "response": "right"} for n in range(9)]
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = evalharness.run(
        config(suite, {"adapter": "replay", "path": str(record)}), out=tmp_path / "results"
    )
    assert run.info["deviations"] == [
        "target: 7 samples recorded, but not planned: small/q002, small/q003, small/q004, ..."
    ]
    with speaking("zh"):
        assert said(run.info["deviations"][0]) == (
            "被测模型：有 7 条样本记录不在计划之内：small/q002, small/q003, small/q004, ..."
        )


def test_verdicts_that_came_with_recorded_outputs_are_taken_as_they_are(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(4)])
    verdicts = [{"correct": 1}, {"correct": 0}, {"outcome": "refused"}, {"outcome": "maybe"}]
    record = tmp_path / "answers.jsonl"
    record.write_text(
        "".join(
            json.dumps({"sample": f"q{n:03d}", "response": "text", "verdict": verdict}) + "\n"
            for n, verdict in enumerate(verdicts)
        )
    )
    run = evalharness.run(
        {
            "target": {"adapter": "replay", "path": str(record)},
            "suites": [str(suite)],
            "tasks": [{"task": "small", "scorer": "recorded"}],
        },
        out=tmp_path / "results",
    )
    assert list(run.samples["outcome"]) == ["answered", "answered", "refused", "errored"]
    cell = run.scorecard.dimensions["factuality"].tasks["small"].metrics["accuracy"]
    assert (cell.value, cell.n_measured) == (pytest.approx(1 / 3), 3)


def test_recorded_log_likelihoods_choose(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(2)])
    record = tmp_path / "scores.jsonl"
    lines = [{"sample": "q000", "loglikelihoods": [-1.0, -2.0, -3.0]},
             {"sample": "q001", "loglikelihoods": [-5.0, -2.0, -3.0]}]  # fmt: skip
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = evalharness.run(
        config(suite, {"adapter": "replay", "path": str(record)}), out=tmp_path / "results"
    )
    assert list(run.samples["answer"]) == ["right 0", "wrong 1"]
    assert list(run.samples["score_correct"]) == [1.0, 0.0]
