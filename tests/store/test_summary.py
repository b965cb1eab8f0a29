"""What a session leaves: its own speed, and what did not go as planned."""

from __future__ import annotations

import json

import pytest

import evalharness
from evalharness.records import Failure, Response, Slot
from evalharness.store.directory import RunDirectory
from evalharness.store.journal import Entry
from evalharness.store.summary import Session, merged_deviations
from tests.support import TASK, FakeModel, item, write_suite

CUT = "target: 3 prompts were cut"


@pytest.mark.parametrize(
    ("recorded", "sessions", "expected"),
    [
        ([], [[]], []),
        ([], [[CUT]], [CUT]),
        ([CUT], [[CUT], []], [CUT]),
        ([], [[], [CUT]], [CUT]),
        # two sessions cut three each: neither stands for both
        ([CUT], [[CUT], [CUT]], [f"session 1: {CUT}", f"session 2: {CUT}"]),
        (
            [f"session 1: {CUT}", f"session 2: {CUT}"],
            [[CUT], [CUT], []],
            [f"session 1: {CUT}", f"session 2: {CUT}"],
        ),
        # without a number the sentence is the same in every session
        ([], [["target: no cut"], ["target: no cut"]], ["target: no cut"]),
        # what another tells of is never lost
        (["small: not pinned"], [[CUT]], ["small: not pinned", CUT]),
    ],
)
def test_deviations_of_several_sessions(recorded, sessions, expected):
    assert merged_deviations(recorded, sessions) == expected


class Cutting(FakeModel):
    """Cuts every prompt, and says so."""

    def __init__(self, stop=None):
        super().__init__(lambda r: "A", concurrency=1, delay=0.01)
        self.deviations = []
        self._stop = stop

    async def respond(self, requests):
        if self._stop is not None and len(self.calls) >= self._stop:
            raise KeyboardInterrupt
        answers = await super().respond(requests)
        self.deviations[:] = [f"{len(self.calls)} prompts were cut"]
        return answers


@pytest.fixture
def config(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(10)])
    return lambda model: {"target": model, "suites": [str(suite)]}


def test_an_interrupted_session_leaves_its_deviations(tmp_path, config):
    with pytest.raises(KeyboardInterrupt):
        evalharness.run(config(Cutting(stop=4)), out=tmp_path / "out")
    (path,) = (tmp_path / "out").glob("run-*")
    assert json.loads((path / "run.json").read_text())["deviations"] == [
        "target: 4 prompts were cut"
    ]
    run = evalharness.run(config(Cutting()), out=tmp_path / "out")
    assert run.info["deviations"] == [
        "session 1: target: 4 prompts were cut",
        "session 2: target: 6 prompts were cut",
    ]


def test_the_speed_is_that_of_what_was_asked(tmp_path, config):
    with pytest.raises(KeyboardInterrupt):
        evalharness.run(config(Cutting(stop=4)), out=tmp_path / "out")
    run = evalharness.run(config(Cutting()), out=tmp_path / "out")
    summary = json.loads((run.path / "summary.json").read_text())
    assert (summary["asked"], summary["replayed"]) == (6, 4)
    assert summary["responses_per_second"] == pytest.approx(6 / summary["seconds"], rel=0.05)
    assert [(s["asked"], s["replayed"]) for s in summary["sessions"]] == [(4, 0), (6, 4)]
    (run.path / "manifest.json").unlink()
    again = evalharness.run(config(Cutting()), out=tmp_path / "out")
    summary = json.loads((again.path / "summary.json").read_text())
    assert (summary["asked"], summary["replayed"], summary["latency_s"]) == (0, 10, None)


def test_a_damaged_summary_does_not_stop_a_run(tmp_path, config):
    with pytest.raises(KeyboardInterrupt):
        evalharness.run(config(Cutting(stop=4)), out=tmp_path / "out")
    (path,) = (tmp_path / "out").glob("run-*")
    (path / "summary.json").write_text("{")
    run = evalharness.run(config(Cutting()), out=tmp_path / "out")
    assert run.info["deviations"] == ["target: 4 prompts were cut", "target: 6 prompts were cut"]


def entry(latency, role="target", attempts=1, answer=None):
    slot = Slot("small", "q1", 0, role, 0)
    response = Response(text="A", input_tokens=10, output_tokens=2)
    return Entry(slot, b"", answer or response, latency, attempts)


def test_a_session_sums_up_latencies_tries_and_tokens_by_role(tmp_path):
    directory = RunDirectory(tmp_path)
    directory.write_json(directory.run_json, {"deviations": []})
    session = Session()
    for number in range(101):
        session.asked(entry(number / 10))
    session.asked(entry(20.0, attempts=3))
    session.asked(entry(1.0, attempts=4, answer=Failure("down")))
    session.asked(entry(5.0, role="judge"))
    session.replayed(entry(0.0))
    session.close(directory, [])
    found = directory.read_json(directory.summary)
    assert (found["asked"], found["replayed"]) == (104, 1)
    assert (found["retried"], found["errored"]) == (2, 1)
    # 102 + 3 + 4 tries brought 103 responses
    assert found["availability"] == round(103 / 109, 6)
    assert found["attempts"] == {"1": 102, "3": 1, "4": 1}
    assert found["tokens"] == {"input": 1030, "output": 206}
    assert found["tokens_per_second"]["input"] > found["tokens_per_second"]["output"] > 0
    assert found["latency_s"]["max"] == 20.0
    judge = found["roles"]["judge"]
    assert judge["latency_s"] == {"p50": 5.0, "p90": 5.0, "p99": 5.0, "max": 5.0}
    target = found["roles"]["target"]
    assert (target["asked"], target["retried"], target["errored"]) == (103, 2, 1)
    assert target["latency_s"]["p50"] == 5.0
    assert list(found["roles"]) == ["judge", "target"]


def test_a_session_without_a_call_has_no_percentiles(tmp_path):
    directory = RunDirectory(tmp_path)
    directory.write_json(directory.run_json, {"deviations": []})
    Session().close(directory, [])
    found = directory.read_json(directory.summary)
    assert (found["asked"], found["latency_s"], found["attempts"]) == (0, None, {})
    assert found["availability"] is None
    assert found["roles"] == {}


@pytest.mark.parametrize("batch_size", [1, 40])
def test_why_calls_were_tried_again_is_counted_and_bounded(tmp_path, batch_size):
    failed = set()

    def answer(request):
        number = int(request.slot.sample[1:])
        if number % 2 or number in failed:
            return f"right {number}"
        failed.add(number)
        return Failure(f"fault {number}", retryable=True)

    model = FakeModel(answer, batch_size=batch_size, concurrency=40)
    suite = write_suite(
        tmp_path, [item(n) for n in range(60)], task=TASK.replace("method: choose", "method: text")
    )
    run = evalharness.run(
        {"target": model, "suites": [str(suite)], "retries": 1}, out=tmp_path / "results"
    )
    summary = json.loads((run.path / "summary.json").read_text())
    reasons = summary["retry_reasons"]["target"]
    # thirty faults of their own: twenty are told, the rest is counted
    assert sorted(reasons.values()) == [1] * 20 + [10]
    assert next(iter(reasons)) == "other reasons"
    assert summary["availability"] == round(60 / 90, 6)
