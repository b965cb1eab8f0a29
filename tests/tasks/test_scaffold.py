"""What `evalharness new task` writes: each template has no fault, and runs as it is."""

from __future__ import annotations

import pytest

from evalharness import api
from evalharness.errors import ConfigError
from evalharness.lint.run import run_lint
from evalharness.selftest import run_selftest
from evalharness.tasks.library import Library
from evalharness.tasks.scaffold import TEMPLATES, write_task

every_template = pytest.mark.parametrize("template", TEMPLATES)


@every_template
def test_a_template_has_no_fault(tmp_path, template):
    folder = write_task(tmp_path / "mine", "first", template=template)
    found = run_lint([str(folder.parent)])
    assert [finding.check for finding in found.findings] == ["empty-data-sheet"]
    assert found.not_linted == {}
    assert "NAME" not in "".join(p.read_text(encoding="utf-8") for p in folder.iterdir())


@every_template
def test_the_reference_models_get_what_it_predicts(tmp_path, template):
    folder = write_task(tmp_path / "mine", "first", template=template)
    found = run_selftest(["first"], limit=10, library=Library.load([folder.parent]))
    assert [check.sentence() for check in found.checks if not check.holds] == []
    assert {check.model for check in found.checks} >= {"oracle", "worst", "silent", "refuse_all"}


@every_template
def test_it_runs_as_it_is(tmp_path, template):
    folder = write_task(tmp_path / "mine", "first", template=template)
    config = {
        "target": {"adapter": "reference", "model": "refuse_all"},
        "judge": {"adapter": "reference", "model": "judge"},
        "suites": [str(folder.parent)],
    }
    if template == "supplied":
        config["tasks"] = [{"task": "first", "data": str(folder / "rows.csv")}]
    run = api.run(config, out=tmp_path / "results")
    (dimension,) = [d for d in run.scorecard.dimensions.values() if d.tasks]
    assert set(dimension.tasks) == {"first"}
    assert run.report.is_file()


@every_template
def test_the_suite_is_of_the_template_s_dimension_and_headline(tmp_path, template):
    write_task(tmp_path / "mine", "first", template=template)
    suite = Library.load([tmp_path / "mine"]).suites["mine"]
    assert suite.definition.dimension == TEMPLATES[template].dimension
    assert suite.definition.headline == [f"first/{TEMPLATES[template].metric}"]


def test_a_second_task_takes_the_suite_s_dimension(tmp_path):
    suite = tmp_path / "mine"
    write_task(suite, "first", "bias")
    write_task(suite, "second", template="judge")
    library = Library.load([suite])
    assert {task.name: task.dimension for task in library.suites["mine"].tasks.values()} == {
        "first": "bias",
        "second": "bias",
    }
    with pytest.raises(ConfigError, match="is of dimension 'bias'; name that one"):
        write_task(suite, "third", "toxicity")


@pytest.mark.parametrize(("template", "tests"), [("harm", "toxicity"), ("supplied", "data_gov")])
def test_figures_of_another_dimension_are_not_put_under_the_suite_s(tmp_path, template, tests):
    suite = tmp_path / "mine"
    write_task(suite, "first")
    with pytest.raises(
        ConfigError, match=f"'{template}' tests {tests}.* of dimension 'factuality'"
    ):
        write_task(suite, "second", template=template)
    assert not (suite / "second").exists()
    assert write_task(suite, "second", "factuality", template).is_dir(), "that is meant"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("First",), "'First' cannot be a name"),
        (("../first",), "cannot be a name"),
        (("first", "biass"), "there is no dimension 'biass'; did you mean 'bias'?"),
        (("first", None, "choise"), "there is no template 'choise'; did you mean 'choice'?"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path, arguments, expected):
    with pytest.raises(ConfigError, match=expected):
        write_task(tmp_path / "mine", *arguments)
    assert not (tmp_path / "mine").exists()


def test_nothing_is_written_over(tmp_path):
    folder = write_task(tmp_path / "mine", "first")
    (folder / "items.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="is there already; choose another name"):
        write_task(tmp_path / "mine", "first", template="harm")
    assert (folder / "items.csv").read_text(encoding="utf-8") == "mine"
