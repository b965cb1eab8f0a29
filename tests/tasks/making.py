"""Small tasks in a folder, for the tests of loading, data and rendering."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from evalharness.records import Sample
from evalharness.tasks.data import open_data
from evalharness.tasks.definition import MethodName, TaskDefinition
from evalharness.tasks.library import Task
from evalharness.tasks.render import Renderer

SAMPLE = {"prompt": "q", "choices": "opts", "answer": "a"}


def fields(**changes: Any) -> dict[str, Any]:
    """A task's definition as plain data; a change to None leaves the field out."""
    definition = {
        "task": "small",
        "version": 1,
        "construct": "a small task of the tests",
        "source": "tests",
        "licence": "Apache-2.0",
        "languages": ["en", "zh"],
        "data": {"supplied": "rows", "sample": dict(SAMPLE)},
        "method": ["letter", "loglikelihood", "text", "generate"],
        "scorer": "choice",
        "metrics": ["accuracy"],
    }
    return {key: value for key, value in {**definition, **changes}.items() if value is not None}


def task(folder: Path = Path(), **changes: Any) -> Task:
    definition = TaskDefinition.model_validate(fields(**changes))
    return Task(definition, folder, "factuality", "suite", "tests")


def rendered(
    rows: Sequence[Mapping[str, Any]],
    method: MethodName = "letter",
    *,
    seed: int = 1,
    sample: Mapping[str, Any] | None = None,
    **changes: Any,
) -> list[Sample]:
    """The samples of supplied rows."""
    data = {"supplied": "rows", "sample": {**SAMPLE, **(sample or {})}}
    made = task(**{"data": data, **changes})
    dataset = open_data(made, data_root=None, supplied=rows)
    return list(Renderer(made, dataset, method, seed).samples())


def row(number: int = 0, **more: Any) -> dict[str, Any]:
    return {"q": f"Question {number}?", "opts": ["red", "green", "blue"], "a": 1, **more}


def write_task(suite: Path, name: str = "small", **changes: Any) -> Path:
    """Write a task's folder with one row, and the suite's file where it is missing."""
    folder = suite / name
    folder.mkdir(parents=True)
    if not (suite / "suite.yaml").exists():
        head = {
            "suite": suite.name, "version": 1, "dimension": "bias", "title": "Mine",
            "construct": "mine", "headline": [f"{name}/accuracy"],
        }  # fmt: skip
        (suite / "suite.yaml").write_text(yaml.safe_dump(head), encoding="utf-8")
    data = {"file": {"path": "items.jsonl"}, "sample": SAMPLE}
    definition = fields(**{"task": name, "data": data, **changes})
    (folder / "task.yaml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    (folder / "items.jsonl").write_text(json.dumps(row()) + "\n", encoding="utf-8")
    return suite
