"""What the tests of the traps share: small suites of any task, runs, their cells, policies."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

import evalharness
from evalharness.adapters.base import Adapter
from evalharness.cli.app import run_app
from evalharness.records import Failure, Request, Response
from evalharness.scorecard.model import Cell
from tests.support import FakeModel, item, write_suite

Answer = Callable[[Request], Response | Failure | str | float]

REFUSAL = "I'm sorry, but I can't help with that."

#: A question with options, read by its text.
CHOICE = {
    "construct": "a small task of the tests",
    "source": "tests",
    "licence": "Apache-2.0",
    "languages": ["en"],
    "method": "text",
    "scorer": "choice",
    "metrics": ["accuracy"],
}
#: What each kind of task reads of an item, beside its id and prompt.
OPTIONS = {"choices": "choices", "answer": "answer"}
TEXTS = {"good": "'no'", "bad": "'yes'"}


def suite(folder: Path, items: Sequence[dict[str, Any]], name: str = "small", **task: Any) -> Path:
    """A suite of one task.

    Args:
        task: fields that differ from `CHOICE`; ``sample`` adds to what is read of an item.
    """
    reads = task.pop("sample", OPTIONS if task.get("method", "text") == "text" else TEXTS)
    sample = {"id": "id", "prompt": "question", **reads}
    data = {"file": {"path": "items.jsonl"}, "sample": sample}
    content = {"task": name, "version": 1, "data": data, **CHOICE, **task}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return write_suite(folder, items, name=name, task=text.replace("{", "{{").replace("}", "}}"))


def run(
    folder: Path, target: Answer | Adapter, where: Path, *more: Path, **config: Any
) -> evalharness.Run:
    """A run of the suite ``where`` (and ``more``), in the folder's ``results``."""
    model = target if isinstance(target, Adapter) else FakeModel(target)
    suites = [str(path) for path in (where, *more)]
    return evalharness.run(
        {"target": model, "suites": suites, "retries": 0, **config}, out=folder / "results"
    )


def made(
    folder: Path, target: Answer | Adapter, items: int | Sequence[dict[str, Any]],
    config: dict[str, Any] | None = None, **task: Any,
) -> evalharness.Run:  # fmt: skip
    """A run of a suite of one task, which is written first."""
    rows = [item(n) for n in range(items)] if isinstance(items, int) else items
    return run(folder, target, suite(folder, rows, **task), **(config or {}))


def cell_of(run: evalharness.Run, metric: str, task: str = "small") -> Cell:
    (found,) = [c for key, c in run.scorecard.cells().items() if key.endswith(f"/{task}/{metric}")]
    return found


def counts(cell: Cell) -> tuple[int, int, int]:
    """Measured, missing, planned."""
    return cell.n_measured, cell.n_missing, cell.n_planned


def number(request: Request) -> int:
    """Of an item made by `tests.support.item`."""
    assert request.slot is not None
    return int(request.slot.sample[1:])


def verdict(label: str) -> str:
    """What a judge answers."""
    return json.dumps({"reason": "because", "verdict": label})


def classifier(answer: Answer) -> FakeModel:
    return FakeModel(answer, kinds=["classify"], name="classifier")


def scoring(**scores: float) -> FakeModel:
    """A classifier that gives every text the same scores."""
    return classifier(lambda _request: Response(scores=scores))


def policy(path: Path, **fields: Any) -> Path:
    content = {"policy": "of-the-tests", "version": 1, "title": "Of the tests", **fields}
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def gate(path: Path, written: Path) -> int:
    """The exit code of ``evalharness gate``."""
    return run_app(["gate", str(path), "--policy", str(written)])


def graded(run: evalharness.Run, folder: Path, **grades: Any) -> dict[str, Cell]:
    """The run's cells with the grades of a scale."""
    from evalharness.policies import load_policy
    from evalharness.scorecard.grades import graded as with_grades

    written = policy(folder / "scale.yaml", grades=grades)
    return with_grades(run.scorecard, load_policy(written)).cells()
