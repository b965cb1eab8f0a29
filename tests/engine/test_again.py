"""Failures that are tried again stand until another result is stored, and call no endpoint down."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

import evalharness
from evalharness.records import Failure, Response
from evalharness.store.journal import Journal
from tests.support import FakeModel, item, write_suite

ITEMS = [item(n) for n in range(90)]
STICKY = {f"q{n:03d}" for n in range(0, 90, 3)}


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """An endpoint without an answer is soon called down."""
    monkeypatch.setattr("evalharness.engine.circuit._NEVER_ANSWERED", 0.2)
    monkeypatch.setattr("evalharness.engine.circuit._FIRST_PAUSE", 0.02)


def run(tmp_path, answer, *, out="results", **config):
    suite = tmp_path / "suite_small"
    if not suite.exists():
        write_suite(tmp_path, ITEMS)
    how = {name: config.pop(name) for name in ("retry_errored",) if name in config}
    model = FakeModel(answer)
    fields = {"target": model, "suites": [str(suite)], "retries": 0, **config}
    return evalharness.run(fields, out=tmp_path / out, **how), model


def failing(failure, which=STICKY):
    return lambda request: failure if request.slot.sample in which else "A"


def well(_request):
    return "A"


def counts(found):
    return found.samples["outcome"].value_counts().to_dict()


def reasons(found):
    rows = found.samples
    return set(rows["reason"][rows["outcome"] == "errored"])


def scorecard(found):
    return (found.path / "scorecard.json").read_bytes()


def summary(found):
    return found._directory.read_json(found.path / "summary.json")


FAULTS = {
    "that may heal": Failure("HTTP 500: a fault, request 1", retryable=True),
    "that is final": Failure("HTTP 400: too long"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_that_stays_spoils_no_run_and_calls_no_endpoint_down(tmp_path, kind):
    fault = FAULTS[kind]
    first, _ = run(tmp_path, failing(fault))
    assert counts(first) == {"answered": 60, "errored": 30}
    numbered = iter(range(1000))

    def slowly(request):
        time.sleep(0.02)  # longer than the patience with an endpoint that never answered
        said = f"{fault.reason.partition(':')[0]}: another request, {next(numbered)}"
        return Failure(said, retryable=fault.retryable)

    second, model = run(tmp_path, slowly, retry_errored=True)
    assert {r.slot.sample for r in model.asked} == STICKY
    assert (second.exit_code, second.stopped) == (3, None)
    assert counts(second) == {"answered": 60, "errored": 30}
    assert summary(second)["tried_again"] == {"failed": 30}
    third, model = run(tmp_path, well, retry_errored=True)
    assert {r.slot.sample for r in model.asked} == STICKY
    assert third.exit_code == 0
    assert summary(third)["tried_again"] == {"answered": 30}
    whole, _ = run(tmp_path, well, out="whole")
    assert scorecard(third) == scorecard(whole)


def test_fifty_known_refusals_stop_no_run(tmp_path):
    refused = {f"q{n:03d}" for n in range(60)}
    fault = failing(Failure("HTTP 400: too long"), refused)
    # what is answered comes first, as in a run whose first fifty are not all of that kind
    first, _ = run(tmp_path, lambda r: fault(r) if r.slot.sample != "q000" else "A")
    assert counts(first) == {"errored": 59, "answered": 31}
    second, model = run(tmp_path, fault, retry_errored=True)
    assert len(model.asked) == 59
    assert (counts(second), second.stopped) == ({"errored": 59, "answered": 31}, None)


def test_an_endpoint_that_is_down_stops_the_retries_and_no_reason_is_lost(tmp_path):
    run(tmp_path, failing(Failure("HTTP 500: a fault", retryable=True)))
    down = Failure("no connection", retryable=True)
    second, _ = run(tmp_path, lambda r: down, retry_errored=True, retries=8)
    assert second.exit_code == 3
    assert "no answer for" in second.stopped
    assert reasons(second) == {"HTTP 500: a fault"}
    assert counts(second) == {"answered": 60, "errored": 30}
    assert summary(second)["tried_again"] == {"left": 30}
    third, _ = run(tmp_path, well, retry_errored=True)
    assert third.exit_code == 0


def test_a_budget_leaves_what_it_turns_away_as_it_was(tmp_path):
    run(tmp_path, failing(Failure("HTTP 500: a fault")))
    second, model = run(tmp_path, well, retry_errored=True, max_requests=100)
    assert len(model.asked) == 10
    assert counts(second) == {"answered": 70, "errored": 20}
    assert reasons(second) == {"HTTP 500: a fault"}
    assert summary(second)["tried_again"] == {"answered": 10, "left": 20}
    again = evalharness.load_run(second.path)
    assert again.stopped.startswith("the budget is used up (max_requests: 100)")


def test_a_pack_that_is_turned_away_stays_as_it_was(tmp_path):
    suite = write_suite(tmp_path, ITEMS)
    tasks = {"suites": [str(suite)], "retries": 0}
    fault = failing(Failure("no memory"))
    local = {"batch_size": 8, "kinds": ("generate",)}
    evalharness.run({"target": FakeModel(fault, **local), **tasks}, out=tmp_path / "results")
    found = evalharness.run(
        {"target": FakeModel(well, **local), **tasks, "max_requests": 1},
        out=tmp_path / "results", retry_errored=True,
    )  # fmt: skip
    assert counts(found) == {"answered": 60, "errored": 30}
    assert reasons(found) == {"no memory"}


def test_tries_of_replaced_failures_count_on(tmp_path):
    """Also where the session that replaced them was killed, and wrote no summary."""
    first, _ = run(tmp_path, failing(Failure("HTTP 500: a fault")))
    assert summary(first)["used"]["target"]["requests"] == 90
    second, _ = run(tmp_path, well, retry_errored=True)
    assert summary(second)["used"]["target"]["requests"] == 120
    with closing(Journal(second.path / "responses.sqlite")) as journal:
        assert journal.used()["target"][0] == 120


def test_a_failure_that_nothing_asks_for_any_more_is_dropped(tmp_path):
    """Of a judge: what it judged is another set of generations once one of them healed."""
    from tests.engine.driving import toxic

    broken = True

    def target(request):
        return Failure("no luck") if broken and request.slot.ordinal == 1 else f"{request.slot}"

    def classify(request):
        return Failure("HTTP 500: away") if broken else Response(scores={"toxicity": 0.1})

    items = [item(n) for n in range(3)]
    first = toxic(tmp_path, FakeModel(target), FakeModel(classify, kinds=["classify"]), items)
    assert set(first.samples["outcome"]) == {"errored"}
    broken = False
    found = evalharness.run(
        {"target": FakeModel(target), "classifier": FakeModel(classify, kinds=["classify"]),
         "suites": [str(tmp_path / "suite_small")], "retries": 0},
        out=tmp_path / "results", retry_errored=True,
    )  # fmt: skip
    assert found.exit_code == 0
    with closing(Journal(found.path / "responses.sqlite")) as journal:
        assert journal.failed(everything=True) == 0


# -- an endpoint that refused everything at the start --------------------------------------------


def test_what_was_refused_before_any_answer_is_asked_again_by_the_same_command(tmp_path):
    not_loaded = Failure("HTTP 404: the model is not loaded")
    first, model = run(tmp_path, lambda r: not_loaded)
    assert "the first 50 requests were all refused" in first.stopped
    assert 50 <= len(model.asked) < 60
    second, model = run(tmp_path, lambda r: not_loaded)
    assert "the first 50 requests were all refused" in second.stopped
    assert 50 <= len(model.asked) < 60, "it is not known of any of them that it is at fault itself"
    third, model = run(tmp_path, failing(Failure("HTTP 400: too long"), {"q003"}))
    assert len(model.asked) == 90
    assert counts(third) == {"answered": 89, "errored": 1}
    assert third.stopped is None
    fourth, model = run(tmp_path, well)
    assert (model.asked, counts(fourth)) == ([], {"answered": 89, "errored": 1})
    fifth, _ = run(tmp_path, well, retry_errored=True)
    whole, _ = run(tmp_path, well, out="whole")
    assert scorecard(fifth) == scorecard(whole)


def test_a_run_whose_every_request_was_refused_is_not_finished(tmp_path):
    """With as many samples as it takes to give it up, nothing is left to turn away."""
    write_suite(tmp_path, ITEMS[:50])
    first, model = run(tmp_path, lambda r: Failure("HTTP 404: the model is not loaded"))
    assert len(model.asked) == 50
    assert "see to it and run the same command again" in first.stopped
    second, model = run(tmp_path, well)
    assert len(model.asked) == 50
    assert second.exit_code == 0


def test_tries_that_were_used_up_on_a_dead_endpoint_are_made_again(tmp_path):
    down = Failure("no connection", retryable=True)
    first, _ = run(tmp_path, lambda r: down)
    assert "no answer for" in first.stopped
    second, _ = run(tmp_path, well)
    assert (second.exit_code, counts(second)) == (0, {"answered": 90})


# -- a kill --------------------------------------------------------------------------------------

APP = """\
import time
from pathlib import Path

def answer(prompt):
    time.sleep(0.02)
    number = int(prompt.split("Question number ")[1].split("?")[0])
    if number % 3 == 0 and not Path("healed").exists():
        raise ValueError("a fault")
    return "A"
"""

CONFIG = """\
name: again
target: {adapter: function, path: './app.py:answer', concurrency: 1}
suites: [./suite_small]
"""


def command(folder, *more):
    return [sys.executable, "-m", "evalharness", "run", "run.yaml", "--out", "out", "--quiet",
            *more]  # fmt: skip


def test_a_kill_while_failures_are_tried_again_loses_nothing(tmp_path):
    write_suite(tmp_path, ITEMS)
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "run.yaml").write_text(CONFIG)
    assert subprocess.run(command(tmp_path), cwd=tmp_path, check=False).returncode == 3
    (path,) = (p for p in (tmp_path / "out").iterdir() if p.is_dir())
    (tmp_path / "healed").touch()
    process = subprocess.Popen(command(tmp_path, "--retry-errored"), cwd=tmp_path)
    deadline = time.monotonic() + 30
    while stored(path)["ok"] < 65 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    held = stored(path)
    assert held["ok"] + held["errored"] == 90
    assert 0 < held["errored"] < 30
    shutil.copytree(tmp_path / "out", tmp_path / "other" / "out")
    for name in ("app.py", "run.yaml", "healed", "suite_small"):
        (tmp_path / "other" / name).symlink_to(tmp_path / name)
    plain = subprocess.run(command(tmp_path), cwd=tmp_path / "other", check=False)
    assert plain.returncode == 3
    assert stored(tmp_path / "other" / "out" / path.name) == held, "nothing was asked"
    again = subprocess.run(command(tmp_path, "--retry-errored"), cwd=tmp_path, check=False)
    assert again.returncode == 0
    used = evalharness.load_run(path)._directory.read_json(path / "summary.json")["used"]
    assert used["target"]["requests"] in {120, 121}, "the call that was killed may not be counted"


def stored(path):
    """Status -> how many responses the journal holds."""
    with closing(sqlite3.connect(path / "responses.sqlite")) as database:
        rows = database.execute("SELECT status, count(*) FROM responses GROUP BY status")
        return {"ok": 0, "errored": 0, **dict(rows.fetchall())}


def test_a_resumed_run_tells_its_models_that_they_had_answers_before(tmp_path):
    told = []

    class Told(FakeModel):
        def has_answered(self):
            told.append(len(self.calls))

    suite = write_suite(tmp_path, ITEMS)
    fields = {"suites": [str(suite)], "retries": 0}

    def again(answer, **how):
        return evalharness.run({"target": Told(answer), **fields}, out=tmp_path / "results", **how)

    again(lambda r: Failure("no") if r.slot.sample in STICKY else "A")
    assert told == []  # nobody had answered yet
    again(lambda r: "A", retry_errored=True)
    assert told == [0]  # before anything was asked
