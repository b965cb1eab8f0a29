"""Folders that hold something else, are in use or damaged: left alone, and said so."""

from __future__ import annotations

import json
import shutil

import pytest

import evalharness
from evalharness.errors import ConfigError, RunConflictError, RunCorruptError, RunError
from evalharness.store.directory import RunDirectory
from tests.pipeline.running import by_letter, config
from tests.support import FakeModel


def test_a_folder_of_another_measurement_is_left_alone(tmp_path, suite, finished):
    path = finished.path / "run.json"
    info = json.loads(path.read_text())
    info["measurement"] = "0" * 64
    path.write_text(json.dumps(info))
    before = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    model = FakeModel(by_letter)
    with pytest.raises(RunConflictError, match="belongs to another configuration"):
        evalharness.run(config(suite, model), out=tmp_path / "results")
    assert {p.name: p.read_bytes() for p in finished.path.iterdir()} == before
    assert model.calls == []


def test_a_folder_of_something_else_is_left_alone(tmp_path, suite, finished):
    shutil.rmtree(finished.path)
    finished.path.mkdir()
    (finished.path / "thesis.txt").write_text("mine")
    with pytest.raises(RunConflictError, match=r"holds thesis\.txt but no run\.json"):
        evalharness.run(config(suite, FakeModel(by_letter)), out=tmp_path / "results")


def test_out_may_not_name_a_run(suite, finished):
    with pytest.raises(ConfigError, match="is itself a run"):
        evalharness.run(config(suite, FakeModel(by_letter)), out=finished.path)


def test_two_processes_cannot_work_on_one_run(finished):
    with (
        finished._directory.locked(),
        pytest.raises(RunConflictError, match="another process"),
        RunDirectory(finished.path).locked(),
    ):
        pass


@pytest.mark.parametrize(("path", "error"), [("nowhere", RunError), (".", RunError)])
def test_what_is_no_run_is_said_so(tmp_path, monkeypatch, path, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        evalharness.load_run(path)


def test_a_damaged_run_json_is_said_so(finished):
    (finished.path / "run.json").write_text("{")
    with pytest.raises(RunCorruptError, match="damaged"):
        _ = evalharness.load_run(finished.path).info


def test_a_damaged_scorecard_is_a_sentence(finished):
    (finished.path / "scorecard.json").write_text('{"name": "x"}')
    with pytest.raises(RunCorruptError, match="the file is damaged"):
        _ = evalharness.load_run(finished.path).scorecard
