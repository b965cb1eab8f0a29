"""Every Eval Ever's own validator, unchanged, takes our exports, and refuses broken ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import evalharness
from evalharness.cli.app import run_app
from tests.support import FakeModel, item, write_suite

#: Where ``make venv`` puts it: its own dependencies would hold ours back.
RECEIVERS = Path(sys.prefix) / "receivers"


def validated(folder):
    """Exit code (0 clean, 1 errors, 2 warnings) and what it says of each file."""
    assert (RECEIVERS / "every_eval_ever").is_dir(), f"{RECEIVERS} is empty: run 'make venv'"
    files = sorted(str(path.relative_to(folder)) for path in folder.glob("data/*/*/*/*"))
    assert len(files) == 2
    done = subprocess.run(
        [sys.executable, "-m", "every_eval_ever.validate", "--format", "json", *files],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(RECEIVERS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.returncode, json.loads(done.stdout)


def exported(run, out, *more):
    asked = ["export", str(run), "--format", "eee", "--out", str(out), "-q", *more]
    assert run_app(asked) == 0
    return out


def warnings(reports):
    return [warning["msg"] for report in reports for warning in report["warnings"]]


@pytest.mark.parametrize(
    "more", [(), ("--organization", "Tester Ltd", "--relationship", "third_party")]
)
def test_the_receiver_takes_both_files(mixed, tmp_path, more):
    code, reports = validated(exported(mixed, tmp_path, *more))
    assert (code, warnings(reports)) == (0, [])
    assert [report["valid"] for report in reports] == [True, True]


@pytest.mark.parametrize("more", [(), ("--withhold",)])
def test_hostile_texts_are_taken_and_only_a_name_that_is_no_folder_is_warned_of(
    hostile, tmp_path, more
):
    code, reports = validated(exported(hostile, tmp_path, *more))
    assert [report["valid"] for report in reports] == [True, True]
    (warned,) = warnings(reports)
    assert "is not a safe single datastore path component: '=evil|`<b>" in warned
    assert code == 2


@pytest.mark.parametrize(
    "name", ["llama3:8b-instruct-q4_0", "org/Model v2 (4-bit)", "together/meta/Llama-3", "通义千问"]
)
def test_the_receiver_finds_a_model_under_its_name(tmp_path, name):
    model = FakeModel(lambda _: "right", name=name)
    run = evalharness.run(
        {"target": model, "suites": [str(write_suite(tmp_path, [item(n) for n in range(3)]))]},
        out=tmp_path / "results",
    )
    code, reports = validated(exported(run.path, tmp_path / "out"))
    assert (code, warnings(reports)) == (0, [])


def _without_a_score(folder):
    (path,) = folder.glob("data/*/*/*/*.json")
    whole = json.loads(path.read_text(encoding="utf-8"))
    del whole["evaluation_results"][0]["score_details"]["score"]
    path.write_text(json.dumps(whole), encoding="utf-8")


def _another_relationship(folder):
    (path,) = folder.glob("data/*/*/*/*.json")
    whole = json.loads(path.read_text(encoding="utf-8"))
    whole["source_metadata"]["evaluator_relationship"] = "friend"
    path.write_text(json.dumps(whole), encoding="utf-8")


def _a_line_without_an_output(folder):
    (path,) = folder.glob("data/*/*/*/*.jsonl")
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    line = json.loads(first)
    del line["output"]
    path.write_text("\n".join([json.dumps(line), *rest]) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    "broken", [_without_a_score, _another_relationship, _a_line_without_an_output]
)
def test_the_receiver_is_awake(mixed, tmp_path, broken):
    broken(exported(mixed, tmp_path))
    code, reports = validated(tmp_path)
    assert code == 1, reports
