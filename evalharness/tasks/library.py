"""Finds the suites and loads their tasks: built in, from a folder, from installed plugins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

import evalharness
from evalharness import yamlfile
from evalharness.errors import ConfigError, TaskError
from evalharness.tasks import frameworks
from evalharness.tasks.bundle import bundled
from evalharness.tasks.definition import SuiteDefinition, TaskDefinition
from evalharness.tasks.derived import AnyBase, DerivedDefinition, parts_of

__all__ = ["Derived", "Library", "Suite", "Task", "bundled", "load_suite"]

Defined = TypeVar("Defined", TaskDefinition, DerivedDefinition)

#: An option of a scorer or transform that names a file in the task's folder.
_OPTION_FILE = re.compile(r"\./.+\.ya?ml")


@dataclass(frozen=True)
class Task:
    """One task: its definition, and where it comes from.

    ``data_folder`` is where its data files lie, where that is not its own folder: a derived task's
    are its base's.
    """

    definition: TaskDefinition
    folder: Path
    dimension: str
    suite: str
    origin: str
    data_folder: Path | None = None

    @property
    def name(self) -> str:
        return self.definition.task

    @property
    def example_rows(self) -> Path | None:
        """Where only users have the data: rows that show its form, ``rows.csv`` or ``.jsonl``."""
        folder = self.data_folder or self.folder
        found = [folder / name for name in ("rows.csv", "rows.jsonl")]
        return next((path.resolve() for path in found if path.is_file()), None)


@dataclass(frozen=True)
class Derived:
    """A definition that makes tasks of others, and where it comes from."""

    definition: DerivedDefinition
    file: yamlfile.YamlFile
    folder: Path
    dimension: str
    suite: str
    origin: str

    @property
    def bases(self) -> list[str]:
        """The tasks with which a whole suite runs it."""
        base = self.definition.base
        return base.default if isinstance(base, AnyBase) else [base]

    def over(self, base: Task | Derived) -> Task:
        """The task that it makes of another.

        Raises:
            TaskError: the two do not fit.
        """
        if isinstance(base, Derived):
            name = base.definition.task
            raise TaskError(
                f"{self.file.where(('base',))}: '{name}' is derived itself; name its base"
            )
        if isinstance(self.definition.base, str) and base.name != self.definition.base:
            name = self.definition.task
            raise TaskError(
                f"{self.file.where(('base',))}: '{name}' is made of {self.definition.base} alone"
            )
        try:
            definition = self.definition.over(base.definition)
        except ValidationError as fault:
            first = fault.errors()[0]
            field = ".".join(map(str, first["loc"])) or "base"
            raise TaskError(
                f"{self.file.where((str((first['loc'] or ('base',))[0]),))}: over "
                f"'{base.name}': {field}: {yamlfile.plain_message(first)}"
            ) from None
        except ValueError as fault:
            raise TaskError(f"{self.file.where(('base',))}: {fault}") from None
        return Task(definition, self.folder, self.dimension, self.suite, self.origin, base.folder)


@dataclass(frozen=True)
class Suite:
    """The tasks for one dimension: the names of their folders, each read when it is needed."""

    definition: SuiteDefinition
    folder: Path
    origin: str
    names: tuple[str, ...]
    _read: dict[str, Task | Derived] = field(default_factory=dict, repr=False, compare=False)

    @property
    def name(self) -> str:
        return self.definition.suite

    def read(self, name: str) -> Task | Derived:
        """What one folder defines.

        Raises:
            TaskError: its definition is wrong.
        """
        if name not in self._read:
            self._read[name] = _load_task(self.folder / name, self.definition, self.origin)
        return self._read[name]

    @property
    def tasks(self) -> dict[str, Task]:
        """Its tasks that are made of no other, by name."""
        found = {name: self.read(name) for name in self.names}
        return {name: task for name, task in found.items() if isinstance(task, Task)}


@dataclass(frozen=True)
class Library:
    """All suites that a run may pick from. A task's file is read when the task is asked for."""

    suites: dict[str, Suite]

    @classmethod
    def load(cls, folders: Sequence[Path] = ()) -> Library:
        """The built-in suites, those of installed plugins, and those in ``folders``.

        Raises:
            TaskError: a definition in ``folders`` or a suite's is wrong, or two have one name.
        """
        found: dict[str, Suite] = {}
        for folder, origin in [*_built_in(), *_plugins(), *((f, str(f)) for f in folders)]:
            suite = load_suite(folder, origin)
            if suite.name in found:
                other = found[suite.name].origin
                raise TaskError(f"{folder}: suite '{suite.name}' is already defined by {other}")
            found[suite.name] = suite
        owners: dict[str, str] = {}
        for suite in found.values():
            for name in suite.names:
                if name in owners:
                    raise TaskError(
                        f"{suite.folder}: task '{name}' is already defined in suite "
                        f"'{owners[name]}'; give it another name"
                    )
                owners[name] = suite.name
        # a fault in a suite of one's own is told at once, whatever a run picks of it
        for suite in found.values():
            for name in suite.names if suite.folder in folders else ():
                suite.read(name)
        return cls(found)

    @property
    def tasks(self) -> dict[str, Task]:
        """Every task by name, derived ones over their suites' own bases among them."""
        return {t.name: t for suite in self.suites.values() for t in self.tasks_of(suite)}

    def tasks_of(self, suite: Suite) -> list[Task]:
        """The tasks of a whole suite, in its order.

        Raises:
            TaskError: a definition is wrong, or a derived task's base is none.
        """
        found: list[Task] = []
        for name in suite.names:
            read = suite.read(name)
            found += [read] if isinstance(read, Task) else self._made(read)
        return found

    def _made(self, derived: Derived) -> list[Task]:
        """The tasks that a derived definition makes of its own bases."""
        made = []
        for base in derived.bases:
            found = self._read(base)
            if found is None:
                hint = yamlfile.did_you_mean(base, self._names)
                where = derived.file.where(("base",))
                raise TaskError(f"{where}: there is no task '{base}'{hint}")
            made.append(derived.over(found))
        return made

    @property
    def _names(self) -> list[str]:
        return [name for suite in self.suites.values() for name in suite.names]

    def _read(self, name: str) -> Task | Derived | None:
        """What stands under the name of a folder."""
        suite = next((suite for suite in self.suites.values() if name in suite.names), None)
        return None if suite is None else suite.read(name)

    def task(self, name: str, where: str) -> Task:
        """One task by name.

        ``perturbation(bbq)`` is a derived task over another one than its suite's own.

        Raises:
            ConfigError: there is no such task; names the nearest.
            TaskError: its definition is wrong, or a derived task cannot be made of that base.
        """
        read = self._read(name)
        if isinstance(read, Task):
            return read
        if read is not None:
            made = {task.name: task for task in self._made(read)}
            if name in made:
                return made[name]
            raise ConfigError(
                f"{where}: '{name}' is made of another task; write {' or '.join(made)}"
            )
        parts = parts_of(name)
        if parts is not None and isinstance(derived := self._read(parts[0]), Derived):
            base = self._read(parts[1])
            if base is None:
                hint = yamlfile.did_you_mean(parts[1], self._names)
                raise ConfigError(f"{where}: there is no task '{parts[1]}' to derive from{hint}")
            return derived.over(base)
        # of a derived task's name the first part alone can be meant otherwise
        hint = yamlfile.did_you_mean(parts[0] if parts is not None else name, self._names)
        raise ConfigError(f"{where}: there is no task '{parts[0] if parts else name}'{hint}")

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
    for name in names:
        if name not in present:
            raise TaskError(
                f"{file.where(('tasks',))}: there is no {folder / name / 'task.yaml'}"
                f"{yamlfile.did_you_mean(name, present)}"
            )
    return Suite(definition, folder, origin, tuple(names))


def _load_task(folder: Path, suite: SuiteDefinition, origin: str) -> Task | Derived:
    file = yamlfile.read(folder / "task.yaml", TaskError)
    definition: TaskDefinition | DerivedDefinition
    if isinstance(file.data, dict) and "base" in file.data:
        definition = yamlfile.validate(DerivedDefinition, file, TaskError)
    else:
        definition = yamlfile.validate(TaskDefinition, file, TaskError)
    frameworks.check_tags(definition.tags, file)
    if definition.task != folder.name:
        raise TaskError(
            f"{file.where(('task',))}: task '{definition.task}' lies in a folder called "
            f"'{folder.name}'; give both the same name"
        )
    if isinstance(definition, DerivedDefinition):
        derived = _with_option_files(definition, folder, file)
        return Derived(derived, file, folder, suite.dimension, suite.suite, origin)
    task = _with_option_files(definition, folder, file)
    return Task(task, folder, suite.dimension, suite.suite, origin)


def _with_option_files(definition: Defined, folder: Path, file: yamlfile.YamlFile) -> Defined:
    """The definition with the files that options of its scorer and transform name, read."""
    changes = {}
    for part in ("scorer", "transform"):
        ref = getattr(definition, part)
        if ref is None:
            continue
        read = {
            option: _option_file(folder, value, file.where((part, option)))
            for option, value in ref.options.items()
            if isinstance(value, str) and _OPTION_FILE.fullmatch(value)
        }
        if read:
            changes[part] = ref.model_copy(update={"options": {**ref.options, **read}})
    return definition.model_copy(update=changes) if changes else definition


def _option_file(folder: Path, name: str, where: str) -> Any:
    """An option that is a file beside the task: its fields take the name's place.

    So what a run keeps of a task holds all that it needs, and can be scored again without
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
