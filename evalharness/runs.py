"""Many runs at once: their figures as one tidy table, their samples as one view."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness.api import Run
from evalharness.errors import ConfigError, EvalHarnessError, RunError
from evalharness.samples import Samples
from evalharness.scorecard.frame import figures_frame, rows_of
from evalharness.yamlfile import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from evalharness.comparison import Comparison
    from evalharness.display import Drawing
    from evalharness.scorecard.model import Cell

__all__ = ["Runs", "load_runs"]

#: What a row of figures says of its run, before the figure itself.
_OF_RUN = ("run_id", "name", "model", "provider", "measurement", "path")


class Runs(Sequence[Run]):
    """Finished runs, in the order in which they were named.

    >>> runs = evalharness.load_runs("results/*")
    >>> runs.metrics["metric"].to_list()
    ['accuracy', 'abstention_rate', 'answer_rate']
    >>> len(runs.samples)
    10

    Args:
        runs: at least one.
        skipped: folders that a pattern found and that were left out, with the reason.
    """

    def __init__(self, runs: Sequence[Run], skipped: Sequence[tuple[Path, str]] = ()) -> None:
        self._runs = tuple(runs)
        self.skipped = tuple(skipped)

    def __len__(self) -> int:
        return len(self._runs)

    def __getitem__(self, place: Any) -> Any:
        """The run at a place, or `Runs` of a slice of places."""
        return Runs(self._runs[place]) if isinstance(place, slice) else self._runs[place]

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """One row a run and figure: which run, which test, value, intervals, denominators.

        Rows with equal ``protocol_id`` are of the same test, all others are not comparable. The
        columns are documented in docs/library.md; missing is ``pandas.NA``.
        """
        return self._frame(slices=False)

    @cached_property
    def slices(self) -> pd.DataFrame:
        """As ``metrics``, one row a slice: ``tag`` and ``part`` say which."""
        return self._frame(slices=True)

    @cached_property
    def samples(self) -> Samples:
        """The samples of all runs; nothing is read before it is asked for."""
        return Samples([found for run in self._runs for found in run.samples.files])

    def compare(self, *, common: bool = False) -> Comparison:
        """Every run with the first, sample by sample: `evalharness.compare`."""
        from evalharness.api import compare

        return compare(*self._runs, common=common)

    def plot(self, figure: str) -> Drawing:
        """One figure of every run that has it, with its interval.

        Args:
            figure: ``dimension/task/metric``, or ``dimension/headline``.

        Raises:
            ConfigError: no run has it; or the runs were measured by different tests.
        """
        rows = list(self._of(figure))
        if not rows:
            names = {key for run in self._runs for key in run.scorecard.cells()}
            raise ConfigError(
                f"plot: no run has the figure '{figure}' (dimension/task/metric, or "
                f"dimension/headline){did_you_mean(figure, sorted(names))}"
            )
        protocols = dict.fromkeys(cell.protocol_id for _, _, cell in rows)
        if len(protocols) > 1:
            said = ", ".join(
                f"{protocol[:12]} ({_named(rows, protocol)})" for protocol in protocols
            )
            raise ConfigError(
                f"plot: {figure}: these are {len(protocols)} different tests, not to be set beside "
                f"each other: protocols {said}. 'evalharness compare' names what differs"
            )
        from evalharness.reports.notebook import draw_figure

        return draw_figure(rows, f"{rows[0][2].title} ({figure})")

    def _of(self, figure: str) -> Iterator[tuple[str, str, Cell]]:
        from evalharness.scorecard.decisions import matching

        for run in self._runs:
            cells = run.scorecard.cells()
            for key in matching(run.scorecard, figure) if "*" not in figure else ():
                yield run.run_id, run.model, cells[key]

    def _frame(self, *, slices: bool) -> pd.DataFrame:
        return figures_frame(
            (
                {**_said_of(run), **row}
                for run in self._runs
                for row in rows_of(run.scorecard, slices=slices)
            ),
            _OF_RUN,
            slices=slices,
        )

    def __repr__(self) -> str:
        left = f", {len(self.skipped)} folders skipped" if self.skipped else ""
        return f"<Runs: {len(self)}{left}>"

    def _repr_html_(self) -> str:
        from evalharness.reports.notebook import runs_fragment

        return runs_fragment([(run.run_id, run.model, run.scorecard) for run in self._runs])


def _said_of(run: Run) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "name": run.scorecard.name,
        "model": run.model,
        "provider": run.scorecard.target.get("provider"),
        "measurement": run.info.get("measurement"),
        "path": str(run.path),
    }


def _named(rows: Iterable[tuple[str, str, Cell]], protocol: str) -> str:
    return ", ".join(run for run, _, cell in rows if cell.protocol_id == protocol)


def load_runs(*places: str | Path | Run) -> Runs:
    """Open finished runs.

    >>> evalharness.load_runs("results/*")
    <Runs: 1>

    Args:
        places: folders of runs, patterns of folders (``results/*``), folders that hold runs, or
            runs. A run that several name is taken once, at its first place.

    Returns:
        The runs: of a pattern by name, otherwise as they were given. What a pattern or a folder of
        runs holds beside finished runs is left out and listed in ``.skipped`` with the reason.

    Raises:
        RunError: a folder that was named outright is missing or no finished run; or nothing that
            was found is one.
    """
    found: dict[Path, Run] = {}
    skipped: list[tuple[Path, str]] = []
    for place in places:
        for path, outright in _folders(place):
            try:
                run = place if isinstance(place, Run) else Run(path)
                _ = run.scorecard
            except EvalHarnessError as fault:
                if outright:
                    raise
                skipped.append((path, str(fault)))
                continue
            found.setdefault(path.resolve(), run)
    if not found:
        said = ", ".join(str(place) for place in places) or "no folder was named"
        first = f"; {skipped[0][1]}" if skipped else ""
        raise RunError(f"load_runs: there is no finished run: {said}{first}")
    return Runs(list(found.values()), skipped)


def _folders(place: str | Path | Run) -> Iterator[tuple[Path, bool]]:
    """The folders that a place stands for, and whether it named them outright."""
    if isinstance(place, Run):
        yield place.path, True
        return
    path = Path(place)
    if glob.has_magic(str(place)) and not path.exists():
        inside = [Path(one) for one in glob.glob(str(place))]  # noqa: PTH207 - of any root
    elif path.is_dir() and not (path / "run.json").is_file() and any(path.glob("*/run.json")):
        inside = list(path.iterdir())
    else:
        yield path, True
        return
    inside.sort()
    yield from ((one, False) for one in inside if one.is_dir() and not one.name.startswith("."))
