"""The engine against its limit: short questions to a model that takes 50 ms, 64 in flight.

    python benchmarks/engine.py [--samples 10000] [--latency 0.05] [--concurrency 64]

The limit is samples x latency / concurrency: nothing can be faster. Prints the ratio of the whole
command and of the asking alone to it, CPU seconds and kilobytes on disk per 1,000 samples, and the
peak memory. The model is a coroutine in the same process, so its own cost (a timer) is included.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import measure
import suite

APP = """\
import asyncio

async def answer(prompt):
    await asyncio.sleep({latency})
    return "A"
"""


def write(folder: Path, samples: int, latency: float, concurrency: int) -> Path:
    """A suite of ``samples`` questions, an application and a configuration; the last one's path."""
    (folder / "app.py").write_text(APP.format(latency=latency))
    target = {"adapter": "function", "path": "./app.py:answer", "concurrency": concurrency}
    return suite.write(folder, samples, target)


def main() -> None:
    """Run once and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--concurrency", type=int, default=64)
    options = parser.parse_args()
    limit = options.samples * options.latency / options.concurrency
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = write(folder, options.samples, options.latency, options.concurrency)
        used = measure.run(measure.evaluate(config, folder / "results"))
        if used.code:
            raise SystemExit(f"evalharness run ended with exit code {used.code}")
        run = measure.run_folder(folder / "results")
        asking = json.loads((run / "summary.json").read_text())["seconds"]
        disk = sum(path.stat().st_size for path in run.iterdir())
    thousands = options.samples / 1000
    print(f"limit                      {limit:8.2f} s")
    print(f"whole command              {used.wall:8.2f} s   {used.wall / limit:5.2f} x the limit")
    print(f"asking and writing         {asking:8.2f} s   {asking / limit:5.2f} x the limit")
    print(f"CPU per 1,000 samples      {used.cpu / thousands:8.2f} s")
    print(f"on disk per 1,000 samples  {disk / 1024 / thousands:8.0f} kB")
    print(f"peak memory                {used.peak_mb:8.0f} MB")


if __name__ == "__main__":
    main()
