"""The draw of answers to be labelled, and the sheet that people get."""

from __future__ import annotations

import json

import pytest

import evalharness
from evalharness.cli.app import run_app
from evalharness.labelling.draw import draw_keys
from evalharness.labelling.source import Source
from evalharness.records import Failure
from evalharness.scorecard.people import Draw
from tests.labelling.judged import World, judged_run, read, sheet_of
from tests.support import FakeModel, item, write_suite


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return judged_run(tmp_path_factory.mktemp("labels"), World(120))


def ids(rows):
    return [row["sample_id"] for row in rows]


def test_raters_are_blind_and_their_columns_empty(run, tmp_path):
    rows = sheet_of(run, tmp_path / "a.csv", 50)
    assert list(rows[0]) == [
        "task", "score", "sample_id", "epoch", "generation", "prompt", "response", "question",
        "label", "rater", "date", "draw",
    ]  # fmt: skip
    assert len(rows) == len(set(ids(rows))) == 50
    assert {(r["task"], r["score"], r["label"], r["rater"], r["date"]) for r in rows} == {
        ("small", "harmful", "", "", "")
    }
    assert len({row["question"] for row in rows}) == 1  # it cannot tell a verdict
    text = " ".join(cell for row in rows for name, cell in row.items() if name != "question")
    assert "unsafe" not in text
    assert "answered" not in text


def test_the_seed_decides_and_a_smaller_draw_is_part_of_a_larger_one(run, tmp_path):
    first = ids(sheet_of(run, tmp_path / "a.csv", 30))
    assert ids(sheet_of(run, tmp_path / "b.csv", 30)) == first
    larger = ids(sheet_of(run, tmp_path / "c.csv", 60))
    assert set(first) < set(larger)
    other = ids(sheet_of(run, tmp_path / "d.csv", 30, "--seed", "2"))
    assert set(other) != set(first)
    assert ids(sheet_of(run, tmp_path / "e.csv", 999)) == [f"q{n:03d}" for n in range(120)]


def test_every_answer_is_drawn_as_often_as_any_other(run):
    source = Source.of(run.path)
    task = source.tasks["small"]
    drawn = [
        key[0]
        for seed in range(200)
        for key in draw_keys(source.samples, task, "harmful", seed=seed, count=30)
    ]
    counts = [drawn.count(f"q{n:03d}") for n in range(120)]
    # each 50 times of 200 (standard deviation 6); whether the judge called it changes nothing
    assert 25 < min(counts) <= max(counts) < 76


def test_the_draw_is_the_same_for_every_judge(tmp_path):
    """An outage of the judge is no reason to label something else."""
    world = World(60)
    out = FakeModel(
        lambda r: Failure("503") if r.slot.sample < "q030" else world.judge(r), name="j"
    )
    one = judged_run(tmp_path, world)
    other = judged_run(tmp_path, world, judge=out)
    sheets = [sheet_of(run, tmp_path / f"{n}.csv", 20) for n, run in enumerate((one, other))]
    assert ids(sheets[0]) == ids(sheets[1])
    assert any(name < "q030" for name in ids(sheets[0]))


def test_silence_and_failures_are_no_answers(tmp_path):
    def target(request):
        number = int(request.slot.sample[1:])
        return {0: "", 1: Failure("503")}.get(number % 3, "A nice day.")

    run = judged_run(tmp_path, World(30), target=FakeModel(target))
    rows = sheet_of(run, tmp_path / "a.csv", 100)
    assert ids(rows) == [f"q{n:03d}" for n in range(2, 30, 3)]


def test_formulas_are_text_and_every_script_is_read(tmp_path):
    world = World(3)
    answers = ["=HYPERLINK(1)", '-1 is "less",\nthan 0', "新加坡 \x00"]
    run = judged_run(
        tmp_path,
        world,
        target=FakeModel(lambda r: answers[int(r.slot.sample[-1])]),
        items=[item(n, id=f"=q00{n}", question="@now") for n in range(3)],
    )
    rows = sheet_of(run, tmp_path / "a.csv")
    assert [row["response"] for row in rows] == [
        "'=HYPERLINK(1)", "'-1 is \"less\",\nthan 0", "新加坡 \ufffd",
    ]  # fmt: skip
    assert rows[0]["sample_id"] == "'=q000"
    assert rows[0]["prompt"] == "'@now"
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_a_sheet_that_is_there_is_never_overwritten(run, tmp_path, capsys):
    path = tmp_path / "a.csv"
    path.write_text("somebody's labels", encoding="utf-8")
    assert run_app(["labels", str(run.path), "--task", "small", "--out", str(path)]) == 2
    assert "is there already and may hold labels" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "somebody's labels"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--task", "smal"], "has no task 'smal'; did you mean 'small'?"),
        (["--task", "small", "--score", "harm"], "labels of 'harm' would correct; did you mean"),
        (["--task", "small", "--out", "gone/a.csv"], "there is no such folder; make it first"),
    ],
)
def test_what_cannot_be_drawn_is_said(run, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert run_app(["labels", str(run.path), *words]) == 2
    assert said in capsys.readouterr().err


def test_it_says_what_a_label_means_and_what_comes_next(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run_app(["labels", str(run.path), "--task", "small", "--count", "10"]) == 0
    said = capsys.readouterr().out
    assert "labels-small.csv: 10 answers drawn (simple random, seed 1)" in said
    assert "What is 'harmful' by the rubric 'harm'? 0: safe, 1: unsafe" in said
    assert f"evalharness score {run.path} --set labels=labels-small.csv" in said
    (token,) = {row["draw"] for row in read(tmp_path / "labels-small.csv")}
    of = json.loads((run.path / "run.json").read_text())["measurement"]
    assert token == f"simple seed=1 count=10 of={of}"
    assert Draw(seed=1, count=10, of=of).scheme == "simple"


def test_options_weighed_by_likelihood_are_nothing_to_read(tmp_path, capsys):
    suite = write_suite(tmp_path, [item(n) for n in range(5)])
    model = FakeModel(lambda r: -1.0, kinds=("loglikelihood",))
    run = evalharness.run({"target": model, "suites": [str(suite)]}, out=tmp_path / "results")
    assert run_app(["labels", str(run.path), "--task", "small"]) == 2
    assert "has no answer that people could read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("scorer", "score", "expected"),
    [
        ("leak", "leaked", "state the secret, permitted or not?"),
        ("personal_data", "stated", "permitted or not?"),
    ],
)
def test_a_scorer_says_what_its_labels_answer(scorer, score, expected):
    from evalharness.scorers.registry import BUILT_IN

    assert expected in BUILT_IN[scorer].questions[score]


def test_questions_are_of_scores_that_there_are():
    from evalharness.scorers.registry import BUILT_IN

    asked = {n: found for n, c in BUILT_IN.items() if (found := getattr(c, "questions", None))}
    assert len(asked) > 15
    for name, questions in asked.items():
        assert set(questions) <= set(BUILT_IN[name].scores), name
        assert all(text.endswith("?") for text in questions.values())
