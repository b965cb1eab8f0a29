"""The run whose answers people labelled, as far as labels need it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError
from evalharness.scorecard.people import Key
from evalharness.scorecard.rows import task_parts
from evalharness.store.directory import RunDirectory
from evalharness.tasks.planned import PlannedTask

__all__ = ["Source"]


@dataclass(frozen=True, eq=False)
class Source:
    """A finished run."""

    directory: RunDirectory
    run: Mapping[str, Any]

    @classmethod
    def of(cls, path: Path) -> Source:
        """The run of a folder.

        Raises:
            RunError: it is missing, holds no run, or one that was not finished.
        """
        directory = RunDirectory.existing(path)
        directory.require_finished()
        return cls(directory, directory.read_json(directory.run_json))

    @property
    def path(self) -> Path:
        return self.directory.path

    @property
    def samples(self) -> Path:
        return self.directory.samples

    @cached_property
    def tasks(self) -> dict[str, PlannedTask]:
        return {n: PlannedTask.from_json(n, data) for n, data in self.run["tasks"].items()}

    @property
    def first(self) -> str:
        """The measurement of the run itself, also where this is a later scoring of it.

        They share all answers, and so all draws.
        """
        before = self.run.get("rescored_from") or self.run
        found: str = before.get("first", before["measurement"])
        return found

    def verdicts(self, task: str, score: str) -> dict[Key, dict[str, Any]]:
        """What the scorer found in each answer: outcome, verdict, tags, cluster."""
        column = f"score_{score}"
        names = ["sample_id", "epoch", "generation", "outcome", "tags", "cluster", column]
        found: dict[Key, dict[str, Any]] = {}
        for part in task_parts(self.samples, task, lambda name: name in names):
            there = [name for name in names if name in part.column_names]
            columns = [part[name].to_pylist() for name in there]
            for row in zip(*columns, strict=True):
                values = dict(zip(there, row, strict=True))
                key = (values["sample_id"], values["epoch"], values["generation"])
                found[key] = {
                    "outcome": values["outcome"],
                    "verdict": values.get(column),
                    "tags": json.loads(values["tags"]),
                    "cluster": values["cluster"],
                }
        return found

    def check_same_scorer(self, task: PlannedTask) -> None:
        """Make sure that the answers were judged by the scorer whose errors are asked about.

        Raises:
            ConfigError: the run does not have the task, or another scorer or judge.
        """
        own = self.tasks.get(task.name)
        if own is None:
            raise ConfigError(f"{self.path} has no task '{task.name}'; name the run labelled")
        if own.protocol["scorer"] != task.protocol["scorer"]:
            raise ConfigError(
                f"{self.path} scored {task.name} by another scorer, judge or classifier; its "
                "errors are not those of this run's. Score that run again with this one first"
            )
