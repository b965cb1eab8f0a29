"""Programs as models: real processes, none of which outlives its call."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import evalharness
from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.adapters.command import CommandAdapter
from evalharness.errors import ConfigError, UnavailableError
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.support import item, write_suite

TURNS = (Message("system", "Be brief."), Message("user", "Why?"))
ASK = Request("generate", messages=TURNS, decoding=Decoding(max_tokens=9, stop=("\n",)), seed=5)
PYTHON = [sys.executable, "-I", "-S"]


def create(command: Any, base_dir: Path = Path(), **options: Any) -> Any:
    spec = {"adapter": "command", "command": command, **options}
    return registry.create(spec, base_dir=base_dir, where="target")


def ask(adapter: Adapter, *requests: Request) -> list[Response | Failure]:
    """Ask all at once, then close."""

    async def respond() -> list[Response | Failure]:
        try:
            return list(await adapter.respond(requests or (ASK,)))
        finally:
            await adapter.aclose()  # type: ignore[attr-defined] # optional in the protocol

    return asyncio.run(respond())


def say(text: str) -> Request:
    return Request("generate", messages=(Message("user", text),))


def sh(script: str, **options: Any) -> Response | Failure:
    (found,) = ask(create(["sh", "-c", script], **options))
    return found


def reason(found: Response | Failure) -> str:
    assert isinstance(found, Failure), found
    return found.reason


def is_running(pid: int) -> bool:
    """Whether the process is there, and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> None:
    for _ in range(200):
        if not is_running(pid):
            return
        time.sleep(0.005)
    raise AssertionError(f"process {pid} is still there")


# -- what goes in and comes out ------------------------------------------------------------------


def test_it_is_an_adapter() -> None:
    adapter = create(["cat"], concurrency=3)
    assert isinstance(adapter, Adapter)
    assert adapter.capabilities.kinds == {"generate"}
    assert adapter.capabilities.concurrency == 3
    (found,) = ask(adapter, Request("classify", text="so"))
    assert isinstance(found, Failure)
    assert found.outcome == "not_run"


def test_the_prompt_comes_on_the_input_and_the_answer_goes_to_the_output() -> None:
    assert ask(create("cat")) == [Response("Be brief.\n\nWhy?")]


@pytest.mark.parametrize(
    ("written", "text"),
    [("a\\n", "a"), ("a\\r\\n", "a"), ("a\\n\\n", "a\n"), (" a ", " a "), ("", ""), ("\\377", "�")],
)
def test_one_newline_at_the_end_is_not_part_of_the_answer(written: str, text: str) -> None:
    assert sh(f"printf '{written}'") == Response(text)


def test_the_prompt_as_an_argument_meets_no_shell() -> None:
    hostile = say("$(touch x); `id` \"'* \n{prompt}")
    adapter = create(["printf", "%s", "<{prompt}>"], input="argument")
    assert ask(adapter, hostile) == [Response(f"<{hostile.messages[0].content}>")]


def test_what_no_argument_can_carry_is_a_failure() -> None:
    adapter = create(["printf", "%s", "{prompt}"], input="argument")
    nul, long, half = ask(adapter, say("a\0b"), say("x" * 3_000_000), say("half \ud83d"))
    assert "NUL" in reason(nul)
    assert "input: stdin" in reason(long)
    assert half == Response("half ?")


def test_a_text_is_split_into_words_without_a_shell() -> None:
    assert ask(create("printf '%s|' 'a b' $HOME")) == [Response("a b|$HOME|")]


def test_json_holds_all_that_was_asked(tmp_path: Path) -> None:
    (found,) = ask(create(["cat"], input="json"))
    assert isinstance(found, Response)
    assert json.loads(found.text) == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why?"},
        ],
        "max_tokens": 9,
        "temperature": 0.0,
        "top_p": 1.0,
        "stop": ["\n"],
        "seed": 5,
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"text": "so", "finish_reason": "length", "input_tokens": 3, "output_tokens": 1}',
         Response("so", finish_reason="length", input_tokens=3, output_tokens=1)),
        ('{"text": "so", "input_tokens": -3, "output_tokens": true, "more": []}', Response("so")),
        ('{"text": null}', Response()),
        ('{"text": "", "finish_reason": "content_filter"}',
         Response(finish_reason="content_filter", blocked_by="the program's own filter")),
        ('{"error": "no  such model"}', Failure("the program reports: no such model")),
        ('{"error": "busy", "retryable": true}',
         Failure("the program reports: busy", retryable=True)),
        ('{"text": 3}', Failure("the program's JSON object holds no `text`")),
        ('{}', Failure("the program's JSON object holds no `text`")),
        ('["so"]', Failure("the program's output is no JSON object")),
        ('so', Failure("the program's output is no JSON object")),
        ('', Failure("the program's output is no JSON object")),
    ],
)  # fmt: skip
def test_json_is_read_and_nothing_is_invented(written: str, expected: Any) -> None:
    assert sh(f"printf '%s' '{written}'", output="json") == expected


def test_hostile_json_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "long").write_text('{"text": ' + "9" * 10_000 + "}")
    for name in ("deep", "long"):
        found = ask(create(["cat", name], tmp_path, output="json"))
        assert found == [Failure("the program's output is no JSON object")]


# -- the program's surroundings ------------------------------------------------------------------


def test_the_environment_is_minimal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "secret of another")
    monkeypatch.setenv("MODE", "x")
    found = sh("env", env=["MODE"])
    assert isinstance(found, Response)
    names = {line.partition("=")[0] for line in found.text.splitlines()}
    assert "MODE" in names
    assert names <= {"MODE", "PATH", "HOME", "LANG", "PWD", "SHLVL", "OLDPWD", "_"}


def test_keys_are_in_no_reason_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "sk-0123456789")
    monkeypatch.setenv("MODE", "true")
    adapter = create(["sh", "-c", "echo $API_KEY is $MODE"], env=["API_KEY", "MODE"])
    assert ask(adapter) == [Response("[secret] is true")]
    assert adapter.deviations == [
        "the program repeats the value of a variable from `env`; it was taken out"
    ]
    found = sh("echo $API_KEY $MODE >&2; exit 1", env=["API_KEY", "MODE"])
    assert reason(found) == "the program ended with exit code 1: [secret] [secret]"
    assert "sk-0123" not in repr(adapter) + repr(adapter.identity)


def test_it_runs_where_the_configuration_is_or_says(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name, folder in ((None, tmp_path), ("inner", tmp_path / "inner")):
        (found,) = ask(create(["pwd"], tmp_path, **({} if name is None else {"cwd": name})))
        assert found == Response(str(folder.resolve()))


def test_a_program_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "answer.sh").write_text("#!/bin/sh\necho yes\n")
    (tmp_path / "answer.sh").chmod(0o755)
    adapter = create("./answer.sh", tmp_path)
    assert ask(adapter) == [Response("yes")]
    assert adapter.identity.model == "answer.sh"


# -- faults --------------------------------------------------------------------------------------


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


# -- lines ---------------------------------------------------------------------------------------

SERVER = r"""
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    said = asked["messages"][-1]["content"]
    if said == "die":
        print("out of memory", file=sys.stderr, flush=True)
        sys.exit(3)
    if said == "hang":
        time.sleep(60)
    if said == "prose":
        print("Loading ...", flush=True)
        continue
    if said == "flood":
        sys.stdout.write("x" * 2_000_000)
        sys.stdout.flush()
    answer = {"id": asked["id"], "text": f"{os.getpid()} {said}", "output_tokens": 2}
    if said == "late":
        answer["id"] -= 1
    if said == "wrong":
        answer = {"error": "no such thing"}
    print("\n".join([json.dumps(answer)] * (2 if said == "twice" else 1)), flush=True)
"""


@pytest.fixture
def server(tmp_path: Path) -> Path:
    (tmp_path / "server.py").write_text(SERVER)
    return tmp_path


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


# -- identity and configuration ------------------------------------------------------------------


def test_the_identity_holds_what_can_change_an_answer(
    server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", "sk-0123456789")

    def identity(*command: str, **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = create(list(command), server, **options).identity.to_json()
        return found

    one = identity("sh", "server.py", name="bot", version="2")
    assert (one["provider"], one["model"], one["revision"]) == ("command", "bot", "2")
    assert str(server) not in json.dumps(one)
    others = [
        identity("sh", "server.py", "-v", name="bot", version="2"),
        identity("sh", "server.py", name="bot", version="2", lines=True),
        identity("sh", "server.py", name="bot", version="2", input="json"),
        identity("sh", "server.py", name="bot", version="2", env=["API_KEY"]),
    ]
    same = identity("sh", "server.py", name="bot", version="2", concurrency=9, timeout=3)
    assert same == one
    assert one not in others
    (server / "server.py").write_text("changed\n")
    changed = identity("sh", "server.py", name="bot", version="2")
    assert changed["digest"] != one["digest"]
    assert changed["extra"] == one["extra"]


def test_the_digest_is_that_of_the_files(tmp_path: Path) -> None:
    file = tmp_path / "answer.sh"
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    content = hashlib.sha256(file.read_bytes()).hexdigest()
    expected = hashlib.sha256(json.dumps([["answer.sh", content]]).encode()).hexdigest()
    assert create("./answer.sh", tmp_path).identity.digest == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"command": []}, r"^target.command: "),
        ({"command": ""}, r"^target.command: "),
        ({"command": "echo 'a"}, r"target.command: this cannot be split into words \(No closing"),
        ({"command": ["sh", 3]}, r"target.command.1: .*found 3"),
        ({"command": ["{prompt}"], "input": "argument"}, r"target.command: the first word is the"),
        ({"command": ["sh", "a\0"]}, r"target.command: a word may not hold a NUL"),
        ({"command": "cat", "input": "argument"}, r"target: input: argument needs a word with"),
        ({"command": "echo {prompt}"}, r"target: \{prompt\} in `command` needs `input: argument`"),
        ({"command": "cat", "lines": True, "output": "text"}, r"leave `output` out"),
        ({"command": "cat", "env": ["A=sk-0123456789"]}, r"target.env: item 1 is no name"),
        ({"command": "cat", "timeout": 0}, r"target.timeout: "),
        ({"command": "cat", "cwd": "nowhere"}, r"command: .*nowhere is no folder"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        create(options.pop("command"), tmp_path, **options)
    assert "sk-0123456789" not in str(caught.value)


def test_what_is_not_there_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    for command, message in (
        ("no-such-program-anywhere", "there is no program 'no-such-program-anywhere'; install it"),
        ("./plain", "there is no program './plain'; .*chmod"),
    ):
        with pytest.raises(UnavailableError, match=message):
            create(command, tmp_path)
    with pytest.raises(UnavailableError, match="variable NOT_SET_ANYWHERE is not set"):
        create("cat", tmp_path, env=["NOT_SET_ANYWHERE"])


# -- the whole road ------------------------------------------------------------------------------


def test_a_run_of_a_program_holds_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "sk-0123456789")
    script = 'read -r line; case $line in *"number 3"*) echo "bad $API_KEY" >&2; exit 1;; esac; '
    suite = write_suite(tmp_path, [item(n) for n in range(6)])
    run = evalharness.run(
        {
            "target": {
                "adapter": "command",
                "command": ["sh", "-c", script + "echo A $API_KEY"],
                "env": ["API_KEY"],
            },
            "suites": [str(suite)],
            "retries": 0,
        },
        out=tmp_path / "runs",
    )
    cell = run.scorecard.dimensions["factuality"].tasks["small"].metrics["accuracy"]
    assert cell.outcomes["errored"] == 1
    assert cell.n_measured == 5
    for path in run.path.rglob("*"):
        assert b"sk-0123456789" not in path.read_bytes(), path


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
