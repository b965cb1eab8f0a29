"""The road as a whole: resume, identity, evidence, scoring again."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sqlite3
import threading
import time
import zlib

import pytest

import evalharness
from evalharness import pipeline
from evalharness.errors import ConfigError, RunConflictError, RunCorruptError, RunError
from evalharness.records import Failure, Response
from evalharness.reports.language import said, speaking
from evalharness.rescore import rescore
from evalharness.store.directory import RunDirectory
from evalharness.store.samples import TIMING_COLUMNS
from evalharness.verification import verify_run
from tests.support import TASK, FakeModel, item, write_suite

TOXIC = (
    TASK.replace("method: choose", "method: generate\ngenerations: 2")
    .replace("scorer: choice", "scorer: toxicity")
    .replace("metrics: [accuracy]", "metrics: [toxic_fraction]")
)


def by_letter(request):
    """Right on even questions."""
    number = int(request.slot.sample[1:])
    prompt = request.messages[-1].content
    right = next(line[0] for line in prompt.splitlines() if line[3:].startswith("right"))
    return right if number % 2 == 0 else "Z"


def config(suite, model, **changes):
    return {"target": model, "suites": [str(suite)], "retries": 0, **changes}


@pytest.fixture
def suite(tmp_path):
    return write_suite(tmp_path, [item(n, cluster=f"c{n % 5}") for n in range(40)])


@pytest.fixture
def finished(tmp_path, suite):
    return evalharness.run(config(suite, FakeModel(by_letter)), out=tmp_path / "results")


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


class Stopped(BaseException):
    """As a Ctrl-C or a kill would: nothing catches it."""


def stopping_after(count):
    model = FakeModel(by_letter, concurrency=1)
    respond = model.respond

    async def stopping(requests):
        if len(model.calls) >= count:
            raise Stopped
        return await respond(requests)

    model.respond = stopping
    return model


@pytest.mark.parametrize("count", [0, 1, 17, 39])
def test_an_interrupted_run_resumes_and_ends_in_the_same_bytes(tmp_path, suite, finished, count):
    out = tmp_path / "interrupted"
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - asyncio may wrap it in a group
        evalharness.run(config(suite, stopping_after(count)), out=out)
    assert not isinstance(caught.value, Exception)
    model = FakeModel(by_letter)
    run = evalharness.run(config(suite, model), out=out)
    assert len(model.asked) == 40 - count
    assert (run.path / "scorecard.json").read_bytes() == (
        finished.path / "scorecard.json"
    ).read_bytes()


def test_errored_samples_stay_errored_until_asked_for(tmp_path, suite):
    broken = FakeModel(
        lambda r: Failure("down") if r.slot.sample in {"q002", "q004"} else by_letter(r)
    )
    run = evalharness.run(config(suite, broken), out=tmp_path / "results")
    assert (run.samples["outcome"] == "errored").sum() == 2
    well = FakeModel(by_letter)
    assert evalharness.run(config(suite, well), out=tmp_path / "results").exit_code == 3
    assert well.calls == []
    again = evalharness.run(config(suite, well), out=tmp_path / "results", retry_errored=True)
    assert sorted(r.slot.sample for r in well.asked) == ["q002", "q004"]
    assert (again.samples["outcome"] == "errored").sum() == 0


def test_a_folder_of_another_measurement_is_left_alone(tmp_path, suite, finished):
    path = finished.path / "run.json"
    info = json.loads(path.read_text())
    info["measurement"] = "0" * 64
    path.write_text(json.dumps(info))
    before = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    model = FakeModel(by_letter)
    with pytest.raises(RunConflictError, match="belongs to another configuration"):
        evalharness.run(config(suite, model), out=tmp_path / "results")
    assert {p.name: p.read_bytes() for p in finished.path.iterdir()} == before
    assert model.calls == []


def test_a_folder_of_something_else_is_left_alone(tmp_path, suite, finished):
    shutil.rmtree(finished.path)
    finished.path.mkdir()
    (finished.path / "thesis.txt").write_text("mine")
    with pytest.raises(RunConflictError, match=r"holds thesis\.txt but no run\.json"):
        evalharness.run(config(suite, FakeModel(by_letter)), out=tmp_path / "results")


def test_out_may_not_name_a_run(suite, finished):
    with pytest.raises(ConfigError, match="is itself a run"):
        evalharness.run(config(suite, FakeModel(by_letter)), out=finished.path)


def test_two_processes_cannot_work_on_one_run(finished):
    with (
        finished._directory.locked(),
        pytest.raises(RunConflictError, match="another process"),
        RunDirectory(finished.path).locked(),
    ):
        pass


def test_verify_holds_and_changes_nothing(finished):
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in finished.path.iterdir()}
    assert [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults] == []
    after = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in finished.path.iterdir()}
    assert after == before


@pytest.mark.parametrize(
    "name", ["run.json", "scorecard.json", "samples.parquet", "responses.sqlite", "report.html",
             "summary.json"]
)  # fmt: skip
def test_a_changed_byte_in_any_file_is_found(finished, name):
    path = finished.path / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert any(c.faults for c in verify_run(RunDirectory(finished.path)))


def test_a_polished_figure_is_found_even_under_a_new_manifest(finished):
    path = finished.path / "scorecard.json"
    data = json.loads(path.read_text())
    data["dimensions"]["factuality"]["tasks"]["small"]["metrics"]["accuracy"]["n_measured"] = 40
    finished._directory.write_json(path, data)
    finished._directory.seal()
    failed = [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults]
    assert failed == ["aggregating the rows again gives the same scorecard"]


def test_a_polished_answer_is_found_even_under_a_new_manifest(finished):
    with sqlite3.connect(finished.path / "responses.sqlite") as database:
        database.execute("UPDATE responses SET body='{\"text\":\"A\"}' WHERE sample='q001'")
    database.close()
    finished._directory.seal()
    failed = [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults]
    assert failed == ["scoring the recorded answers again gives the same rows"]


def test_a_dropped_sample_is_found(finished):
    with sqlite3.connect(finished.path / "responses.sqlite") as database:
        ((body,),) = database.execute("SELECT body FROM plan")
        lines = [line for line in zlib.decompress(body).split(b"\n") if b'"q001"' not in line]
        database.execute("UPDATE plan SET body=?", (zlib.compress(b"\n".join(lines)),))
    database.close()
    finished._directory.seal()
    failed = [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults]
    assert "the planned items have the recorded digests" in failed


def test_scoring_again_asks_the_target_nothing_and_overwrites_nothing(finished):
    before = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    # the run's target cannot even be made again from its configuration
    directory, scorecard = rescore(RunDirectory(finished.path), ["floor=0.4"])
    cell = scorecard.dimensions["factuality"].tasks["small"].metrics["accuracy"]
    assert cell.grade is None
    assert directory.path.parent == finished.path / "scores"
    assert {p.name: p.read_bytes() for p in finished.path.iterdir() if p.is_file()} == before
    info = json.loads((directory.path / "run.json").read_text())
    assert info["rescored_from"]["run_id"] == finished.run_id
    assert [c.name for c in verify_run(directory) if c.faults] == []
    assert [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults] == []


def test_scoring_again_with_another_classifier(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(6)], task=TOXIC)
    classifier = FakeModel(lambda r: Response(scores={"toxicity": 0.1}), kinds=["classify"])
    target = FakeModel(lambda r: f"you idiot {r.slot.ordinal}")
    run = evalharness.run(config(suite, target, classifier=classifier), out=tmp_path / "results")
    asked = len(target.calls)
    directory, scorecard = rescore(
        RunDirectory(run.path), ["classifier={adapter: reference, model: lexicon}"]
    )
    tasks = [s.dimensions["factuality"].tasks["small"] for s in (run.scorecard, scorecard)]
    assert [t.metrics["toxic_fraction"].value for t in tasks] == [0.0, 1.0]
    assert tasks[0].protocol["items"] == tasks[1].protocol["items"]
    assert tasks[0].protocol["scorer"] != tasks[1].protocol["scorer"]
    assert tasks[0].protocol_id != tasks[1].protocol_id
    assert len(target.calls) == asked
    assert [c.name for c in verify_run(directory) if c.faults] == []


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=3", "'seed' cannot change in a later scoring"),
        ("limit=3", "'limit' cannot change"),
        ("report_samples=2", "'report_samples' cannot change"),
        ("level=0.95", "nothing differs"),
    ],
)
def test_scoring_again_refuses_what_needs_the_target(finished, override, message):
    with pytest.raises(ConfigError, match=message):
        rescore(RunDirectory(finished.path), [override])


def test_a_report_is_rendered_again_to_the_same_bytes(finished):
    from evalharness.cli.app import run_app

    before = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    assert run_app(["report", str(finished.path)]) == 0
    assert {p.name: p.read_bytes() for p in finished.path.iterdir()} == before


def test_a_finished_run_can_show_more_items(finished):
    from evalharness.cli.app import run_app

    before = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    assert run_app(["report", str(finished.path), "--set", "report_samples=9"]) == 0
    after = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"run.json", "report.html", "manifest.json"}
    assert len(after["report.html"]) > len(before["report.html"])
    assert [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults] == []
    assert run_app(["report", str(finished.path), "--set", "seed=9"]) == 2
    assert {p.name: p.read_bytes() for p in finished.path.iterdir()} == after


@pytest.mark.parametrize(("path", "error"), [("nowhere", RunError), (".", RunError)])
def test_what_is_no_run_is_said_so(tmp_path, monkeypatch, path, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        evalharness.load_run(path)


def test_a_damaged_run_json_is_said_so(finished):
    (finished.path / "run.json").write_text("{")
    with pytest.raises(RunCorruptError, match="damaged"):
        _ = evalharness.load_run(finished.path).info


def test_an_extra_record_is_named(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(3)])
    lines = [{"task": "small", "sample": f"q{n:03d}", "response": "right 0"} for n in (0, 1, 9)]
    record = tmp_path / "answers.jsonl"
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = evalharness.run(
        config(suite, {"adapter": "replay", "path": str(record)}), out=tmp_path / "results"
    )
    assert list(run.samples["outcome"]) == ["answered", "unparsed", "not_run"]
    assert any("q009" in text for text in run.info["deviations"])
    assert pipeline.exit_code(run.scorecard) == 3


def test_a_function_is_a_model(tmp_path, suite):
    run = evalharness.run(
        {"target": lambda prompt: "right 0", "suites": [str(suite)]}, out=tmp_path / "results"
    )
    assert run.samples["outcome"].value_counts()["answered"] == 1
    assert "<table" in run._repr_html_()


def test_a_larger_run_takes_over_a_smaller_ones_answers(tmp_path, suite):
    small = evalharness.run(config(suite, FakeModel(by_letter), limit=10), out=tmp_path / "results")
    model = FakeModel(by_letter)
    large = evalharness.run(config(suite, model), out=tmp_path / "results", reuse=small.path)
    assert large.run_id != small.run_id
    assert len(model.asked) == 30
    assert not {r.slot.sample for r in model.asked} & set(small.samples["sample_id"])
    assert [c.name for c in verify_run(RunDirectory(large.path)) if c.faults] == []
    whole = evalharness.run(config(suite, FakeModel(by_letter)), out=tmp_path / "whole")
    assert (whole.path / "scorecard.json").read_bytes() == (
        large.path / "scorecard.json"
    ).read_bytes()


def test_another_models_answers_are_never_taken_over(tmp_path, suite, finished):
    """A peer's cache gave model B the refusals of model A, with no call made."""
    model = FakeModel(by_letter, name="another")
    evalharness.run(config(suite, model), out=tmp_path / "results", reuse=finished.path)
    assert len(model.asked) == 40


def test_verdicts_that_came_with_recorded_outputs_are_taken_as_they_are(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(4)])
    verdicts = [{"correct": 1}, {"correct": 0}, {"outcome": "refused"}, {"outcome": "maybe"}]
    record = tmp_path / "answers.jsonl"
    record.write_text(
        "".join(
            json.dumps({"sample": f"q{n:03d}", "response": "text", "verdict": verdict}) + "\n"
            for n, verdict in enumerate(verdicts)
        )
    )
    run = evalharness.run(
        {
            "target": {"adapter": "replay", "path": str(record)},
            "suites": [str(suite)],
            "tasks": [{"task": "small", "scorer": "recorded"}],
        },
        out=tmp_path / "results",
    )
    assert list(run.samples["outcome"]) == ["answered", "answered", "refused", "errored"]
    cell = run.scorecard.dimensions["factuality"].tasks["small"].metrics["accuracy"]
    assert (cell.value, cell.n_measured) == (pytest.approx(1 / 3), 3)


def test_recorded_log_likelihoods_choose(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(2)])
    record = tmp_path / "scores.jsonl"
    lines = [{"sample": "q000", "loglikelihoods": [-1.0, -2.0, -3.0]},
             {"sample": "q001", "loglikelihoods": [-5.0, -2.0, -3.0]}]  # fmt: skip
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = evalharness.run(
        config(suite, {"adapter": "replay", "path": str(record)}), out=tmp_path / "results"
    )
    assert list(run.samples["answer"]) == ["right 0", "wrong 1"]
    assert list(run.samples["score_correct"]) == [1.0, 0.0]


def test_a_damaged_scorecard_is_a_sentence(finished):
    (finished.path / "scorecard.json").write_text('{"name": "x"}')
    with pytest.raises(RunCorruptError, match="the file is damaged"):
        _ = evalharness.load_run(finished.path).scorecard


def unfinished(config_of, out):
    """A run that was finished once, and was stopped while it tried its errors again."""
    run = evalharness.run(config_of(FakeModel(lambda r: Failure("down"))), out=out)
    with pytest.raises(Stopped):
        evalharness.run(config_of(stopping_after(3)), out=out, retry_errored=True)
    assert not (run.path / "manifest.json").exists()
    return run.path


def test_an_unfinished_run_is_taken_for_nothing_else(tmp_path, suite):
    """`report` once sealed one, and so made it final."""
    from evalharness.cli.app import run_app

    path = unfinished(lambda model: config(suite, model), tmp_path / "results")
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    assert run_app(["report", str(path)]) == 2
    with pytest.raises(RunError, match="was not finished"):
        evalharness.load_run(path)
    with pytest.raises(RunError, match="was not finished"):
        rescore(RunDirectory(path), ["level=0.9"])
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before
    run = evalharness.run(config(suite, FakeModel(by_letter)), out=tmp_path / "results")
    assert run.path == path
    assert (run.samples["outcome"] == "errored").sum() == 0


def test_an_unfinished_run_is_not_reused_and_nothing_is_touched(tmp_path, suite, finished):
    path = unfinished(lambda model: config(suite, model, limit=20), tmp_path / "other")
    before = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    with pytest.raises(RunError, match="was not finished"):
        evalharness.run(
            config(suite, FakeModel(by_letter)), out=tmp_path / "results", reuse=path,
            retry_errored=True,
        )  # fmt: skip
    assert {p.name: p.read_bytes() for p in finished.path.iterdir()} == before


def test_a_report_is_not_written_while_another_process_works_on_the_run(finished):
    from evalharness.cli.app import run_app

    with finished._directory.locked():
        assert run_app(["report", str(finished.path)]) == 2


def test_fresh_never_resumes_the_run_that_it_is_to_stand_beside(tmp_path, suite):
    out = tmp_path / "results"
    with pytest.raises(Stopped):
        evalharness.run(config(suite, stopping_after(3)), out=out)
    with pytest.raises(Stopped):
        evalharness.run(config(suite, stopping_after(5)), out=out, fresh=True)
    base, second = sorted(p for p in out.iterdir() if p.is_dir())
    assert second.name == f"{base.name}-2"
    model = FakeModel(by_letter)
    run = evalharness.run(config(suite, model), out=out, fresh=True)
    assert (run.path, len(model.asked)) == (second, 35)
    model = FakeModel(by_letter)
    run = evalharness.run(config(suite, model), out=out, fresh=True)
    assert (run.run_id, len(model.asked)) == (f"{base.name}-3", 40)
    assert not (base / "manifest.json").exists()


def test_polished_settings_are_found_even_under_a_new_manifest(finished):
    path = finished.path / "run.json"
    info = json.loads(path.read_text())
    info["settings"]["floor"] = 0.1
    finished._directory.write_json(path, info)
    pipeline.finish_run(finished._directory)
    failed = [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults]
    assert failed == ["models and settings are those of the measurement"]


def test_an_interrupt_in_a_notebook_stops_the_run(tmp_path, suite):
    """There the run has a thread of its own, which knew nothing of the interrupt."""
    model = FakeModel(by_letter, concurrency=1, delay=0.2)

    async def cell():
        evalharness.run(config(suite, model), out=tmp_path / "results")

    def interrupt():
        while not model.calls:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    loop = asyncio.new_event_loop()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(cell())
    finally:
        loop.close()
    assert time.monotonic() - started < 4
    assert len(model.calls) < 10


@pytest.fixture
def toxic(tmp_path):
    """A finished run with a classifier made in Python, and how often that was asked."""
    suite = write_suite(tmp_path, [item(n) for n in range(6)], task=TOXIC)
    classifier = FakeModel(lambda r: Response(scores={"toxicity": 0.1}), kinds=["classify"])
    classifier.deviations = ["2 texts were cut"]
    target = FakeModel(lambda r: f"you idiot {r.slot.ordinal}")
    target.deviations = ["no system prompt"]
    run = evalharness.run(config(suite, target, classifier=classifier), out=tmp_path / "results")
    return run, classifier


LEXICON = "classifier={adapter: reference, model: lexicon}"


def test_an_unchanged_classifier_is_neither_needed_nor_asked(toxic):
    run, classifier = toxic
    asked = len(classifier.calls)
    directory, scorecard = rescore(RunDirectory(run.path), ["level=0.9"])
    assert scorecard.level == 0.9
    assert len(classifier.calls) == asked
    assert [c.name for c in verify_run(directory) if c.faults] == []
    again, _ = rescore(RunDirectory(run.path), ["level=0.9"])
    assert again.path == directory.path


def test_a_changed_scorer_needs_the_classifier_again(toxic, monkeypatch):
    from evalharness.scorers.toxicity import Toxicity

    run, _ = toxic
    monkeypatch.setattr(Toxicity, "version", Toxicity.version + 1)
    with pytest.raises(ConfigError, match="was an object of Python"):
        rescore(RunDirectory(run.path), ["level=0.9"])


def test_only_what_a_changed_scorer_asked_is_asked_again(tmp_path, monkeypatch):
    from evalharness.adapters.reference import ReferenceAdapter
    from evalharness.scorers.toxicity import Toxicity

    suite = write_suite(tmp_path, [item(n) for n in range(6)], task=TOXIC)
    target = FakeModel(lambda r: f"you idiot {r.slot.sample} {r.slot.ordinal}")
    classifier = {"adapter": "reference", "model": "lexicon"}
    run = evalharness.run(config(suite, target, classifier=classifier), out=tmp_path / "results")
    asked = []
    respond = ReferenceAdapter.respond

    async def counting(self, requests):
        asked.extend(requests)
        return await respond(self, requests)

    monkeypatch.setattr(ReferenceAdapter, "respond", counting)
    rescore(RunDirectory(run.path), ["level=0.9"])
    assert asked == []
    monkeypatch.setattr(Toxicity, "version", Toxicity.version + 1)
    rescore(RunDirectory(run.path), ["level=0.9"])
    assert len(asked) == 12


def test_a_rescoring_says_what_it_was_made_with(toxic, monkeypatch):
    run, _ = toxic
    monkeypatch.setattr("evalharness.rescore.versions", lambda: {"evalharness": "later"})
    directory, _ = rescore(RunDirectory(run.path), [LEXICON])
    info = json.loads(directory.run_json.read_text())
    assert info["versions"] == {"evalharness": "later"}
    # what was said of the classifier that is no longer the classifier is left out
    assert run.info["deviations"] == ["classifier: 2 texts were cut", "target: no system prompt"]
    assert info["deviations"] == ["target: no system prompt"]


def test_a_kill_while_a_rescoring_begins_costs_nothing(toxic, monkeypatch):
    from evalharness import rescore as module

    run, _ = toxic
    write = RunDirectory.write_json

    def stopping(self, path, data):
        path.with_name("responses.sqlite-journal").write_text("left by a kill")
        raise Stopped

    monkeypatch.setattr(RunDirectory, "write_json", stopping)
    with pytest.raises(Stopped):
        module.rescore(RunDirectory(run.path), [LEXICON])
    monkeypatch.setattr(RunDirectory, "write_json", write)
    directory, _ = module.rescore(RunDirectory(run.path), [LEXICON])
    assert [p.name for p in (run.path / "scores").iterdir() if p.is_dir()] == [directory.path.name]
    assert [c.name for c in verify_run(directory) if c.faults] == []


def test_a_task_that_was_never_asked_cannot_be_scored_again(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(6)], task=TOXIC)
    run = evalharness.run(config(suite, FakeModel(by_letter)), out=tmp_path / "results")
    with pytest.raises(ConfigError, match="task small was never asked"):
        rescore(RunDirectory(run.path), [LEXICON])
    _, scorecard = rescore(RunDirectory(run.path), ["level=0.9"])
    assert scorecard.dimensions["factuality"].tasks["small"].outcomes == {"not_run": 12}


def test_a_path_that_score_cannot_find_says_from_where_it_counts(toxic, tmp_path, monkeypatch):
    run, _ = toxic
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="counts relative paths from the working folder"):
        rescore(RunDirectory(run.path), ["classifier={adapter: replay, path: nowhere.jsonl}"])


def test_many_extra_records_are_one_sentence(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(2)])
    record = tmp_path / "answers.jsonl"
    lines = [{"task": "small", "sample": f"q{n:03d}", "response": "right"} for n in range(9)]
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = evalharness.run(
        config(suite, {"adapter": "replay", "path": str(record)}), out=tmp_path / "results"
    )
    assert run.info["deviations"] == [
        "target: 7 samples recorded, but not planned: small/q002, small/q003, small/q004, ..."
    ]
    with speaking("zh"):
        assert said(run.info["deviations"][0]) == (
            "被测模型：有 7 条样本记录不在计划之内：small/q002, small/q003, small/q004, ..."
        )
