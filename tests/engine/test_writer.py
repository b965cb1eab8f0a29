"""The one writer of the journal: everything that waits is committed, whoever waits goes on."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest

from evalharness.engine import writer as writers
from evalharness.engine.writer import Writer
from evalharness.errors import RunError
from evalharness.records import Response, Slot
from evalharness.store.journal import Entry, Journal


def entry(number: int) -> Entry:
    slot = Slot("task", f"q{number}", 0, "target", 0)
    return Entry(slot, bytes([number]) * 32, Response(f"answer {number}"), 0.1, 1)


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "responses.sqlite")
    yield journal
    journal.close()


@pytest.mark.parametrize("in_thread", [False, True])
def test_all_that_waits_is_on_disk_and_goes_on_in_order(journal, in_thread):
    went_on: list[int] = []

    async def commit(writer, number):
        await writer.commit([entry(number)], [bytes([number]) * 32])
        assert journal.get(entry(number).slot) is not None
        went_on.append(number)

    async def work():
        writer = Writer(journal, in_thread=in_thread)
        await asyncio.gather(*(commit(writer, number) for number in range(50)))
        assert [writer.number(bytes([n]) * 32) for n in range(50)] == list(range(1, 51))
        await writer.close()

    asyncio.run(work())
    assert went_on == list(range(50))
    assert journal.count() == 50


def test_what_was_committed_together_goes_on_a_few_at_a_time(journal):
    """Were it all at once, their next calls would be a burst, and so the answers to them."""
    turns: list[int] = []

    async def work():
        writer = Writer(journal)
        waiting = [asyncio.ensure_future(writer.commit([entry(n)], [None])) for n in range(9)]
        while not all(one.done() for one in waiting):
            await asyncio.sleep(0)
            turns.append(sum(one.done() for one in waiting))
        await writer.close()

    asyncio.run(work())
    assert max(b - a for a, b in itertools.pairwise(turns)) <= 2
    assert journal.count() == 9


@pytest.mark.parametrize("in_thread", [False, True])
def test_what_may_follow_follows_once_it_is_on_disk_and_before_whoever_waited(journal, in_thread):
    order: list[str] = []

    async def commit(writer, number):
        def then():
            assert journal.get(entry(number).slot) is not None
            order.append(f"then {number}")

        await writer.commit([entry(number)], [None], then)
        order.append(f"on {number}")

    async def work():
        writer = Writer(journal, in_thread=in_thread)
        gone = asyncio.ensure_future(commit(writer, 8))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(*(commit(writer, number) for number in range(4)))
        await writer.close()

    asyncio.run(work())
    assert sorted(order) == sorted(f"{what} {n}" for what in ("then", "on") for n in range(4))
    for number in range(4):
        assert order.index(f"then {number}") < order.index(f"on {number}")
    assert journal.count() == 5


def test_nothing_follows_a_commit_that_failed(journal, monkeypatch):
    def full(_self, _entries):
        raise RunError("disk is full")

    monkeypatch.setattr(Journal, "append", full)
    called: list[int] = []

    async def work():
        writer = Writer(journal)
        with pytest.raises(RunError):
            await writer.commit([entry(1)], [None], lambda: called.append(1))
        await writer.close()

    asyncio.run(work())
    assert not called


@pytest.mark.parametrize("in_thread", [False, True])
def test_closing_commits_what_waits_and_nothing_comes_after(journal, in_thread):
    async def work():
        writer = Writer(journal, in_thread=in_thread)
        waiting = [asyncio.ensure_future(writer.commit([entry(n)], [None])) for n in range(5)]
        await asyncio.sleep(0)
        await writer.close()
        assert journal.count() == 5
        journal.close()  # a flush that was due would write here
        await asyncio.gather(*waiting)

    asyncio.run(work())


def test_a_fault_reaches_everybody_who_waited(journal, monkeypatch):
    def full(_self, _entries):
        raise RunError("disk is full")

    monkeypatch.setattr(Journal, "append", full)

    async def work():
        writer = Writer(journal)
        commits = [writer.commit([entry(n)], [None]) for n in range(5)]
        faults = await asyncio.gather(*commits, return_exceptions=True)
        assert [str(fault) for fault in faults] == ["disk is full"] * 5
        with pytest.raises(ValueError, match="2 entries and 1 keys"):
            await writer.commit([entry(1), entry(2)], [None])
        await writer.close()

    asyncio.run(work())


def test_only_commits_that_stay_slow_go_to_a_thread(journal, monkeypatch):
    monkeypatch.setattr(writers, "_SLOW", 0.0)

    async def work(count):
        writer = Writer(journal)
        for number in range(count):
            await writer.commit([entry(number)], [None])
        await writer.close()
        return writer._in_thread

    assert not asyncio.run(work(1))  # one alone may be a checkpoint
    assert asyncio.run(work(5))
    monkeypatch.setattr(writers, "_SLOW", time.time())
    assert not asyncio.run(work(5))
