"""Budgets: kept over sessions, exact for requests, and the run that they stop resumes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import evalharness
from evalharness.config import load_config
from evalharness.errors import AdapterError, ConfigError
from evalharness.records import Failure, Response
from tests.support import FakeModel, item, write_suite

ITEMS = [item(n) for n in range(30)]
PRICES = {"version": "2026-11-01", "models": {"fake": {"input": 1.0, "output": 2.0}}}


def answer(_request):
    return Response(text="A", input_tokens=100, output_tokens=10)


def run(tmp_path, model=None, **config):
    if not (tmp_path / "suite_small").exists():
        write_suite(tmp_path, ITEMS)
    model = model or FakeModel(answer, concurrency=2)
    found = evalharness.run(
        {"target": model, "suites": [str(tmp_path / "suite_small")], **config},
        out=tmp_path / "results",
    )
    return found, model


def counts(found):
    return found.samples["outcome"].value_counts().to_dict()


def test_requests_are_never_more_than_allowed_and_the_rest_is_not_run(tmp_path):
    found, model = run(tmp_path, max_requests=10)
    assert len(model.asked) == 10
    assert counts(found) == {"not_run": 20, "answered": 10}
    assert found.exit_code == 3
    assert found.stopped == (
        "the budget is used up (max_requests: 10); raise it and run the same command again"
    )
    cell = found.scorecard.dimensions["factuality"].tasks["small"].metrics["accuracy"]
    assert (cell.n_planned, cell.n_measured, cell.grade) == (30, 10, "insufficient")
    assert cell.bounds[1] - cell.bounds[0] == pytest.approx(20 / 30)


def test_a_raised_budget_goes_on_and_ends_like_a_run_without_one(tmp_path):
    whole, _ = run(tmp_path / "whole")
    run(tmp_path, max_requests=10)
    found, model = run(tmp_path, max_requests=25)
    assert len(model.asked) == 15, "what earlier sessions used counts"
    found, model = run(tmp_path)
    assert len(model.asked) == 5
    assert found.stopped is None
    assert found.exit_code == 0
    assert len(list((tmp_path / "results").glob("run-*"))) == 1
    assert (found.path / "scorecard.json").read_bytes() == (
        whole.path / "scorecard.json"
    ).read_bytes()


def test_the_same_budget_again_asks_nothing(tmp_path):
    run(tmp_path, max_requests=10)
    found, model = run(tmp_path, max_requests=10)
    assert model.asked == []
    assert found.exit_code == 3


def test_a_budget_that_just_suffices_stops_nothing(tmp_path):
    found, _ = run(tmp_path, max_requests=30, max_tokens=30 * 110)
    assert found.stopped is None
    assert found.exit_code == 0


def test_tokens_stop_it_and_only_what_was_in_flight_goes_over(tmp_path):
    found, model = run(tmp_path, max_tokens=1000)
    assert 10 <= len(model.asked) <= 12
    assert "max_tokens: 1,000" in found.stopped


def test_cost_needs_prices_and_stops_it(tmp_path):
    found, model = run(tmp_path, max_cost=0.0012, prices=PRICES)
    assert 10 <= len(model.asked) <= 12
    assert "max_cost: 0.0012" in found.stopped
    summary = found._directory.read_json(found.path / "summary.json")
    assert summary["cost"] == pytest.approx(len(model.asked) * (100 + 2 * 10) / 1e6)
    assert found.info["config"]["prices"]["version"] == "2026-11-01"


def test_a_model_without_a_price_is_refused_before_the_first_call(tmp_path):
    model = FakeModel(answer, name="other")
    run(tmp_path / "local", model, max_cost=1, prices=PRICES)  # what has no address is free
    model.calls.clear()
    model.capabilities = replace(model.capabilities, endpoint="somewhere")
    with pytest.raises(ConfigError, match=r"max_cost: there is no price for other; add under"):
        run(tmp_path, model, max_cost=1, prices=PRICES)
    assert model.calls == []


def test_tokens_that_nobody_reports_are_estimated_and_said_to_be(tmp_path):
    model = FakeModel(lambda r: "A" * 40, concurrency=1)
    found, _ = run(tmp_path, model, max_tokens=200)
    used = found._directory.read_json(found.path / "summary.json")["used"]["target"]
    assert used["estimated"] == len(model.asked) < 30
    assert used["output_tokens"] == 10 * len(model.asked)


def test_time_stops_it_also_while_all_wait(tmp_path):
    model = FakeModel(answer, concurrency=1, delay=0.03)
    found, _ = run(tmp_path, model, max_minutes=0.15 / 60)
    assert 0 < len(model.asked) < 30
    assert "max_minutes" in found.stopped


def test_a_judge_or_classifier_counts_too(tmp_path):
    from tests.engine.driving import GENERATE

    write_suite(tmp_path, [item(n) for n in range(4)], task=GENERATE)
    target = FakeModel(lambda r: Response(text=f"text {r.slot.sample} {r.slot.ordinal}"))
    classifier = FakeModel(lambda r: Response(scores={"toxicity": 0.0}), kinds=["classify"])
    found, _ = run(tmp_path, target, classifier=classifier, max_requests=14)
    assert len(target.asked) + len(classifier.asked) == 14
    assert found.exit_code == 3


def test_a_price_table_may_stand_in_a_file_of_its_own(tmp_path):
    (tmp_path / "prices.yaml").write_text(
        "version: 2026-11-01\nmodels:\n  m: {input: 0.1, output: 0.4}\n"
    )
    (tmp_path / "run.yaml").write_text("target: demo\ntasks: [a]\nprices: ./prices.yaml\n")
    config = load_config(tmp_path / "run.yaml").config
    assert config.prices.models["m"].output == 0.4
    assert config.prices.version == "2026-11-01"
    (tmp_path / "prices.yaml").write_text("version: 1\nmodels: {m: {input: -1, output: 0}}\n")
    with pytest.raises(ConfigError, match=r"prices.yaml:2: models.m.input"):
        load_config(tmp_path / "run.yaml")


def test_budgets_are_no_part_of_the_measurement(tmp_path):
    one, _ = run(tmp_path)
    other, model = run(tmp_path, max_requests=1000, max_outage=None, retries=3, prices=PRICES)
    assert one.path == other.path
    assert model.asked == []


def test_estimated_tokens_and_forgotten_failures_count_in_the_next_session(tmp_path):
    """What the journal cannot tell, the last summary does."""

    def silent(request):
        failing = request.slot.sample in {"q000", "q001"} and broken
        return Failure("no luck") if failing else "A" * 40

    broken = True
    first, _ = run(tmp_path, FakeModel(silent, concurrency=1), max_requests=10)
    used = first._directory.read_json(first.path / "summary.json")["used"]["target"]
    assert (used["requests"], used["estimated"], used["output_tokens"]) == (10, 8, 80)
    broken = False
    again = FakeModel(silent, concurrency=1)
    second = evalharness.run(
        {"target": again, "suites": [str(tmp_path / "suite_small")], "max_requests": 15},
        out=tmp_path / "results",
        retry_errored=True,
    )
    assert len(again.asked) == 5
    used = second._directory.read_json(second.path / "summary.json")["used"]["target"]
    assert (used["requests"], used["estimated"], used["output_tokens"]) == (15, 13, 130)


def test_answers_of_another_run_cost_this_one_nothing(tmp_path):
    whole, _ = run(tmp_path / "whole")
    for _session in range(2):
        model = FakeModel(answer, concurrency=2)
        found = evalharness.run(
            {"target": model, "suites": [str(tmp_path / "whole" / "suite_small")], "name": "again",
             "max_requests": 1}, out=tmp_path / "results", reuse=whole.path,
        )  # fmt: skip
        assert model.asked == []
        assert found.exit_code == 0
    assert set(found.samples["attempts"]) == {0}


def test_a_session_that_ends_in_a_fault_still_counts(tmp_path):
    """Neither its own use is forgotten, nor that of the sessions before it."""

    class Breaking(FakeModel):
        async def respond(self, requests):
            if len(self.calls) == 4:
                raise AdapterError("the key is refused")
            return await super().respond(requests)

    for session in (1, 2):
        with pytest.raises(AdapterError):
            run(tmp_path, Breaking(lambda r: "A" * 40, concurrency=1), max_requests=29)
        (path,) = (tmp_path / "results").glob("run-*")
        used = json.loads((path / "summary.json").read_text())["used"]["target"]
        assert (used["estimated"], used["output_tokens"]) == (4 * session, 40 * session)
        assert used["requests"] >= 5 * session, "the refused ones were tries as well"
    model = FakeModel(lambda r: "A" * 40, concurrency=1)
    found, _ = run(tmp_path, model, max_requests=29)
    assert len(model.asked) == 29 - used["requests"]
    assert found.exit_code == 3


def test_what_an_adapter_calls_beside_its_requests_counts(tmp_path):
    """A probe, a filter's model: told afterwards, over all sessions."""

    class Probing(FakeModel):
        further_calls = 0

        async def respond(self, requests):
            self.further_calls += 3 if not self.calls else 0
            return await super().respond(requests)

    for session, asked in ((1, 5), (2, 2)):
        found, model = run(
            tmp_path, Probing(answer, concurrency=1), max_requests=8 if session == 1 else 13
        )
        assert len(model.asked) == asked
        used = json.loads((found.path / "summary.json").read_text())["used"]["target"]
    assert (used["requests"], used["further"]) == (7, 6)
