"""The engine: every request through the journal, packs that depend on the plan alone."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

import evalharness
from evalharness.engine.halt import Halt
from evalharness.errors import AdapterError, RunConflictError, RunError, UnavailableError
from evalharness.records import Failure, Outcome, OutcomeKind, Request, Response
from evalharness.store.journal import Journal
from tests.support import TASK, FakeModel, item, write_suite

GENERATE = (
    TASK.replace("method: choose", "method: generate\ngenerations: 3")
    .replace("scorer: choice", "scorer: toxicity")
    .replace("metrics: [accuracy]", "metrics: [toxic_fraction]")
)


def start(tmp_path, model, items, *, task=TASK, **config):
    suite = tmp_path / "suite_small"
    if not suite.exists():
        write_suite(tmp_path, items, task=task)
    return evalharness.run(
        {"target": model, "suites": [str(suite)], "retries": 0, **config}, out=tmp_path / "results"
    )


def test_each_sample_is_asked_once_and_answered(tmp_path):
    model = FakeModel(lambda request: "A")
    run = start(tmp_path, model, [item(n) for n in range(20)])
    assert sorted(r.slot.sample for r in model.asked) == [f"q{n:03d}" for n in range(20)]
    assert list(run.samples["outcome"]) == ["answered"] * 20
    assert run.exit_code == 0


def test_rows_stand_in_the_plans_order_whatever_finished_first(tmp_path):
    delays = {f"q{n:03d}": (20 - n) * 0.002 for n in range(20)}

    class Slow(FakeModel):
        async def respond(self, requests):
            await asyncio.sleep(delays[requests[0].slot.sample])
            return await super().respond(requests)

    run = start(tmp_path, Slow(lambda r: "A", concurrency=20), [item(n) for n in range(20)])
    assert list(run.samples["sample_id"]) == [f"q{n:03d}" for n in range(20)]


def test_concurrency_is_used_and_kept(tmp_path):
    model = FakeModel(lambda request: "A", concurrency=5, delay=0.002)
    start(tmp_path, model, [item(n) for n in range(40)])
    assert model.most_in_flight == 5


def test_packs_are_fixed_by_the_plan_and_keep_a_samples_choices_together(tmp_path):
    model = FakeModel(lambda r: -float(len(r.continuation)), kinds=["loglikelihood"], batch_size=6)
    items = [item(n, question="long " * (n % 7) + "?") for n in range(30)]
    start(tmp_path / "one", model, items)
    again = FakeModel(lambda r: -float(len(r.continuation)), kinds=["loglikelihood"], batch_size=6)
    start(tmp_path / "two", again, items)
    packs = [[r.slot for r in call] for call in model.calls]
    assert packs == [[r.slot for r in call] for call in again.calls]
    assert [len(pack) for pack in packs] == [6] * 15
    assert all(len({slot.sample for slot in pack}) == 2 for pack in packs)
    sizes = [call[0].context_size for call in model.calls]
    assert sizes == sorted(sizes, reverse=True)


def test_one_failure_costs_one_sample(tmp_path):
    def answer(request: Request):
        return Failure("no luck") if request.slot.sample == "q003" else "A"

    run = start(tmp_path, FakeModel(answer), [item(n) for n in range(10)])
    row = run.samples.set_index("sample_id").loc["q003"]
    assert (row["outcome"], row["reason"]) == ("errored", "no luck")
    assert (run.samples["outcome"] == "answered").sum() == 9
    assert run.exit_code == 3


def test_a_crash_of_the_adapter_is_an_outcome_with_its_reason(tmp_path):
    def answer(request: Request):
        if request.slot.sample == "q001":
            raise ZeroDivisionError("oops")
        return "A"

    run = start(tmp_path, FakeModel(answer), [item(n) for n in range(3)])
    row = run.samples.set_index("sample_id").loc["q001"]
    assert row["outcome"] == "errored"
    assert "ZeroDivisionError: oops" in row["reason"]


@pytest.mark.parametrize("count", [0, 2])
def test_a_wrong_number_of_answers_is_an_outcome(tmp_path, count):
    class Wrong(FakeModel):
        async def respond(self, requests):
            return [Response(text="A")] * count

    run = start(tmp_path, Wrong(lambda r: "A"), [item(0), item(1)])
    assert set(run.samples["outcome"]) == {"errored"}


def test_retryable_failures_are_tried_again_and_counted(tmp_path, monkeypatch):
    waits = []

    async def no_wait(self, seconds):
        waits.append(seconds)

    monkeypatch.setattr(Halt, "sleep", no_wait)
    seen: dict[str, int] = {}

    def answer(request: Request):
        name = request.slot.sample
        seen[name] = seen.get(name, 0) + 1
        if name == "q000" and seen[name] < 3:
            return Failure("busy", retryable=True, retry_after=7.0)
        return "A"

    run = start(tmp_path, FakeModel(answer), [item(0), item(1)], retries=4)
    row = run.samples.set_index("sample_id").loc["q000"]
    assert (row["outcome"], row["attempts"], seen["q000"]) == ("answered", 3, 3)
    assert waits
    assert min(waits) >= 7.0


def test_retries_end(tmp_path, monkeypatch):
    async def no_wait(self, seconds):
        return None

    monkeypatch.setattr(Halt, "sleep", no_wait)
    model = FakeModel(lambda r: Failure("busy", retryable=True))
    run = start(tmp_path, model, [item(0)], retries=2)
    assert len(model.calls) == 3
    assert list(run.samples["outcome"]) == ["errored"]


def test_what_a_model_cannot_do_is_not_run_with_the_reason(tmp_path):
    task = TASK.replace("method: choose", "method: loglikelihood")
    model = FakeModel(lambda r: "A")
    run = start(tmp_path, model, [item(0), item(1)], task=task)
    assert list(run.samples["outcome"]) == ["not_run"] * 2
    assert "gives no log-likelihoods" in run.samples["reason"][0]
    assert model.calls == []
    assert run.exit_code == 3


def test_a_task_without_its_classifier_is_not_run(tmp_path):
    model = FakeModel(lambda r: "text")
    run = start(tmp_path, model, [item(0)], task=GENERATE)
    assert list(run.samples["outcome"]) == ["not_run"] * 3
    assert "needs a classifier" in run.samples["reason"][0]
    assert model.calls == []


def test_a_classifier_that_cannot_be_had_makes_its_tasks_not_run(tmp_path):
    class Missing(FakeModel):
        async def respond(self, requests):
            raise UnavailableError("the weights are not here; get them from there")

    classifier = Missing(lambda r: "", kinds=["classify"])
    model = FakeModel(lambda r: "text")
    run = start(tmp_path, model, [item(0)], task=GENERATE, classifier=classifier)
    assert set(run.samples["outcome"]) == {"not_run"}
    assert run.samples["reason"][0] == (
        "the classifier: the weights are not here; get them from there"
    )


def test_a_target_that_cannot_be_had_stops_the_run(tmp_path):
    class Missing(FakeModel):
        async def respond(self, requests):
            raise UnavailableError("no weights")

    with pytest.raises(UnavailableError, match="no weights"):
        start(tmp_path, Missing(lambda r: ""), [item(0)])


@pytest.mark.parametrize("value", [float("-inf"), float("nan")])
def test_a_number_that_is_none_is_an_outcome(tmp_path, value):
    def answer(request: Request):
        impossible = request.slot.sample == "q001" and request.slot.ordinal == 0
        return value if impossible else -float(request.slot.ordinal)

    task = TASK.replace("method: choose", "method: loglikelihood")
    model = FakeModel(answer, kinds=["loglikelihood"])
    run = start(tmp_path, model, [item(n) for n in range(3)], task=task)
    assert list(run.samples["outcome"]) == ["answered", "errored", "answered"]
    assert "not finite" in run.samples["reason"][1]


def test_a_crash_of_a_scorer_costs_one_sample(tmp_path, monkeypatch):
    from evalharness.scorers.choice import Choice

    score = Choice.score

    def broken(self, sample, attempt):
        if sample.id == "q001":
            raise KeyError("no such thing")
        return score(self, sample, attempt)

    monkeypatch.setattr(Choice, "score", broken)
    run = start(tmp_path, FakeModel(lambda r: "A"), [item(n) for n in range(3)])
    assert list(run.samples["outcome"]) == ["answered", "errored", "answered"]
    assert "scorer 'choice' failed: KeyError" in run.samples["reason"][1]
    assert run.samples["response"][1] == "A"


def test_sampled_generations_differ_in_seed_and_greedy_ones_have_none(tmp_path):
    task = GENERATE.replace(
        "generations: 3", "generations: 3\ndecoding: {{temperature: 1.0, max_tokens: 5}}"
    )
    classifier = FakeModel(
        lambda r: Response(scores={"toxicity": 0.1}), kinds=["classify"], batch_size=16
    )
    model = FakeModel(lambda r: f"text {r.seed}")
    run = start(tmp_path, model, [item(n) for n in range(4)], task=task, classifier=classifier)
    assert len({r.seed for r in model.asked}) == 12
    assert list(run.samples["generation"]) == [0, 1, 2] * 4
    assert len(classifier.calls) == 1
    other = FakeModel(lambda r: f"text {r.seed}")
    start(tmp_path / "b", other, [item(n) for n in range(4)], task=task, classifier=classifier)
    assert sorted(r.seed for r in other.asked) == sorted(r.seed for r in model.asked)
    changed = FakeModel(lambda r: f"text {r.seed}")
    start(tmp_path / "c", changed, [item(n) for n in range(4)], task=task, classifier=classifier,
          seed=2)  # fmt: skip
    assert not {r.seed for r in changed.asked} & {r.seed for r in model.asked}


def test_epochs_ask_again_under_their_own_slot(tmp_path):
    model = FakeModel(lambda r: "A")
    run = start(tmp_path, model, [item(0), item(1)], epochs=3)
    assert sorted((r.slot.sample, r.slot.epoch) for r in model.asked) == [
        (name, epoch) for name in ("q000", "q001") for epoch in range(3)
    ]
    assert len(run.samples) == 6
    assert run.scorecard.dimensions["factuality"].tasks["small"].metrics["accuracy"].n_planned == 2


def test_a_language_that_the_scorer_cannot_read_is_not_run(tmp_path):
    task = TASK.replace("languages: [en, zh]", "languages: [en, zh, fr]")
    model = FakeModel(lambda r: "A")
    run = start(tmp_path, model, [item(0), item(1, language="fr")], task=task)
    rows = run.samples.set_index("sample_id")
    assert rows.loc["q001", "outcome"] == "not_run"
    assert "does not read 'fr'" in rows.loc["q001", "reason"]
    assert [r.slot.sample for r in model.asked] == ["q000"]


def test_an_answer_is_committed_before_its_place_is_free(tmp_path, monkeypatch):
    """A slow journal holds calls back: no answer is ever only in memory while others are asked."""
    appended: list[int] = []
    uncommitted: list[int] = []
    append = Journal.append

    def slow(self, entries):
        first = append(self, entries)
        appended.append(len(entries))
        return first

    monkeypatch.setattr(Journal, "append", slow)
    calls = 0

    def answer(request: Request):
        nonlocal calls
        uncommitted.append(calls - sum(appended))
        calls += 1
        return "A"

    start(tmp_path, FakeModel(answer, concurrency=4), [item(n) for n in range(50)])
    assert max(uncommitted) < 4


def test_a_journal_of_another_model_is_refused(tmp_path):
    suite = write_suite(tmp_path, [item(0)])
    run = evalharness.run(
        {"target": FakeModel(lambda r: "A"), "suites": [str(suite)]}, out=tmp_path / "results"
    )
    # the same folder, as if the model had changed without its identity saying so in run.json
    info = (run.path / "run.json").read_text()
    (run.path / "manifest.json").unlink()
    other = FakeModel(lambda r: "B", name="other")
    from evalharness import pipeline
    from evalharness.config import load_config
    from evalharness.store.directory import RunDirectory

    prepared = pipeline.prepare(
        load_config({"target": "reference", "suites": [str(suite)]}), {"target": other}
    )
    changed = info.replace(run.info["measurement"], prepared.plan.measurement)
    (run.path / "run.json").write_text(changed)
    with pytest.raises(RunConflictError, match="another request or by another model"):
        pipeline.execute_run(prepared, RunDirectory(run.path))
    assert other.calls == []


# -- faults around the engine ---------------------------------------------------------------------


def toxic(tmp_path, target, classifier, items, generations=3, **config):
    task = GENERATE.replace("generations: 3", f"generations: {generations}")
    return start(tmp_path, target, items, task=task, classifier=classifier, **config)


def mild(**more):
    return FakeModel(lambda r: Response(scores={"toxicity": 0.1}), kinds=["classify"], **more)


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
    again = FakeModel(lambda r: "text")
    run = toxic(tmp_path, again, mild(), items)
    assert again.calls == []
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
