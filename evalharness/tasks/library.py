"""Finds the suites and loads their tasks: built in, from a folder, from installed plugins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import evalharness
from evalharness import yamlfile
from evalharness.errors import ConfigError, TaskError
from evalharness.tasks.definition import SuiteDefinition, TaskDefinition

__all__ = ["Library", "Suite", "Task", "bundled", "load_suite"]

#: An option of a scorer that names a file in the task's folder.
_OPTION_FILE = re.compile(r"\./.+\.ya?ml")


@dataclass(frozen=True)
class Task:
    """One task: its definition, and where it comes from."""

    definition: TaskDefinition
    folder: Path
    dimension: str
    suite: str
    origin: str

    @property
    def name(self) -> str:
        return self.definition.task


@dataclass(frozen=True)
class Suite:
    """The tasks for one dimension."""

    definition: SuiteDefinition
    folder: Path
    origin: str
    tasks: dict[str, Task]

    @property
    def name(self) -> str:
        return self.definition.suite


@dataclass(frozen=True)
class Library:
    """All suites that a run may pick from."""

    suites: dict[str, Suite]

    @classmethod
    def load(cls, folders: Sequence[Path] = ()) -> Library:
        """The built-in suites, those of installed plugins, and those in ``folders``.

        Raises:
            TaskError: a definition is wrong, or two suites define the same name.
        """
        found: dict[str, Suite] = {}
        for folder, origin in [*_built_in(), *_plugins(), *((f, str(f)) for f in folders)]:
            suite = load_suite(folder, origin)
            if suite.name in found:
                other = found[suite.name].origin
                raise TaskError(f"{folder}: suite '{suite.name}' is already defined by {other}")
            found[suite.name] = suite
        library = cls(found)
        names: dict[str, str] = {}
        for suite in found.values():
            for name in suite.tasks:
                if name in names:
                    raise TaskError(
                        f"{suite.folder}: task '{name}' is already defined in suite "
                        f"'{names[name]}'; give it another name"
                    )
                names[name] = suite.name
        return library

    @property
    def tasks(self) -> dict[str, Task]:
        """Every task by name."""
        return {name: task for suite in self.suites.values() for name, task in suite.tasks.items()}

    def task(self, name: str, where: str) -> Task:
        """One task by name.

        Raises:
            ConfigError: there is no such task; names the nearest.
        """
        try:
            return self.tasks[name]
        except KeyError:
            hint = yamlfile.did_you_mean(name, self.tasks)
            raise ConfigError(f"{where}: there is no task '{name}'{hint}") from None

    def suite(self, name: str, where: str) -> Suite:
        """One suite by name.

        Raises:
            ConfigError: there is no such suite; names the nearest.
        """
        try:
            return self.suites[name]
        except KeyError:
            hint = yamlfile.did_you_mean(name, self.suites)
            if (bundled("configs") / f"{name}.yaml").is_file():
                hint = (
                    f"; '{name}' is a whole configuration: evalharness run {name}, or name its "
                    "tasks under 'tasks'"
                )
            raise ConfigError(
                f"{where}: there is no suite '{name}'{hint} (a folder starts with './' or '/')"
            ) from None


def bundled(name: str) -> Path:
    """The folder ``suites`` or ``configs``: beside the package in a wheel, else in the checkout."""
    package = Path(evalharness.__file__).parent
    for candidate in (package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise TaskError(f"{package}: the folder '{name}' is missing; install evalharness again")


def _built_in() -> list[tuple[Path, str]]:
    origin = f"evalharness {evalharness.__version__}"
    return [(path.parent, origin) for path in sorted(bundled("suites").glob("*/suite.yaml"))]


def _plugins() -> list[tuple[Path, str]]:
    found = []
    for point in sorted(metadata.entry_points(group="evalharness.suites"), key=lambda p: p.name):
        origin = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        package = point.load()
        root = Path(package.__file__).parent
        found += [(path.parent, origin) for path in sorted(root.glob("**/suite.yaml"))]
    return found


def load_suite(folder: Path, origin: str) -> Suite:
    """Read one suite's folder.

    Raises:
        TaskError: there is no ``suite.yaml``, or a definition in it is wrong.
    """
    file = yamlfile.read(folder / "suite.yaml", TaskError)
    definition = yamlfile.validate(SuiteDefinition, file, TaskError)
    present = sorted(path.parent.name for path in folder.glob("*/task.yaml"))
    names = definition.tasks if definition.tasks is not None else present
    tasks = {}
    for name in names:
        if name not in present:
            raise TaskError(
                f"{file.where(('tasks',))}: there is no {folder / name / 'task.yaml'}"
                f"{yamlfile.did_you_mean(name, present)}"
            )
        tasks[name] = _load_task(folder / name, definition, origin)
    return Suite(definition, folder, origin, tasks)


def _load_task(folder: Path, suite: SuiteDefinition, origin: str) -> Task:
    file = yamlfile.read(folder / "task.yaml", TaskError)
    definition = yamlfile.validate(TaskDefinition, file, TaskError)
    if definition.task != folder.name:
        raise TaskError(
            f"{file.where(('task',))}: task '{definition.task}' lies in a folder called "
            f"'{folder.name}'; give both the same name"
        )
    read = {
        option: _option_file(folder, value, file.where(("scorer", option)))
        for option, value in definition.scorer.options.items()
        if isinstance(value, str) and _OPTION_FILE.fullmatch(value)
    }
    if read:
        scorer = definition.scorer
        scorer = scorer.model_copy(update={"options": {**scorer.options, **read}})
        definition = definition.model_copy(update={"scorer": scorer})
    return Task(definition, folder, suite.dimension, suite.suite, origin)


def _option_file(folder: Path, name: str, where: str) -> Any:
    """A scorer's option that is a file beside the task: its fields take the name's place.

    So what a run keeps of a task holds all that its scorer needs, and can be scored again without
    the task's folder.
    """
    base = folder.resolve()
    path = (base / name).resolve()
    if not path.is_relative_to(base):
        raise TaskError(f"{where}: {name}: leads out of the task's folder; copy the file into it")
    data = yamlfile.read(path, TaskError).data
    if not isinstance(data, dict):
        raise TaskError(f"{path}: expected fields such as 'name: value'; {where} names this file")
    return data
