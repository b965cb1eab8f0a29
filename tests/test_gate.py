"""A policy from the configuration to the decision: named before the run, or not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

import evalharness
from evalharness import policies
from evalharness.cli.app import run_app
from evalharness.errors import ConfigError
from evalharness.gating import gate_run
from evalharness.reports import gates
from evalharness.reports.language import said, speaking
from evalharness.store.directory import RunDirectory
from tests.support import FakeModel, item, write_suite

KEY = "factuality/small/accuracy"
ITEMS = [item(n) for n in range(60)]


def write_policy(path: Path, **fields) -> Path:
    content = {"policy": "mine", "version": 1, "title": "ours", **fields}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture
def ran(tmp_path):
    """Runs a small task; the model knows the first ``right`` of 60 items."""

    def run(right=57, **config):
        suite = tmp_path / "suite"
        suite = next(suite.iterdir()) if suite.exists() else write_suite(suite, ITEMS)

        def answer(request):
            number = int(request.slot.sample[1:])
            return f"right {number}" if number < right else f"wrong {number}"

        settings = {"target": FakeModel(answer), "suites": [str(suite)], **config}
        return evalharness.run(settings, out=tmp_path / "results").path

    return run


def test_a_policy_that_the_config_names_is_in_run_json_before_the_first_call(ran, tmp_path):
    policy = write_policy(tmp_path / "p.yaml", criteria=[{"metric": KEY, "at_least": 0.85}])
    seen = []

    def looking(request):
        (found,) = (tmp_path / "results").glob("*/run.json")
        seen.append(json.loads(found.read_text())["policy"])
        return "right 0"

    ran(target=FakeModel(looking), policy=str(policy))
    assert seen[0]["sha256"] == policies.load_policy(policy).sha256
    assert seen[0]["registered"] == policies.BEFORE
    assert seen[0]["content"]["criteria"] == [{"metric": KEY, "at_least": 0.85, "where": {}}]


def test_holds_fails_and_undecided_leave_with_0_1_and_3(ran, tmp_path, capsys):
    path = ran()

    def code(**fields):
        policy = write_policy(tmp_path / "p.yaml", **fields)
        return run_app(["gate", str(path), "--policy", str(policy)])

    assert code(criteria=[{"metric": KEY, "at_least": 0.85}]) == 0
    assert "the gate HOLDS" in capsys.readouterr().out
    assert code(criteria=[{"metric": KEY, "at_least": 0.95}]) == 1
    printed = capsys.readouterr().out
    assert "estimate 0.95: within the limit" in printed
    assert "NOT PRE-REGISTERED" in printed
    assert code(criteria=[{"metric": "bias/small/accuracy", "at_least": 0.5}]) == 3
    assert "the run has no such metric" in capsys.readouterr().out
    # one that fails outweighs one that is undecided
    both = [{"metric": KEY, "at_least": 0.99}, {"metric": "a/b/c", "at_least": 0.1}]
    assert code(criteria=both) == 1


def test_another_policy_is_not_pre_registered(ran, tmp_path):
    own = write_policy(tmp_path / "own.yaml", criteria=[{"metric": KEY, "at_least": 0.85}])
    other = write_policy(tmp_path / "other.yaml", criteria=[{"metric": KEY, "at_least": 0.8}])
    directory = RunDirectory(ran(policy=str(own)))
    assert gate_run(directory).registered
    # how the file is laid out does not matter, what it says does
    own.write_text("# a remark\n" + own.read_text())
    assert gate_run(directory, own).registered
    assert not gate_run(directory, other).registered
    assert gate_run(directory, other).verdict == "holds"


def test_a_policy_named_after_the_run_says_so(ran, tmp_path):
    path = ran()
    with pytest.raises(ConfigError, match="named no policy"):
        gate_run(RunDirectory(path))
    policy = write_policy(
        tmp_path / "p.yaml",
        criteria=[{"metric": KEY, "grade": "B"}],
        grades={"by": "value", "bands": {"A": 0.96, "B": 0.9, "C": 0}},
    )
    assert run_app(["score", str(path), "--set", f"policy={policy}"]) == 0
    (scored,) = (path / "scores").iterdir()
    found = gate_run(RunDirectory(scored))
    assert (found.verdict, found.registered) == ("holds", False)
    assert evalharness.load_run(scored).scorecard.cells()[KEY].grade == "B"
    assert evalharness.load_run(path).scorecard.cells()[KEY].grade is None
    assert run_app(["verify", str(scored)]) == 0


def test_a_policy_changed_in_the_record_is_found(ran, tmp_path):
    policy = write_policy(tmp_path / "p.yaml", criteria=[{"metric": KEY, "at_least": 0.85}])
    directory = RunDirectory(ran(policy=str(policy)))
    run = directory.read_json(directory.run_json)
    run["policy"]["content"]["criteria"][0]["at_least"] = 0.5
    directory.write_json(directory.run_json, run)
    directory.seal()
    assert run_app(["verify", str(directory.path)]) == 1


def test_another_policy_is_another_run(ran, tmp_path):
    one = write_policy(tmp_path / "1.yaml", criteria=[{"metric": KEY, "at_least": 0.85}])
    two = write_policy(tmp_path / "2.yaml", criteria=[{"metric": KEY, "at_least": 0.8}])
    assert ran(policy=str(one)) != ran(policy=str(two))


def test_junit_goes_into_a_folder_that_is_made_and_elsewhere_the_reason_is_told(
    ran, tmp_path, capsys
):
    policy = write_policy(tmp_path / "p.yaml", criteria=[{"metric": KEY, "at_least": 0.85}])
    command = ["gate", str(ran()), "--policy", str(policy), "-q", "--junit"]
    assert run_app([*command, str(tmp_path / "not" / "there" / "gate.xml")]) == 0
    assert (tmp_path / "not" / "there" / "gate.xml").is_file()
    assert run_app([*command, str(policy / "gate.xml")]) == 2
    told = capsys.readouterr().err
    assert f"--junit {policy / 'gate.xml'}: " in told
    assert "is no folder; name another" in told


def test_a_policy_that_demands_nothing_is_told_in_the_plan_and_after_the_run(tmp_path, capsys):
    grades = {"by": "value", "bands": {"good": 0.5, "bad": 0}}
    policy = write_policy(tmp_path / "p.yaml", grades=grades)
    config = tmp_path / "config.yaml"
    content = {"target": "demo", "tasks": ["quickstart_factuality"], "policy": str(policy)}
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    command = [str(config), "--limit", "2"]
    told = "policy mine 1 has grades and no criteria: figures are graded, and the gate has nothing"
    assert run_app(["plan", *command]) == 0
    assert told in capsys.readouterr().out
    run_app(["run", *command, "--out", str(tmp_path / "results")])
    assert told in capsys.readouterr().out


def test_junit_has_failures_and_errors_and_nothing_skipped(ran, tmp_path):
    criteria = [
        {"metric": KEY, "at_least": 0.85},
        {"metric": KEY, "at_least": 0.95},
        {"metric": "bias/small/x", "at_least": 0.5},
    ]
    policy = write_policy(tmp_path / "p.yaml", criteria=criteria)
    junit, summary = tmp_path / "gate.xml", tmp_path / "summary.md"
    code = run_app(
        [
            "gate",
            str(ran()),
            "--policy",
            str(policy),
            "--junit",
            str(junit),
            "--summary",
            str(summary),
            "-q",
        ]
    )
    assert code == 1
    suite = ET.parse(junit).getroot()  # noqa: S314 - our own file
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    kinds = [{child.tag for child in case} for case in suite.iter("testcase")]
    assert kinds == [{"system-out"}, {"failure"}, {"error"}]
    text = summary.read_text(encoding="utf-8")
    assert "| **FAILS** |" in text
    # a demand has the unit of the figure beside it, and the figure the digits that set them apart
    assert "| at least 95 % | one-sided | 95 % (60 of 60) |" in text
    assert "NOT PRE-REGISTERED" in text


def test_hostile_names_stay_in_their_place(ran, tmp_path):
    policy = policies.load_policy(
        write_policy(
            tmp_path / "p.yaml",
            title="<script>|\u202e",
            criteria=[{"metric": "a/b|<b>*/c\x07", "at_least": 0.5}],
        )
    )
    found = gate_run(RunDirectory(ran()), tmp_path / "p.yaml")
    assert policy.criteria[0].metric == "a/b|<b>*/c\x07"
    markdown = gates.as_markdown(found)
    (row,) = [
        line
        for line in markdown.splitlines()
        if "insufficient" in line.lower() and line.startswith("|")
    ]
    assert "<b>" not in markdown
    assert row.count("|") - row.count("\\|") == 7
    ET.fromstring(gates.as_junit(found))  # noqa: S314 - our own text


def test_a_misspelt_metric_is_told_with_the_one_that_was_meant(ran, tmp_path, capsys):
    path = ran()
    for metric, meant in (("factuality/small/acuracy", KEY), ("factualty/headline", None)):
        policy = write_policy(tmp_path / "p.yaml", criteria=[{"metric": metric, "at_least": 0.5}])
        assert run_app(["gate", str(path), "--policy", str(policy)]) == 3
        hint = f"no such metric; did you mean '{meant or 'factuality/headline'}'?"
        assert hint in capsys.readouterr().out
    with speaking("zh"):
        assert KEY in (text := said(f"the run has no such metric; did you mean '{KEY}'?"))
        assert "本次运行没有该指标" in text
    far = write_policy(tmp_path / "p.yaml", criteria=[{"metric": "bias/x/y", "at_least": 0.5}])
    assert run_app(["gate", str(path), "--policy", str(far)]) == 3
    assert "did you mean" not in capsys.readouterr().out


def test_the_level_of_a_policy_must_be_the_runs(ran, tmp_path):
    policy = write_policy(
        tmp_path / "p.yaml", confidence=0.99, criteria=[{"metric": KEY, "at_least": 0.5}]
    )
    directory = RunDirectory(ran())
    with pytest.raises(ConfigError, match=r"score RUN --set level=0\.99"):
        gate_run(directory, policy)
    with pytest.raises(ConfigError, match="has grades and no criteria"):
        gate_run(directory, "moonshot-bands")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "'criteria', or 'grades', or both"),
        ({"criteria": [{"metric": KEY}]}, "give one of at_least, at_most, within, grade; found 0"),
        ({"criteria": [{"metric": KEY, "within": 0.1}]}, "'within' and 'of' go together"),
        ({"criteria": [{"metric": KEY, "at_least": True}]}, "are no number"),
        ({"criteria": [{"metric": KEY, "at_lest": 0.1}]}, "did you mean 'at_least'"),
        ({"criteria": [{"metric": "accuracy", "at_least": 0.1}]}, "metric: string should match"),
        ({"criteria": [{"metric": KEY, "grade": "A"}]}, "there is no grade 'A'"),
        ({"rule": "hope", "criteria": [{"metric": KEY, "at_least": 0.1}]}, "rule: input should be"),
        (
            {"grades": {"by": "value", "bands": {"B": 0.5, "A": 0.9}}},
            "best first",
        ),
    ],
)
def test_a_wrong_policy_is_a_sentence(tmp_path, fields, said):
    path = write_policy(tmp_path / "p.yaml", **fields)
    with pytest.raises(ConfigError) as fault:
        policies.load_policy(path)
    assert said in str(fault.value)
    assert str(path) in str(fault.value)


def test_a_policy_that_is_not_there_is_a_sentence():
    with pytest.raises(ConfigError, match="did you mean 'high-risk'"):
        policies.load_policy("high-rsk")


@pytest.mark.parametrize("name", policies.known())
def test_what_comes_with_evalharness_can_be_read(name):
    policy = policies.load_policy(name)
    assert policy.policy == name
    assert policy.note
    assert policies.Policy.model_validate(policy.to_json()).sha256 == policy.sha256


def test_the_pytest_plugin(ran, tmp_path):
    """In a process of its own, as a user's: one statement holds, one fails and says what would."""
    (tmp_path / "test_it.py").write_text(
        "def test_holds(scorecard):\n"
        f"    scorecard.metric('{KEY}').at_least(0.85, confidence=0.95)\n"
        "def test_fails(scorecard):\n"
        f"    scorecard.metric('{KEY}').at_least(0.94)\n"
    )
    path = ran()

    def pytest_with(*options):
        root = Path(__file__).parents[1]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "evalharness.pytest_plugin", "-q", "test_it.py",
             "-p", "no:cacheprovider", *options],
            cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(root), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )  # fmt: skip
        return run.stdout

    printed = pytest_with("--evalharness-run", str(path))
    assert "1 failed, 1 passed" in printed
    assert f"GateFailed: {KEY}: at least 0.94: FAILS (one-sided)" in printed
    assert "at this rate about" in printed
    assert "name the run: pytest --evalharness-run" in pytest_with()
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nevalharness_run = {path}\n")
    assert "1 failed, 1 passed" in pytest_with()
    assert "there is no such run folder" in pytest_with("--evalharness-run", "nowhere")


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        ({"metric": KEY, "at_most": 5}, "5 lies outside the metric's range, 0 to 1"),
        ({"metric": KEY, "at_least": -3}, "limits are in the metric's unit, 5 % of a share is"),
        ({"metric": KEY, "within": 5, "of": 0}, "5 lies outside the metric's range"),
        ({"metric": "factuality/small/acuracy", "at_least": 0.5}, f"did you mean '{KEY}'"),
        ({"metric": "factuallity/headline", "at_least": 0.5}, "did you mean 'factuality/headline'"),
    ],
)
def test_what_cannot_be_mended_after_the_run_is_said_before_it(ran, tmp_path, criterion, said):
    policy = write_policy(tmp_path / "p.yaml", criteria=[criterion])
    with pytest.raises(ConfigError) as fault:
        ran(policy=str(policy))
    assert said in str(fault.value)
    assert not (tmp_path / "results").exists()
    if "did you mean" not in said:  # with a policy that is named later, too
        with pytest.raises(ConfigError, match="lies outside the metric's range"):
            gate_run(RunDirectory(ran()), policy)


def test_a_demand_on_what_a_run_does_not_test_is_a_deviation(ran, tmp_path):
    criteria = [{"metric": "bias/headline", "at_least": 0.5}, {"metric": KEY, "at_least": 0.5}]
    path = ran(policy=str(write_policy(tmp_path / "p.yaml", criteria=criteria)))
    (said,) = evalharness.load_run(path).info["deviations"]
    assert "bias/headline is demanded, and this run has no such metric" in said
    assert gate_run(RunDirectory(path)).verdict == "insufficient"


def test_a_gate_on_a_demonstration_says_so(tmp_path):
    config = {"target": "demo", "tasks": ["quickstart_factuality"], "limit": 5}
    path = evalharness.run(config, out=tmp_path).path
    criteria = [{"metric": "factuality/headline", "at_least": 0.1}]
    policy = write_policy(tmp_path / "p.yaml", criteria=criteria)
    found = gate_run(RunDirectory(path), policy)
    assert found.remarks[0].startswith("DEMONSTRATION, no evidence about a model: a toy language")
    assert "DEMONSTRATION" in gates.as_markdown(found)
