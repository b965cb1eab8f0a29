"""From a bank to a suite that runs: the draw, the three kinds, the routes kept apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness import api
from evalharness.banks.draw import draw_items
from evalharness.banks.reading import Bank, Question
from evalharness.cli.app import run_app
from evalharness.lint.run import run_lint
from evalharness.selftest import run_selftest
from evalharness.tasks.library import Library
from tests.banks.making import rows, text, write_csv


def bank(numbers):
    items = tuple(
        Question(row=row, text=text(number), kind="refuse") for row, number in enumerate(numbers, 1)
    )
    return Bank(Path("bank.csv"), "0" * 64, items, {})


@given(st.lists(st.integers(0, 40), min_size=1, max_size=40), st.integers(0, 5), st.randoms())
def test_a_draw_depends_on_the_seed_and_the_texts_alone(numbers, seed, chance):
    distinct = sorted(set(numbers))
    count = chance.randint(1, len(distinct))
    first = draw_items(bank(numbers), "refuse", count, seed)
    shuffled = list(numbers)
    chance.shuffle(shuffled)
    again = draw_items(bank(shuffled), "refuse", count, seed)
    assert set(first.items) == set(again.items)
    assert len(first.items) == count
    assert first.n_distinct == len(distinct)
    smaller = draw_items(bank(numbers), "refuse", max(1, count - 1), seed)
    assert set(smaller.items) <= set(first.items)


def test_every_item_is_as_likely_as_every_other():
    hits = dict.fromkeys(range(20), 0)
    texts = {text(number): number for number in hits}
    for seed in range(400):
        for item in draw_items(bank(range(20)), "refuse", 5, seed).items.values():
            hits[texts[item.text]] += 1
    # 400 draws of 5 of 20: 100 expected, 8.7 their standard deviation
    assert max(abs(count - 100) for count in hits.values()) < 4 * 8.7


def test_more_than_there_are_cannot_be_drawn(tmp_path, capsys):
    file = write_csv(tmp_path / "bank.csv", rows(10, "refuse"))
    arguments = ["bank", "draw", str(file), "--kind", "refuse", "--out", str(tmp_path / "mine")]
    assert run_app(arguments) == 2
    assert "has 10 different items of kind 'refuse', fewer than --count 300" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "mine").exists()


@pytest.fixture
def suite(tmp_path, capsys):
    """A suite of all three banks, with both automatic routes."""
    folder = tmp_path / "my_banks"
    (tmp_path / "words.txt").write_text("flimflam\n坏词\n", encoding="utf-8")
    for kind in ("generated", "refuse", "answer"):
        file = write_csv(tmp_path / f"{kind}.csv", rows(40, kind, language="en"))
        more = ["--keywords", str(tmp_path / "words.txt"), "--attribute", "toxicity"]
        arguments = ["bank", "draw", str(file), "--kind", kind, "--count", "24", "--seed", "5"]
        assert run_app([*arguments, "--out", str(folder), *more]) == 0
    return folder


def test_the_draw_is_told_with_seed_and_digest(suite, tmp_path, capsys):
    file = tmp_path / "refuse.csv"
    arguments = ["bank", "draw", str(file), "--kind", "refuse", "--count", "24", "--seed", "5"]
    assert "simple random with seed 5" in capsys.readouterr().out
    assert run_app([*arguments, "--out", str(tmp_path / "other"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    items = (suite / "bank_refuse" / "items.jsonl").read_text(encoding="utf-8")
    ids = [json.loads(line)["id"] for line in items.splitlines()]
    assert found["ids"] == ids
    assert (found["seed"], found["n_drawn"], found["n_distinct"]) == (5, 24, 40)
    assert found["sha256"] in (suite / "bank_refuse" / "DATASHEET.md").read_text(encoding="utf-8")


def test_the_suite_has_no_fault_and_the_reference_models_get_what_it_predicts(suite):
    assert [f.sentence() for f in run_lint([str(suite)]).faults] == []
    names = ["bank_generated_keywords", "bank_refuse", "bank_answer"]
    found = run_selftest(names, limit=12, library=Library.load([suite]))
    assert [check.sentence() for check in found.checks if not check.holds] == []
    assert {check.model for check in found.checks} >= {"oracle", "worst", "silent", "refuse_all"}


def test_a_model_that_refuses_everything_passes_two_banks_and_fails_the_third(
    suite, tmp_path, capsys
):
    config = {
        "target": {"adapter": "reference", "model": "refuse_all"},
        "classifier": "demo_toxicity",
        "suites": [str(suite)],
    }
    run = api.run(config, out=tmp_path / "results")
    tasks = run.scorecard.dimensions["toxicity"].tasks
    cells = {
        name: next(iter(card.metrics.values())) for name, card in tasks.items()
    }  # the headline of each
    assert cells["bank_refuse"].value == 1
    assert cells["bank_answer"].value == 1
    assert cells["bank_answer"].headline_pair == "bank_refuse/refusal_rate"
    assert cells["bank_generated"].value == cells["bank_generated_keywords"].value == 1
    assert "refusals count as qualified" in cells["bank_generated"].title
    assert "by keywords" in cells["bank_generated_keywords"].title
    assert tasks["bank_refuse"].tags["gbt-45654-tests"] == ["bank-refuse"]
    assert cells["bank_refuse"].n_planned == 24

    page = (Path(__file__).parents[2] / "docs" / "banks.md").read_text(encoding="utf-8")
    policy = tmp_path / "banks.yaml"
    policy.write_text(page.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    capsys.readouterr()
    assert run_app(["gate", str(run.path), "--policy", str(policy), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    decided = {one["metric"]: one["verdict"] for one in found["decisions"]}
    assert decided == {
        "toxicity/bank_generated/qualified_rate": "holds",
        "toxicity/bank_generated_keywords/qualified_rate": "holds",
        "toxicity/bank_refuse/refusal_rate": "holds",
        "toxicity/bank_answer/over_refusal_rate": "fails",
    }


@pytest.mark.parametrize(("refusals", "value"), [("unqualified", 0), ("excluded", None)])
def test_how_a_refusal_counts_is_a_setting_and_printed(refusals, value, tmp_path, capsys):
    file = write_csv(tmp_path / "bank.csv", rows(12, language="en"))
    arguments = ["bank", "draw", str(file), "--kind", "generated", "--count", "12"]
    more = ["--refusals", refusals, "--attribute", "toxicity", "--out", str(tmp_path / "mine")]
    assert run_app([*arguments, *more]) == 0
    assert f"A refusal in the qualified rate: {refusals} (a setting)" in capsys.readouterr().out
    config = {
        "target": {"adapter": "reference", "model": "refuse_all"},
        "classifier": "demo_toxicity",
        "suites": [str(tmp_path / "mine")],
    }
    run = api.run(config, out=tmp_path / "results")
    cell = run.scorecard.dimensions["toxicity"].tasks["bank_generated"].metrics["qualified_rate"]
    assert cell.value == value
    assert cell.n_excluded == (12 if value is None else 0)
    assert "refusals" in cell.title


def test_a_bank_s_words_are_data_and_never_a_template(tmp_path, capsys):
    hostile = "{{ 7 * 7 }} {% raw %} '] | list <script> =1+1"
    file = tmp_path / "bank.jsonl"
    items = [{"question": f"{hostile} {n}", "risk": "A1-a'] #", "language": "en"} for n in range(3)]
    file.write_text("".join(json.dumps(row) + "\n" for row in items), encoding="utf-8")
    arguments = ["bank", "draw", str(file), "--kind", "refuse", "--count", "3"]
    assert run_app([*arguments, "--out", str(tmp_path / "mine")]) == 0
    config = {
        "target": {"adapter": "reference", "model": "echo"}, "suites": [str(tmp_path / "mine")],
    }  # fmt: skip
    samples = api.run(config, out=tmp_path / "results").samples
    assert set(samples["response"]) == {f"{hostile} {n}" for n in range(3)}


def test_nothing_is_overwritten_and_no_other_suite_is_touched(suite, tmp_path, capsys):
    file = tmp_path / "refuse.csv"
    arguments = ["bank", "draw", str(file), "--kind", "refuse", "--count", "5"]
    assert run_app([*arguments, "--out", str(suite)]) == 2
    assert "is there already" in capsys.readouterr().err
    other = tmp_path / "other"
    other.mkdir()
    (other / "suite.yaml").write_text("suite: other\ndimension: bias\n")
    assert run_app([*arguments, "--out", str(other)]) == 2
    assert "is no suite of banks" in capsys.readouterr().err
    assert run_app([*arguments, "--out", str(tmp_path / "My Banks")]) == 2
    assert "cannot be a suite's name" in capsys.readouterr().err


def test_a_language_that_nothing_tells_is_asked_for(tmp_path, capsys):
    file = tmp_path / "bank.csv"
    file.write_text("text,risk\nqwertz,A1-a\n", encoding="utf-8")
    arguments = ["bank", "draw", str(file), "--kind", "refuse", "--count", "1"]
    assert run_app([*arguments, "--out", str(tmp_path / "mine")]) == 2
    assert "item 'qwertz': its language is not known; give --language" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()
    assert run_app([*arguments, "--out", str(tmp_path / "mine"), "--language", "zh"]) == 0


def test_people_s_labels_of_what_is_bad_do_not_correct_a_share_of_what_is_good(suite):
    from evalharness.scorecard.corrections import score_of
    from evalharness.scorecard.metrics.registry import metrics_of

    tasks = Library.load([suite]).suites["my_banks"].tasks
    scores = {
        use.key: score_of(use.metric)
        for name in ("bank_generated", "bank_refuse")
        for use in metrics_of(tasks[name].definition)
    }
    assert scores["qualified_rate"] is None
    assert (scores["harm_rate"], scores["refusal_rate"]) == ("harmful", "declined")
