"""The whole command against a model behind HTTP (`server.py`): cost, faults, memory, kills.

    python benchmarks/remote.py                      # 10,000 samples, 50 ms, 64 in flight
    python benchmarks/remote.py --faults             # and again with mixed faults: the same score?
    python benchmarks/remote.py --scaling            # 2,000 / 10,000 / 100,000 samples at 0 ms
    python benchmarks/remote.py --memory 50000       # what a further 100,000 samples take
    python benchmarks/remote.py --kill               # kill -9 at half, then the same command

The ceiling is a bare aiohttp loop over the same server and bodies of the same length, in the same
run; the limit is samples x latency / in flight. The score is known beforehand: each part ends with
exit code 1 if a run reports another one. No time is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure
import suite

MIXED = "429=5,500=2,malformed=1,reset=1,hang=1"
#: Of a call where some hang: short, so that a hang costs seconds; far above the latency.
TIMEOUT = 2.0
SIZES = (2_000, 10_000, 100_000)
#: A ceiling needs no more calls than these.
CEILING_CALLS = 20_000

LOAD = """\
import json, statistics, sys, time
import pandas, pyarrow.parquet
import evalharness
times = []
for _ in range(5):
    start = time.perf_counter()
    rows = len(evalharness.load_run(sys.argv[1]).samples)
    times.append(time.perf_counter() - start)
print(json.dumps([rows, statistics.median(times), times[0]]))
"""


@dataclass(frozen=True)
class Finished:
    """One run of the whole command, with what the server saw of it."""

    samples: int
    folder: Path
    used: measure.Used
    seen: dict[str, Any]

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds of the command per 1,000 samples."""
        return 1000 * self.used.cpu / self.samples

    @property
    def calls_per_second(self) -> float:
        """Between the first request and the last reply, as the server saw them."""
        return float(self.seen["requests"]) / (self.seen["seconds"] or 1e-9)


class WrongError(Exception):
    """A run reports what cannot be."""


def configure(folder: Path, samples: int, url: str, in_flight: int, **more: float) -> Path:
    """A suite and its configuration for the server at ``url``; ``more`` are the adapter's."""
    target: dict[str, object] = {
        "adapter": "openai", "base_url": url, "model": "bench", "concurrency": in_flight, **more
    }  # fmt: skip
    return suite.write(folder, samples, target)


def run(
    folder: Path, samples: int, server: measure.Server, in_flight: int, **more: float
) -> Finished:
    """Run the whole command once in an empty ``folder`` and check its score.

    Args:
        more: further options of the adapter.

    Raises:
        WrongError: it failed, or its score is not the model's.
    """
    config = configure(folder, samples, server.url, in_flight, **more)
    server.reset()
    used = measure.run(measure.evaluate(config, folder / "out"))
    if used.code:
        raise WrongError(f"evalharness run ended with exit code {used.code}, not 0")
    finished = Finished(samples, measure.run_folder(folder / "out"), used, server.stats())
    check_score(finished.folder, samples)
    return finished


def check_score(folder: Path, samples: int) -> None:
    """Compare a run's accuracy with the fake model's, exactly.

    Raises:
        WrongError: they differ, or not every sample was measured.
    """
    card = json.loads((folder / "scorecard.json").read_text())
    cell = card["dimensions"]["factuality"]["tasks"]["questions"]["metrics"]["accuracy"]
    right = suite.count_right(samples)
    if cell["n_measured"] != samples or cell["n_planned"] != samples:
        raise WrongError(f"{cell['n_measured']} of {cell['n_planned']} measured, not {samples}")
    if cell["value"] != right / samples:
        raise WrongError(f"accuracy {cell['value']!r}, but the model's is {right / samples!r}")


async def _ceiling(url: str, calls: int, in_flight: int) -> float:
    import aiohttp

    numbers = iter(range(calls))

    async def lane(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            body = {
                "model": "bench",
                "messages": [{"role": "user", "content": suite.prompt(number)}],
                "max_tokens": 256,
                "temperature": 0.0,
            }
            data = json.dumps(body, separators=(",", ":")).encode()
            async with session.post(f"{url}/chat/completions", data=data) as reply:
                json.loads(await reply.read())

    connector = aiohttp.TCPConnector(limit=in_flight)
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        start = time.perf_counter()
        await asyncio.gather(*(lane(session) for _ in range(in_flight)))
        return time.perf_counter() - start


@dataclass(frozen=True)
class Bare:
    """What a bare aiohttp loop takes for the same calls.

    Args:
        wall, cpu: seconds.
        body: bytes of one.
    """

    wall: float
    cpu: float
    body: float


def ceiling(server: measure.Server, samples: int, in_flight: int) -> Bare:
    """A bare client's ``samples`` calls, in this process."""
    calls = min(samples, CEILING_CALLS)
    server.reset()
    before = time.process_time()
    took = asyncio.run(_ceiling(server.url, calls, in_flight))
    cpu = time.process_time() - before
    return Bare(took * samples / calls, cpu * samples / calls, server.stats()["body_bytes"] / calls)


def line(name: str, value: str, note: str = "") -> None:
    """One line of a table."""
    print(f"{name:30}{value:>14}   {note}".rstrip(), flush=True)


def show(done: Finished, limit: float, bare: Bare | None = None) -> None:
    """Print what one run took, as ratios where there is something to divide by."""
    used, seen = done.used, done.seen
    ratios = [f"{used.wall / bare.wall:.2f} x the ceiling"] if bare else []
    ratios += [f"{used.wall / limit:.2f} x the limit"] if limit else []
    line("whole command", f"{used.wall:.2f} s", ", ".join(ratios))
    share = f"{100 * done.calls_per_second * bare.wall / done.samples:.0f} % of it" if bare else ""
    line("calls/s while asking", f"{done.calls_per_second:.0f}", share)
    most = f"{seen['most_in_flight']} in flight at most, {seen['connections']} connections"
    line("calls", f"{seen['requests']}", most)
    times = f"{used.cpu / bare.cpu:.1f} x the bare client" if bare else ""
    line("CPU per 1,000 samples", f"{done.cpu_per_1000:.3f} s", times)
    line("peak memory", f"{used.peak_mb:.0f} MB")
    sizes = {path.name: path.stat().st_size for path in done.folder.rglob("*") if path.is_file()}
    per_1000 = {name: size / 1024 * 1000 / done.samples for name, size in sizes.items()}
    files = sorted(per_1000.items(), key=lambda pair: -pair[1])
    note = ", ".join(f"{name} {size:.0f}" for name, size in files if size >= 0.5)
    line("on disk per 1,000 samples", f"{sum(per_1000.values()):.0f} kB", note)


def show_load(folder: Path) -> None:
    """Print how long the samples take into a data frame, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)], check=True, capture_output=True, text=True
    )
    rows, median, first = json.loads(done.stdout)
    line("samples into pandas", f"{median:.3f} s", f"{rows} rows, the first time {first:.3f} s")


def whole(options: argparse.Namespace, folder: Path) -> None:
    """One run beside its ceiling; with --faults a second one with mixed faults."""
    samples, in_flight = options.samples, options.in_flight
    limit = samples * options.latency / in_flight
    with measure.serving(options.latency) as server:
        bare = ceiling(server, samples, in_flight)
        done = run(folder / "plain", samples, server, in_flight)
    line("limit", f"{limit:.2f} s", f"{samples} calls, {options.latency:g} s, {in_flight} at once")
    cost = f"{samples / bare.wall:.0f} calls/s, {1000 * bare.cpu / samples:.3f} CPU s per 1,000"
    line("ceiling: bare aiohttp", f"{bare.wall:.2f} s", cost)
    sent = done.seen["body_bytes"] / done.seen["requests"]
    line("bytes of a body", f"{sent:.1f}", f"{bare.body:.1f} in the ceiling")
    show(done, limit, bare)
    show_load(done.folder)
    line("accuracy", "as it must be", f"{suite.count_right(samples)} of {samples}")
    if not options.faults:
        return
    print(f"\nwith faults: {MIXED} (percent), timeout {TIMEOUT:g} s", flush=True)
    # the same port: the endpoint is part of the model's identity
    with measure.serving(options.latency, "--faults", MIXED, port=server.port) as faulty:
        again = run(folder / "faults", samples, faulty, in_flight, timeout_first_byte=TIMEOUT)
    show(again, limit)
    slower = f"{again.used.wall - done.used.wall:.2f} s more than without"
    line("replies", f"{again.seen['requests']}", _counts(again.seen["replies"]))
    line("wall", f"{again.used.wall / done.used.wall:.2f} x", slower)
    cards = [(run.folder / "scorecard.json").read_bytes() for run in (done, again)]
    if cards[0] != cards[1]:
        raise WrongError("the scorecard differs from the fault-free one")
    line("scorecard.json", "same bytes", f"{samples} of {samples} measured, as without faults")


def _counts(replies: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in sorted(replies.items()))


def scaling(options: argparse.Namespace, folder: Path) -> None:
    """CPU seconds per 1,000 samples at growing sizes: equal where the cost is linear."""
    print(f"{'samples':>9}{'wall':>10}{'CPU/1,000':>12}{'of the further':>16}{'peak':>9}")
    before: Finished | None = None
    with measure.serving(0.0) as server:
        for samples in options.sizes:
            done = run(folder / str(samples), samples, server, options.in_flight)
            further = ""
            if before is not None:
                cpu = done.used.cpu - before.used.cpu
                further = f"{1000 * cpu / (samples - before.samples):.3f} s"
            print(
                f"{samples:9}{done.used.wall:8.1f} s{done.cpu_per_1000:10.3f} s{further:>16}"
                f"{done.used.peak_mb:6.0f} MB",
                flush=True,
            )
            before = done


def memory(options: argparse.Namespace, folder: Path) -> None:
    """Peak memory at a tenth of the samples and at all of them."""
    with measure.serving(0.0) as server:
        small, large = (
            run(folder / str(samples), samples, server, options.in_flight)
            for samples in (max(1, options.memory // 10), options.memory)
        )
    for done in (small, large):
        speed = f"{done.used.wall:.1f} s, {done.cpu_per_1000:.3f} CPU s per 1,000"
        line(f"peak, {done.samples} samples", f"{done.used.peak_mb:.0f} MB", speed)
    grown = (large.used.peak_mb - small.used.peak_mb) / (large.samples - small.samples)
    line("growth per 100,000", f"{100_000 * grown:.1f} MB")


def kill(options: argparse.Namespace, folder: Path) -> None:
    """Kill the command with SIGKILL at half of its calls and run it again."""
    samples, in_flight = options.samples, options.in_flight
    with measure.serving(options.latency) as server:
        config = configure(folder, samples, server.url, in_flight)
        command = measure.evaluate(config, folder / "out")
        process = subprocess.Popen(command)
        while server.stats()["requests"] < samples // 2:
            if process.poll() is not None:
                raise WrongError(f"the run ended with {process.returncode} before the kill")
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed = server.stats()
        used = measure.run(command)
        seen = server.stats()
    if used.code:
        raise WrongError(f"the resumed run ended with exit code {used.code}, not 0")
    check_score(measure.run_folder(folder / "out"), samples)
    if seen["asked_again"] > in_flight or seen["prompts_answered"] != samples:
        raise WrongError(f"{in_flight} in flight, but the server saw {seen}")
    line("calls before the kill", f"{killed['requests']}", _counts(killed["replies"]))
    line("calls in all", f"{seen['requests']}", f"for {samples} samples")
    line("asked twice", f"{seen['asked_again']}", f"{in_flight} were in flight at most")
    line("answered twice", f"{seen['answered_again']}", "answers that had come, and were lost")
    line("never answered", f"{samples - seen['prompts_answered']}")
    line("resumed run", f"{used.wall:.2f} s", "score as it must be")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds (default 0.05)")
    parser.add_argument("--in-flight", type=int, default=64)
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--faults", action="store_true", help="a second run with mixed faults")
    part.add_argument("--scaling", action="store_true", help="growing sizes at 0 ms")
    part.add_argument("--memory", type=int, nargs="?", const=1_000_000, metavar="N")
    part.add_argument("--kill", action="store_true", help="kill -9 at half, and resume")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="of --scaling")
    return parser.parse_args(arguments)


def main() -> int:
    """Run the part that is asked for; 1 if a score is wrong."""
    options = parse()
    part = whole
    if options.scaling:
        part = scaling
    elif options.memory:
        part = memory
    elif options.kill:
        part = kill
    with tempfile.TemporaryDirectory() as name:
        try:
            part(options, Path(name))
        except WrongError as fault:
            print(f"WRONG: {fault}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
