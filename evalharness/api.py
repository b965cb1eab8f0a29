"""The Python API: run an evaluation, load one, look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from evalharness import pipeline
from evalharness.adapters.base import Adapter
from evalharness.comparison import Comparison, compare_runs
from evalharness.config import Loaded, load_config
from evalharness.engine.plan import Plan
from evalharness.errors import ConfigError
from evalharness.records import Role
from evalharness.samples import Samples
from evalharness.scorecard.model import Scorecard
from evalharness.store.directory import RunDirectory

__all__ = ["Run", "compare", "load_run", "run"]


class Run:
    """One run on disk, finished.

    Args:
        path: its folder, ``results/<run-id>``.

    Raises:
        RunError: the folder is missing, holds no run, or one that was not finished.
    """

    def __init__(self, path: str | Path) -> None:
        self._directory = RunDirectory.existing(Path(path))
        self._directory.require_finished()

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self._directory.path

    @property
    def run_id(self) -> str:
        """The folder's name: ``<name>-<digest of what defines the measurement>``."""
        return self.path.name

    @property
    def model(self) -> str:
        """What was tested, as its identity calls it."""
        return self.scorecard.model

    @property
    def report(self) -> Path:
        """The scorecard as a page: ``report.html``."""
        return self._directory.report

    @cached_property
    def info(self) -> dict[str, Any]:
        """run.json: configuration, protocols, identities, versions, data digests, deviations."""
        return self._directory.read_json(self._directory.run_json)

    @cached_property
    def scorecard(self) -> Scorecard:
        """The figures, by dimension, task and metric."""
        return pipeline.load_scorecard(self._directory)

    @cached_property
    def samples(self) -> Samples:
        """One row a sample, epoch and generation, read when asked for: ``.to_frame()``."""
        return Samples([(self.run_id, self._directory.samples)])

    @property
    def stopped(self) -> str | None:
        """Why a budget or an outage ended the run early; the same call resumes it then."""
        reason: str | None = self.info.get("stopped")
        return reason

    @property
    def exit_code(self) -> int:
        """0, or 3 when something that was planned was not measured."""
        return pipeline.exit_code(self.scorecard)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    def _repr_html_(self) -> str:
        from evalharness.reports.notebook import scorecard_fragment

        return scorecard_fragment(self.scorecard, self.run_id)


def run(
    config: str | Path | Mapping[str, Any],
    *,
    out: str | Path = "results",
    overrides: Sequence[str] = (),
    fresh: bool = False,
    retry_errored: bool = False,
    reuse: str | Path | None = None,
    cache: str | Path | None = None,
    observer: pipeline.Observer | None = None,
) -> Run:
    """Plan, execute, score, aggregate and report. The same call resumes an interrupted run.

    It returns when all is done, also where an event loop is running (in a notebook, say): nothing
    is to be awaited.

    Args:
        config: a YAML file, or its fields; in a dict a model may be a callable
            (``{"target": my_chatbot, "suites": ["factuality"]}``) or an `Adapter`.
        out: the folder in which the run's folder is made.
        overrides: ``key=value``, as the command line's ``--set``.
        fresh: start a new run of the same measurement (``...-2``) beside what is there; of its
            own runs (``...-2`` and on) an unfinished one is resumed.
        retry_errored: try the failed requests of an earlier run again.
        reuse: a finished run (of another limit or task list, say) whose answers to the same
            requests by the same models are taken over.
        cache: a folder of answers kept over runs: greedy ones are looked up and kept there.

    Raises:
        EvalHarnessError: configuration, data or models are not as they should be.
    """
    loaded, models = _with_objects(config, overrides)
    prepared = pipeline.prepare(loaded, models)
    with _claimed(Path(out), prepared.plan, fresh) as directory:
        if directory.is_complete and not retry_errored:
            if observer is not None:
                observer.stage("finished")
            return Run(directory.path)
        pipeline.execute_run(
            prepared,
            directory,
            pipeline.Sources(
                retry_errored=retry_errored,
                reuse=None if reuse is None else RunDirectory.existing(Path(reuse)),
                cache=None if cache is None else Path(cache),
            ),
            observer,
        )
        pipeline.finish_run(directory, observer)
    return Run(directory.path)


def compare(*runs: str | Path | Run, common: bool = False, rank: Sequence[str] = ()) -> Comparison:
    """Compare runs with the first of them, sample by sample.

    Args:
        runs: run folders, or runs.
        common: where two tasks differ in their items alone, compare the items that both have.
        rank: figures to rank all runs by: ``task/metric``, or ``headlines`` for those of the first
            run.

    Returns:
        Differences with intervals, corrected for how many there are, and what was not compared.

    Raises:
        ConfigError: fewer than two runs, or one of them twice, or no such figure to rank by.
        RunError: a run was not finished.
    """
    paths = [run.path if isinstance(run, Run) else Path(run) for run in runs]
    directories = [RunDirectory.existing(path) for path in paths]
    return compare_runs(directories, common=common, rank=rank)


def load_run(path: str | Path) -> Run:
    """Open a finished run.

    >>> evalharness.load_run(run.path).run_id
    'first-...'

    Raises:
        RunError: the folder is missing, holds no run, or one that was not finished.
    """
    return Run(path)


def _with_objects(
    config: str | Path | Mapping[str, Any], overrides: Sequence[str]
) -> tuple[Loaded, dict[Role, Adapter]]:
    """Take callables and adapters out of a configuration given as a dict."""
    models: dict[Role, Adapter] = {}
    if not isinstance(config, Mapping):
        return load_config(config, overrides), models
    plain = dict(config)
    for role in pipeline.ROLES:
        given = plain.get(role)
        if given is None or isinstance(given, str | Mapping):
            continue
        if isinstance(given, Adapter):
            models[role] = given
        elif callable(given):
            from evalharness.adapters.function import FunctionAdapter

            models[role] = FunctionAdapter.from_callable(given)
        else:
            raise ConfigError(
                f"{role}: expected a name, fields, a function or an adapter, "
                f"found {type(given).__name__}"
            )
        plain[role] = {"adapter": "object", "identity": models[role].identity.to_json()}
    return load_config(plain, overrides), models


@contextmanager
def _claimed(out: Path, plan: Plan, fresh: bool) -> Iterator[RunDirectory]:
    """The run's folder, locked; with ``fresh`` the first of ``…-2``, ``…-3`` not yet finished.

    The folder without a number is never resumed with ``fresh``: it was started without.
    """
    if (out / "run.json").is_file():
        raise ConfigError(f"{out}: is itself a run; --out names the folder that holds the runs")
    for number in count(1):
        name = plan.run_id if number == 1 else f"{plan.run_id}-{number}"
        directory = RunDirectory(out / name)
        if fresh and number == 1 and directory.run_json.is_file():
            continue
        with directory.locked():
            if fresh and directory.is_complete:
                continue
            directory.check_belongs(plan.measurement)
            yield directory
            return
