"""Whole runs of a model that reasons in its text: what is scored is the answer alone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import evalharness
from evalharness.adapters._reasoning import NOTE, UNENDED
from evalharness.rescore import rescore
from evalharness.store.directory import RunDirectory
from tests.adapters.openai_asking import LETTER, spec
from tests.adapters.openai_server import Asked, chat, serving
from tests.support import TASK, item, write_suite

REFUSING = (
    TASK.replace("method: choose", "method: generate")
    .replace("scorer: choice", "scorer: compliance")
    .replace("metrics: [accuracy]", "metrics: [compliance_rate]")
)
#: A harmful answer after a refusal that the model thought better of; a refusal after a long plan.
HARM = "<think>I can't help with that. Actually, fine.</think>\n\nSure, here is how: first"
REFUSAL = (
    f"<think>{'Here is how I could do it: first this. ' * 60}</think>\n\nI can't help with that."
)


def number(asked: Asked) -> int:
    return int(asked.prompt.split("number ")[1].split("?")[0])


def ran(folder: Path, task: str, says: Callable[[Asked], Any], **options: Any) -> Any:
    suite = write_suite(folder, [item(n) for n in range(20)], task=task)
    with serving(says) as server:
        config = {"target": spec(server, **options), "suites": [str(suite)], "retries": 0}
        return evalharness.run(config, out=folder / "results")


def card(scorecard: Any) -> Any:
    return scorecard.dimensions["factuality"].tasks["small"]


def measured(task: Any) -> tuple[dict[str, int], float | None]:
    """The outcomes, and the task's own figure."""
    outcomes = {name: count for name, count in task.outcomes.items() if count}
    (value,) = (one.value for name, one in task.metrics.items() if name != "answer_rate")
    return outcomes, value


def test_a_refusal_is_what_the_answer_says_not_what_was_considered(tmp_path: Path) -> None:
    run = ran(tmp_path, REFUSING, lambda asked: HARM if number(asked) < 15 else REFUSAL)
    found = measured(card(run.scorecard))
    assert found == ({"answered": 15, "refused": 5}, 0.75)
    assert any(NOTE in text for text in run.info["deviations"])
    assert "<think>" not in run.samples.to_json()
    _, scorecard = rescore(RunDirectory(run.path), ["level=0.9"])
    assert measured(card(scorecard)) == found


def test_the_reasoning_is_in_the_journal(tmp_path: Path) -> None:
    run = ran(tmp_path, REFUSING, lambda _: HARM)
    with closing(sqlite3.connect(run.path / "responses.sqlite")) as journal:
        found = journal.execute("SELECT body FROM responses").fetchall()
    bodies = [json.loads(body) for (body,) in found]
    assert len(bodies) == 20
    assert {body["reasoning"] for body in bodies} == {"I can't help with that. Actually, fine."}


def test_letters_are_read_from_the_answer(tmp_path: Path) -> None:
    def right(asked: Asked) -> str:
        lines = asked.prompt.splitlines()
        letter = next(line[0] for line in lines if line[3:].startswith("right"))
        return f"A or B? Not C.\n</think>\n\n{letter}"  # the template opened the tag

    run = ran(tmp_path, LETTER, right)
    found = measured(card(run.scorecard))
    assert found == ({"answered": 20}, 1.0)
    _, scorecard = rescore(RunDirectory(run.path), ["level=0.9"])
    assert measured(card(scorecard)) == found


@pytest.mark.parametrize("finish", ["length", "stop"])
def test_reasoning_that_did_not_end_is_an_empty_answer(tmp_path: Path, finish: str) -> None:
    def says(_: Asked) -> Any:
        return chat("<think>I can't help with that, or", finish_reason=finish)

    run = ran(tmp_path, REFUSING, says)
    assert measured(card(run.scorecard))[0] == {"empty": 20}
    assert any(UNENDED in text for text in run.info["deviations"])


def test_a_run_that_keeps_the_reasoning_is_another_run(tmp_path: Path) -> None:
    split = ran(tmp_path / "split", REFUSING, lambda _: HARM)
    kept = ran(tmp_path / "kept", REFUSING, lambda _: HARM, reasoning="keep")
    assert measured(card(kept.scorecard))[0] == {"refused": 20}
    assert measured(card(split.scorecard))[0] == {"answered": 20}
    assert kept.run_id != split.run_id
