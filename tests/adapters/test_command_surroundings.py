"""A program's surroundings: its folder, its few variables, and keys that it may not tell."""

from __future__ import annotations

from pathlib import Path

import pytest

import evalharness
from evalharness.records import Response
from tests.adapters.commanding import ask, create, reason, sh
from tests.support import item, write_suite


def test_the_environment_is_minimal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER", "secret of another")
    monkeypatch.setenv("MODE", "x")
    found = sh("env", env=["MODE"])
    assert isinstance(found, Response)
    names = {line.partition("=")[0] for line in found.text.splitlines()}
    assert "MODE" in names
    assert names <= {"MODE", "PATH", "HOME", "LANG", "PWD", "SHLVL", "OLDPWD", "_"}


def test_keys_are_in_no_reason_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "sk-9083516274")
    monkeypatch.setenv("MODE", "true")
    adapter = create(["sh", "-c", "echo $API_KEY is $MODE"], env=["API_KEY", "MODE"])
    assert ask(adapter) == [Response("[secret] is true")]
    assert adapter.deviations == [
        "the program repeats the value of a variable from `env`; it was taken out"
    ]
    found = sh("echo $API_KEY $MODE >&2; exit 1", env=["API_KEY", "MODE"])
    assert reason(found) == "the program ended with exit code 1: [secret] [secret]"
    assert "sk-9083" not in repr(adapter) + repr(adapter.identity)


def test_what_is_no_key_stays_in_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENDPOINT", "https://bot.example/v1/chat")
    monkeypatch.setenv("BOT_MODEL", "meta-llama/Llama-3.1-8B-Instruct")
    monkeypatch.setenv("API_KEY", "kR7vQ2mZ9xLp4TnW")
    script = 'echo "$BOT_MODEL at $ENDPOINT with $API_KEY"'
    env = ["ENDPOINT", "BOT_MODEL", "API_KEY"]
    said = "meta-llama/Llama-3.1-8B-Instruct at https://bot.example/v1/chat with [secret]"
    assert sh(script, env=env) == Response(said)
    found = reason(sh(f"{{ {script}; }} >&2; exit 1", env=env))
    assert found.endswith("[secret] at [secret] with [secret]")


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


def test_a_run_of_a_program_holds_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "sk-9083516274")
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
        assert b"sk-9083516274" not in path.read_bytes(), path


def test_a_key_on_two_lines_is_in_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "sk-Ab+c/9876543210==")
    found = sh("printf 'bad sk-Ab+\\nc/9876543210== here' >&2; exit 1", env=["API_KEY"])
    assert reason(found) == "the program ended with exit code 1: bad [secret] here"


@pytest.mark.parametrize("after", range(0, 24, 3))
def test_a_key_that_the_tail_of_the_errors_cuts_is_in_no_reason(
    monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setenv("API_KEY", "sk-Ab+c/9876543210==")
    script = (
        f"{{ printf %s $API_KEY; head -c {65536 - after} /dev/zero | tr '\\0' x; }} >&2; exit 1"
    )
    assert "98765" not in reason(sh(script, env=["API_KEY"]))
    assert reason(sh(script.replace("; }", "; echo; echo over; }"), env=["API_KEY"])).endswith(
        "exit code 1: over"
    )
