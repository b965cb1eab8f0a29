"""Runs that were stopped or had errors: resumed, reused, and taken for nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

import evalharness
from evalharness.errors import RunError
from evalharness.records import Failure
from evalharness.rescore import rescore
from evalharness.store.directory import RunDirectory
from evalharness.verification import verify_run
from tests.pipeline.running import Stopped, by_letter, config
from tests.support import FakeModel


def stopping_after(count):
    model = FakeModel(by_letter, concurrency=1)
    respond = model.respond

    async def stopping(requests):
        if len(model.calls) >= count:
            raise Stopped
        return await respond(requests)

    model.respond = stopping
    return model


@pytest.mark.parametrize("count", [0, 1, 17, 39])
def test_an_interrupted_run_resumes_and_ends_in_the_same_bytes(tmp_path, suite, finished, count):
    out = tmp_path / "interrupted"
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - asyncio may wrap it in a group
        evalharness.run(config(suite, stopping_after(count)), out=out)
    assert not isinstance(caught.value, Exception)
    model = FakeModel(by_letter)
    run = evalharness.run(config(suite, model), out=out)
    assert len(model.asked) == 40 - count
    assert (run.path / "scorecard.json").read_bytes() == (
        finished.path / "scorecard.json"
    ).read_bytes()


def test_errored_samples_stay_errored_until_asked_for(tmp_path, suite):
    broken = FakeModel(
        lambda r: Failure("down") if r.slot.sample in {"q002", "q004"} else by_letter(r)
    )
    run = evalharness.run(config(suite, broken), out=tmp_path / "results")
    assert (run.samples["outcome"] == "errored").sum() == 2
    well = FakeModel(by_letter)
    assert evalharness.run(config(suite, well), out=tmp_path / "results").exit_code == 3
    assert well.calls == []
    again = evalharness.run(config(suite, well), out=tmp_path / "results", retry_errored=True)
    assert sorted(r.slot.sample for r in well.asked) == ["q002", "q004"]
    assert (again.samples["outcome"] == "errored").sum() == 0


def test_a_larger_run_takes_over_a_smaller_ones_answers(tmp_path, suite):
    small = evalharness.run(config(suite, FakeModel(by_letter), limit=10), out=tmp_path / "results")
    model = FakeModel(by_letter)
    large = evalharness.run(config(suite, model), out=tmp_path / "results", reuse=small.path)
    assert large.run_id != small.run_id
    assert len(model.asked) == 30
    assert not {r.slot.sample for r in model.asked} & set(small.samples["sample_id"])
    assert [c.name for c in verify_run(RunDirectory(large.path)) if c.faults] == []
    whole = evalharness.run(config(suite, FakeModel(by_letter)), out=tmp_path / "whole")
    assert (whole.path / "scorecard.json").read_bytes() == (
        large.path / "scorecard.json"
    ).read_bytes()


def test_another_models_answers_are_never_taken_over(tmp_path, suite, finished):
    """A peer's cache gave model B the refusals of model A, with no call made."""
    model = FakeModel(by_letter, name="another")
    evalharness.run(config(suite, model), out=tmp_path / "results", reuse=finished.path)
    assert len(model.asked) == 40


def unfinished(config_of, out):
    """A run that was finished once, and was stopped while it tried its errors again."""
    run = evalharness.run(config_of(FakeModel(lambda r: Failure("down"))), out=out)
    with pytest.raises(Stopped):
        evalharness.run(config_of(stopping_after(3)), out=out, retry_errored=True)
    assert not (run.path / "manifest.json").exists()
    return run.path


def test_an_unfinished_run_is_taken_for_nothing_else(tmp_path, suite):
    """`report` once sealed one, and so made it final."""
    from evalharness.cli.app import run_app

    path = unfinished(lambda model: config(suite, model), tmp_path / "results")
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    assert run_app(["report", str(path)]) == 2
    with pytest.raises(RunError, match="was not finished"):
        evalharness.load_run(path)
    with pytest.raises(RunError, match="was not finished"):
        rescore(RunDirectory(path), ["level=0.9"])
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before
    run = evalharness.run(
        config(suite, FakeModel(by_letter)), out=tmp_path / "results", retry_errored=True
    )
    assert run.path == path
    assert (run.samples["outcome"] == "errored").sum() == 0


def test_an_unfinished_run_is_not_reused_and_nothing_is_touched(tmp_path, suite, finished):
    path = unfinished(lambda model: config(suite, model, limit=20), tmp_path / "other")
    before = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    with pytest.raises(RunError, match="was not finished"):
        evalharness.run(
            config(suite, FakeModel(by_letter)), out=tmp_path / "results", reuse=path,
            retry_errored=True,
        )  # fmt: skip
    assert {p.name: p.read_bytes() for p in finished.path.iterdir()} == before


def test_fresh_never_resumes_the_run_that_it_is_to_stand_beside(tmp_path, suite):
    out = tmp_path / "results"
    with pytest.raises(Stopped):
        evalharness.run(config(suite, stopping_after(3)), out=out)
    with pytest.raises(Stopped):
        evalharness.run(config(suite, stopping_after(5)), out=out, fresh=True)
    base, second = sorted(p for p in out.iterdir() if p.is_dir())
    assert second.name == f"{base.name}-2"
    model = FakeModel(by_letter)
    run = evalharness.run(config(suite, model), out=out, fresh=True)
    assert (run.path, len(model.asked)) == (second, 35)
    model = FakeModel(by_letter)
    run = evalharness.run(config(suite, model), out=out, fresh=True)
    assert (run.run_id, len(model.asked)) == (f"{base.name}-3", 40)
    assert not (base / "manifest.json").exists()


@pytest.mark.usefixtures("heard_signals")
def test_an_interrupt_in_a_notebook_stops_the_run(tmp_path, suite):
    """There the run has a thread of its own, which knew nothing of the interrupt."""
    model = FakeModel(by_letter, concurrency=1, delay=0.2)

    async def cell():
        evalharness.run(config(suite, model), out=tmp_path / "results")

    def interrupt():
        while not model.calls:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    loop = asyncio.new_event_loop()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(cell())
    finally:
        loop.close()
    assert time.monotonic() - started < 4
    assert len(model.calls) < 10
