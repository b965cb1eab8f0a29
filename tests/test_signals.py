"""Signals that ask a process to end: the command line stops as with Ctrl-C, and resumes."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import evalharness
from evalharness.cli import signals
from tests.support import FakeModel, item, write_suite
from tests.test_kill import command, finish, recorded

pytestmark = pytest.mark.usefixtures("heard_signals")

ANSWER = {"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}

HANGING = """\
#!/bin/sh
echo $$ >> pids
sleep 300 &
echo $! >> pids
sleep 300
"""


class Server(ThreadingHTTPServer):
    """Answers the first few requests and is silent from then on, until it is healed."""

    daemon_threads = True

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.left = answers
        self.healed = threading.Event()
        self.lock = threading.Lock()

    def has_answer(self):
        with self.lock:
            self.left -= 1
            return self.left >= 0 or self.healed.is_set()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.has_answer():
            self.server.healed.wait(60)
            return
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture
def server():
    found = Server(8)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield found
    found.healed.set()
    found.shutdown()
    found.server_close()


def write(folder, target):
    write_suite(folder, [item(n) for n in range(30)])
    config = {"name": "stopped", "target": target, "suites": ["./suite_small"]}
    (folder / "run.yaml").write_text(json.dumps(config))  # JSON is YAML


def openai(server):
    return {"adapter": "openai", "base_url": f"http://127.0.0.1:{server.server_port}/v1",
            "model": "m", "api_key_env": None, "concurrency": 4}  # fmt: skip


def started(folder, wanted, **options):
    process = subprocess.Popen(
        command(folder, folder / "out"), **{"stderr": subprocess.PIPE, **options}
    )
    wait_for(lambda: recorded(folder / "out") >= wanted or process.poll() is not None)
    assert process.poll() is None
    return process


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_a_signal_stops_a_run_that_the_same_command_resumes(tmp_path, server, number, code):
    write(tmp_path, openai(server))
    process = started(tmp_path, 8)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == code
    by = "" if number == signal.SIGINT else f" by {number.name}"
    said = f"evalharness: interrupted{by}; what was answered is kept: the same command resumes\n"
    assert errors.decode() == said
    assert recorded(tmp_path / "out") == 8
    server.healed.set()
    _, path = finish(tmp_path, tmp_path / "out")
    run = evalharness.load_run(path)
    assert run.exit_code == 0
    assert set(run.samples["attempts"]) == {1}


def test_sigterm_leaves_none_of_the_programs_that_a_run_started(tmp_path):
    program = tmp_path / "hang.sh"
    program.write_text(HANGING)
    program.chmod(0o755)
    write(tmp_path, {"adapter": "command", "command": ["./hang.sh"], "concurrency": 2})
    process = started(tmp_path, 0)
    pids = tmp_path / "pids"
    wait_for(lambda: pids.is_file() and len(pids.read_text().split()) >= 4)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143
    left = [pid for pid in map(int, pids.read_text().split()) if is_running(pid)]
    assert left == []


def is_running(pid):
    """Whether a process is there, and no zombie that its new parent has yet to see."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def test_a_second_sigterm_is_no_harder_than_the_first(tmp_path, server):
    """`timeout` sends one to its child, and one to the group that the child is in."""
    write(tmp_path, openai(server))
    process = started(tmp_path, 8)
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors.count(b"\n")) == (143, 1)


def test_sigterm_reaches_a_run_whose_interrupts_are_ignored(tmp_path, server):
    """As a shell starts what it puts in the background of a script."""
    write(tmp_path, openai(server))

    def ignore():
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    process = started(tmp_path, 8, preexec_fn=ignore)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert b"interrupted by SIGTERM" in errors
    assert b"Traceback" not in errors


def test_what_nohup_ignores_stays_ignored(tmp_path, server):
    write(tmp_path, openai(server))

    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process = started(tmp_path, 8, preexec_fn=ignore)
    process.send_signal(signal.SIGHUP)
    server.healed.set()
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_terminal_that_is_closed_stops_the_run_in_order(tmp_path, server):
    """Nothing can be said then, which is no fault of its own."""
    write(tmp_path, openai(server))
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "evalharness", "run", "run.yaml", "--out", "out"],
        cwd=tmp_path, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(follower)
    wait_for(lambda: recorded(tmp_path / "out") >= 8)
    os.close(leader)
    process.send_signal(signal.SIGHUP)  # as the kernel does where it is the controlling terminal
    assert process.wait(timeout=20) == 129
    (summary,) = (tmp_path / "out").glob("*/summary.json")
    assert json.loads(summary.read_text())["asked"] == 8


def test_a_library_leaves_its_callers_signals_alone(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(3)])
    found = []

    def answer(_request):
        found.append([signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP)])
        return "A"

    before = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP)]
    evalharness.run({"target": FakeModel(answer), "suites": [str(suite)]}, out=tmp_path / "out")
    assert found == [before] * 3


def test_signals_are_heeded_in_the_main_thread_alone():
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=signals.heed)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
