"""Connections to an OpenAI-compatible endpoint, and whole runs against one that has faults."""

from __future__ import annotations

import asyncio
import gc
import random
from typing import Any

import pytest

import evalharness
from evalharness.adapters.openai import OpenAIAdapter
from evalharness.errors import AdapterError
from tests.adapters.openai_asking import ASK, KEY, LETTER, accuracy, make, spec
from tests.adapters.openai_server import Asked, Say, chat, serving
from tests.support import item, write_suite

# -- connections ---------------------------------------------------------------------------------


def test_connections_are_kept_and_closed() -> None:
    with serving(lambda _: "ok") as server:
        adapter = make(server.url)

        async def work() -> None:
            for _ in range(5):
                await adapter.respond([ASK])
            await adapter.aclose()
            await adapter.aclose()  # nothing is left to close

        asyncio.run(work())
        assert len(server.connections) == 1
        asyncio.run(work())  # another event loop
        assert len(server.connections) == 2
    gc.collect()  # an unclosed session would warn here, and warnings are errors


def test_a_run_uses_the_concurrency_and_leaves_nothing_open(tmp_path, monkeypatch) -> None:
    closed = []
    close = OpenAIAdapter.aclose

    async def watched(self: OpenAIAdapter) -> None:
        await close(self)
        closed.append(self._http.open)

    monkeypatch.setattr(OpenAIAdapter, "aclose", watched)
    suite = write_suite(tmp_path, [item(n) for n in range(24)], task=LETTER)
    with serving(lambda _: Say(chat("A"), delay=0.05)) as server:
        config = {"target": spec(server, concurrency=6), "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
        assert server.most_in_flight == 6
        assert len(server.connections) == 6
    assert run.exit_code == 0
    assert closed == [0]
    gc.collect()


# -- whole runs ----------------------------------------------------------------------------------


def right(asked: Asked) -> str:
    """The right letter."""
    return next(line[0] for line in asked.prompt.splitlines() if line[3:].startswith("right"))


def test_faults_that_heal_cost_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("evalharness.engine.lanes._LONGEST_WAIT", 0.01)
    kinds = [Say(b"", 429, {"Retry-After": "0.01"}), Say(b"", 500), Say(b'{"choi'), Say(abort=True),
             Say({"choices": []}), Say(delay=30)]  # fmt: skip
    rng, seen = random.Random(5), {}

    def says(asked: Asked) -> Any:
        tries = seen[asked.prompt] = seen.get(asked.prompt, 0) + 1
        return rng.choice(kinds) if tries == 1 and rng.random() < 0.5 else right(asked)

    suite = write_suite(tmp_path, [item(n) for n in range(60)], task=LETTER)
    with serving(says) as server:
        config = {"target": spec(server, timeout_first_byte=0.3), "suites": [str(suite)]}
        run = evalharness.run(config, out=tmp_path / "results")
    cell = accuracy(run)
    assert (cell.value, cell.n_planned, cell.n_measured) == (1.0, 60, 60)
    assert len(server.asked) > 60
    assert run.exit_code == 0


def test_faults_that_stay_are_errored_and_a_resume_can_ask_again(tmp_path) -> None:
    broken = [True]

    def says(asked: Asked) -> Any:
        if "number 3?" in asked.prompt and broken[0]:
            return Say({"error": {"message": "down"}}, 500)
        return chat(None) if "number 5?" in asked.prompt else right(asked)

    suite = write_suite(tmp_path, [item(n) for n in range(40)], task=LETTER)
    with serving(says) as server:
        config = {"target": spec(server), "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
        assert run.exit_code == 3
        counts = run.scorecard.dimensions["factuality"].tasks["small"].outcomes
        assert (counts["errored"], counts["empty"], counts["answered"]) == (1, 1, 38)
        reasons = set(run.samples["reason"].dropna())
        assert "the server answered HTTP 500: down" in reasons
        broken[0] = False
        asked = len(server.asked)
        again = evalharness.run(config, out=tmp_path / "results", retry_errored=True)
        assert len(server.asked) == asked + 1
    assert again.exit_code == 0
    assert again.run_id == run.run_id


@pytest.mark.parametrize(
    ("options", "outcome"), [({}, "errored"), ({"blocked": {"statuses": [403]}}, "blocked")]
)
def test_a_firewall_that_stops_one_prompt_costs_one_answer(
    tmp_path, options: dict[str, Any], outcome: str
) -> None:
    def says(asked: Asked) -> Any:
        if "number 3?" in asked.prompt:
            return Say("<html><title>Attention Required!</title>", 403)
        return right(asked)

    suite = write_suite(tmp_path, [item(n) for n in range(40)], task=LETTER)
    with serving(says) as server:
        config = {"target": spec(server, **options), "suites": [str(suite)]}
        run = evalharness.run(config, out=tmp_path / "results")
        assert len(server.asked) == 40
    counts = run.scorecard.dimensions["factuality"].tasks["small"].outcomes
    assert (counts[outcome], counts["answered"]) == (1, 39)


def test_an_account_without_money_stops_a_run_whatever_the_status(tmp_path) -> None:
    broke = {"error": {"code": 402, "message": "Insufficient credits"}}
    suite = write_suite(tmp_path, [item(n) for n in range(40)], task=LETTER)
    with serving(lambda asked: broke if asked.number > 10 else right(asked)) as server:
        config = {"target": spec(server, concurrency=4), "suites": [str(suite)], "retries": 0}
        with pytest.raises(AdapterError, match=r"cannot pay for more .*Insufficient credits"):
            evalharness.run(config, out=tmp_path / "results")
        assert len(server.asked) <= 10 + 4


def test_a_wrong_key_stops_a_run_that_a_good_one_resumes(tmp_path, monkeypatch) -> None:
    def says(asked: Asked) -> Any:
        if asked.headers["Authorization"] != "Bearer good-key" and asked.number > 10:
            return Say({"error": {"message": f"no: {asked.headers['Authorization']}"}}, 401)
        return right(asked)

    suite = write_suite(tmp_path, [item(n) for n in range(200)], task=LETTER)
    with serving(says) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        config = {"target": spec(server, concurrency=4), "suites": [str(suite)], "retries": 0}
        with pytest.raises(
            AdapterError, match=r"refuses the key \(HTTP 401: no: Bearer \[secret\]\)"
        ):
            evalharness.run(config, out=tmp_path / "results")
        asked = len(server.asked)
        assert asked <= 10 + 4
        monkeypatch.setenv("OPENAI_API_KEY", "good-key")
        run = evalharness.run(config, out=tmp_path / "results")
        assert len(server.asked) == asked + 200 - 10
    assert accuracy(run).n_measured == 200
    gc.collect()
