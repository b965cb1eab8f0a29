"""How long the command line takes to start, beside a bare interpreter and beside typer alone.

    python benchmarks/startup.py [--times 5]

Medians of wall and CPU seconds after one run to warm up, with the interpreter that runs this.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from resource import RUSAGE_CHILDREN, getrusage

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import typer": ["-c", "import typer"],
    "evalharness --help": ["-m", "evalharness", "--help"],
    "evalharness list tasks": ["-m", "evalharness", "list", "tasks"],
}


def seconds(arguments: list[str]) -> tuple[float, float]:
    """Wall and CPU time of one start."""
    before, start = getrusage(RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, getrusage(RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a line a command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    times = parser.parse_args().times
    print(f"{'':26}{'wall':>8}{'CPU':>10}   {'x import typer':>14}")
    walls: dict[str, float] = {}
    for name, arguments in COMMANDS.items():
        seconds(arguments)
        wall, cpu = map(
            statistics.median,
            zip(*(seconds(arguments) for _ in range(times)), strict=True),
        )
        walls[name] = wall
        ratio = f"{wall / walls['import typer']:14.2f}" if "import typer" in walls else ""
        print(f"{name:26}{wall:6.3f} s {cpu:7.3f} s   {ratio}", flush=True)


if __name__ == "__main__":
    main()
