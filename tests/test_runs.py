"""Many runs: one tidy table, one view of the samples, and nothing beside what may not stand so."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

import evalharness
from evalharness import Runs, load_runs
from evalharness.errors import ConfigError, RunError
from evalharness.scorecard.frame import COLUMNS
from tests.support import FakeModel, item, write_suite


def answering(wrong: int) -> FakeModel:
    """Right but on the items before ``wrong``."""

    def answer(request):
        kind = "wrong" if int(request.slot.sample.lstrip("=q")) < wrong else "right"
        return f"{kind} {int(request.slot.sample.lstrip('=q'))}"

    return FakeModel(answer, name=f"wrong on {wrong}")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Three runs of one test, one of another limit, and what else lies in such a folder."""
    folder = tmp_path_factory.mktemp("runs")
    items = [item(n, topic="ab"[n % 2]) for n in range(20)]
    suite = write_suite(folder, items)
    task = suite / "small" / "task.yaml"
    more = "metrics: [accuracy]\nslices: [topic]\ndata:"
    task.write_text(task.read_text().replace("metrics: [accuracy]\n", "").replace("data:", more, 1))
    out = folder / "results"
    for name, wrong, options in (
        ("a", 0, {}), ("b", 5, {}), ("c", 12, {}), ("short", 0, {"limit": 10}),
    ):  # fmt: skip
        config = {"name": name, "target": answering(wrong), "suites": [str(suite)], **options}
        evalharness.run(config, out=out)
    (out / "README.md").write_text("where runs land")
    (out / "notes").mkdir()
    shutil.copytree(next(out.glob("a-*")), out / "unfinished")
    (out / "unfinished" / "manifest.json").unlink()
    shutil.copytree(next(out.glob("a-*")), out / "wrecked")
    (out / "wrecked" / "scorecard.json").write_text("{")
    return out


@pytest.fixture
def runs(results):
    return load_runs(results / "*")


def test_a_pattern_takes_finished_runs_and_lists_the_rest(runs):
    assert [run.run_id.partition("-")[0] for run in runs] == ["a", "b", "c", "short"]
    left = {path.name: reason for path, reason in runs.skipped}
    assert set(left) == {"notes", "unfinished", "wrecked"}
    assert "no run.json" in left["notes"]
    assert "was not finished" in left["unfinished"]
    assert "scorecard.json" in left["wrecked"]
    assert repr(runs) == "<Runs: 4, 3 folders skipped>"


def test_a_folder_of_runs_stands_for_them_and_no_run_is_taken_twice(runs, results):
    assert [r.path for r in load_runs(results)] == [run.path for run in runs]
    again = load_runs(runs[1], results / "*", runs[1].path)
    assert [run.run_id for run in again] == [runs[n].run_id for n in (1, 0, 2, 3)]
    assert isinstance(runs[:2], Runs)
    assert len(runs[:2]) == 2


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("notes", "no run.json in it"),
        ("unfinished", "was not finished"),
        ("nothing", "there is no such run folder"),
        ("no*", "there is no finished run: .*no\\*; .*notes: no run.json"),
        ("zz*", "there is no finished run"),
    ],
)
def test_a_folder_that_was_named_outright_must_be_a_run(results, place, said):
    with pytest.raises(RunError, match=said):
        load_runs(results / place)


def test_no_place_at_all():
    with pytest.raises(RunError, match="no folder was named"):
        load_runs()


def test_one_row_a_run_and_figure(runs):
    frame = runs.metrics
    assert list(frame.columns) == [
        "run_id", "name", "model", "provider", "measurement", "path",
        *(name for name in COLUMNS if name not in {"tag", "part"}),
    ]  # fmt: skip
    accuracy = frame[frame["metric"] == "accuracy"]
    assert list(accuracy["value"]) == [1.0, 0.75, 0.4, 1.0]
    assert list(accuracy["n_planned"]) == [20, 20, 20, 10]
    assert list(accuracy["model"]) == ["wrong on 0", "wrong on 5", "wrong on 12", "wrong on 0"]
    assert len(set(accuracy["protocol_id"][:3])) == 1
    assert accuracy["protocol_id"].nunique() == 2
    for number, run in enumerate(runs):
        cell = run.scorecard.cells()["factuality/small/accuracy"]
        line = accuracy.iloc[number]
        assert (line["low"], line["high"]) == (cell.interval.low, cell.interval.high)
        assert line["demonstrated_low"] == cell.demonstrated.low
        assert (line["level"], line["method"]) == (0.95, cell.interval.method)
        assert line["headline"]
    assert accuracy["best_at"].isna().all()
    assert accuracy["grade"].iloc[0] is pd.NA
    assert accuracy["n_missing"].dtype == "Int64"


def test_missing_is_na_whatever_the_column(runs):
    for frame in (runs.metrics, runs.slices):
        values = [value for name in frame.columns for value in frame[name] if pd.isna(value)]
        assert values
        assert all(value is pd.NA for value in values)


def test_one_row_a_slice(runs):
    frame = runs.slices
    mine = frame[(frame["metric"] == "accuracy") & (frame["run_id"] == runs[1].run_id)]
    assert list(zip(mine["tag"], mine["part"], mine["value"], strict=True)) == [
        ("topic", "a", 0.7), ("topic", "b", 0.8),
    ]  # fmt: skip
    assert len(runs[0].scorecard.to_frame(slices=True)) == len(frame) / 4
    whole = runs[0].scorecard.to_frame()
    assert json.loads(whole.to_json(orient="records"))[0]["best_at"] is None


def test_samples_of_all_runs(runs):
    assert len(runs.samples) == 70
    counted = runs.samples.where(score_correct=0).counts("run_id")
    assert sorted(counted) == [5, 12]
    assert list(runs[0].samples.to_frame().columns) == list(runs.samples.columns)


def test_a_figure_of_every_run_that_sat_the_same_test(runs):
    drawing = runs[:3].plot("factuality/headline")
    assert drawing.rows == 3
    assert "wrong on 12" in drawing.svg
    with pytest.raises(ConfigError, match=r"these are 2 different tests.*short-"):
        runs.plot("factuality/headline")
    with pytest.raises(ConfigError, match=r"no run has the figure.*did you mean"):
        runs.plot("factuality/small/acuracy")


def test_runs_of_other_tests_never_share_a_column(runs):
    html = runs._repr_html_()
    assert type(html) is str
    assert html.count("<th>Accuracy<br>") == 2
    assert html.count("<tr>") == 5
    one = runs[:3]._repr_html_()
    assert one.count("<th>Accuracy<br>") == 1
    assert "40\u00a0%" in one


def test_comparing_them_all(runs):
    found = runs[:3].compare()
    assert found.runs == tuple(run.run_id for run in runs[:3])
    assert {c.verdict for c in found.claims if c.metric == "accuracy"} >= {"worse"}
