"""The plan: which samples of which tasks, asked how, scored by what, and the ids of all that.

Nothing is asked of a model here. What a plan holds (but the samples) goes into run.json, and later
stages read it from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalharness.adapters.base import Adapter
from evalharness.config import Loaded, TaskEntry
from evalharness.engine.selection import ChosenSamples, MetricSlices
from evalharness.errors import ConfigError
from evalharness.records import Role, digest, text_floats
from evalharness.scorecard.metrics.registry import describe_metrics
from evalharness.scorers import registry as scorers
from evalharness.store.packed import PackedSamples
from evalharness.tasks.attempts import ATTEMPT_VERSION
from evalharness.tasks.data import mirror_root, open_data
from evalharness.tasks.definition import CONDITIONS, MethodName, TaskDefinition
from evalharness.tasks.library import Library, Suite, Task
from evalharness.tasks.planned import PlannedTask, decoding_of
from evalharness.tasks.render import PROMPT_VERSION, Renderer

__all__ = ["Plan", "make_plan", "measurement_of", "scoring_parts", "suite_folders"]


@dataclass(frozen=True)
class Plan:
    """What will be run; ``samples`` are each task's, in order."""

    name: str
    tasks: tuple[PlannedTask, ...]
    identities: Mapping[Role, Mapping[str, Any]]
    measurement: str
    headlines: Mapping[str, tuple[str, ...]]
    samples: Mapping[str, PackedSamples]
    #: Tasks of a whole suite that this run leaves out -> why.
    left_out: Mapping[str, str]

    @property
    def run_id(self) -> str:
        """``<name>-<digest of what defines the measurement>``."""
        return f"{self.name}-{self.measurement[:12]}"


def make_plan(
    loaded: Loaded,
    library: Library,
    adapters: Mapping[Role, Adapter],
    unavailable: Mapping[Role, str],
) -> Plan:
    """Plan a run.

    Args:
        adapters: the models that are there, by role.
        unavailable: role -> why its model cannot be had; tasks that need it are ``not_run``.

    Raises:
        ConfigError, TaskError, DataError: named in the message.
    """
    config = loaded.config
    identities = {role: adapter.identity.to_json() for role, adapter in adapters.items()}
    planned, samples = [], {}
    left_out: dict[str, str] = {}
    for entry in _entries(loaded, library):
        task = library.task(entry.task, "tasks")
        if (reason := _condition(task, config.accept)) is not None:
            if entry in config.tasks:
                raise ConfigError(f"tasks: {reason}")
            left_out[task.name] = reason
            continue
        if entry not in config.tasks and (reason := _elsewhere(task, loaded)) is not None:
            left_out[task.name] = reason
            continue
        made, packed = _plan_task(loaded, task, entry, adapters, unavailable)
        if made.name in samples:
            raise ConfigError(f"tasks: '{made.name}' stands twice; keep one of them")
        planned.append(made)
        samples[made.name] = packed
    if not planned:
        own = [t.name for n in config.suites for t in _supplied_tasks(loaded, library, n)]
        said = [*left_out.values(), *(f"'{name}' needs data of yours" for name in own)]
        raise ConfigError(f"there is nothing to run: {'; '.join(said) or 'the suite is empty'}")
    suites = {task.suite for task in planned}
    measurement = measurement_of(
        planned,
        identities,
        sorted(unavailable),
        config.settings,
    )
    headlines: dict[str, tuple[str, ...]] = {}
    for name, suite in library.suites.items():
        if name in suites:  # of one dimension there may be two: a bundled one and one's own
            dimension = suite.definition.dimension
            headlines[dimension] = (*headlines.get(dimension, ()), *suite.definition.headline)
    return Plan(config.name, tuple(planned), identities, measurement, headlines, samples, left_out)


def measurement_of(
    tasks: Sequence[PlannedTask],
    identities: Mapping[Role, Mapping[str, Any]],
    unavailable: Sequence[str],
    settings: Mapping[str, Any],
) -> str:
    """The digest of what defines a measurement: protocols, repeats, models, seed, settings.

    Budgets, concurrency, retries and report options are left out, so that a stopped run resumes
    with others.
    """
    return digest(
        {
            "protocols": {task.name: task.protocol_id for task in tasks},
            "epochs": {task.name: task.epochs for task in tasks},
            "models": text_floats(identities),
            "unavailable": list(unavailable),
            "settings": text_floats(settings),
        }
    )


def scoring_parts(
    definition: TaskDefinition,
    identities: Mapping[Role, Mapping[str, Any]],
    adapters: Mapping[Role, Adapter],
) -> tuple[dict[str, str], tuple[Role, ...], tuple[str, ...] | None]:
    """What scoring adds to a protocol, the roles that it asks, the languages that it reads."""
    scorer = scorers.create(
        definition.scorer.name, definition.scorer.options, f"task {definition.task}: scorer"
    )
    roles = tuple(sorted(scorer.roles))
    models = {role: identities[role] for role in roles if role in identities}
    parts = {
        "scorer": scorers.protocol_part(scorers.describe(scorer), models),
        "metrics": digest(text_floats(describe_metrics(definition, scorer))),
    }
    asked = [adapters[role] for role in roles if role in adapters]
    return parts, roles, _readable(scorer.languages, asked)


def _entries(loaded: Loaded, library: Library) -> Iterator[TaskEntry]:
    named = {entry.task for entry in loaded.config.tasks}
    for name in loaded.config.suites:
        for task in library.tasks_of(_suite(loaded, library, name)):
            # data that only the user has cannot be part of a whole suite
            if task.name not in named and task.definition.supplied is None:
                yield TaskEntry(task=task.name)
    yield from loaded.config.tasks


def _condition(task: Task, accepted: Sequence[str]) -> str | None:
    """Why a task may not run before its user has said so."""
    open_ = [name for name in task.definition.conditions if name not in accepted]
    if not open_:
        return None
    why = "; ".join(CONDITIONS[name] for name in open_)
    return (
        f"'{task.name}' has a condition: {why} (licence: {task.definition.licence}); if you may "
        f"use it so, add 'accept: [{', '.join(open_)}]'"
    )


def _elsewhere(task: Task, loaded: Loaded) -> str | None:
    """Why a task of a whole suite is not fetched: with a data root, a run means to stay offline."""
    definition = task.definition
    here = definition.mirror or all(source.file_refs for source in definition.data)
    if here or mirror_root(_path(loaded, loaded.config.data_root)) is None:
        return None
    return (
        f"'{task.name}' has no mirror, and its data is not fetched where a data root is set; to "
        f"fetch it, add 'tasks: [{task.name}]'"
    )


def _suite(loaded: Loaded, library: Library, name: str) -> Suite:
    """The suite that a configuration names, by its name or folder."""
    if not _is_folder(name):
        return library.suite(name, "suites")
    folder = _folder(loaded, name)
    return next(s for s in library.suites.values() if s.folder.resolve() == folder)


def _supplied_tasks(loaded: Loaded, library: Library, name: str) -> list[Task]:
    """The tasks of a whole suite that it leaves out because only the user has their data."""
    suite = _suite(loaded, library, name)
    return [task for task in library.tasks_of(suite) if task.definition.supplied is not None]


def suite_folders(loaded: Loaded) -> list[Path]:
    """The suites of the config that are folders.

    Raises:
        ConfigError: such a folder has no suite.yaml.
    """
    folders = []
    for name in loaded.config.suites:
        if _is_folder(name):
            folder = _folder(loaded, name)
            if not (folder / "suite.yaml").is_file():
                raise ConfigError(
                    f"suites: {name}: there is no suite.yaml in {folder}; "
                    "'evalharness new task' writes one"
                )
            folders.append(folder)
    return folders


def _folder(loaded: Loaded, name: str) -> Path:
    return (loaded.base_dir / Path(name).expanduser()).resolve()


def _is_folder(name: str) -> bool:
    return name.startswith((".", "/", "~"))


def _plan_task(
    loaded: Loaded,
    task: Task,
    entry: TaskEntry,
    adapters: Mapping[Role, Adapter],
    unavailable: Mapping[Role, str],
) -> tuple[PlannedTask, PackedSamples]:
    config, definition = loaded.config, _changed(task.definition, entry)
    identities = {role: adapter.identity.to_json() for role, adapter in adapters.items()}
    scoring, roles, readable = scoring_parts(definition, identities, adapters)
    method, not_run = _method(definition, adapters["target"], entry.method)
    for role in roles:
        if role not in adapters:
            not_run = unavailable.get(role) or f"the scorer needs a {role}; name one in the config"
    dataset = open_data(
        task,
        data_root=_path(loaded, config.data_root),
        supplied=_supplied(loaded, entry.data),
    )
    renderer = Renderer(replace(task, definition=definition), dataset, method, config.seed)
    limit = min((n for n in (entry.limit, config.limit) if n is not None), default=None)
    slices = MetricSlices(definition, dataset)
    chosen = ChosenSamples(renderer, limit, config.seed, definition, entry.where, slices)
    items = chosen.digest()
    if not chosen.in_part:  # else a slice may stand in what was not seen
        slices.check()
    generations = definition.generations
    protocol = {
        "items": items,
        "prompt": digest({"version": PROMPT_VERSION, "attempt": ATTEMPT_VERSION}),
        "method": digest(method),
        "decoding": digest(text_floats(definition.decoding.model_dump())),
        "generations": digest(generations),
        **scoring,
    }
    planned = PlannedTask(
        name=task.name,
        dimension=task.dimension,
        suite=task.suite,
        origin=task.origin,
        definition=definition,
        method=method,
        decoding=decoding_of(definition.decoding.model_dump()),
        generations=generations,
        epochs=entry.epochs or config.epochs or definition.epochs,
        n_available=chosen.available,
        n_planned=chosen.planned,
        drawn=chosen.drawn,
        data={**dataset.to_json(), "rows": chosen.available},
        protocol=protocol,
        roles=roles,
        not_run=not_run,
        readable=readable,
    )
    return planned, chosen.packed


def _changed(definition: TaskDefinition, entry: TaskEntry) -> TaskDefinition:
    changes: dict[str, Any] = {}
    if entry.generations is not None:
        changes["generations"] = entry.generations
    if entry.decoding is not None:
        changed = entry.decoding.model_dump(exclude_unset=True)
        changes["decoding"] = definition.decoding.model_copy(update=changed)
    if entry.scorer is not None:
        changes["scorer"] = entry.scorer
    if entry.transform:
        if definition.transform is None:
            raise ConfigError(f"tasks: {entry.task}: it has no transform to give options to")
        options = {**definition.transform.options, **entry.transform}
        changes["transform"] = definition.transform.model_copy(update={"options": options})
    return definition.model_copy(update=changes) if changes else definition


def _method(
    definition: TaskDefinition, target: Adapter, wanted: MethodName | None
) -> tuple[MethodName, str | None]:
    kinds = target.capabilities.kinds

    def possible(method: MethodName) -> bool:
        return ("loglikelihood" if method == "loglikelihood" else "generate") in kinds

    if wanted is not None:
        why = None if possible(wanted) else f"the model gives no answer by method '{wanted}'"
        return wanted, why
    for method in definition.methods:
        if possible(method):
            return method, None
    needed = definition.methods[0]
    what = "log-likelihoods" if needed == "loglikelihood" else "free answers"
    return needed, f"the model gives no {what}, and the task has no other method"


def _readable(
    languages: frozenset[str] | None, adapters: Sequence[Adapter]
) -> tuple[str, ...] | None:
    found = languages
    for adapter in adapters:
        more = adapter.capabilities.languages
        if more is not None:
            found = more if found is None else found & more
    return None if found is None else tuple(sorted(found))


def _path(loaded: Loaded, text: str | None) -> Path | None:
    return None if text is None else loaded.base_dir / Path(text).expanduser()


def _supplied(
    loaded: Loaded, data: str | list[dict[str, Any]] | None
) -> list[dict[str, Any]] | Path | None:
    return loaded.base_dir / Path(data).expanduser() if isinstance(data, str) else data
