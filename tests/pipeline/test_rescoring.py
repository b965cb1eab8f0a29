"""Scoring a finished run again: the target is asked nothing, nothing is overwritten."""

from __future__ import annotations

import json

import pytest

import evalharness
from evalharness.errors import ConfigError
from evalharness.records import Response
from evalharness.rescore import rescore
from evalharness.store.directory import RunDirectory
from evalharness.verification import verify_run
from tests.pipeline.running import Stopped, by_letter, config
from tests.support import TASK, FakeModel, item, write_suite


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


TOXIC = (
    TASK.replace("method: choose", "method: generate\ngenerations: 2")
    .replace("scorer: choice", "scorer: toxicity")
    .replace("metrics: [accuracy]", "metrics: [toxic_fraction]")
)


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


LEXICON = "classifier={adapter: reference, model: lexicon}"


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
