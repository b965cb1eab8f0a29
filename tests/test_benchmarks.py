"""The fake model of benchmarks/ behaves as it says, and the programs check the scores they get."""

from __future__ import annotations

import asyncio
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

import evalharness

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
MODULES = ("suite", "server", "measure", "remote")


@pytest.fixture
def load(monkeypatch):
    """Imports a program of benchmarks/ by name, as a sibling of the others."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module
    for name in MODULES:
        sys.modules.pop(name, None)


def chat(prompt):
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}]}).encode()


async def exchange(reader, writer, method, path, body=b""):
    """One request on an open connection; (status, headers as text, body)."""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    length = int(head.split("Content-Length: ")[1].split("\r\n")[0])
    return int(head.split()[1]), head, await reader.readexactly(length)


def serve(server, settings, client):
    """What ``client(reader, writer)`` returns on a connection to a server of its own."""

    async def go():
        model = server.Model(settings)
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: server.Connection(model), "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            return await client(reader, writer)
        finally:
            writer.transport.abort()
            listening.close()
            await asyncio.sleep(0)

    return asyncio.run(go())


def test_the_answers_are_those_that_the_score_is_computed_from(load):
    suite, server = load("suite"), load("server")

    async def client(reader, writer):
        letters = []
        for number in range(300):
            body = chat(suite.prompt(number))
            status, _, reply = await exchange(
                reader, writer, "POST", "/v1/chat/completions?v=1", body
            )
            assert status == 200
            letters.append(json.loads(reply)["choices"][0]["message"]["content"])
        stats = json.loads((await exchange(reader, writer, "GET", "/__stats?prompts"))[2])
        return letters, stats

    letters, stats = serve(server, server.Settings(latency=0.0), client)
    assert letters.count("A") == suite.count_right(300)  # shown first, as the prompt lists them
    assert set(letters) == {"A", "B"}
    assert 0.6 < suite.count_right(300) / 300 < 0.8
    assert stats["requests"] == stats["prompts_answered"] == 300
    assert stats["asked_again"] == stats["answered_again"] == 0
    assert stats["prompts"]["17"] == [1, 1]


def test_the_right_letter_follows_the_order_shown(load):
    suite = load("suite")
    right = next(number for number in range(100) if suite.is_right(number))
    good, *others = suite.choices(right)
    text = f"{suite.question(right)}\n\nA. {others[0]}\nB. {others[1]}\nC. {good}\n"
    assert suite.answer(text) == "C"
    assert suite.answer("How do you do?") == "ok"


@pytest.mark.parametrize("latency", [0.0, 0.001])
@pytest.mark.parametrize("kind", ["429", "500", "503", "malformed", "empty", "null"])
def test_a_fault_that_is_a_reply(load, kind, latency):
    server = load("server")
    settings = server.Settings(latency, server.parse_faults(f"{kind}=100"), retry_after=7)

    async def client(reader, writer):
        path = "/v1/chat/completions"
        first = await exchange(reader, writer, "POST", path, chat("How are you?"))
        assert await exchange(reader, writer, "POST", path, chat("How are you?")) == first
        stats = json.loads((await exchange(reader, writer, "GET", "/__stats"))[2])
        assert stats["replies"] == {kind: 2}
        assert stats["prompts_answered"] == 0
        return first

    status, head, body = serve(server, settings, client)
    assert ("Retry-After: 7\r\n" in head) == (kind == "429")
    if kind.isdigit():
        assert status == int(kind)
    elif kind == "malformed":
        with pytest.raises(json.JSONDecodeError):
            json.loads(body)
    elif kind == "empty":
        assert json.loads(body)["choices"] == []
    else:
        assert json.loads(body)["choices"][0]["message"]["content"] is None


def test_reset_and_hang_give_no_reply(load):
    server = load("server")

    async def client(reader, writer):
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError, TimeoutError)) as fault:
            async with asyncio.timeout(0.1):
                await exchange(reader, writer, "POST", "/v1/chat/completions", chat("Well?"))
        return fault.type

    def told(kind):
        return serve(server, server.Settings(0.0, ((kind, 100.0),)), client)

    assert told("hang") is TimeoutError
    assert told("reset") is not TimeoutError


def test_faults_depend_on_the_prompt_and_not_on_the_order(load):
    server = load("server")
    settings = server.Settings(faults=(("500", 30.0), ("hang", 20.0)))
    drawn = {key: settings.fault(key, 1) for key in range(2000)}
    backwards = {key: settings.fault(key, 1) for key in reversed(range(2000))}
    assert drawn == backwards
    assert 540 < list(drawn.values()).count("500") < 660
    assert 340 < list(drawn.values()).count("hang") < 460
    again = [settings.fault(key, 2) for key, fault in drawn.items() if fault == "500"]
    assert 0.2 < again.count("500") / len(again) < 0.4  # a second try is drawn anew
    sticky = server.Settings(faults=(("500", 30.0),), sticky=True)
    assert all(sticky.fault(key, 1) == sticky.fault(key, 5) for key in range(200))


@pytest.mark.parametrize("text", ["teapot=1", "429", "429=x", "500=60,503=60"])
def test_faults_that_make_no_sense_are_refused(load, text):
    with pytest.raises(Exception, match=r"no such fault|KIND=PERCENT|100 percent"):
        load("server").parse_faults(text)


@pytest.mark.parametrize(("measured", "right"), [(10, 3), (9, None)])
def test_another_score_is_found_out(load, tmp_path, measured, right):
    remote, suite = load("remote"), load("suite")
    value = suite.count_right(10) / 10 if right is None else right / 10
    cell = {"n_measured": measured, "n_planned": 10, "value": value}
    tasks = {"questions": {"metrics": {"accuracy": cell}}}
    card = {"dimensions": {"factuality": {"tasks": tasks}}}
    (tmp_path / "scorecard.json").write_text(json.dumps(card))
    with pytest.raises(remote.WrongError):
        remote.check_score(tmp_path, 10)


def test_the_peers_samples_are_sent_as_they_are_and_read_by_letter(tmp_path):
    rows = [
        {
            "id": f"s{n}",
            "input": f"[s{n}] What is {n} + 1?\nA) {n + 1}\nB) 0\nC) 1\nD) 2",
            "label": n,
        }
        for n in range(4)
    ]
    data = tmp_path / "mc.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "app.py").write_text("def answer(prompt):\n    return 'ANSWER: C'\n")
    app = f"{{adapter: function, path: '{tmp_path}/app.py:answer'}}"
    overrides = [f"tasks.0.data={data}", f"target={app}"]
    run = evalharness.run(BENCHMARKS / "peers" / "run.yaml", out=tmp_path, overrides=overrides)
    frame = run.samples.set_index("sample_id")
    assert dict(frame["prompt"]) == {row["id"]: row["input"] for row in rows}
    assert dict(frame["score_correct"]) == {"s0": 0.0, "s1": 0.0, "s2": 1.0, "s3": 0.0}


@pytest.mark.full
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("--samples 300 --latency 0.01 --faults", "same bytes"),
        ("--samples 1000 --latency 0.02 --kill", "never answered"),
        ("--memory 2000", "growth per 100,000"),
        ("--scaling --sizes 100 400", "of the further"),
    ],
)
def test_the_remote_benchmark_at_a_small_size(arguments, says):
    command = [sys.executable, str(BENCHMARKS / "remote.py"), *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout
