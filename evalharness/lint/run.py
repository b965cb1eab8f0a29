"""Lints files, folders and tasks, and gathers what was found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError, DataError, MappingError, TaskError
from evalharness.lint.artefacts import check_artefacts
from evalharness.lint.checks import check_items, check_table
from evalharness.lint.definition import check_definition
from evalharness.lint.finding import Finding, ordered
from evalharness.lint.items import Item, Items, items_of_table
from evalharness.lint.overlap import Print, check_overlap, print_of
from evalharness.lint.table import KINDS, kind_of, read_table
from evalharness.records import Sample
from evalharness.tasks.data import open_data
from evalharness.tasks.definition import MethodName
from evalharness.tasks.library import Library, Task
from evalharness.tasks.render import Renderer

__all__ = ["Lint", "run_lint"]


@dataclass
class Lint:
    """All findings; what was looked at, and what could not be."""

    findings: list[Finding] = field(default_factory=list)
    looked_at: list[str] = field(default_factory=list)
    not_linted: dict[str, str] = field(default_factory=dict)

    @property
    def faults(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "fault"]

    def to_json(self) -> dict[str, Any]:
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "looked_at": self.looked_at,
            "not_linted": self.not_linted,
        }


def run_lint(targets: Sequence[str] = (), *, library: Library | None = None) -> Lint:
    """Lint what is named: suites and tasks by name, folders of suites, data files, folders of them.

    Args:
        targets: nothing stands for every task that is known and has its data here.

    Raises:
        ConfigError: a target is neither a file or folder nor the name of a suite or task.
        TaskError: a suite's folder is wrong.
    """
    library = library or Library.load()
    tasks: list[Task] = [] if targets else list(library.tasks.values())
    files: dict[str, Path] = {}
    for target in targets:
        found = _resolve(target, library)
        if isinstance(found, dict):
            files |= found
        else:
            tasks += found
    result = Lint()
    for task in tasks:
        _lint_task(task, result)
    _lint_files(files, result)
    result.findings = ordered(result.findings)
    return result


def _resolve(target: str, library: Library) -> list[Task] | dict[str, Path]:
    if target in library.suites:
        return library.tasks_of(library.suites[target])
    path = Path(target)
    if path.is_file():
        return {target: path}
    if (path / "suite.yaml").is_file():
        return _tasks_in(path, library)
    if (path / "task.yaml").is_file():
        path = path.resolve()
        return [task for task in _tasks_in(path.parent, library) if task.folder.name == path.name]
    if path.is_dir():
        return _data_files(path)
    try:
        return [library.task(target, "lint")]
    except ConfigError as fault:
        raise ConfigError(f"{fault}; nor is it a file, a folder or a suite") from None


def _tasks_in(folder: Path, library: Library) -> list[Task]:
    """The tasks of a suite's folder, known already or not."""
    wanted = folder.resolve()
    if all(suite.folder.resolve() != wanted for suite in library.suites.values()):
        library = Library.load([folder])
    suites = [suite for suite in library.suites.values() if suite.folder.resolve() == wanted]
    return [task for suite in suites for task in library.tasks_of(suite)]


def _data_files(folder: Path) -> dict[str, Path]:
    """The data files below a folder, by their path in it; a manifest's are those that it lists."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and kind_of(path) in KINDS)
    manifest = folder / "MANIFEST.json"
    if manifest.is_file():
        listed = {entry["file"] for entry in json.loads(manifest.read_text("utf-8"))["files"]}
        paths = [path for path in paths if path.relative_to(folder).as_posix() in listed]
    return {path.relative_to(folder).as_posix(): path for path in paths}


# --- files ---------------------------------------------------------------------------------------


def _lint_files(files: dict[str, Path], result: Lint) -> None:
    prints: list[Print] = []
    for place, path in files.items():
        if kind_of(path) not in KINDS:
            result.not_linted[place] = (
                f"no data file: lint reads {', '.join(sorted(KINDS))}, or .gz"
            )
            continue
        table = read_table(path, place)
        items = items_of_table(table)
        result.looked_at.append(place)
        result.findings += check_table(table)
        result.findings += _of_items(items)
        prints.append(print_of(table, items))
    result.findings += check_overlap(prints)


def _of_items(items: Items) -> Iterable[Finding]:
    yield from check_items(items)
    yield from check_artefacts(items)


# --- tasks ---------------------------------------------------------------------------------------


def _lint_task(task: Task, result: Lint) -> None:
    result.findings += check_definition(task)
    if task.definition.base is not None:  # its rows are its base's, and looked at there
        result.looked_at.append(task.name)
        return
    rows = task.example_rows if task.definition.supplied is not None else None
    if task.definition.supplied is not None and rows is None:
        result.not_linted[task.name] = "its data is its users'; lint the file itself"
        return
    try:
        dataset = open_data(task, data_root=None, supplied=rows)
    except DataError as fault:
        result.not_linted[task.name] = str(fault)
        return
    if any(part.origin in {"hub", "web"} for part in dataset.parts):
        result.not_linted[task.name] = "its data is not here; set EVALHARNESS_DATA to a mirror"
        return
    result.looked_at.append(task.name)
    method = task.definition.methods[-1]
    try:
        # the words of an item alone: options shown in another order would hide a repeat
        words: MethodName = "text" if method == "letter" else method
        samples = list(Renderer(task, dataset, words, 1).samples())
    except (MappingError, TaskError, DataError) as fault:
        result.findings.append(
            Finding(
                "mapping", "fault", task.name, str(fault).removeprefix(f"task {task.name}: "),
                "mend the row or the mapping in task.yaml",
            )
        )  # fmt: skip
        return
    shown = method in {"letter", "text"}
    items = Items(
        task.name,
        [
            Item(
                row=sample.id,
                prompt=_asked(sample, words),
                options=sample.choices,
                answer=sample.answer,
                language=sample.language,
                inline=method == "text",
                cluster=sample.cluster,
                rest=repr((sample.group, sample.target, sorted(sample.tags.items()))),
            )
            for sample in samples
        ],
        prompt="prompt",
        options="choices",
        # an order that is shuffled helps no model, whatever the file's is
        fixed=shown and (method == "text" or task.definition.order is not None),
        mapped=True,
    )
    result.findings += _of_items(items)


def _asked(sample: Sample, method: MethodName) -> str | None:
    """The whole conversation; None where a sentence is weighed alone, which asks nothing."""
    text = "\n".join(message.content for message in sample.messages)
    return text if text or method != "loglikelihood" else None
