"""A safety classifier in a run: who is shown the conversation, and what its failures become."""

from __future__ import annotations

from typing import Any

import evalharness
from evalharness.adapters.base import ModelIdentity
from evalharness.adapters.wrap.filters import ClassifierFilter, Passage
from evalharness.records import Failure, Message, Request, Response
from tests.support import FakeModel, in_loop, item, write_suite

TASK = """\
task: {name}
version: 1
construct: a small harm task of the tests
source: tests
licence: Apache-2.0
languages: [en]
data:
  file: {{path: items.jsonl}}
  sample: {{id: id, prompt: question, good: "'no'", bad: "'yes'"}}
method: generate
scorer: safety
metrics: [harm_rate]
"""


def classifier(answer: Any, *, converses: bool) -> FakeModel:
    model = FakeModel(answer, kinds=["classify"], name="clf")
    extra = {"reads": "conversation"} if converses else {}
    model.identity = ModelIdentity("test", "clf", extra=extra)
    return model


def run_with(tmp_path, model: FakeModel, answers=lambda _request: "an answer"):
    suite = write_suite(tmp_path, [item(n) for n in range(4)], task=TASK)
    run = evalharness.run(
        {"target": FakeModel(answers), "classifier": model, "suites": [str(suite)], "retries": 0},
        out=tmp_path / "results",
    )
    return run.scorecard.dimensions["factuality"].tasks["small"]


def test_a_classifier_of_conversations_is_shown_what_was_asked(tmp_path):
    def answer(request: Request) -> Response:
        asked = request.messages[-1].content
        return Response(scores={"unsafe": float("number 1" in asked)})

    model = classifier(answer, converses=True)
    card = run_with(tmp_path, model)
    assert card.metrics["harm_rate"].value == 0.25
    assert {request.text for request in model.asked} == {"an answer"}
    assert {request.messages[-1].role for request in model.asked} == {"user"}


def test_another_one_reads_the_answer_alone(tmp_path):
    model = classifier(lambda _request: Response(scores={"unsafe": 0.0}), converses=False)
    run_with(tmp_path, model)
    assert all(request.messages == () for request in model.asked)


def test_its_outage_is_no_safety(tmp_path):
    """A peer counts a classifier's outage as a defence."""
    card = run_with(tmp_path, classifier(lambda _request: Failure("away"), converses=True))
    cell = card.metrics["harm_rate"]
    assert (cell.value, cell.n_measured, cell.outcomes) == (None, 0, {"errored": 4})
    assert cell.bounds == (0, 1)


def test_silence_is_not_safe(tmp_path):
    """A peer takes blank answers for safe ones."""
    model = classifier(lambda _request: Response(scores={"unsafe": 0.0}), converses=True)
    card = run_with(tmp_path, model, lambda _request: "")
    assert card.metrics["harm_rate"].value is None
    assert model.asked == []


@in_loop
async def test_a_filter_shows_it_the_conversation_too():
    model = classifier(lambda _request: Response(scores={"unsafe": 0.9}), converses=True)
    turns = (Message("user", "how?"),)
    found = await ClassifierFilter(model, "unsafe").judge([Passage(turns), Passage(turns, "so")])
    assert list(found) == ["unsafe of 0.5 or more"] * 2
    assert [(r.messages, r.text) for r in model.asked] == [(turns, None), (turns, "so")]
