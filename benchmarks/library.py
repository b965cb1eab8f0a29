"""`evalharness.load_runs` of many runs, and DataFrames of many samples: seconds and memory.

    python benchmarks/library.py [--runs 50] [--samples 100000]

The quickstart runs once on the bundled model; its folder is copied, and each copy gets a
samples.parquet of its own with that many rows. Ends with 1 where a limit does not hold: two seconds
for the runs with their table of figures; and, of samples in chunks, memory that does not grow with
their number (at most a quarter more for four times as many runs).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

#: Seconds for all runs with their figures; growth of memory for four times as many samples.
LIMIT_S, GROWTH = 2.0, 1.25

_CODE = {
    "figures": "runs = evalharness.load_runs(*sys.argv[1:]); n = len(runs.metrics)",
    "counts": "n = len(evalharness.load_runs(*sys.argv[1:]).samples.where(outcome='refused'))",
    "chunks": "n = sum(map(len, evalharness.load_runs(*sys.argv[1:]).samples.frames()))",
    "one frame": "n = len(evalharness.load_run(sys.argv[1]).samples.to_frame())",
    "one flat frame": "n = len(evalharness.load_run(sys.argv[1]).samples.to_frame(flat=True))",
}
#: The peak is asked of the kernel for this program alone: getrusage's is that of the parent, too.
_PROGRAM = """
import json, sys, time
import evalharness, pandas, pyarrow.parquet
from evalharness.runs import load_runs
from evalharness.reports import notebook
def peak():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
start, before = time.perf_counter(), peak()
{code}
print(json.dumps(dict(n=n, s=time.perf_counter() - start, mb=peak() - before)))
"""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--samples", type=int, default=100_000)
    chosen = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        runs = made(Path(folder), chosen.runs, chosen.samples)
        few = runs[: max(len(runs) // 4, 1)]
        lines = {
            "figures": measured("figures", runs),
            "counts": measured("counts", runs),
            "one frame": measured("one frame", runs[:1]),
            "one flat frame": measured("one flat frame", runs[:1]),
            "chunks, a quarter of the runs": measured("chunks", few),
            "chunks, all runs": measured("chunks", runs),
        }
    print(f"{chosen.runs} runs of {chosen.samples:,} samples; imports are not counted")
    for name, found in lines.items():
        print(f"{name:30} {found['n']:>10,} rows {found['s']:7.2f} s {found['mb']:7.0f} MB more")
    part, whole = lines["chunks, a quarter of the runs"], lines["chunks, all runs"]
    flat = whole["mb"] <= max(part["mb"] * GROWTH, part["mb"] + 20)
    in_time = lines["figures"]["s"] <= LIMIT_S
    print(f"figures within {LIMIT_S:g} s: {in_time}; chunks in flat memory: {flat}")
    return 0 if in_time and flat else 1


def made(folder: Path, count: int, samples: int) -> list[Path]:
    """The runs: copies of one, with samples of that number each."""
    import evalharness

    first = evalharness.run("quickstart", out=folder / "first")
    rows(first.path / "samples.parquet", folder / "samples.parquet", samples)
    paths = []
    for number in range(count):
        paths.append(folder / "results" / f"run-{number:03d}")
        shutil.copytree(first.path, paths[-1], ignore=shutil.ignore_patterns("*.sqlite"))
        shutil.copyfile(folder / "samples.parquet", paths[-1] / "samples.parquet")
    return paths


def rows(source: Path, target: Path, count: int) -> None:
    """The rows of a run, again and again, with answers that differ."""
    import pyarrow.parquet as pq

    from evalharness.store.samples import SamplesWriter

    table = pq.read_table(source)
    scores = [name.removeprefix("score_") for name in table.column_names if "score_" in name]
    plain = table.to_pylist()
    with SamplesWriter(target, scores) as writer:
        for start in range(0, count, 10_000):
            writer.write(
                [
                    {**plain[n % len(plain)], "sample_id": f"s{n}", "response": f"answer {n} " * 5}
                    for n in range(start, min(start + 10_000, count))
                ]
            )


def measured(name: str, runs: list[Path]) -> dict[str, Any]:
    """One measurement in a process of its own."""
    program = _PROGRAM.format(code=_CODE[name])
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, runs)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
