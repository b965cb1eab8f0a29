"""Fixtures that many tests share."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# a busy machine is slow: no fault of what is tested
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of benchmark files: EVALHARNESS_DATA, or ``shared/data`` beside the checkout.

    Without it the tests that need it are skipped with the reason; EVALHARNESS_REQUIRE_DATA=1 (as
    .ci/run sets it) makes them fail, so that a check that was not made does not count as passed.
    """
    root = _data_root()
    if not (root / "MANIFEST.json").is_file():
        _missing(f"no benchmark data at {root}; set EVALHARNESS_DATA")
    return root


@pytest.fixture
def fake_openai() -> Iterator[str]:
    """The base URL of the fake OpenAI-compatible server in ``tools`` beside the data.

    Like the data it is looked for, and a CI run fails without it.
    """
    program = _data_root().parent / "tools" / "fake_openai.py"
    if not program.is_file():
        _missing(f"no fake server at {program}; set EVALHARNESS_DATA to the folder beside it")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(program), "--port", str(port), "--latency-ms", "5"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert re.search(r"http://127\.0\.0\.1", process.stdout.readline())
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=10)


@pytest.fixture
def heard_signals() -> Iterator[None]:
    """Signals as a program meets them that nobody started with `nohup` or in the background."""
    wanted = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def _data_root() -> Path:
    beside = Path(__file__).parents[2] / "shared" / "data"
    return Path(os.environ.get("EVALHARNESS_DATA") or beside)


def _missing(message: str) -> None:
    if os.environ.get("EVALHARNESS_REQUIRE_DATA") == "1":
        pytest.fail(message)
    pytest.skip(message)
