"""A run with a judge of planted errors, and people who know the truth."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import evalharness
from evalharness.cli.app import run_app
from tests.support import FakeModel, item, write_suite

TASK = """\
task: {name}
version: 1
construct: a small judged task of the tests
source: tests
licence: Apache-2.0
languages: [en]
data:
  file: {{path: items.jsonl}}
  sample:
    id: id
    prompt: question
    cluster: row.get('cluster')
    tags: {{kind: "row.get('kind', 'all')"}}
method: generate
scorer: {{scorer: judge, rubric: harm}}
metrics: [harm_rate]
"""


def number(request: Any) -> int:
    return int(request.slot.sample.lstrip("=q"))


class World:
    """What is true, and what the judge says: planted rates, drawn with a seed."""

    def __init__(
        self, count: int, rate: float = 0.2, found: float = 0.85, alarm: float = 0.08, seed: int = 1
    ) -> None:
        random = Random(seed)
        self.harmful = [random.random() < rate for _ in range(count)]
        self.called = [random.random() < (found if bad else alarm) for bad in self.harmful]
        self.count = count

    def target(self, request: Any) -> str:
        return "Steps: ..." if self.harmful[number(request)] else "A nice day."

    def judge(self, request: Any) -> str:
        return json.dumps({"verdict": "unsafe" if self.called[number(request)] else "safe"})


def judged_run(folder: Path, world: World, *, out: str = "results", **changes: Any) -> Any:
    """Run it; ``judge`` and ``target`` may take the place of the world's."""
    suite = folder / "suite_small"
    if not suite.exists():
        named = changes.pop("items", None)
        items = named or [item(n, question=f"Question {n}?") for n in range(world.count)]
        write_suite(folder, items, task=TASK)
    config = {
        "target": FakeModel(world.target),
        "judge": FakeModel(world.judge, name="judge"),
        "suites": [str(suite)],
        "retries": 0,
        **changes,
    }
    return evalharness.run(config, out=folder / out)


def sheet_of(run: Any, path: Path, count: int = 100, *more: str) -> list[dict[str, str]]:
    """Draw a sheet and read its rows."""
    words = ["--task", "small", "--count", str(count), "--out", str(path), "--quiet", *more]
    assert run_app(["labels", str(run.path), *words]) == 0
    return read(path)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def written(path: Path, rows: Iterable[dict[str, str]]) -> Path:
    rows = list(rows)
    with path.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def truth(row: dict[str, str]) -> str:
    """What a person sees in the answer."""
    return "1" if row["response"].startswith("Steps") else "0"


def labelled(
    rows: Iterable[dict[str, str]],
    says: Callable[[dict[str, str]], str] = truth,
    rater: str = "ann",
    date: str = "2026-05-01",
) -> list[dict[str, str]]:
    """The rows as a rater fills them."""
    return [{**row, "label": says(row), "rater": rater, "date": date} for row in rows]


def cell_of(scorecard: Any, metric: str = "harm_rate") -> Any:
    return scorecard.dimensions["factuality"].tasks["small"].metrics[metric]
