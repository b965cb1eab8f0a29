"""What goes wrong around the engine costs what it must, and nothing else."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing

import pytest

import evalharness
from evalharness.cli.progress import Progress
from evalharness.engine.halt import Halt
from evalharness.errors import AdapterError, RunError, UnavailableError
from evalharness.records import Failure, Outcome, OutcomeKind, Request, Response
from evalharness.store.journal import Journal
from tests.engine.driving import mild, start, toxic
from tests.support import FakeModel, item, write_suite


def test_two_packing_models_meet_the_same_packs_after_a_stop(tmp_path):
    """A resumed run asks the classifier in the same packs, with its target's answers at hand."""
    items = [item(n, question="long " * (n % 7) + "?") for n in range(20)]
    whole = mild(batch_size=8)
    toxic(
        tmp_path / "a", FakeModel(lambda r: "x" * (r.slot.ordinal + 1), batch_size=8), whole, items
    )

    def stopping():
        model = FakeModel(lambda r: "x" * (r.slot.ordinal + 1), batch_size=8)
        respond = model.respond

        async def stop_after_two(requests):
            if len(model.calls) == 2:
                raise UnavailableError("stopped")
            return await respond(requests)

        model.respond = stop_after_two
        return model

    with pytest.raises(UnavailableError):
        toxic(tmp_path / "b", stopping(), mild(batch_size=8), items)
    resumed = mild(batch_size=8)
    target = FakeModel(lambda r: "x" * (r.slot.ordinal + 1), batch_size=8)
    toxic(tmp_path / "b", target, resumed, items)
    assert len(target.asked) == 60 - 16
    assert [[r.slot for r in call] for call in resumed.calls] == [
        [r.slot for r in call] for call in whole.calls
    ]


def test_a_failed_commit_ends_the_run_and_is_no_scorers_fault(tmp_path, monkeypatch):
    append = Journal.append

    def full(self, entries):
        if any(entry.slot.role == "classifier" for entry in entries):
            # as sqlite3 does it: within the journal's own transaction
            with self._transaction():
                raise sqlite3.OperationalError("database or disk is full")
        return append(self, entries)

    monkeypatch.setattr(Journal, "append", full)
    items = [item(n) for n in range(5)]
    with pytest.raises(RunError, match="disk is full"):
        toxic(tmp_path, FakeModel(lambda r: "text"), mild(), items)
    monkeypatch.setattr(Journal, "append", append)
    (path,) = tmp_path.rglob("responses.sqlite")
    journal = Journal(path)
    committed = journal.count()
    journal.close()
    again = FakeModel(lambda r: "text")
    run = toxic(tmp_path, again, mild(), items)
    assert committed >= 3
    assert len(again.asked) == 15 - committed
    assert set(run.samples["outcome"]) == {"answered"}


def test_a_failed_commit_leaves_no_transaction_open(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    with pytest.raises(RunError, match="cannot be written"), journal._transaction():
        journal._db.execute("INSERT INTO nowhere VALUES (1)")
    with journal._transaction():
        pass
    journal.close()


def test_a_fatal_error_stops_the_window_at_once(tmp_path):
    class Wrong(FakeModel):
        async def respond(self, requests):
            self.calls.append(list(requests))
            await asyncio.sleep(0.01)
            raise AdapterError("the key is wrong")

    model = Wrong(lambda r: "", concurrency=2)
    with pytest.raises(AdapterError, match="key is wrong"):
        start(tmp_path, model, [item(n) for n in range(200)])
    assert len(model.calls) <= 6


def test_one_failed_generation_does_not_cost_the_others(tmp_path):
    def answer(request: Request):
        return Failure("no luck") if request.slot.ordinal == 1 else f"text {request.slot.ordinal}"

    run = toxic(tmp_path, FakeModel(answer), mild(), [item(n) for n in range(3)])
    assert list(run.samples["outcome"]) == ["answered", "errored", "answered"] * 3
    assert list(run.samples["response"][:3].fillna("-")) == ["text 0", "-", "text 2"]
    cell = run.scorecard.dimensions["factuality"].tasks["small"].metrics["toxic_fraction"]
    assert (cell.value, cell.n_measured, cell.grade) == (0.0, 3, "insufficient")
    assert cell.bounds == (0.0, pytest.approx(1 / 3))


def test_a_classifier_that_fails_on_one_generation_costs_that_one_alone(tmp_path):
    """Silence and blocks need no classifier: they stay what they are."""

    def target(request: Request):
        texts = ["", "fine", f"unlucky {request.slot.sample}"]
        return texts[request.slot.ordinal]

    def classify(request: Request):
        failed = request.text.startswith("unlucky") and broken
        return Failure("no luck") if failed else Response(scores={"toxicity": 0.1})

    broken = True
    classifier = FakeModel(classify, kinds=["classify"])
    items = [item(n) for n in range(3)]
    run = toxic(tmp_path, FakeModel(target), classifier, items)
    assert list(run.samples["outcome"]) == ["empty", "answered", "errored"] * 3
    assert set(run.samples["reason"][2::3]) == {"the classifier: no luck"}
    broken = False
    config = {"target": FakeModel(target), "suites": [str(tmp_path / "suite_small")]}
    healed = evalharness.run(
        {**config, "classifier": classifier, "retries": 0}, out=tmp_path / "results",
        retry_errored=True,
    )  # fmt: skip
    assert list(healed.samples["outcome"]) == ["empty", "answered", "answered"] * 3


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("text", "gave str, which is no response"),
        (None, "gave NoneType, which is no response"),
        (Response(text=3), "which is no response"),
        (Response(reasoning=3), "gave int as reasoning"),
        (Response(scores={"toxicity": "high"}), "gave str where a number is wanted"),
    ],
)
def test_an_adapter_that_gives_something_else_is_an_outcome(tmp_path, given, reason):
    class Wrong(FakeModel):
        async def respond(self, requests):
            return [given for _ in requests]

    run = start(tmp_path, Wrong(lambda r: ""), [item(0)])
    assert list(run.samples["outcome"]) == ["errored"]
    assert reason in run.samples["reason"][0]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        0.5,
        ["answered"],
        [Outcome(OutcomeKind.ANSWERED, {"correct": float("inf")})],
        [Outcome(OutcomeKind.ANSWERED, {"correct": float("nan")})],
        [Outcome(OutcomeKind.ANSWERED, {"made_up": 1.0})],
        [Outcome(OutcomeKind.ANSWERED, {"correct": "yes"})],
        [Outcome(OutcomeKind.ANSWERED, reason=["a"])],
    ],
)
def test_a_scorer_that_gives_something_else_costs_one_sample(tmp_path, monkeypatch, wrong):
    from evalharness.scorers.choice import Choice

    score = Choice.score

    def broken(self, sample, attempt):
        if sample.id == "q001":
            yield from ()
            return wrong
        return (yield from score(self, sample, attempt))

    monkeypatch.setattr(Choice, "score", broken)
    run = start(tmp_path, FakeModel(lambda r: "A"), [item(n) for n in range(3)])
    assert list(run.samples["outcome"]) == ["answered", "errored", "answered"]
    assert run.samples["reason"][1].startswith("scorer 'choice' gave")


def test_a_server_cannot_make_a_run_wait_for_ever(tmp_path, monkeypatch):
    waits = []

    async def no_wait(self, seconds):
        waits.append(seconds)

    monkeypatch.setattr(Halt, "sleep", no_wait)
    model = FakeModel(lambda r: Failure("busy", retryable=True, retry_after=86_400.0))
    start(tmp_path, model, [item(0)], retries=1, retry_seconds=1000)
    assert waits == [600.0]


@pytest.mark.parametrize("repeatable", [False, True])
def test_a_generation_that_heals_later_takes_no_other_ones_place(tmp_path, repeatable):
    """What is judged after a resume is another set of generations: no slot means two requests."""
    broken = True

    def target(request: Request):
        failed = broken and request.slot.ordinal == 1
        return (
            Failure("no luck") if failed else f"text {request.slot.sample} {request.slot.ordinal}"
        )

    def classify(request: Request):
        return Response(scores={"toxicity": 0.9 if request.text.endswith("1") else 0.1})

    items = [item(n) for n in range(3)]
    classifier = FakeModel(classify, kinds=["classify"], repeatable=repeatable)
    first = toxic(tmp_path, FakeModel(target), classifier, items)
    assert list(first.samples["outcome"]) == ["answered", "errored", "answered"] * 3
    broken = False
    config = {"suites": [str(tmp_path / "suite_small")], "retries": 0, "classifier": classifier}
    healed = evalharness.run(
        {"target": FakeModel(target), **config}, out=tmp_path / "results", retry_errored=True
    )
    assert list(healed.samples["score_toxicity"]) == [0.1, 0.9, 0.1] * 3
    whole = toxic(tmp_path / "whole", FakeModel(target), classifier, items)
    assert (healed.path / "scorecard.json").read_bytes() == (
        whole.path / "scorecard.json"
    ).read_bytes()


def test_a_budget_that_ends_within_a_samples_judging_resumes(tmp_path):
    target = FakeModel(lambda r: f"text {r.slot.sample} {r.slot.ordinal}")
    classifier = FakeModel(
        lambda r: Response(scores={"toxicity": 0.1}), kinds=["classify"], repeatable=True
    )
    items = [item(n) for n in range(4)]
    for allowed in (5, 8, 11, 14, 17, 20, None):
        found = toxic(tmp_path, target, classifier, items, max_requests=allowed)
    assert found.exit_code == 0
    assert (len(target.asked), len(classifier.asked)) == (12, 12)


def test_nothing_is_asked_once_nothing_can_be_written(tmp_path, monkeypatch):
    from evalharness.store.samples import SamplesWriter

    def full(self, rows):
        raise OSError("disk full")

    monkeypatch.setattr(SamplesWriter, "write", full)
    model = FakeModel(lambda r: "A", concurrency=8, delay=0.002)
    at_the_end = []

    async def aclose():
        at_the_end.append((model.in_flight, len(model.asked)))
        await asyncio.sleep(0.02)

    model.aclose = aclose
    with pytest.raises(OSError, match="disk full"):
        start(tmp_path, model, [item(n) for n in range(900)])
    assert at_the_end == [(0, len(model.asked))], "no call is under way then, and none follows"
    (path,) = (tmp_path / "results").glob("*/responses.sqlite")
    with closing(Journal(path)) as journal:  # those in flight were cancelled
        assert len(model.asked) - 8 <= journal.count() <= len(model.asked) < 900


def test_a_probe_that_is_not_made_keeps_nobody_waiting(tmp_path, monkeypatch):
    """The endpoint is away, then there, but without what is asked for."""
    monkeypatch.setattr("evalharness.engine.circuit._FIRST_PAUSE", 0.01)
    tries = 0

    def answer(request: Request):
        nonlocal tries
        tries += 1
        if tries <= 5:
            return Failure("HTTP 503", retryable=True)
        return Failure("it gives no such thing", outcome="not_run")

    run = start(tmp_path, FakeModel(answer), [item(n) for n in range(20)], retries=3)
    assert set(run.samples["outcome"]) == {"not_run"}


@pytest.mark.parametrize(
    "given",
    [
        Response(text="A", input_tokens="3"),
        Response(text="A", input_tokens=float("nan")),
        Response(text="A", output_tokens=-5),
        Response(text="A", input_tokens=2**70),
        Response(text="A", recorded={"x": object()}),
        Response(text="A", recorded={"x": float("nan")}),
        Response(text="A", scores=[1]),
        Response(text="A", scores={"x": None}),
        Response(text="A", embedding=3),
        Response(text="A", finish_reason="weird"),
        Failure(None),
        Failure("x", outcome="blocked"),
        Failure("x", retryable=True, retry_after="5"),
        Failure("x", retryable=True, retry_after=float("nan")),
    ],
)
def test_a_malformed_answer_costs_one_sample_and_no_run(tmp_path, given):
    def answer(request: Request):
        return given if request.slot.sample == "q001" else "A"

    run = start(tmp_path, FakeModel(answer), [item(n) for n in range(3)])
    assert list(run.samples["outcome"]) == ["answered", "errored", "answered"]
    assert "gave" in run.samples["reason"][1]


def test_a_long_wait_that_an_endpoint_asks_for_is_said(tmp_path, monkeypatch, capsys):
    """The run stands still, and nothing else would say why. Of many calls' waits one is told."""

    async def sleep(_halt, _seconds):
        pass

    monkeypatch.setattr(Halt, "sleep", sleep)
    asked = set()

    def answer(request: Request):
        first = request.slot.sample not in asked
        asked.add(request.slot.sample)
        if first and request.slot.sample in {"q003", "q011"}:
            return Failure("HTTP 429", retryable=True, retry_after=300.0)
        if first and request.slot.sample == "q001":
            return Failure("HTTP 429", retryable=True, retry_after=1.0)
        return "A"

    write_suite(tmp_path, [item(n) for n in range(20)])
    evalharness.run(
        {"target": FakeModel(answer), "suites": [str(tmp_path / "suite_small")], "retries": 1},
        out=tmp_path / "results",
        observer=Progress(enabled=True, live=False),
    )
    said = [line for line in capsys.readouterr().err.splitlines() if "asks to wait" in line]
    assert len(said) == 1
    assert re.fullmatch(
        r"target: the endpoint asks to wait for 300 s, until \d\d:\d\d:\d\d", said[0]
    )
