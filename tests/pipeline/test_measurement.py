"""A run as a whole: what its folder holds, and the measurement that it is known by."""

from __future__ import annotations

import pytest

import evalharness
from evalharness.store.samples import TIMING_COLUMNS
from tests.pipeline.running import by_letter, config
from tests.support import FakeModel


def test_the_run_directory_holds_what_it_should_and_nothing_else(finished):
    assert sorted(path.name for path in finished.path.iterdir()) == [
        "manifest.json", "report.html", "responses.sqlite", "run.json", "samples.parquet",
        "scorecard.json", "summary.json",
    ]  # fmt: skip
    assert finished.run_id == f"run-{finished.info['measurement'][:12]}"


def test_the_scorecard_says_what_was_measured_and_what_not(finished):
    cell = finished.scorecard.dimensions["factuality"].tasks["small"].metrics["accuracy"]
    assert (cell.value, cell.n_planned, cell.n_measured, cell.n_missing) == (1.0, 40, 20, 20)
    assert cell.bounds == (0.5, 1.0)
    assert cell.grade == "insufficient"
    assert cell.outcomes == {"answered": 20, "unparsed": 20}
    assert finished.exit_code == 3


def test_the_scorecard_has_no_time_host_run_id_or_path(finished, tmp_path):
    text = (finished.path / "scorecard.json").read_text()
    assert finished.run_id not in text
    assert str(tmp_path) not in text


def test_the_same_measurement_gives_the_same_bytes(tmp_path, suite, finished):
    again = evalharness.run(config(suite, FakeModel(by_letter)), out=tmp_path / "other")
    assert again.run_id == finished.run_id
    for name in ("scorecard.json", "run.json"):  # the report names its day
        assert (again.path / name).read_bytes() == (finished.path / name).read_bytes()
    columns = [name for name in finished.samples.columns if name not in TIMING_COLUMNS]
    assert again.samples[columns].equals(finished.samples[columns])


def test_a_finished_run_is_not_asked_again(tmp_path, suite, finished):
    model = FakeModel(by_letter)
    before = (finished.path / "manifest.json").read_bytes()
    again = evalharness.run(config(suite, model), out=tmp_path / "results")
    assert again.path == finished.path
    assert model.calls == []
    assert (finished.path / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"retries": 9}, True),
        ({"report_samples": 1}, True),
        ({"durability": "full"}, True),
        ({"seed": 2}, False),
        ({"limit": 10}, False),
        ({"epochs": 2}, False),
        ({"floor": 0.5}, False),
        ({"level": 0.9}, False),
    ],
)
def test_the_run_id_follows_what_defines_the_measurement(tmp_path, suite, finished, change, same):
    other = evalharness.run(config(suite, FakeModel(by_letter), **change), out=tmp_path / "results")
    assert (other.run_id == finished.run_id) is same


def test_another_model_is_another_run(tmp_path, suite, finished):
    model = FakeModel(by_letter, name="another")
    other = evalharness.run(config(suite, model), out=tmp_path / "results")
    assert other.run_id != finished.run_id
    assert len(model.asked) == 40
    tasks = [r.scorecard.dimensions["factuality"].tasks["small"] for r in (finished, other)]
    assert tasks[0].protocol_id == tasks[1].protocol_id


def test_fresh_starts_a_second_run_of_the_same_measurement(tmp_path, suite, finished):
    model = FakeModel(by_letter)
    again = evalharness.run(config(suite, model), out=tmp_path / "results", fresh=True)
    assert again.run_id == f"{finished.run_id}-2"
    assert len(model.asked) == 40


def test_a_function_is_a_model(tmp_path, suite):
    run = evalharness.run(
        {"target": lambda prompt: "right 0", "suites": [str(suite)]}, out=tmp_path / "results"
    )
    assert run.samples["outcome"].value_counts()["answered"] == 1
    assert "<table" in run._repr_html_()
