"""kill -9 at random moments, then the same command: the same bytes as an uninterrupted run."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.support import item, write_suite

APP = """\
import time

def answer(prompt):
    time.sleep(0.008)
    return "A" if len(prompt) % 3 else "no idea"
"""

CONFIG = """\
name: killed
target: {target}
suites: [./suite_small]
limit: {limit}
"""


def command(folder, out):
    return [sys.executable, "-m", "evalharness", "run", str(folder / "run.yaml"),
            "--out", str(out), "--quiet"]  # fmt: skip


def finish(folder, out):
    """Run to the end; returns (the scorecard's bytes, the run's folder)."""
    done = subprocess.run(command(folder, out), capture_output=True, text=True, check=False)
    assert done.returncode in {0, 3}, done.stderr
    (path,) = [p for p in out.iterdir() if p.is_dir()]
    return (path / "scorecard.json").read_bytes(), path


def kill_when(folder, out, wanted, delay):
    """Start the run and kill it ``delay`` seconds after the journal holds ``wanted`` responses.

    Returns whether it was still at work.
    """
    process = subprocess.Popen(command(folder, out), stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while recorded(out) < wanted and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    try:
        process.wait(timeout=delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


def recorded(out):
    """How many responses the journal holds; it must be readable after every kill."""
    for path in out.glob("*/responses.sqlite"):
        database = sqlite3.connect(path)
        try:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return database.execute("SELECT count(*) FROM responses").fetchone()[0]
        except sqlite3.OperationalError:  # killed before its tables were made
            return 0
        finally:
            database.close()
    return 0


def kills(folder, count, seed):
    """Kill one run at ``count`` random moments from its start to its end; compare with a whole run.

    Most moments are points of its progress (so that they are spread over the work however fast the
    machine is), the first are times while it starts, the last while it writes its results.
    """
    expected, whole = finish(folder, folder / "whole")
    total = recorded(folder / "whole")
    draw = random.Random(seed)
    early = [(0, draw.uniform(0.05, 1.0)) for _ in range(count // 5)]
    middle = sorted(draw.randrange(total) for _ in range(count - 2 * len(early)))
    late = [(total, draw.uniform(0.0, 0.6)) for _ in range(len(early))]
    killed, held = 0, []
    for wanted, delay in [*early, *((n, draw.uniform(0, 0.05)) for n in middle), *late]:
        killed += kill_when(folder, folder / "killed", wanted, delay)
        held.append(recorded(folder / "killed"))
    scorecard, path = finish(folder, folder / "killed")
    assert path.name == whole.name
    assert scorecard == expected
    assert held == sorted(held), "a kill lost what was recorded before"
    assert not list(path.glob("*.tmp"))
    assert not list(path.glob("*-wal"))
    return killed


@pytest.fixture
def streaming(tmp_path):
    """A target behind a function, asked one request at a time and many at once."""
    write_suite(tmp_path, [item(n, cluster=f"c{n % 9}") for n in range(600)])
    (tmp_path / "app.py").write_text(APP)
    target = "{adapter: function, path: './app.py:answer', concurrency: 2}"
    (tmp_path / "run.yaml").write_text(CONFIG.format(target=target, limit=500))
    return tmp_path


def test_two_kills_cost_nothing(streaming):
    assert kills(streaming, 2, seed=1) == 2


@pytest.mark.full
def test_twenty_kills_cost_nothing(streaming):
    assert kills(streaming, 20, seed=2) >= 16


@pytest.mark.full
def test_twenty_kills_of_a_local_model_cost_nothing(tmp_path):
    """A packing lane: a killed pack is done again whole, so not even the last digit moves."""
    write_suite(tmp_path, [item(n, question="again " * (n % 9) + "?") for n in range(600)])
    (tmp_path / "run.yaml").write_text(CONFIG.format(target="demo", limit=600))
    assert kills(tmp_path, 20, seed=3) >= 12


@pytest.mark.usefixtures("heard_signals")
def test_ctrl_c_leaves_a_run_that_resumes(streaming):
    process = subprocess.Popen(command(streaming, streaming / "out"), stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while recorded(streaming / "out") < 20 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"the same command resumes" in errors
    assert b"Traceback" not in errors
    held = recorded(streaming / "out")
    assert held >= 20
    expected, _ = finish(streaming, streaming / "whole")
    scorecard, _ = finish(streaming, streaming / "out")
    assert scorecard == expected
