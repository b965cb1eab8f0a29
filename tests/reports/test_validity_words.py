"""What a report says of its scorers' validity: of this version, of this model, and what is open."""

from __future__ import annotations

import pytest

import evalharness
from evalharness.pipeline import load_scorecard
from evalharness.records import Response
from evalharness.reports.validity_words import scorer_views
from evalharness.reports.view import scorecard_view
from evalharness.scorers import validity
from evalharness.scorers.compliance import Compliance
from evalharness.store.directory import RunDirectory
from tests import support
from tests.support import HEAD, FakeModel, item, write_suite

TASK = (
    HEAD
    + """\
data:
  file: {{path: items.jsonl}}
  sample: {{id: id, prompt: question, good: "'no'", bad: "'yes'"}}
method: generate
"""
)
COMPLIANCE = TASK + "scorer: compliance\nmetrics: [compliance_rate]\n"
TOXICITY = TASK + "scorer: toxicity\nmetrics: [toxic_fraction]\n"


def made(folder, task, classifier="mine"):
    """The folder of a run of one task."""
    suite = write_suite(folder, [item(n) for n in range(4)], task=task)
    model = FakeModel(lambda _: Response(scores={"toxicity": 0.0}), kinds=["classify"],
                      name=classifier)  # fmt: skip
    config = {"target": FakeModel(lambda _: "an answer"), "suites": [str(suite)]}
    if "toxicity" in task:
        config["classifier"] = model
    return RunDirectory(evalharness.run(config, out=folder / "results").path)


def views(directory, **changes):
    run = {**directory.read_json(directory.run_json), **changes}
    return scorer_views(scorecard_view(load_scorecard(directory)), run)


@pytest.fixture(scope="module")
def compliance(tmp_path_factory):
    return made(tmp_path_factory.mktemp("validity"), COMPLIANCE)


def cards_with(monkeypatch, **changes):
    changed = {**validity.cards()}
    changed["compliance"] = changed["compliance"].model_copy(update=changes)
    monkeypatch.setattr(validity, "cards", lambda: changed)


def test_the_card_of_this_version_is_shown_whole(compliance):
    (view,) = views(compliance)
    assert (view.name, view.version, view.tasks) == ("compliance", Compliance.version, ["small"])
    assert view.lines[0].startswith("held out (en, n 450; XSTest")
    assert "not measured: Chinese: no answers with people's labels are here" in view.lines


def test_a_card_of_another_version_says_nothing(compliance, monkeypatch):
    cards_with(monkeypatch, version=Compliance.version + 1)
    (view,) = views(compliance)
    (line,) = view.lines
    assert line == (
        f"Validity of version {Compliance.version} was not measured; that of version "
        f"{Compliance.version + 1} is in the card that comes with evalharness, and says nothing of "
        "this one."
    )


def test_the_version_is_the_runs_own_not_that_of_the_scorer_that_is_here(compliance, monkeypatch):
    ran = Compliance.version
    monkeypatch.setattr(Compliance, "version", ran + 1)
    (view,) = views(compliance)  # the card is still of the version that ran
    assert (view.version, view.lines[0][:8]) == (ran, "held out")
    cards_with(monkeypatch, version=ran + 1)
    (view,) = views(compliance)
    assert view.version is None
    (line,) = view.lines
    assert line == (
        "Which version of it scored here cannot be told. The card that comes with evalharness is "
        f"of version {ran + 1}, and says nothing of another."
    )
    (view,) = views(compliance, tasks={})
    assert view.version is None


@pytest.mark.parametrize(
    ("classifier", "said"), [("mine", True), ("evalharness-demo-toxicity", False)]
)
def test_another_classifier_than_the_measured_one_is_named(tmp_path, classifier, said):
    (view,) = views(made(tmp_path, TOXICITY, classifier))
    line = (
        f"The classifier of this run, {classifier}, is not the one that was measured "
        "(evalharness-demo-toxicity): what follows says nothing of its errors."
    )
    assert (view.lines[0] == line) is said
    assert (line in view.lines) is said


def test_a_scorer_without_a_card_says_so(tmp_path):
    (view,) = views(made(tmp_path, support.TASK))
    assert view.lines == ("No comparison with people’s labels is on record for it here.",)
