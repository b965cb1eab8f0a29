"""Options of a program as a model: what is refused, and what is part of the identity."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from evalharness.errors import ConfigError, UnavailableError
from tests.adapters.commanding import create


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
        ({"command": ["sh", "-c", "ask -k sk-0123456789abcdef0123"]}, r"a word holds what looks"),
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
