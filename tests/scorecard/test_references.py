"""Pinned results: written, read, refused; a run beside them by equal protocols alone."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

import evalharness
from evalharness.cli.app import run_app
from evalharness.errors import ConfigError
from evalharness.scorecard.placing import place
from evalharness.scorecard.references import available, load, pinned, write
from tests.support import FakeModel, item, write_suite

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
ITEMS = [item(n, topic="ab"[n % 2]) for n in range(100)]


def model(right: int, name: str) -> FakeModel:
    def answer(request):
        number = int(request.slot.sample[1:])
        return f"right {number}" if number < right else f"wrong {number}"

    return FakeModel(answer, name=name)


@pytest.fixture
def ran(tmp_path):
    def run(name, right, **config):
        suite = write_suite(tmp_path / name, ITEMS)
        path = suite / "small" / "task.yaml"
        text = path.read_text().replace(
            "metrics: [accuracy]", "slices: [topic]\nmetrics: [accuracy]"
        )
        path.write_text(text)
        config = {"target": model(right, name), "suites": [str(suite)], "name": name, **config}
        return evalharness.run(config, out=tmp_path / "results")

    return run


def pin(run, name="one"):
    return pinned(run.scorecard, name=name, date="2026-01-31", version="0.1.0")


def test_a_reference_holds_figures_protocol_and_identity_and_no_text(ran, tmp_path):
    run = ran("a", 90)
    path = write(pin(run), tmp_path / "refs")
    found = load(path)
    card = run.scorecard.dimensions["factuality"].tasks["small"]
    figure = found.figure("small", "accuracy")
    assert (figure.value, figure.n, figure.protocol_id) == (0.9, 100, card.protocol_id)
    assert figure.unfavourable == pytest.approx(0.1)
    assert figure.interval == card.metrics["accuracy"].interval
    assert found.figure("small", "accuracy", ("topic", "a")).n == 50
    assert found.tasks["small"].protocol == card.protocol
    assert found.target["model"] == "a"
    text = path.read_text()
    assert "Question" not in text
    assert "right" not in text
    again = tmp_path / "again"
    assert write(pin(run), again).read_bytes() == path.read_bytes()


def test_what_it_does_not_have_is_said(ran):
    found = pin(ran("a", 90))
    for arguments, said in (
        (("smal", "accuracy"), "has no task 'smal'; did you mean 'small'"),
        (("small", "acuracy"), "small has no metric 'acuracy'; did you mean 'accuracy'"),
        (("small", "accuracy", ("topic", "z")), "has no slice where topic is z"),
    ):
        with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
            found.figure(*arguments)


@pytest.mark.parametrize("name", ["../evil", "A", "", "x" * 70, "-x", "a/b", "a\n"])
def test_a_name_is_no_path(ran, name):
    with pytest.raises(ConfigError, match="take small letters"):
        pin(ran("a", 90), name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "it is no JSON"),
        ('{"name": NaN}', "NaN is no number here"),
        ("[" * 100_000, "it is no JSON"),
        ("[]", "no reference"),
        ('{"format": 9}', "no reference: format"),
    ],
)
def test_a_file_that_is_no_reference_is_refused(tmp_path, text, said):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load(path)
    with pytest.raises(ConfigError, match="there is no such file"):
        load(tmp_path / "none.json")


def test_a_run_is_placed_by_equal_protocols(ran):
    refs = [pin(ran(f"r{n}", n), f"ref-{n}") for n in (50, 88, 99)]
    found = place("mine", ran("b", 90).scorecard, refs)
    placed = {figure.reference: figure for figure in found.figures if figure.metric == "accuracy"}
    assert [placed[f"ref-{n}"].verdict for n in (50, 88, 99)] == [
        "better", "no difference shown", "worse",
    ]  # fmt: skip
    # ten wrong of a hundred are a fifth of fifty
    assert placed["ref-50"].ratio == pytest.approx(0.2)
    low, high = placed["ref-50"].ratio_ends
    assert 0.1 < low < 0.2 < high < 0.4
    assert placed["ref-50"].interval.low > 0.2
    assert found.ranks["small", "accuracy"] == (2, 3, 4)
    assert found.comparable
    # everybody answers always: the reference's share of silence is 0
    silence = next(f for f in found.figures if f.metric == "answer_rate")
    assert silence.ratio is None
    assert silence.notes == ("no ratio: the reference's unfavourable share is 0",)
    json.dumps(found.to_json(), allow_nan=False)


def test_another_protocol_is_refused_with_the_parts_that_differ(ran):
    reference = pin(ran("a", 90))
    text = [{"task": "small", "method": "text"}]
    found = place("mine", ran("b", 90, tasks=text).scorecard, [reference])
    assert not found.figures
    assert not found.comparable
    ((name, task, reasons),) = found.refused
    assert (name, task) == ("one", "small")
    assert any(reason == "method: text against letter" for reason in reasons), reasons


def test_nothing_in_common_is_not_comparable(ran):
    reference = pin(ran("a", 90)).model_copy(update={"tasks": {}})
    assert not place("mine", ran("b", 90).scorecard, [reference]).comparable


def test_on_the_command_line(ran, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    one, two = ran("a", 50), ran("b", 90)
    assert run_app(["reference", "add", str(one.path), "--name", "half"]) == 0
    assert "references/half.json: 2 figures of 1 tasks" in capsys.readouterr().out
    assert run_app(["reference", "add", str(two.path), "--name", "half"]) == 2
    assert "a pinned result is not replaced" in capsys.readouterr().err
    assert run_app(["reference", "list"]) == 0
    assert "half" in capsys.readouterr().out
    assert run_app(["compare", str(two.path), "--reference", "half"]) == 0
    shown = capsys.readouterr().out
    assert "small/accuracy against half: 0.9 against 0.5, +0.4000 [" in shown
    assert "0.2 times its unfavourable share [" in shown
    assert "rank 1 of 2: small/accuracy" in shown
    assert run_app(["compare", str(one.path), str(two.path), "--reference", "half", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [placement["run"] for placement in data["placements"]] == [one.run_id, two.run_id]
    assert data["claims"]
    assert run_app(["compare", str(two.path), "--reference", "haf"]) == 2
    assert "there is none; did you mean 'half'" in capsys.readouterr().err
    assert run_app(["compare", str(two.path), "--reference", "half", "--margin", "0.1"]) == 2
    # of another protocol; of none that it has
    assert run_app(["compare", str(ran("c", 9, limit=30).path), "--reference", "half"]) == 3
    assert "NOT COMPARABLE with half" in capsys.readouterr().out
    assert run_app(["compare", str(two.path), "--reference", "refuse-all"]) == 3
    assert "nothing can be placed" in capsys.readouterr().out


@pytest.fixture
def program(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("references")


def test_those_that_come_with_it_are_known(program, tmp_path):
    assert set(available(tmp_path)) == {"demo", *program.MODELS}
    assert load("comply-all").figure("quickstart_data_governance", "leak_rate").value == 1
    assert load("refuse-all").figure("quickstart_data_governance", "leak_rate").value == 0


def same_figures(again, name):
    pinned = load(name)
    assert again.tasks
    assert again.tasks == {task: pinned.tasks[task] for task in again.tasks}
    assert again.target == pinned.target


@pytest.mark.parametrize("name", ["always-a", "comply-all", "oracle", "random", "refuse-all"])
def test_measured_again_their_figures_are_the_same(program, tmp_path, name):
    """The tasks that need no classifier: these models answer at once."""
    tasks = ["quickstart_factuality", "quickstart_bias", "quickstart_data_governance"]
    overrides = ["classifier=null", f"tasks={[{'task': task} for task in tasks]}"]
    again = program.measured(name, tmp_path, overrides)
    assert set(again.tasks) == set(tasks)
    same_figures(again, name)


@pytest.mark.full
@pytest.mark.parametrize("name", ["demo", "comply-all", "refuse-all"])
def test_measured_again_with_all_tasks_they_are_the_same(program, tmp_path, name):
    same_figures(program.measured(name, tmp_path), name)
