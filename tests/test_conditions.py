"""Licences and counterparts: what a run asks for before it uses data, and reads beside a figure."""

from __future__ import annotations

import pytest
import yaml

import evalharness
from evalharness.errors import ConfigError, DataError
from tests.support import FakeModel
from tests.tasks.making import write_task


def suite_of(tmp_path):
    suite = write_task(tmp_path / "mine", "free")
    return write_task(suite, "closed", conditions=["non_commercial"], licence="CC-BY-NC-4.0")


def run(tmp_path, **config):
    model = FakeModel(lambda _request: "green")
    return evalharness.run({"target": model, **config}, out=tmp_path / "results")


def test_a_suite_leaves_out_what_was_not_accepted_and_says_so(tmp_path):
    found = run(tmp_path, suites=[str(suite_of(tmp_path))])
    assert list(found.scorecard.dimensions["bias"].tasks) == ["free"]
    (said,) = found.info["deviations"]
    assert said == (
        "left out: 'closed' has a condition: the licence of its data forbids commercial use "
        "(licence: CC-BY-NC-4.0); if you may use it so, add 'accept: [non_commercial]'"
    )


def test_a_task_that_is_named_must_be_accepted(tmp_path):
    suite = str(suite_of(tmp_path))
    with pytest.raises(ConfigError, match=r"add 'accept: \[non_commercial\]'"):
        run(tmp_path, suites=[suite], tasks=["closed"])
    found = run(tmp_path, suites=[suite], accept=["non_commercial"])
    assert list(found.scorecard.dimensions["bias"].tasks) == ["closed", "free"]
    assert found.info["deviations"] == []


def test_a_counterpart_may_be_another_task_s_metric(tmp_path):
    suite = write_task(tmp_path / "mine", "free")
    write_task(suite, "harmful", metrics=[{"metric": "accuracy", "pair": "free/accuracy"}])
    found = run(tmp_path, suites=[str(suite)])
    cell = found.scorecard.dimensions["bias"].tasks["harmful"].metrics["accuracy"]
    assert cell.headline_pair == "free/accuracy"
    report = (found.path / "report.html").read_text(encoding="utf-8")
    assert "read with: Accuracy (insufficient)<" in report  # one sample
    assert "not in this run" not in report
    head = yaml.safe_load((suite / "suite.yaml").read_text())
    (suite / "suite.yaml").write_text(yaml.safe_dump({**head, "tasks": ["harmful"]}))
    alone = run(tmp_path, suites=[str(suite)])
    cell = alone.scorecard.dimensions["bias"].tasks["harmful"].metrics["accuracy"]
    assert cell.headline_pair == "answer_rate"
    assert "to be read with free/accuracy, which this run does not have" in cell.notes


def test_with_a_data_root_a_suite_fetches_nothing(tmp_path, monkeypatch):
    """A task that has no mirror is left out, and said; one that is named is asked for."""
    suite = suite_of(tmp_path)
    hub = {"hub": {"path": "a/b", "revision": "0" * 40}, "sample": {"prompt": "question"}}
    write_task(suite, "away", data=hub)
    (tmp_path / "root").mkdir()
    config = {"suites": [str(suite)], "data_root": str(tmp_path / "root")}
    found = run(tmp_path, **config, accept=["non_commercial"])
    (said,) = found.info["deviations"]
    assert said == (
        "left out: 'away' has no mirror, and its data is not fetched where a data root is set; to "
        "fetch it, add 'tasks: [away]'"
    )

    def unreachable(*_args, **_options):
        raise ConnectionError("no way there")

    monkeypatch.setattr("datasets.load_dataset", unreachable)
    with pytest.raises(DataError, match="cannot be had from the hub"):
        run(tmp_path, **config, tasks=["away"])
