"""No key reaches a file, a message or the screen, however a server tries to bring it there."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
import zlib
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

from tests.adapters.openai_server import Say, chat, serving
from tests.support import TASK, item, write_suite

KEY = "sk-Ab+c/9876543210=="
GATE = "gate secret value"
PASSWORD = "hunter2-Secret"  # noqa: S105 - no real one
BASIC = base64.b64encode(f"alice:{PASSWORD}".encode()).decode()
IN_BASE64 = [base64.b64encode(f"{before}{KEY}".encode()).decode() for before in ("", "user:")]
#: As plain text, in JSON, in a URL, in HTML, in base64, broken.
ECHOED = (
    KEY, json.dumps(KEY)[1:-1], quote(KEY), quote(KEY, safe=""), GATE, quote(GATE),
    KEY.replace("/", "\\/"), quote(quote(KEY, safe=""), safe=""), KEY.replace("+", "&#43;"),
    KEY.replace("+", "\\u002b"), *IN_BASE64, BASIC, PASSWORD,
    KEY[:6] + "\u200b" + KEY[6:], KEY[:6] + "\n" + KEY[6:], KEY[:6] + "\\n" + KEY[6:],
    KEY[:6] + " " + KEY[6:],
)  # fmt: skip
#: And what would be left of them: the letters of base64 that the key alone decides, half of a key.
FORMS = (*ECHOED, IN_BASE64[0][:26], IN_BASE64[1][7:33], KEY[6:])


def says(asked):
    """Whatever it answers, the keys are in it."""
    words = f"{asked.headers['Authorization']} and {asked.headers['X-Gate']}"
    link = f"https://elsewhere.example/?token={quote(KEY, safe='')}"
    hidden = "".join(
        letter + gap for letter, gap in zip(KEY, "\u200b\u00ad\x00\n" * 5, strict=True)
    )
    replies = [
        chat(f"{hidden} {ECHOED[asked.number % len(ECHOED)]}"),
        Say({"error": {"message": f"auth {hidden}"}}, 400),
        Say({"error": {"message": f"auth {ECHOED[asked.number % len(ECHOED)]}"}}, 400),
        Say(f"<p>{' | '.join(ECHOED)}</p>", 500),
        Say({"detail": [{"msg": " ".join(ECHOED[::-1])}]}, 422),
        Say(" " * 8180 + KEY, 500),
        chat(words, model=words, system_fingerprint=f"{words} {asked.number}"),
        Say({"error": {"message": words, "code": words}}, 400),
        Say(f"<html>{words}</html>", 500, {"X-Echo": KEY}),
        Say("", 302, {"Location": link}),
        Say(json.dumps(chat(words))[:-30]),
        Say({"choices": [], "error": {"message": link}}),
        Say({"detail": [{"msg": words}]}, 422, {"Retry-After": KEY}),
        chat(None, message={"refusal": f"I will not use {KEY}."}),
    ]
    return replies[asked.number % len(replies)]


def everything_in(folder: Path):
    """(Name, content) of every file below, with what is compressed in it unpacked."""
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        yield path.name, path.read_bytes()
        if path.suffix == ".parquet":
            yield f"{path.name}: rows", json.dumps(pq.read_table(path).to_pylist()).encode()
        if path.suffix == ".sqlite":
            database = sqlite3.connect(path)
            tables = database.execute("SELECT name FROM sqlite_master WHERE type='table'")
            for (table,) in tables.fetchall():
                for row in database.execute(f"SELECT * FROM {table}"):  # noqa: S608 - its own tables
                    yield f"{path.name}: {table}", repr(row).encode()
                    if table == "plan":
                        yield f"{path.name}: plan, unpacked", zlib.decompress(row[2])
            database.close()


@pytest.mark.parametrize("retries", [0, 1])
def test_neither_the_run_nor_the_cache_nor_the_screen_holds_a_key(tmp_path, retries):
    task = TASK.replace("method: choose", "method: letter")
    write_suite(tmp_path, [item(n) for n in range(24)], task=task)
    with serving(says) as server:
        config = {
            "target": {"adapter": "openai", "base_url": server.url, "model": "m",
                       "api_key_env": "SOME_KEY", "concurrency": 4,
                       "headers": {"X-Gate": "env:SOME_GATE", "X-Proxy": "Basic env:SOME_BASIC"}},
            "suites": ["./suite_small"], "retries": retries, "report_samples": 24,
            "max_outage": None,
        }  # fmt: skip
        (tmp_path / "run.yaml").write_text(json.dumps(config))
        command = [sys.executable, "-X", "dev", "-W", "default", "-m", "evalharness", "run",
                   str(tmp_path / "run.yaml"), "--out", str(tmp_path / "results"),
                   "--cache", str(tmp_path / "cache")]  # fmt: skip
        environment = {**os.environ, "SOME_KEY": KEY, "SOME_GATE": GATE, "SOME_BASIC": BASIC,
                       "EVALHARNESS_DEBUG": "1"}  # fmt: skip
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert done.returncode == 3, done.stderr.decode()
        assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
        assert server.asked[0].headers["X-Gate"] == GATE
    contents = [*everything_in(tmp_path / "results"), *everything_in(tmp_path / "cache")]
    assert any(b"the server repeats a key in some answers" in content for _, content in contents)
    assert any(b"[secret]" in content for _, content in contents)
    names = {name for name, _ in contents}
    assert {"samples.parquet: rows", "responses.sqlite: responses", "answers.sqlite: answers",
            "responses.sqlite: plan, unpacked", "report.html"} <= names  # fmt: skip
    shown = [("the screen", done.stdout), ("the log", done.stderr)]
    for name, content in [*contents, *shown]:
        for form in FORMS:
            assert form.encode() not in content, (name, form)
            # letters beyond ASCII stand as escapes in some files
            assert json.dumps(form)[1:-1].encode() not in content, (name, form)


def test_a_refused_key_is_named_by_its_variable_alone(tmp_path):
    task = TASK.replace("method: choose", "method: letter")
    write_suite(tmp_path, [item(0)], task=task)
    with serving(lambda asked: Say({"error": {"message": f"wrong key {KEY}"}}, 401)) as server:
        config = {"target": {"adapter": "openai", "base_url": server.url, "model": "m",
                             "api_key_env": "SOME_KEY"}, "suites": ["./suite_small"]}  # fmt: skip
        (tmp_path / "run.yaml").write_text(json.dumps(config))
        command = [sys.executable, "-m", "evalharness", "run", str(tmp_path / "run.yaml"),
                   "--out", str(tmp_path / "results")]  # fmt: skip
        environment = {**os.environ, "SOME_KEY": KEY, "EVALHARNESS_DEBUG": "1"}
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert done.returncode == 2
    assert b"SOME_KEY" in done.stderr
    contents = [*everything_in(tmp_path / "results"), ("log", done.stderr), ("out", done.stdout)]
    for name, content in contents:
        assert not any(form.encode() in content for form in FORMS), name
