"""Verifies a run from its records alone: digests, counts, and every figure derived again.

It reads with the run's own definitions (run.json, the journal's planned samples), asks no model
and changes nothing in the run's folder.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness import pipeline
from evalharness.engine.drive import drive
from evalharness.engine.plan import measurement_of
from evalharness.errors import EvalHarnessError
from evalharness.records import Role
from evalharness.store.directory import RunDirectory
from evalharness.store.journal import Journal
from evalharness.store.samples import TIMING_COLUMNS
from evalharness.tasks.planned import PlannedTask

__all__ = ["Check", "verify_run"]


@dataclass(frozen=True)
class Check:
    """One thing that must hold, and what speaks against it."""

    name: str
    faults: list[str]


def verify_run(directory: RunDirectory) -> list[Check]:
    """All checks; a check that could not be made has that as its fault."""
    if not directory.is_finished:
        reason = "it was not finished: there is no manifest.json; run its config again to resume"
        return [Check("the run is whole", [reason])]
    checks = [_check("every file is as the manifest recorded it", directory.check_seal)]
    run: dict[str, Any] = {}
    journal: Journal | None = None
    try:
        run = directory.read_json(directory.run_json)
        tasks = pipeline.tasks_of(run)
        journal = Journal(directory.journal, sealed=True)
        opened = journal
        checks += [
            _check("protocol ids follow from their parts", lambda: _protocols(run, tasks)),
            _check(
                "models and settings are those of the measurement", lambda: _measurement(run, tasks)
            ),
            _check("the planned items have the recorded digests", lambda: _items(opened, tasks)),
            _check("every answer belongs to a planned sample", lambda: _answers(opened)),
            _check(
                "each sample stands once for each epoch and generation",
                lambda: _counts(directory, opened, tasks),
            ),
            _check(
                "scoring the recorded answers again gives the same rows",
                lambda: _rows(directory, opened, run, tasks),
            ),
            _check(
                "aggregating the rows again gives the same scorecard",
                lambda: _scorecard(directory),
            ),
        ]
    except (EvalHarnessError, KeyError, TypeError, ValueError) as fault:
        checks.append(Check("the records can be read", [f"{type(fault).__name__}: {fault}"]))
    finally:
        if journal is not None:
            journal.close()
    return checks


def _check(name: str, work: Callable[[], list[str]]) -> Check:
    try:
        return Check(name, work())
    except Exception as fault:  # noqa: BLE001 - damaged records can fail in any way; that is a fault
        return Check(name, [f"could not be checked: {type(fault).__name__}: {fault}"])


def _protocols(run: dict[str, Any], tasks: list[PlannedTask]) -> list[str]:
    return [
        f"{task.name}: the parts give {task.protocol_id[:12]}, run.json says otherwise"
        for task in tasks
        if not (
            task.protocol_id
            == run["protocols"][task.name]
            == run["tasks"][task.name]["protocol_id"]
        )
    ]


def _measurement(run: dict[str, Any], tasks: list[PlannedTask]) -> list[str]:
    found = measurement_of(tasks, run["models"], sorted(run["unavailable"]), run["settings"])
    faults = []
    if found != run["measurement"]:
        faults.append(
            f"protocols, models and settings give {found[:12]}, run.json says "
            f"{str(run['measurement'])[:12]}"
        )
    if run["seed"] != run["settings"]["seed"]:
        faults.append(f"seed: {run['seed']}, but {run['settings']['seed']} in the settings")
    return faults


def _items(journal: Journal, tasks: list[PlannedTask]) -> list[str]:
    faults = []
    for task in tasks:
        hasher = hashlib.sha256()
        count = 0
        for sample in journal.samples(task.name):
            data = sample.protocol_bytes()
            hasher.update(b"%d:" % len(data))
            hasher.update(data)
            count += 1
        if hasher.hexdigest() != task.protocol["items"]:
            faults.append(f"{task.name}: the journal's items are not those of the protocol")
        if count != task.n_planned:
            faults.append(f"{task.name}: {count} items planned, run.json says {task.n_planned}")
    return faults


def _answers(journal: Journal) -> list[str]:
    planned = journal.planned()
    return sorted(
        {
            f"{task}/{sample}: answered, but never planned"
            for task, sample, *_ in journal.slots()
            if (task, sample) not in planned
        }
    )


def _counts(directory: RunDirectory, journal: Journal, tasks: list[PlannedTask]) -> list[str]:
    import pyarrow.parquet as pq

    columns = ["task", "sample_id", "epoch", "generation"]
    table = pq.read_table(directory.samples, columns=columns)
    found = list(zip(*(table[name].to_pylist() for name in columns), strict=True))
    expected = {
        (task.name, sample.id, epoch, generation)
        for task in tasks
        for sample in journal.samples(task.name)
        for epoch in range(task.epochs)
        for generation in range(1 if task.method == "loglikelihood" else task.generations)
    }
    twice = [key for key, count in Counter(found).items() if count > 1]
    faults = [f"{'/'.join(map(str, key))}: stands twice" for key in sorted(twice)]
    faults += [f"{'/'.join(map(str, key))}: missing" for key in sorted(expected - set(found))]
    return faults + [
        f"{'/'.join(map(str, key))}: not planned" for key in sorted(set(found) - expected)
    ]


def _rows(
    directory: RunDirectory, journal: Journal, run: dict[str, Any], tasks: list[PlannedTask]
) -> list[str]:
    import pyarrow.parquet as pq

    identities: dict[Role, Any] = run["models"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.parquet"
        pipeline.run_to_end(
            drive(
                journal,
                [(task, pipeline.scorer_of(task)) for task in tasks],
                path,
                seed=run["seed"],
                identities=identities,
            )
        )
        again = pq.read_table(path)
    recorded = pq.read_table(directory.samples)
    if recorded.schema != again.schema:
        return ["the columns differ"]
    faults = []
    compared = [name for name in recorded.schema.names if name not in TIMING_COLUMNS]
    outcomes = recorded["outcome"].to_pylist()
    names = recorded["sample_id"].to_pylist()
    for column in compared:
        left, right = recorded[column].to_pylist(), again[column].to_pylist()
        for row, (one, other) in enumerate(zip(left, right, strict=False)):
            # why something could not be tried is found out anew, in other words
            if one != other and not (column == "reason" and outcomes[row] == "not_run"):
                faults.append(
                    f"{names[row]}: {column}: {_short(one)} recorded, {_short(other)} found"
                )
    if recorded.num_rows != again.num_rows:
        faults.append(f"{recorded.num_rows} rows recorded, {again.num_rows} found")
    return faults


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _scorecard(directory: RunDirectory) -> list[str]:
    again = pipeline.scorecard_of(directory).model_dump(mode="json", by_alias=True)
    return _differences(directory.read_json(directory.scorecard), again, "scorecard")


def _differences(one: Any, other: Any, where: str) -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            fault
            for key in sorted(one.keys() | other.keys())
            for fault in _differences(one.get(key), other.get(key), f"{where}.{key}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            fault
            for index, pair in enumerate(zip(one, other, strict=True))
            for fault in _differences(*pair, f"{where}[{index}]")
        ]
    return [] if one == other else [f"{where}: {_short(one)} recorded, {_short(other)} found"]
