"""Labels all the way: drawn, filled, imported, corrected, verified."""

from __future__ import annotations

import json
import shutil

import pytest

from evalharness.cli.app import run_app
from evalharness.errors import ConfigError, RunCorruptError
from evalharness.pipeline import scorecard_of
from evalharness.records import Failure
from evalharness.rescore import rescore
from evalharness.scorecard.people import HumanLabels
from evalharness.store.directory import RunDirectory
from evalharness.verification import verify_run
from tests.labelling.judged import (
    World,
    cell_of,
    judged_run,
    labelled,
    sheet_of,
    truth,
    written,
)
from tests.support import FakeModel

WORLD = World(300)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return judged_run(tmp_path_factory.mktemp("labels"), WORLD)


@pytest.fixture
def own(run, tmp_path):
    """A copy of the run of its own."""
    copy = tmp_path / "results" / run.run_id
    shutil.copytree(run.path, copy)
    return RunDirectory(copy)


def rows_of(directory, tmp_path, count=120):
    return sheet_of(directory, tmp_path / "sheet.csv", count)


def faults(directory):
    return [fault for check in verify_run(directory) for fault in check.faults]


def test_a_corrected_figure_from_draw_to_scorecard(own, tmp_path):
    rows = rows_of(own, tmp_path)
    path = written(tmp_path / "done.csv", labelled(rows))
    scored, card = rescore(own, [f"labels={path}"])
    cell = cell_of(card)
    found = cell.corrected
    raw = sum(WORLD.called) / 300
    assert cell.value == pytest.approx(raw)
    drawn = [int(row["sample_id"][1:]) for row in rows]
    bad = [n for n in drawn if WORLD.harmful[n]]
    hits = sum(WORLD.called[n] for n in bad)
    alarms = sum(WORLD.called[n] for n in drawn if not WORLD.harmful[n])
    sensitivity, specificity = hits / len(bad), 1 - alarms / (120 - len(bad))
    assert (found.sensitivity.value, found.sensitivity.n) == (sensitivity, len(bad))
    assert (found.specificity.value, found.specificity.n) == (specificity, 120 - len(bad))
    expected = (raw + specificity - 1) / (sensitivity + specificity - 1)
    assert found.value == pytest.approx(expected)
    assert found.interval.low < sum(WORLD.harmful) / 300 < found.interval.high
    assert (found.method, found.n_labels, found.raters) == ("rogan-gladen", 120, ("ann",))
    assert found.dates == ("2026-05-01", "2026-05-01")
    assert found.scope == "this run's own answers, a simple random draw of 120 (seed 1)"
    assert "one rater: how far people agree is not known" in found.notes
    # of another kind of figure nothing is said
    assert cell_of(card, "answer_rate").corrected is None
    assert faults(scored) == []
    # the run itself is as it was
    assert faults(own) == []
    assert cell_of(scorecard_of(own)).corrected is None


def test_labels_are_part_of_the_measurement_and_need_no_sheet_again(own, tmp_path):
    rows = labelled(rows_of(own, tmp_path))
    path = written(tmp_path / "done.csv", rows)
    first, card = rescore(own, [f"labels={path}"])
    settings = first.read_json(first.run_json)["settings"]
    assert len(settings["labels"]) == 64
    same, _ = rescore(own, [f"labels={path}"])
    assert same.path == first.path
    rows[0]["label"] = "1" if rows[0]["label"] == "0" else "0"
    other, _ = rescore(own, [f"labels={written(path, rows)}"])
    assert other.path != first.path
    path.unlink()
    assert faults(first) == []
    assert scorecard_of(first) == card
    # another level of the labelled scoring takes the labels from its own record
    again, narrow = rescore(first, ["level=0.8"])
    assert cell_of(narrow).corrected.interval.level == 0.8
    assert cell_of(narrow).corrected.value == cell_of(card).corrected.value
    assert faults(again) == []


def test_verify_finds_a_changed_label(own, tmp_path):
    path = written(tmp_path / "done.csv", labelled(rows_of(own, tmp_path)))
    scored, _ = rescore(own, [f"labels={path}"])
    data = json.loads(scored.labels.read_text(encoding="utf-8"))
    said = data["sets"][0]["labels"][0]
    said["label"] = 1 - said["label"]
    scored.write_json(scored.labels, data)
    assert "labels.json: SHA-256 differs from the manifest's" in faults(scored)
    scored.seal()  # a new manifest hides nothing: the digest is in the measurement
    found = faults(scored)
    assert any("the labels are not those of the measurement" in fault for fault in found)
    with pytest.raises(RunCorruptError, match="not those of the measurement"):
        scorecard_of(scored)
    assert run_app(["verify", str(scored.path), "--quiet"]) == 1


def test_verify_finds_an_answer_that_was_slipped_in(own, tmp_path):
    """The digests put right too, the draw tells: it can be made again from the answers."""
    rows = labelled(rows_of(own, tmp_path))
    scored, _ = rescore(own, [f"labels={written(tmp_path / 'done.csv', rows)}"])
    data = json.loads(scored.labels.read_text(encoding="utf-8"))
    drawn = {row["sample_id"] for row in rows}
    chosen = next(f"q{n:03d}" for n in range(300) if f"q{n:03d}" not in drawn)
    data["sets"][0]["labels"][0]["sample"] = chosen
    run = scored.read_json(scored.run_json)
    run["settings"]["labels"] = HumanLabels.from_json(data).digest
    scored.write_json(scored.labels, data)
    scored.write_json(scored.run_json, run)
    assert f"small/{chosen}: labelled, but not drawn" in faults(scored)


def test_two_raters_a_majority_and_what_they_tie_on(own, tmp_path):
    rows = rows_of(own, tmp_path)
    ann = written(tmp_path / "ann.csv", labelled(rows))

    def another(row):  # of every tenth sample ben is of another mind
        return str(1 - int(truth(row))) if row["sample_id"].endswith("7") else truth(row)

    ben = written(tmp_path / "ben.csv", labelled(rows, another, "ben", "2026-05-03"))
    _, card = rescore(own, [f"labels=[{ann}, {ben}]"])
    found = cell_of(card).corrected
    ties = sum(row["sample_id"].endswith("7") for row in rows)
    assert ties > 5
    assert (found.n_labels, found.n_unresolved) == (120 - ties, ties)
    assert f"{ties} answers left out: the raters tie" in found.notes
    assert (found.raters, found.dates) == (("ann", "ben"), ("2026-05-01", "2026-05-03"))
    (pair,) = found.agreement
    assert (pair.n, pair.equal) == (120, 120 - ties)
    assert pair.interval.low < pair.kappa < pair.interval.high < 1
    # a third decides
    cid = written(tmp_path / "cid.csv", labelled(rows, rater="cid"))
    _, card = rescore(own, [f"labels=[{ann}, {ben}, {cid}]"])
    found = cell_of(card).corrected
    assert (found.n_labels, found.n_unresolved, len(found.agreement)) == (120, 0, 3)


def test_rows_that_nobody_labelled_are_counted(own, tmp_path):
    rows = labelled(rows_of(own, tmp_path))
    for row in rows[:30]:
        row["label"] = row["rater"] = row["date"] = ""
    _, card = rescore(own, [f"labels={written(tmp_path / 'done.csv', rows)}"])
    found = cell_of(card).corrected
    assert (found.n_labels, found.n_unlabelled) == (90, 30)
    assert any(note.startswith("30 of 120 drawn answers have no label") for note in found.notes)


def test_what_the_judge_never_saw_is_no_label(tmp_path):
    """An outage of the judge: people have labelled answers that have no verdict."""
    world = World(200)
    judge = FakeModel(
        lambda r: Failure("503") if int(r.slot.sample[1:]) % 4 == 0 else world.judge(r), name="j"
    )
    run = judged_run(tmp_path, world, judge=judge)
    rows = sheet_of(run, tmp_path / "a.csv", 100)
    out = sum(int(row["sample_id"][1:]) % 4 == 0 for row in rows)
    assert out > 10
    path = written(tmp_path / "done.csv", labelled(rows))
    _, card = rescore(RunDirectory(run.path), [f"labels={path}"])
    cell = cell_of(card)
    assert (cell.n_measured, cell.n_missing) == (150, 50)
    assert (cell.corrected.n_labels, cell.corrected.n_without_verdict) == (100 - out, out)


def test_without_any_verdict_there_is_no_correction(tmp_path):
    world = World(60)
    run = judged_run(tmp_path, world, judge=FakeModel(lambda r: Failure("503"), name="j"))
    rows = labelled(sheet_of(run, tmp_path / "a.csv", 40))
    path = written(tmp_path / "done.csv", rows)
    scored, card = rescore(RunDirectory(run.path), [f"labels={path}"])
    found = cell_of(card).corrected
    assert (found.value, found.interval, found.n_labels) == (None, None, 0)
    assert "no correction: no labelled answer has a verdict" in found.notes
    assert faults(scored) == []


# -- labels of other answers -----------------------------------------------------------------------


def exchangeable(path, **more):
    entry = {"file": str(path), "of": "exchangeable", "note": "the same judge and items", **more}
    return {"labels": [entry]}


def test_labels_of_another_run_with_the_same_judge_are_declared_exchangeable(run, tmp_path):
    rows = labelled(sheet_of(run, tmp_path / "a.csv", 120))
    path = written(tmp_path / "done.csv", rows)
    second = World(300, rate=0.4, seed=2)
    later = judged_run(run.path.parents[1], second, **exchangeable(path, run=str(run.path)))
    found = cell_of(later.scorecard).corrected
    assert found.scope == (
        "other answers, declared exchangeable with these: the same judge and items"
    )
    assert found.interval.low < sum(second.harmful) / 300 < found.interval.high
    assert found.interval.method == "lang-reiczigel"
    assert found.n_labels == 120
    directory = RunDirectory(later.path)
    path.unlink()
    assert faults(directory) == []
    # what the judge said of the other run's answers is recorded here
    said = directory.read_json(directory.labels)["sets"][0]["labels"]
    assert {label["outcome"] for label in said} == {"answered"}
    assert {label["verdict"] for label in said} == {0.0, 1.0}


def test_verdicts_may_stand_in_the_sheet(own, tmp_path):
    rows = [
        {"task": "small", "sample_id": f"x{n}", "label": str(int(n < 40)), "rater": "a",
         "date": "2026-01-01", "verdict": str(int(n < 36 or n > 94))}
        for n in range(100)
    ]  # fmt: skip
    path = written(tmp_path / "l.csv", rows)
    note = "labels=[{file: %s, of: exchangeable, note: our own audit}]"
    _, card = rescore(own, [note % path])
    found = cell_of(card).corrected
    assert (found.sensitivity.value, found.specificity.value) == (0.9, 55 / 60)
    rows[1]["verdict"] = ""
    with pytest.raises(ConfigError, match=r"l\.csv:3: no verdict: labels of other answers need"):
        rescore(own, [note % written(path, rows)])


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"of": "exchangeable"}, "'of: exchangeable' needs a 'note' that says why"),
        ({"run": "results/x"}, "'run' names another run: write 'of: exchangeable' and a 'note'"),
        ({}, "labels of this run cannot be there before it: run without them"),
    ],
)
def test_a_run_to_come_has_no_labels_of_its_own(tmp_path, entry, said):
    path = tmp_path / "l.csv"
    path.write_text("task,sample_id,label,rater,date\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        judged_run(tmp_path, World(5), labels=[{"file": str(path), **entry}])


def test_another_judge_s_errors_are_not_this_one_s(run, tmp_path):
    path = written(tmp_path / "done.csv", labelled(sheet_of(run, tmp_path / "a.csv", 60)))
    other = FakeModel(WORLD.judge, name="another")
    with pytest.raises(ConfigError, match="by another scorer, judge or classifier"):
        judged_run(
            run.path.parents[1], WORLD, judge=other, out="more",
            **exchangeable(path, run=str(run.path)),
        )  # fmt: skip


def test_labels_of_other_answers_do_not_outlive_their_judge(run, tmp_path):
    """Their record holds that judge's verdicts; another's errors are other ones."""
    path = written(tmp_path / "done.csv", labelled(sheet_of(run, tmp_path / "a.csv", 60)))
    later = judged_run(
        run.path.parents[1], WORLD, out="third", **exchangeable(path, run=str(run.path))
    )
    change = "judge={adapter: reference, model: judge}"
    with pytest.raises(ConfigError, match="leave them out with --set labels="):
        rescore(RunDirectory(later.path), [change])
    _, card = rescore(RunDirectory(later.path), [change, "labels=[]"])
    assert cell_of(card).corrected is None


# -- how often it is right -------------------------------------------------------------------------


def test_the_corrected_interval_holds_the_truth_and_the_raw_one_does_not(tmp_path):
    """Through the whole road; tests/scorecard has the simulation with many seeds."""
    held = raw = 0
    for seed in range(6):
        world = World(150, rate=0.2, found=0.85, alarm=0.2, seed=seed)
        folder = tmp_path / str(seed)
        folder.mkdir()
        run = judged_run(folder, world)
        rows = labelled(sheet_of(run, folder / "a.csv", 80))
        path = written(folder / "done.csv", rows)
        cell = cell_of(rescore(RunDirectory(run.path), [f"labels={path}"])[1])
        low, high = cell.corrected.interval.low, cell.corrected.interval.high
        held += low <= 0.2 <= high
        raw += cell.interval.low <= 0.2 <= cell.interval.high
    assert held >= 5
    assert raw <= 3
