"""The engine: every request through the journal, packs that depend on the plan alone."""

from __future__ import annotations

import asyncio

import pytest

import evalharness
from evalharness.engine.halt import Halt
from evalharness.errors import RunConflictError, UnavailableError
from evalharness.records import Failure, Request, Response
from evalharness.store.journal import Journal
from tests.engine.driving import GENERATE, start
from tests.support import TASK, FakeModel, item, write_suite


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
