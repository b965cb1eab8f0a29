"""`evalharness compare` of many large runs: wall seconds and peak memory, against the limits.

    python benchmarks/compare.py [--runs 10] [--samples 100000] [--rank]

A small run is made once; its folder is copied, and each copy gets a samples.parquet of its own with
planted rates, and the scorecard and manifest of that. Three tasks share the samples: one without
clusters (McNemar), one with 500 clusters and slices (sign flips), one whose figures are no means
(largest gap, balanced accuracy: paired bootstrap). Ends with 1 where a limit (10 s and 2 GB, of the
full size) does not hold, or a run is not found to be better than the first one, as planted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measure

SUITE = """\
suite: bench_compare
version: 1
dimension: factuality
title: Bench
construct: rows for a measurement of speed
headline: [single/accuracy]
"""
TASK = """\
task: {name}
version: 1
construct: rows for a measurement of speed
source: made by benchmarks/compare.py
licence: Apache-2.0
languages: [en]
data:
  file: {{path: items.jsonl}}
  sample:
    id: id
    prompt: question
    choices: choices
    answer: answer
    cluster: row.get('cluster')
    tags: {{topic: topic, label: label}}
method: letter
scorer: choice
{more}
"""
#: Task -> what its definition says of metrics and slices, and whether it has clusters.
TASKS = {
    "single": ("metrics: [accuracy, abstention_rate]", False),
    "clustered": ("metrics: [accuracy, abstention_rate]\nslices: [topic]", True),
    "figures": ("metrics: [accuracy, balanced_accuracy, {metric: accuracy_gap, by: topic}]", True),
}
CONFIG = {"name": "bench", "target": {"adapter": "function", "path": "./app.py:answer"}}
TOPICS, CLUSTERS = "abcde", 500
SECONDS, MEGABYTES = 10.0, 2048.0


def write_suite(folder: Path) -> Path:
    """A suite of the three tasks with a handful of items, and its configuration."""
    suite = folder / "bench_compare"
    for name, (more, _) in TASKS.items():
        task = suite / name
        task.mkdir(parents=True)
        (task / "task.yaml").write_text(TASK.format(name=name, more=more))
        rows = [
            {"id": f"q{n}", "question": f"Number {n}?", "choices": ["yes", "no"], "answer": 0,
             "topic": TOPICS[n % 5], "label": "pn"[n % 2], "cluster": f"c{n}"}
            for n in range(20)
        ]  # fmt: skip
        (task / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (suite / "suite.yaml").write_text(SUITE)
    (folder / "app.py").write_text("def answer(prompt):\n    return 'A'\n")
    config = folder / "run.yaml"
    config.write_text(json.dumps(CONFIG | {"suites": ["./bench_compare"]}))
    return config


def rows(samples: int, run: int) -> Iterator[dict[str, Any]]:
    """Rows whose accuracy rises with the run's number, from .6 in steps of .01."""
    import numpy as np

    draw, shared = np.random.default_rng(run), np.random.default_rng(10_000)
    for name, (_, clustered) in TASKS.items():
        for n in range(samples // len(TASKS)):
            hard = shared.random()
            right = hard < 0.6 + 0.01 * run if draw.random() < 0.8 else draw.random() < 0.6
            yield {
                "task": name, "dimension": "factuality", "sample_id": f"q{n:07d}",
                "outcome": "answered", "answer": "A", "response": "A", "prompt": f"Number {n}?",
                "cluster": f"c{n % CLUSTERS}" if clustered else None, "language": "en",
                "tags": json.dumps({"label": "pn"[n % 2], "topic": TOPICS[n % 5]}),
                "target": "{}", "epoch": 0, "generation": 0, "score_correct": float(right),
                "score_chosen": float(not right),
            }  # fmt: skip


def make_run(first: Path, folder: Path, samples: int, number: int) -> None:
    """A finished run of so many samples, from a small one of the same tasks."""
    from evalharness import pipeline
    from evalharness.store.directory import RunDirectory
    from evalharness.store.samples import SamplesWriter

    shutil.copytree(first, folder)
    directory = RunDirectory(folder)
    info = directory.read_json(directory.run_json)
    for task in info["tasks"].values():
        task["n_planned"] = task["n_available"] = samples // len(TASKS)
    directory.write_json(directory.run_json, info)
    with SamplesWriter(directory.samples, ("correct", "chosen", "unknown")) as writer:
        waiting: list[dict[str, Any]] = []
        for row in rows(samples, number):
            waiting.append(row)
            if len(waiting) == 10_000:
                writer.write(waiting)
                waiting = []
        writer.write(waiting)
    scorecard = pipeline.scorecard_of(directory)
    directory.write_json(directory.scorecard, scorecard.model_dump(mode="json", by_alias=True))
    directory.seal()


def made(folder: Path, runs: int, samples: int) -> list[Path]:
    """The runs, made in a process of its own, so that measuring starts small."""
    code = "import compare, sys; compare.make_all(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(folder), str(runs), str(samples)]
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path})
    return [folder / f"run-{number}" for number in range(runs)]


def make_all(folder: str, runs: str, samples: str) -> None:
    """Write every run below ``folder``."""
    import evalharness

    base = Path(folder)
    config = write_suite(base)
    first = evalharness.run(config, out=base / "results").path
    for number in range(int(runs)):
        make_run(first, base / f"run-{number}", int(samples), number)


def main() -> None:
    """Make the runs, compare them, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--rank", action="store_true", help="rank them by the headline, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = made(folder, options.runs, options.samples)
        command = [sys.executable, "-m", "evalharness", "compare", *map(str, paths)]
        command += ["--html", str(folder / "page.html"), "--quiet"]
        command += ["--rank", "headlines"] if options.rank else []
        used = measure.run(command)
        page = (folder / "page.html").read_text() if not used.code else ""
    print(f"{options.runs} runs of {options.samples:,} samples")
    print(f"wall          {used.wall:8.2f} s    limit {SECONDS:.0f} s")
    print(f"CPU           {used.cpu:8.2f} s")
    print(f"peak memory   {used.peak_mb:8.0f} MB   limit {MEGABYTES:.0f} MB")
    print(f"page          {len(page) / 1024:8.0f} kB")
    if used.code:
        raise SystemExit(f"evalharness compare ended with exit code {used.code}")
    if "better" not in page or ">worse<" in page:
        print("WRONG: the last run is the best one, as planted")
        raise SystemExit(1)
    if used.wall > SECONDS or used.peak_mb > MEGABYTES:
        print("beyond a limit")
        raise SystemExit(1)


if __name__ == "__main__":
    main()
