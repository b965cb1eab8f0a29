"""Programs that fail, hang or write too much: real processes, none of which outlives its call."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from evalharness.records import Failure, Response
from tests.adapters.commanding import ASK, ask, create, reason, say, sh, wait_until_gone


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo one >&2; echo 'two\tthree' >&2; exit 3",
         Failure("the program ended with exit code 3: two three")),
        ("exit 3", Failure("the program ended with exit code 3")),
        ("echo busy >&2; exit 75",
         Failure("the program ended with exit code 75: busy", retryable=True)),
        ("kill -TERM $$", Failure("the program was ended by signal SIGTERM")),
    ],
)  # fmt: skip
def test_an_exit_code_is_a_failure_with_the_last_words(script: str, expected: Failure) -> None:
    assert sh(script) == expected


def test_a_long_last_line_is_cut() -> None:
    found = sh("printf 'x%.0s' $(seq 2000) >&2; exit 1")
    assert len(reason(found)) <= 340


def test_a_program_that_reads_nothing_is_none_the_worse() -> None:
    adapter = create(["sh", "-c", "exec <&-; echo yes"])
    assert ask(adapter, say("x" * 2_000_000)) == [Response("yes")]


def test_too_much_output_ends_the_program() -> None:
    start = time.perf_counter()
    found = sh("yes")
    assert reason(found) == "the program wrote more than 1 MiB and was stopped"
    assert time.perf_counter() - start < 5


def test_output_up_to_the_limit_is_an_answer() -> None:
    found = sh("yes | head -c 1048576")
    assert isinstance(found, Response)
    assert len(found.text) == 1048575


def test_a_timeout_ends_all_that_was_started(tmp_path: Path) -> None:
    script = "sleep 60 & echo $! > child; echo $$ > parent; wait"
    adapter = create(["sh", "-c", script], tmp_path, timeout=0.5)
    assert ask(adapter) == [Failure("the program did not answer within 0.5 s", retryable=True)]
    for name in ("child", "parent"):
        wait_until_gone(int((tmp_path / name).read_text()))


def test_a_child_that_holds_the_output_is_ended_with_it(tmp_path: Path) -> None:
    adapter = create(["sh", "-c", "sleep 60 & echo $! > child"], tmp_path, timeout=0.5)
    (found,) = ask(adapter)
    assert "did not answer within" in reason(found)
    wait_until_gone(int((tmp_path / "child").read_text()))


@pytest.mark.parametrize("lines", [False, True])
def test_cancellation_ends_all_that_was_started(tmp_path: Path, lines: bool) -> None:
    script = "sleep 60 & echo $! > child.tmp; mv child.tmp child; wait"
    adapter = create(["sh", "-c", script], tmp_path, lines=lines)

    async def cancelled() -> None:
        task = asyncio.create_task(adapter.respond([ASK]))
        while not (tmp_path / "child").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    wait_until_gone(int((tmp_path / "child").read_text()))


def children() -> set[str]:
    """The processes that this one has started and not yet seen the end of, zombies included."""
    lists = Path("/proc/self/task").glob("*/children")
    return {pid for file in lists for pid in file.read_text().split()}


def test_cancellation_while_it_starts_leaves_nothing() -> None:
    adapter = create(["sleep", "60"])
    before = children()

    async def cancelled() -> None:
        for turns in range(6):
            task = asyncio.create_task(adapter.respond([ASK]))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert children() == before

    asyncio.run(cancelled())


def test_no_more_run_at_once_than_was_asked_for(tmp_path: Path) -> None:
    script = "mkdir $$.on; ls -d *.on | wc -l; sleep 0.05; rmdir $$.on"
    adapter = create(["sh", "-c", script], tmp_path, concurrency=2)
    found = ask(adapter, *[ASK] * 5)
    counts = [int(answer.text) for answer in found if isinstance(answer, Response)]
    assert len(counts) == 5
    assert max(counts) <= 2


def test_a_program_that_vanishes_is_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "answer.sh"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    adapter = create("./answer.sh", tmp_path)
    file.unlink()
    (found,) = ask(adapter)
    assert found == Failure("the program could not be started (No such file or directory)")
