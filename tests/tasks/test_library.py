"""Suites are found in the package, in folders and in plugins; two may not share a name."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from evalharness.errors import ConfigError, TaskError
from evalharness.scorecard.metrics.registry import metrics_of
from evalharness.tasks import library
from evalharness.tasks.data import open_data
from evalharness.tasks.library import Library, bundled, load_suite
from evalharness.tasks.render import Renderer
from evalharness.tasks.scaffold import write_task as scaffold
from tests.tasks.making import write_task


def test_a_suite_of_one_s_own_loads_beside_the_bundled_ones(tmp_path):
    found = Library.load([write_task(tmp_path / "mine", "my_task")])
    task = found.task("my_task", "here")
    assert (task.dimension, task.suite, task.origin) == ("bias", "mine", str(tmp_path / "mine"))
    assert set(Library.load().suites) < set(found.suites)
    dataset = open_data(task, data_root=None, supplied=None)
    (sample,) = Renderer(task, dataset, "letter", 1).samples()
    assert sample.answer == 1


@pytest.mark.parametrize("dimension", ["factuality", "robustness"])
def test_the_scaffold_of_a_task_loads_and_renders(tmp_path, dimension):
    folder = scaffold(tmp_path / "mine", "first", dimension)
    scaffold(tmp_path / "mine", "second", dimension)
    assert (folder / "DATASHEET.md").is_file()
    suite = load_suite(tmp_path / "mine", "here")
    assert list(suite.tasks) == ["first", "second"]
    task = suite.tasks["first"]
    dataset = open_data(task, data_root=None, supplied=None)
    samples = list(Renderer(task, dataset, "loglikelihood", 1).samples())
    assert [sample.choices[sample.answer] for sample in samples] == ["blue", "twelve"]


@pytest.mark.parametrize(
    ("suite", "name", "dimension", "expected"),
    [
        ("mine", "No", "bias", "'No' cannot be a name; use small letters, digits and underscores"),
        ("mine", "../x", "bias", "'../x' cannot be a name"),
        ("Mine", "a", "bias", "'Mine' cannot be a name"),
        ("mine", "a", "biass", "there is no dimension 'biass'; did you mean 'bias'?"),
        ("mine", "there", "bias", "is there already; choose another name"),
    ],
)
def test_the_scaffold_refuses_what_would_not_load(tmp_path, suite, name, dimension, expected):
    scaffold(tmp_path / "mine", "there", "bias")
    with pytest.raises(ConfigError, match=re.escape(expected)):
        scaffold(tmp_path / suite, name, dimension)


def test_a_task_s_name_may_stand_once_over_all_suites(tmp_path):
    folder = write_task(tmp_path / "mine", "quickstart_bias")
    with pytest.raises(
        TaskError, match="task 'quickstart_bias' is already defined in suite 'bias'"
    ):
        Library.load([folder])


def test_a_suite_s_name_may_stand_once(tmp_path):
    folder = write_task(tmp_path / "bias", "my_task")
    with pytest.raises(TaskError, match="suite 'bias' is already defined by evalharness"):
        Library.load([folder])


def test_a_folder_without_a_suite_says_so(tmp_path):
    with pytest.raises(TaskError, match=r"suite\.yaml: there is no such file"):
        Library.load([tmp_path])


def test_a_wrong_task_names_its_file_and_line(tmp_path):
    folder = write_task(tmp_path / "mine", "my_task")
    path = folder / "my_task" / "task.yaml"
    path.write_text(path.read_text() + "metricks: [accuracy]\n")
    line = len(path.read_text().splitlines())
    expected = f"{path}:{line}: metricks: there is no such field; did you mean 'metrics'?"
    with pytest.raises(TaskError, match=re.escape(expected)):
        Library.load([folder])


def test_a_task_and_its_folder_have_one_name(tmp_path):
    folder = write_task(tmp_path / "mine", "my_task")
    (folder / "my_task").rename(folder / "other")
    with pytest.raises(TaskError, match="task 'my_task' lies in a folder called 'other'"):
        Library.load([folder])


def test_a_suite_may_list_its_tasks(tmp_path):
    folder = write_task(tmp_path / "mine", "a_task")
    write_task(folder, "b_task")
    head = (folder / "suite.yaml").read_text()
    (folder / "suite.yaml").write_text(head + "tasks: [b_task]\n")
    assert list(load_suite(folder, "here").tasks) == ["b_task"]
    (folder / "suite.yaml").write_text(head + "tasks: [c_task]\n")
    with pytest.raises(TaskError, match=r"task\.yaml; did you mean 'b_task'\?"):
        load_suite(folder, "here")


def test_an_unknown_name_names_the_nearest():
    found = Library.load()
    with pytest.raises(ConfigError, match=r"tasks: there is no task 'bqq'; did you mean 'bbq'\?"):
        found.task("bqq", "tasks")
    with pytest.raises(ConfigError, match=r"no suite 'biass'; did you mean 'bias'\?.* starts with"):
        found.suite("biass", "suites")


def test_installed_plugins_bring_suites(tmp_path, monkeypatch):
    write_task(tmp_path / "package" / "plug", "plugged")
    package = SimpleNamespace(__file__=str(tmp_path / "package" / "__init__.py"))
    point = SimpleNamespace(
        name="plug", value="plug", dist=SimpleNamespace(name="plug", version="1.2"),
        load=lambda: package,
    )  # fmt: skip
    monkeypatch.setattr(metadata, "entry_points", lambda group: [point])
    assert Library.load().task("plugged", "here").origin == "plug 1.2"


def test_no_python_of_a_suite_s_folder_is_run(tmp_path):
    """Peers execute every .py in their data folders."""
    folder = write_task(tmp_path / "mine", "my_task")
    for place in (folder, folder / "my_task"):
        for name in ("__init__.py", "task.py", "conftest.py", "metric.py"):
            (place / name).write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    task = Library.load([folder]).task("my_task", "here")
    list(Renderer(task, open_data(task, data_root=None, supplied=None), "text", 1).samples())
    assert not (tmp_path / "ran").exists()


def test_what_is_bundled_is_found_or_the_installation_is_broken():
    assert (bundled("suites") / "bias" / "suite.yaml").is_file()
    with pytest.raises(TaskError, match="the folder 'nothing' is missing; install evalharness"):
        bundled("nothing")
    assert library.__all__ == sorted(library.__all__)


def test_the_example_in_the_documentation_loads_and_renders(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
    blocks = dict(re.findall(r"`my_suite/([\w/.]+)`.*?```\w+\n(.*?)```", page, flags=re.DOTALL))
    assert set(blocks) == {"ferry_facts/task.yaml", "ferry_facts/items.jsonl", "suite.yaml"}
    for name, text in blocks.items():
        path = tmp_path / "my_suite" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    task = Library.load([tmp_path / "my_suite"]).task("ferry_facts", "here")
    assert [use.key for use in metrics_of(task.definition)][:2] == ["accuracy", "winter_accuracy"]
    dataset = open_data(task, data_root=None, supplied=None)
    first, second = Renderer(task, dataset, "loglikelihood", 1).samples()
    assert first.messages[0].content == "Question: When does the first ferry leave?\nAnswer:"
    assert second.messages[0].content == "问题：末班船几点开？\n答案："
    assert (first.answer, second.answer) == (0, 2)
    assert (first.tags["season"], second.tags["season"]) == ("winter", "summer")


def test_a_configuration_named_as_a_suite_is_told_apart():
    with pytest.raises(ConfigError, match="'quickstart' is a whole configuration: evalharness run"):
        Library.load([]).suite("quickstart", "suites")
