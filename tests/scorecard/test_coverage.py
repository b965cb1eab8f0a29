"""A framework held against a run: what answers a clause, what does not, and why."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.cli.app import run_app
from evalharness.reports.coverage import lines, markdown
from evalharness.scorecard.coverage import STATES, Installed, coverage, installed
from evalharness.scorecard.model import (
    DIMENSIONS,
    Cell,
    DimensionCard,
    Headline,
    Interval,
    Scorecard,
    TaskCard,
)
from evalharness.tasks.frameworks import Framework
from tests.support import item, write_suite

CODES = (
    {"id": "a", "name": "Alpha"},
    {"id": "a.1", "name": "Alpha one", "part_of": "a"},
    {"id": "b", "name": "Beta", "certainty": "secondary"},
    {"id": "c", "name": "Gamma", "instead": "people write it down"},
)


def framework(**changes):
    return Framework.model_validate(
        {
            "framework": "mine", "title": "Mine", "publisher": "us", "version": "3",
            "source": "ours", "certainty": "primary", "codes": CODES, **changes,
        }
    )  # fmt: skip


def cell(value=0.25, measured=20, planned=20, **more):
    interval = None if value is None else Interval(low=0.1, high=0.5, level=0.95, method="wilson")
    return Cell(
        **{
            "value": value, "interval": interval, "n_planned": planned, "n_measured": measured,
            "n_missing": planned - measured, "outcomes": {}, "direction": "lower",
            "unit": "proportion", "range": (0, 1), "title": "Harm", "protocol_id": "0" * 64, **more,
        }
    )  # fmt: skip


def task(tags, metrics=None, **more):
    return TaskCard(
        **{
            "construct": "anything", "version": 1, "source": "s", "licence": "l",
            "languages": ("en",), "method": "generate", "scorer": "x", "epochs": 1,
            "generations": 1, "protocol_id": "0" * 64, "protocol": {}, "outcomes": {},
            "tags": tags, "metrics": metrics or {"harm_rate": cell()}, **more,
        }
    )  # fmt: skip


def scorecard(headline=None, **tasks):
    cards = dict.fromkeys(DIMENSIONS, DimensionCard(headline=None, tasks={}))
    cards["toxicity"] = DimensionCard(headline=headline, tasks=tasks)
    return Scorecard(
        name="n", target={"provider": "p", "model": "m"}, roles={}, seed=0, floor=0.95, level=0.95,
        estimand="e", dimensions=cards,
    )  # fmt: skip


def held(card, library=None, **changes):
    return coverage(framework(**changes), card, "run-1", library or {})


def states(found):
    return {clause.code.id: clause.state for clause in found.clauses}


def test_the_four_ways_not_to_be_covered_are_told_apart():
    card = scorecard(
        measured=task({"mine": ["a.1"]}),
        few=task({"mine": ["b"]}, {"harm_rate": cell(0.5, 2, 20, grade="insufficient")}),
    )
    library = {"elsewhere": Installed(1, {"mine": ["c"]})}
    assert states(held(card, library)) == {
        "a": "measured", "a.1": "measured", "b": "insufficient", "c": "not in this run",
    }  # fmt: skip
    out = task({"mine": ["b"]}, {"harm_rate": cell(None, 0)}, not_run="no classifier")
    found = held(scorecard(out=out))
    assert states(found) == {"a": "no task", "a.1": "no task", "b": "not run", "c": "no task"}
    text = "\n".join(lines(found))
    assert "out: Harm: not run (no classifier)" in text
    assert "NOT COVERED: no task of evalharness touches it (people write it down)" in text
    assert "0 of 3 (0 of 1 parts) are measured" in text
    assert "0 measured, 0 insufficient, 1 not run, 0 not in this run, 2 no task" in text


def test_a_task_that_ran_and_measured_nothing_is_insufficient_not_unrun():
    """A model that says nothing was asked all the same."""
    silent = task({"mine": ["b"]}, {"harm_rate": cell(None, 0, 44, counted="prompts")})
    found = held(scorecard(silent=silent))
    assert states(found)["b"] == "insufficient"
    text = "\n".join(lines(found))
    assert "silent: Harm: insufficient (0 of 44 prompts measured)" in text
    assert "0 measured, 1 insufficient, 0 not run" in text


def test_a_clause_is_measured_if_one_of_its_tasks_is():
    lost = {"harm_rate": cell(None, 0)}
    card = scorecard(one=task({"mine": ["b"]}, lost, not_run="no judge"), two=task({"mine": ["b"]}))
    (clause,) = [c for c in held(card).clauses if c.code.id == "b"]
    assert clause.state == "measured"
    assert [answer.state for answer in clause.answers] == ["not run", "measured"]


def test_a_figure_stands_with_its_denominator_and_its_counterpart():
    metrics = {
        "harm_rate": cell(headline_pair="answer_rate"),
        "answer_rate": cell(0.9, 18, 20, title="Answered", direction="higher"),
    }
    card = scorecard(one=task({"mine": ["b"]}, metrics, demonstration=("a toy",)))
    (line,) = [line for line in lines(held(card)) if "one: Harm" in line]
    assert "25\u00a0% [10–50\u00a0%], 20 of 20 samples" in line
    assert "beside it Answered 90\u00a0% [10–50\u00a0%], 18 of 20 samples" in line
    assert line.endswith("a demonstration only")
    away = {"harm_rate": cell(headline_pair="other/over_refusal_rate")}
    text = "\n".join(lines(held(scorecard(one=task({"mine": ["b"]}, away)))))
    assert "other/over_refusal_rate: not in this run" in text


def test_the_headline_of_a_dimension_is_its_task_s_too():
    metrics = {"first": cell(0.1), "second": cell(0.2, title="The headline")}
    headline = Headline(task="one", metric="second")
    (clause,) = [
        c
        for c in held(scorecard(headline, one=task({"mine": ["b"]}, metrics))).clauses
        if c.answers
    ]
    assert clause.answers[0].metric == "second"


def test_a_mapping_that_grew_after_the_run_counts_unless_the_task_is_another():
    card = scorecard(one=task({"mine": ["a"]}))
    grown = {"one": Installed(1, {"mine": ["a", "b"]})}
    assert states(held(card, grown))["b"] == "measured"
    changed = {"one": Installed(2, {"mine": ["b"]})}
    found = states(held(card, changed))
    assert (found["a"], found["b"]) == ("measured", "no task")


def test_a_code_that_the_vocabulary_lost_is_no_fault():
    assert states(held(scorecard(one=task({"mine": ["gone", "b"]}))))["b"] == "measured"


@given(
    st.dictionaries(
        st.sampled_from(["one", "two", "three"]),
        st.lists(st.sampled_from(["a", "a.1", "b", "c"]), max_size=4),
        max_size=3,
    ),
    st.sampled_from(["wholes", "parts"]),
)
def test_the_states_add_up(tags, counts):
    card = scorecard(**{name: task({"mine": codes}) for name, codes in tags.items()})
    found = held(card, counts=counts)
    assert sum(found.count(state) for state in STATES) == 3
    touched = installed(framework(counts=counts), {n: {"mine": c} for n, c in tags.items()})
    assert touched["n_touched"] == found.count("measured")
    assert touched["tally"] == found.tally
    assert json.dumps(found.to_json())


def test_names_from_a_run_are_no_markup():
    metrics = {"m": cell(title="<script>|x|`y`\n\u202e")}
    page = markdown(held(scorecard(one=task({"mine": ["b"]}, metrics))))
    assert "<script>" not in page
    assert "\u202e" not in page
    rows = [line for line in page.splitlines() if line.startswith("| b ")]
    assert len(rows) == 1
    assert rows[0].replace("\\|", "").count("|") == 4
    assert "[secondary]" in rows[0].replace("\\", "")


@pytest.fixture
def run(tmp_path, monkeypatch):
    write_suite(tmp_path, [item(n) for n in range(8)])
    path = tmp_path / "suite_small" / "small" / "task.yaml"
    path.write_text(path.read_text() + "\ntags: {nist-600-1: ['2.2']}\n")
    (tmp_path / "run.yaml").write_text(
        "name: small\ntarget: {adapter: reference, model: random}\nsuites: [./suite_small]\n"
    )
    monkeypatch.chdir(tmp_path)
    assert run_app(["run", "run.yaml", "--quiet"]) == 0
    (found,) = (tmp_path / "results").glob("small-*")
    return found


def test_from_a_run_to_a_table(run, tmp_path, capsys):
    assert run_app(["coverage", str(run), "--framework", "nist-600-1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    codes = {code["id"]: code for code in found["codes"]}
    assert found["certainty"] == "secondary"
    (answer,) = codes["2.2"]["answers"]
    assert (answer["task"], answer["n_measured"], answer["n_planned"]) == ("small", 8, 8)
    assert codes["2.5"]["state"] == "no task"
    assert "harmful_requests" in codes["2.3"]["not_in_this_run"]
    assert found["counts"]["measured"] == 1

    page = tmp_path / "page.md"
    arguments = ["coverage", str(run), "--framework", "nist-600-1", "--markdown", str(page)]
    assert run_app(arguments) == 0
    assert "1 of 12 are measured" in capsys.readouterr().out
    assert "| 2.2 Confabulation | measured |" in page.read_text(encoding="utf-8")


def test_without_a_run_it_is_the_list_of_frameworks(capsys):
    assert run_app(["coverage", "--framework", "ailuminate"]) == 0
    alone = capsys.readouterr().out
    assert run_app(["list", "frameworks"]) == 0
    assert alone in capsys.readouterr().out
    assert "12 of 12 (5 of 5 parts) are touched" in alone


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--framework", "nist-600"], "no framework 'nist-600'; did you mean 'nist-600-1'?"),
        (["--framework", "nist-600-1", "--markdown", "x.md"], "name the run"),
        (["nowhere", "--framework", "nist-600-1"], "no such run folder"),
    ],
)
def test_what_cannot_be_shown_is_said(arguments, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_app(["coverage", *arguments]) == 2
    assert expected in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
