"""Runs one command, or the fake server, and says what it took. Shared by the benchmarks."""

from __future__ import annotations

import compileall
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = ["Server", "Used", "evaluate", "run", "run_folder", "serving"]


@dataclass(frozen=True)
class Used:
    """What one command took: seconds of wall and CPU time, megabytes at the peak, exit code."""

    wall: float
    cpu: float
    peak_mb: float
    code: int


def run(command: Sequence[str]) -> Used:
    """Run ``command`` to its end.

    The kernel counts the memory of this process into the peak of a child that it starts, so what
    measures must stay smaller than what is measured: import nothing heavy before this.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    # kilobytes on Linux, bytes on macOS
    unit = 1024**2 if sys.platform == "darwin" else 1024
    return Used(wall, cpu, usage.ru_maxrss / unit, process.returncode)


def evaluate(config: Path, out: Path) -> list[str]:
    """The command that runs a configuration, as pip installs it: with its bytecode compiled."""
    compileall.compile_dir(Path(__file__).parents[1] / "evalharness", quiet=2)
    command = [sys.executable, "-m", "evalharness", "run", str(config)]
    return [*command, "--quiet", "--out", str(out)]


def run_folder(out: Path) -> Path:
    """The one run below ``out``."""
    (found,) = (path for path in out.iterdir() if path.is_dir())
    return found


class Server:
    """A running `server.py`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.port = urlsplit(url).port or 80

    def stats(self) -> dict[str, Any]:
        """What it counted since the last reset."""
        return self._call("GET", "/__stats")

    def reset(self) -> None:
        """Start the counts again."""
        self._call("POST", "/__reset")

    def _call(self, method: str, path: str) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, b"" if method == "POST" else None)
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


@contextmanager
def serving(latency: float, *options: str, port: int = 0) -> Iterator[Server]:
    """A fake model in a process of its own, with ``latency`` seconds a reply."""
    command = [sys.executable, str(Path(__file__).with_name("server.py")), "--port", str(port)]
    command += ["--latency-ms", str(1000 * latency), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None  # noqa: S101 - for the type alone
            url = process.stdout.readline().strip()
            if not url:
                raise SystemExit("the fake server did not start")
            yield Server(url)
        finally:
            process.terminate()
