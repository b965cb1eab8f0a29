"""Scores a run's recorded answers again: another scorer, classifier, level, estimand, or labels.

No call to the target. The result lies in ``scores/<digest>/`` of the run, with its own journal,
samples, scorecard and report, and says which run it was made from; nothing of the run is changed.
Only what the change touches is asked again: an unchanged classifier's answers are taken over.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import evalharness
from evalharness import pipeline, policies
from evalharness.adapters import registry as adapter_registry
from evalharness.adapters.base import Adapter
from evalharness.config import Loaded, RunConfig, TaskEntry, load_config
from evalharness.engine.drive import drive
from evalharness.engine.loop import run_to_end
from evalharness.engine.plan import measurement_of, scoring_parts
from evalharness.errors import AdapterError, ConfigError, DataError, MissingExtraError
from evalharness.labelling.importing import read_labels
from evalharness.labelling.source import Source
from evalharness.labelling.stored import labels_of, settings_of
from evalharness.records import Role, digest
from evalharness.reports.issued import REPORT
from evalharness.scorecard.model import Scorecard
from evalharness.scorecard.people import HumanLabels
from evalharness.store.directory import RunDirectory
from evalharness.store.journal import Journal
from evalharness.store.summary import SESSION_PREFIX, versions
from evalharness.tasks.planned import PlannedTask

__all__ = ["rescore"]

#: What may change without asking the target anything.
_CHANGEABLE = frozenset(
    {"judge", "classifier", "estimand", "floor", "labels", "level", "policy", "tasks"}
)

#: Of the run that is scored; what it used stands in the copied journal.
_BUDGETS = ("max_requests", "max_tokens", "max_cost", "max_minutes")

_SCORING_ROLES: tuple[Role, ...] = ("judge", "classifier")


def rescore(
    directory: RunDirectory,
    overrides: Sequence[str],
    observer: pipeline.Observer | None = None,
) -> tuple[RunDirectory, Scorecard]:
    """Score again; a scoring that is there already is given as it is.

    Args:
        observer: told of the stages after the last call.
        overrides: ``key=value`` on the run's own configuration, for instance
            ``classifier.checkpoint=unbiased`` or ``tasks.0.scorer=recorded``. Relative paths are
            counted from the working folder.

    Raises:
        ConfigError: a change that would need other answers from the target, or none at all.
        RunError: the run is not finished.
    """
    with directory.locked():
        directory.require_finished()
        run = directory.read_json(directory.run_json)
        change = _changed(directory, run, overrides)
        if change.measurement == run["measurement"]:
            raise ConfigError(
                "score: nothing differs from the run's own scoring; change something with --set, "
                "for instance --set classifier.checkpoint=unbiased or --set level=0.9"
            )
        target = RunDirectory(directory.path / "scores" / change.measurement[:12])
        if target.is_complete:
            target.check_belongs(change.measurement)
            return target, pipeline.load_scorecard(target)
        return target, _score(directory, target, run, change, observer)


@dataclass(frozen=True)
class _Change:
    """A run's scoring as it shall be."""

    config: RunConfig
    adapters: Mapping[Role, Adapter]
    identities: Mapping[Role, Mapping[str, Any]]
    unavailable: Mapping[Role, str]
    tasks: Sequence[PlannedTask]
    settings: Mapping[str, Any]
    labels: HumanLabels | None
    #: Tasks whose scorer (its version, options, or a model that it asks) is another.
    rescored: Collection[str]

    @property
    def measurement(self) -> str:
        return measurement_of(self.tasks, self.identities, sorted(self.unavailable), self.settings)


def _changed(directory: RunDirectory, run: Mapping[str, Any], overrides: Sequence[str]) -> _Change:
    loaded = load_config(run["config"], overrides)
    _check_changes(run["config"], loaded)
    config = loaded.config
    before = pipeline.tasks_of(run)
    entries = {entry.task: entry for entry in config.tasks}
    adapters: dict[Role, Adapter] = {}
    identities: dict[Role, Mapping[str, Any]] = dict(run["models"])
    unavailable = dict(run["unavailable"])

    def take(role: Role) -> None:
        adapters[role] = _adapter(role, getattr(config, role))
        identities[role] = adapters[role].identity.to_json()
        unavailable.pop(role, None)

    for role in _SCORING_ROLES:
        spec = getattr(config, role)
        if spec == run["config"].get(role):
            continue
        if spec is None:
            identities.pop(role, None)
            unavailable.pop(role, None)
        else:
            take(role)
    tasks = [_rescored(task, entries.get(task.name), identities, adapters) for task in before]
    # a scorer that changed asks anew, also a classifier that did not
    for role in {role for old, new in zip(before, tasks, strict=True) if _differs(old, new)
                 for role in new.roles}:  # fmt: skip
        if role not in adapters and role not in unavailable and getattr(config, role) is not None:
            take(role)
    tasks = [_rescored(task, entries.get(task.name), identities, adapters) for task in before]
    changed = {old.name for old, new in zip(before, tasks, strict=True) if _differs(old, new)}
    for task in before:
        lacked = any(role not in run["models"] for role in task.roles)
        new_scorer = getattr(entries.get(task.name), "scorer", None) is not None
        if task.not_run is not None and task.name in changed and (lacked or new_scorer):
            raise ConfigError(
                f"score: task {task.name} was never asked ({task.not_run}), so there is nothing "
                "to score; run the config again with this change instead"
            )
    labels = _labels(directory, run, loaded, tasks, changed)
    settings = settings_of(config, labels)
    return _Change(config, adapters, identities, unavailable, tasks, settings, labels, changed)


def _labels(
    directory: RunDirectory,
    run: Mapping[str, Any],
    loaded: Loaded,
    tasks: Sequence[PlannedTask],
    rescored: Collection[str],
) -> HumanLabels | None:
    """The labels of the new scoring; unchanged ones are taken over from the run's record.

    Of other answers the record holds what the scorer found there, which another one may not.
    """
    before = load_config(run["config"]).config.labels
    if loaded.config.labels == before:
        labels = labels_of(directory, run)
        for found in () if labels is None else labels.sets:
            if found.of == "exchangeable" and found.task in rescored:
                raise ConfigError(
                    f"score: the labels of {found.task} are of answers that the scorer before this "
                    "change has judged; leave them out with --set labels=[], or name others"
                )
        return labels
    return read_labels(loaded.config.labels, loaded.base_dir, tasks, Source(directory, run))


def _differs(old: PlannedTask, new: PlannedTask) -> bool:
    return old.protocol["scorer"] != new.protocol["scorer"]


def _adapter(role: Role, spec: str | Mapping[str, Any]) -> Adapter:
    given = {"adapter": spec} if isinstance(spec, str) else dict(spec)
    if given.get("adapter") == "object":
        raise ConfigError(
            f"score: the run's {role} was an object of Python and is not there to be asked again; "
            f"name one with --set, for instance --set '{role}={{adapter: detoxify}}'"
        )
    try:
        return adapter_registry.create(given, base_dir=Path.cwd(), where=role)
    except MissingExtraError:
        raise
    except (AdapterError, ConfigError, DataError) as fault:
        raise ConfigError(
            f"{fault} ('score' counts relative paths from the working folder, {Path.cwd()})"
        ) from None


def _rescored(
    task: PlannedTask,
    entry: TaskEntry | None,
    identities: Mapping[Role, Mapping[str, Any]],
    adapters: Mapping[Role, Adapter],
) -> PlannedTask:
    definition = task.definition
    if entry is not None and entry.scorer is not None:
        definition = definition.model_copy(update={"scorer": entry.scorer})
    parts, roles, readable = scoring_parts(definition, identities, adapters)
    new = replace(task, definition=definition, protocol={**task.protocol, **parts}, roles=roles)
    if not _differs(task, new):
        return new
    missing = [role for role in roles if role not in identities]
    not_run = f"the scorer needs a {missing[0]}; name one" if missing else task.not_run
    return replace(new, readable=readable, not_run=not_run)


def _score(
    source: RunDirectory,
    target: RunDirectory,
    run: Mapping[str, Any],
    change: _Change,
    observer: pipeline.Observer | None,
) -> Scorecard:
    if not target.run_json.is_file():
        _prepare(source, target, run, change)
    target.check_belongs(change.measurement)
    journal = Journal(target.journal, full=change.config.durability == "full")
    config = change.config.model_copy(update=dict.fromkeys(_BUDGETS))
    means = pipeline.means_of(config, change.adapters, target, journal)

    try:
        with pipeline.session(target, change.adapters) as counted:
            run_to_end(
                drive(
                    journal,
                    [(task, pipeline.scorer_of(task)) for task in change.tasks],
                    target.samples,
                    seed=run["seed"],
                    identities=change.identities,
                    means=means,
                    watch=pipeline.watching(counted),
                )
            )
        journal.seal()
    finally:
        journal.close()
    return pipeline.finish_run(target, observer)


def _prepare(
    source: RunDirectory, target: RunDirectory, run: Mapping[str, Any], change: _Change
) -> None:
    """Make the folder whole beside its place, then give it its name: a kill leaves nothing half."""
    target.check_belongs(change.measurement)
    if target.path.exists():
        shutil.rmtree(target.path)  # without a run.json nothing was scored in it
    made = RunDirectory(target.path.with_name(target.path.name + ".tmp"))
    if made.path.exists():
        shutil.rmtree(made.path)
    made.path.mkdir(parents=True)
    again = _asked_again(run, change)
    _copy_answers(source.journal, made.journal, again, change.rescored)
    if change.labels is not None:
        made.write_json(made.labels, change.labels.to_json())
    if (source.path / REPORT).is_file():  # what its pages withhold, these withhold too
        made.write_json(made.path / REPORT, source.read_json(source.path / REPORT))
    made.write_json(made.run_json, _run_json(source, run, change, again))
    made.path.rename(target.path)


def _asked_again(run: Mapping[str, Any], change: _Change) -> list[Role]:
    """The roles whose model is another one now."""
    return [
        role
        for role in _SCORING_ROLES
        if role in run["models"]
        and (
            role not in change.identities
            or digest(dict(run["models"][role])) != digest(dict(change.identities[role]))
        )
    ]


def _copy_answers(
    source: Path, target: Path, roles: Sequence[Role], tasks: Collection[str]
) -> None:
    """The journal without what is asked again: of these roles, and for these tasks' scorers."""
    shutil.copyfile(source, target)
    database = sqlite3.connect(target)
    with database:
        for role in roles:
            database.execute("DELETE FROM responses WHERE role=?", (role,))
        for task in sorted(tasks):
            database.execute("DELETE FROM responses WHERE role != 'target' AND task=?", (task,))
    database.execute("VACUUM")
    database.close()


def _run_json(
    source: RunDirectory, run: Mapping[str, Any], change: _Change, again: Sequence[Role]
) -> dict[str, Any]:
    measurement = change.measurement
    of_others = tuple(f"{role}: " for role in again)
    return {
        **run,
        "evalharness": evalharness.__version__,
        "run_id": f"{run['run_id']}/scores/{measurement[:12]}",
        "measurement": measurement,
        "settings": dict(change.settings),
        "config": change.config.model_dump(mode="json", exclude_unset=True),
        "models": {role: dict(identity) for role, identity in change.identities.items()},
        "unavailable": dict(change.unavailable),
        "tasks": {task.name: task.to_json() for task in change.tasks},
        "protocols": {task.name: task.protocol_id for task in change.tasks},
        "versions": versions(),
        "policy": policies.registered(change.config.policy, before=_named_before(run, change)),
        "deviations": [
            text
            for text in run["deviations"]
            if not SESSION_PREFIX.sub("", text).startswith(of_others)
        ],
        "rescored_from": {
            "run_id": run["run_id"],
            "measurement": run["measurement"],
            "first": Source(source, run).first,
            "manifest": source.read_json(source.manifest)["files"],
        },
    }


def _named_before(run: Mapping[str, Any], change: _Change) -> bool:
    """Whether the scoring's policy is the one that was named before the run's first call."""
    held, policy = run.get("policy"), change.config.policy
    if held is None or policy is None:
        return False
    return bool(held["sha256"] == policy.sha256 and held["registered"] == policies.BEFORE)


def _check_changes(before: Mapping[str, Any], loaded: Loaded) -> None:
    after = loaded.config.model_dump(mode="json", exclude_unset=True)
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key) and key not in _CHANGEABLE:
            raise ConfigError(
                f"score: '{key}' cannot change in a later scoring; "
                f"what can: {', '.join(sorted(_CHANGEABLE))}"
            )
    old = {entry["task"]: entry for entry in before.get("tasks", [])}
    for entry in after.get("tasks", []):
        known = old.get(entry["task"])
        if known is None:
            raise ConfigError(f"score: the run has no task '{entry['task']}'")
        changed = {key for key in known.keys() | entry.keys() if known.get(key) != entry.get(key)}
        if changed - {"scorer"}:
            raise ConfigError(
                f"score: tasks: {entry['task']}: only 'scorer' can change without asking the "
                f"target again, not {', '.join(sorted(changed - {'scorer'}))}"
            )
