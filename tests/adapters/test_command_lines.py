"""Programs that go on and answer line by line."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import evalharness
from evalharness.adapters import registry
from evalharness.adapters.command import CommandAdapter
from evalharness.records import Failure, Response
from tests.adapters.commanding import ask, create, say, sh, wait_until_gone
from tests.support import item, write_suite

PYTHON = [sys.executable, "-I", "-S"]


def talk(folder: Path, *said: str, **options: Any) -> tuple[Any, list[Any]]:
    """Ask one after the other; the answers without the process's number, which comes apart."""
    adapter = create([*PYTHON, "server.py"], folder, lines=True, concurrency=1, **options)

    async def respond() -> list[Any]:
        found: list[Any] = []
        for text in said:
            found += await adapter.respond([say(text)])
        await adapter.aclose()
        return found

    return adapter, asyncio.run(respond())


def parts(answer: Any) -> tuple[str, str]:
    assert isinstance(answer, Response), answer
    pid, _, text = answer.text.partition(" ")
    return pid, text


def test_one_process_answers_line_by_line(server: Path) -> None:
    _, found = talk(server, "a", "b\nc", "wrong", "d")
    assert found[2] == Failure("the program reports: no such thing")
    pids, texts = zip(*(parts(answer) for answer in (found[0], found[1], found[3])), strict=True)
    assert texts == ("a", "b\nc", "d")
    assert len(set(pids)) == 1
    assert found[0].output_tokens == 2
    wait_until_gone(int(pids[0]))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("die", Failure("the program ended with exit code 3: out of memory", retryable=True)),
        ("prose", Failure("the program's output is no JSON object")),
        ("late", Failure("the program answered another request than it was asked",
                         retryable=True)),
        ("flood", Failure("the program wrote more than 1 MiB and was stopped")),
    ],
)  # fmt: skip
def test_a_process_that_is_out_of_step_is_replaced(
    server: Path, said: str, expected: Failure
) -> None:
    _, found = talk(server, "a", said, "b")
    assert found[1] == expected
    (first, _), (second, text) = parts(found[0]), parts(found[2])
    assert first != second
    assert text == "b"
    wait_until_gone(int(first))


def test_a_process_that_hangs_is_replaced(server: Path) -> None:
    _, found = talk(server, "hang", timeout=0.15)
    assert found == [Failure("the program did not answer within 0.15 s", retryable=True)]


def test_a_line_too_many_is_no_answer_to_the_next(server: Path) -> None:
    adapter, found = talk(server, "twice", "b")
    (first, _), (second, text) = map(parts, found)
    assert (text, first != second) == ("b", True)
    assert adapter.deviations == [
        "the program wrote more lines than it was asked for, and was restarted"
    ]


def test_a_process_that_died_meanwhile_costs_nothing(server: Path) -> None:
    adapter = create([*PYTHON, "server.py"], server, lines=True, concurrency=1)

    async def respond() -> list[Any]:
        (first,) = await adapter.respond([say("a")])
        (process,) = next(iter(adapter._places.values())).idle
        os.kill(int(parts(first)[0]), signal.SIGKILL)
        await process._until(lambda: not process.is_usable)
        found = await adapter.respond([say("b")])
        await adapter.aclose()
        return list(found)

    (second,) = asyncio.run(respond())
    assert parts(second)[1] == "b"


def test_each_place_has_its_process_and_another_loop_others(server: Path) -> None:
    adapter = create([*PYTHON, "server.py"], server, lines=True, concurrency=2)
    seen: set[str] = set()
    for _ in range(2):
        found = ask(adapter, *[say(str(n)) for n in range(6)])
        assert [parts(answer)[1] for answer in found] == [str(n) for n in range(6)]
        seen |= {parts(answer)[0] for answer in found}
    assert len(seen) == 4
    for pid in seen:
        wait_until_gone(int(pid))


def test_the_program_in_the_documentation_works(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "adapters" / "command.md"
    (code,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    (tmp_path / "shout.py").write_text(code)
    adapter = create([*PYTHON, "shout.py"], tmp_path, lines=True)
    assert ask(adapter, say("so"), say("ja")) == [Response("SO"), Response("JA")]


def test_a_program_that_does_not_start_says_why() -> None:
    found = sh("echo 'no GPU' >&2; exit 2", lines=True)
    assert found == Failure("the program ended with exit code 2: no GPU", retryable=True)


def test_a_run_closes_the_programs_that_went_on(server: Path) -> None:
    suite = write_suite(server, [item(n) for n in range(6)])
    target = {"adapter": "command", "command": [*PYTHON, "server.py"], "lines": True}
    config = {"target": target, "suites": [str(suite)]}
    loaded = registry.create(target, base_dir=server, where="target")
    assert isinstance(loaded, CommandAdapter)
    run = evalharness.run({**config, "target": loaded}, out=server / "runs")
    responses: Sequence[str] = list(run.samples["response"])
    assert len(responses) == 6
    for text in responses:
        wait_until_gone(int(text.partition(" ")[0]))
