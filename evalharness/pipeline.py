"""The road: config, plan, execute and score, aggregate, render, seal.

Each stage leaves its result in the run directory. A run that is resumed asks only what is missing;
scoring and all that comes after it is done again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

import evalharness
from evalharness import policies
from evalharness.adapters import registry as adapter_registry
from evalharness.adapters.base import Adapter
from evalharness.config import Loaded, RunConfig
from evalharness.engine.budget import Allowance, Used, check_prices
from evalharness.engine.drive import Driven, Means, Watch, drive
from evalharness.engine.execute import SampleResult
from evalharness.engine.lanes import Retries
from evalharness.engine.loop import run_to_end
from evalharness.engine.plan import Plan, make_plan, measurement_of, suite_folders
from evalharness.engine.recorded import not_planned_line, not_planned_of
from evalharness.errors import MissingExtraError, RunCorruptError, RunError, UnavailableError
from evalharness.labelling.importing import read_labels
from evalharness.labelling.stored import labels_of, settings_of
from evalharness.records import Role
from evalharness.scorecard.aggregate import build_scorecard, headline_of
from evalharness.scorecard.gate import planned_faults
from evalharness.scorecard.grades import graded
from evalharness.scorecard.metrics.registry import metrics_of
from evalharness.scorecard.model import INSUFFICIENT, Scorecard
from evalharness.scorecard.people import HumanLabels
from evalharness.scorers import registry as scorer_registry
from evalharness.scorers.base import Scorer
from evalharness.store.cache import ResponseCache
from evalharness.store.directory import FORMAT_VERSION, RunDirectory
from evalharness.store.journal import Entry, Journal
from evalharness.store.summary import (
    Session,
    add_deviations,
    earlier_seconds,
    earlier_used,
    versions,
)
from evalharness.tasks.library import Library
from evalharness.tasks.planned import PlannedTask
from evalharness.yamlfile import first_fault

__all__ = [
    "ROLES", "Observer", "Prepared", "Sources", "execute_run", "exit_code", "finish_run",
    "load_scorecard", "means_of", "prepare", "scorecard_of", "scorer_of", "session",
    "tasks_of", "watching",
]  # fmt: skip

ROLES: tuple[Role, ...] = ("target", "judge", "classifier")


class Observer(Protocol):
    """Who watches a run: the progress display."""

    def planned(self, plan: Plan, directory: RunDirectory, resumed: int, retried: int) -> None: ...
    def response(self, entry: Entry) -> None: ...
    def result(self, result: SampleResult) -> None: ...
    def stage(self, name: str) -> None: ...
    def removed(self, names: Sequence[str]) -> None: ...
    def waiting(self, role: Role, seconds: float) -> None: ...


@dataclass(frozen=True)
class Prepared:
    """All that a run needs before the first call."""

    loaded: Loaded
    plan: Plan
    adapters: Mapping[Role, Adapter]
    unavailable: Mapping[Role, str]
    labels: HumanLabels | None = None
    #: Which of the policy's criteria this run has no metric for.
    undecided: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        return settings_of(self.loaded.config, self.labels)


def prepare(
    loaded: Loaded,
    models: Mapping[Role, Adapter] | None = None,
    library: Library | None = None,
) -> Prepared:
    """Load the suites, set up the models, make the plan. No model is asked anything.

    Args:
        models: adapters made by the caller; they take the place of the config's.

    Raises:
        EvalHarnessError: named in the message.
    """
    library = library or Library.load(suite_folders(loaded))
    adapters: dict[Role, Adapter] = dict(models or {})
    unavailable: dict[Role, str] = {}
    for role in ROLES:
        spec = getattr(loaded.config, role)
        if spec is None or role in adapters:
            continue
        try:
            adapters[role] = adapter_registry.create(spec, base_dir=loaded.base_dir, where=role)
        except (UnavailableError, MissingExtraError) as fault:
            if role == "target":
                raise
            unavailable[role] = str(fault)
    check_prices(
        loaded.config,
        {
            role: adapter.identity.model
            for role, adapter in adapters.items()
            if adapter.capabilities.endpoint is not None
        },
    )
    plan = make_plan(loaded, library, adapters, unavailable)
    labels = read_labels(loaded.config.labels, loaded.base_dir, plan.tasks, None)
    settings = settings_of(loaded.config, labels)
    measurement = measurement_of(plan.tasks, plan.identities, sorted(unavailable), settings)
    plan = replace(plan, measurement=measurement)
    undecided = _undecided(loaded.config, plan)
    return Prepared(loaded, plan, adapters, unavailable, labels, undecided)


def _undecided(config: RunConfig, plan: Plan) -> tuple[str, ...]:
    """Which of the policy's criteria this run can only leave undecided."""
    if config.policy is None:
        return ()
    planned: dict[str, tuple[float, float]] = {}
    metrics: dict[str, dict[str, list[str]]] = {}
    for task in plan.tasks:
        uses = metrics_of(task.definition)
        planned |= {f"{task.dimension}/{task.name}/{use.key}": use.metric.range for use in uses}
        metrics.setdefault(task.dimension, {})[task.name] = [use.key for use in uses]
    headlines = {
        name: f"{name}/{found.task}/{found.metric}"
        for name, tasks in metrics.items()
        if (found := headline_of(plan.headlines.get(name, ()), tasks)) is not None
    }
    return tuple(planned_faults(config.policy, planned, headlines))


def run_json(prepared: Prepared, run_id: str) -> dict[str, Any]:
    """What is recorded before the first call: the measurement, whole."""
    config, plan = prepared.loaded.config, prepared.plan
    return {
        "format": FORMAT_VERSION,
        "evalharness": evalharness.__version__,
        "run_id": run_id,
        "name": plan.name,
        "measurement": plan.measurement,
        "seed": config.seed,
        "settings": prepared.settings,
        "config": config.model_dump(mode="json", exclude_unset=True),
        "models": {role: dict(identity) for role, identity in plan.identities.items()},
        "unavailable": dict(prepared.unavailable),
        "tasks": {task.name: task.to_json() for task in plan.tasks},
        "protocols": {task.name: task.protocol_id for task in plan.tasks},
        "data": {task.name: dict(task.data) for task in plan.tasks},
        "headlines": {name: list(entries) for name, entries in plan.headlines.items()},
        "versions": versions(),
        "deviations": [],
        "stopped": None,
        "policy": policies.registered(config.policy, before=True),
    }


def tasks_of(run: Mapping[str, Any]) -> list[PlannedTask]:
    """The planned tasks, from run.json."""
    return [PlannedTask.from_json(name, data) for name, data in run["tasks"].items()]


def scorer_of(task: PlannedTask) -> Scorer:
    """The task's scorer, from its planned definition."""
    ref = task.definition.scorer
    return scorer_registry.create(ref.name, ref.options, f"task {task.name}: scorer")


@dataclass(frozen=True)
class Sources:
    """Where answers may come from beside the models.

    Args:
        retry_errored: try the failures of earlier sessions again.
        reuse: a finished run whose answers to the same requests are taken over.
        cache: the folder of answers kept over runs.
    """

    retry_errored: bool = False
    reuse: RunDirectory | None = None
    cache: Path | None = None


def execute_run(
    prepared: Prepared,
    directory: RunDirectory,
    sources: Sources | None = None,
    observer: Observer | None = None,
) -> None:
    """Plan into the journal, ask, score, and write samples.parquet. Resumes by itself.

    Raises:
        RunConflictError: the folder belongs to another measurement; nothing was changed.
        KeyboardInterrupt: interrupted; what was answered is kept.
    """
    sources = sources or Sources()
    directory.check_belongs(prepared.plan.measurement)
    with ExitStack() as stack:
        reuse = cache = None
        if sources.reuse is not None:
            sources.reuse.require_finished()
            reuse = stack.enter_context(closing(Journal(sources.reuse.journal, sealed=True)))
        if sources.cache is not None:
            cache = stack.enter_context(closing(ResponseCache(sources.cache)))
        directory.path.mkdir(parents=True, exist_ok=True)
        directory.manifest.unlink(missing_ok=True)
        if not directory.run_json.exists():
            directory.write_json(directory.run_json, run_json(prepared, directory.path.name))
        if prepared.labels is not None:
            directory.write_json(directory.labels, prepared.labels.to_json())
        config = prepared.loaded.config
        journal = Journal(directory.journal, full=config.durability == "full")
        stack.callback(journal.close)
        if not journal.has_plan():
            names = [task.name for task in prepared.plan.tasks]
            journal.write_plan((name, prepared.plan.samples[name]) for name in names)
        retried = journal.failed(everything=sources.retry_errored)
        add_deviations(directory, _planned_deviations(prepared, journal))
        if observer is not None:
            observer.planned(prepared.plan, directory, journal.count() - retried, retried)
        means = means_of(config, prepared.adapters, directory, journal)
        means = replace(means, retry_errored=sources.retry_errored, reuse=reuse, cache=cache)
        with session(directory, prepared.adapters) as counted:
            run_to_end(_execute(prepared, directory, journal, counted, means, observer))
        journal.seal()


@contextmanager
def session(directory: RunDirectory, adapters: Mapping[Role, Adapter]) -> Iterator[Session]:
    """Work on a run: however it ends, summary.json and the deviations are written."""
    counted = Session()

    def close() -> None:
        counted.close(
            directory,
            [
                f"{role}: {text}"
                for role, adapter in adapters.items()
                for text in getattr(adapter, "deviations", ())
            ],
        )

    try:
        yield counted
    except BaseException:
        with suppress(OSError, RunError):  # what stopped the work says more than this would
            close()
        raise
    close()


async def _execute(
    prepared: Prepared,
    directory: RunDirectory,
    journal: Journal,
    counted: Session,
    means: Means,
    observer: Observer | None,
) -> None:
    try:
        await drive(
            journal,
            [(task, scorer_of(task)) for task in prepared.plan.tasks],
            directory.samples,
            seed=prepared.loaded.config.seed,
            identities=prepared.plan.identities,
            means=means,
            watch=watching(counted, observer),
        )
    except asyncio.CancelledError:
        if observer is not None:
            observer.stage("stopping")
        raise


def watching(counted: Session, observer: Observer | None = None) -> Watch:
    """Tell the session's counter, and whoever looks on."""

    def ended(driven: Driven) -> None:
        counted.ended(driven.stopped, driven.to_json())

    if observer is None:
        return Watch(on_response=counted.asked, on_replayed=counted.replayed, on_end=ended)

    def both(count: Callable[[Entry], None]) -> Callable[[Entry], None]:
        def on_entry(entry: Entry) -> None:
            count(entry)
            observer.response(entry)

        return on_entry

    return Watch(
        observer.result, both(counted.asked), both(counted.replayed), ended, observer.waiting
    )


def _used(directory: RunDirectory, journal: Journal) -> dict[Role, Used]:
    """What earlier sessions used.

    The journal knows of a killed session too; the summary of estimated tokens and of requests that
    were turned away between two tries. Neither says too much, so the larger of both counts.
    """
    told = earlier_used(directory)
    recorded = journal.used()
    used: dict[Role, Used] = {}
    for role in ROLES:
        mine = told.get(role, {})
        counts = recorded.get(role, (0, 0, 0))
        if mine or any(counts):
            used[role] = Used(
                requests=max(counts[0], mine.get("requests", 0)),
                input_tokens=max(counts[1], mine.get("input_tokens", 0)),
                output_tokens=max(counts[2], mine.get("output_tokens", 0)),
                estimated=mine.get("estimated", 0),
                further=mine.get("further", 0),
            )
    return used


def means_of(
    config: RunConfig,
    adapters: Mapping[Role, Adapter],
    directory: RunDirectory,
    journal: Journal,
) -> Means:
    """What a configuration allows, less what the run's earlier sessions used."""
    return Means(
        adapters=adapters,
        retries=Retries(config.retries, config.retry_seconds),
        allowance=Allowance.of(config),
        max_outage=config.max_outage,
        used=_used(directory, journal),
        seconds=earlier_seconds(directory),
    )


def _planned_deviations(prepared: Prepared, journal: Journal) -> list[str]:
    """What is known before the first call not to be as it should."""
    found = [
        f"{task.name}: data set not pinned to a revision"
        for task in prepared.plan.tasks
        if any(file.get("revision") == "not pinned" for file in task.data.get("files", ()))
    ]
    found += [f"left out: {reason}" for reason in prepared.plan.left_out.values()]
    found += prepared.undecided
    if names := not_planned_of(prepared.adapters["target"], journal.planned):
        found.append(not_planned_line(names))
    return found


def scorecard_of(directory: RunDirectory) -> Scorecard:
    """Aggregate a run's samples into a scorecard (written nowhere)."""
    run = directory.read_json(directory.run_json)
    path = directory.samples
    if not path.is_file():
        raise RunError(
            f"{directory.path}: the run was not finished (no {path.name}); run its config again"
        )
    scorecard = build_scorecard(
        name=run["name"],
        tasks=tasks_of(run),
        samples=path,
        models=run["models"],
        settings=run["settings"],
        headlines=run["headlines"],
        labels=labels_of(directory, run),
    )
    policy = policies.recorded(run)
    return scorecard if policy is None else graded(scorecard, policy)


def load_scorecard(directory: RunDirectory) -> Scorecard:
    """The scorecard of a finished run.

    Raises:
        RunError: there is none; RunCorruptError: it is not what its schema says.
    """
    data = directory.read_json(directory.scorecard)
    try:
        return Scorecard.model_validate(data)
    except ValidationError as fault:
        raise RunCorruptError(
            f"{directory.scorecard}: {first_fault(fault)}; the file is damaged or of another "
            "version: 'evalharness verify' says more"
        ) from None


def finish_run(directory: RunDirectory, observer: Observer | None = None) -> Scorecard:
    """Aggregate, render, seal: everything after the last call.

    Reports that were drawn from an earlier state of the folder are taken away.
    """
    from evalharness.reports.drawn import remove_drawn
    from evalharness.reports.issued import withheld_of
    from evalharness.reports.write import write_reports

    if observer is not None:
        observer.stage("scorecard")
    scorecard = scorecard_of(directory)
    data = scorecard.model_dump(mode="json", by_alias=True)
    directory.write_json(directory.scorecard, data)
    if observer is not None:
        observer.stage("report")
    withheld = withheld_of(directory)  # what was kept out of the report stays out of it
    drawn = remove_drawn(directory)
    write_reports(directory, scorecard, withheld)
    stale = [name for name in drawn if not (directory.path / name).exists()]
    directory.seal()
    if stale and observer is not None:
        observer.removed(stale)
    return scorecard


def exit_code(scorecard: Scorecard) -> int:
    """0, or 3 when something was not measured that should have been."""
    for dimension in scorecard.dimensions.values():
        for task in dimension.tasks.values():
            if task.outcomes.get("errored") or task.outcomes.get("not_run"):
                return 3
            if any(cell.grade == INSUFFICIENT for cell in task.metrics.values()):
                return 3
    return 0
