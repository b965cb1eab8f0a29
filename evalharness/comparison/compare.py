"""Compares runs: checks that they sat the same test, then pairs them sample by sample.

The first run is what the others are compared with. Two tasks of one name are the same test if their
protocol ids are equal; where they are not, each part that differs is named and nothing is computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from evalharness import yamlfile
from evalharness.comparison.claims import Claim, Pairing, judged
from evalharness.comparison.rankings import Ranking, Unranked, judge_rankings, rank_runs
from evalharness.comparison.sides import Cells, ComparedRun, Refused, Same, same_test
from evalharness.errors import ConfigError
from evalharness.scorecard.metrics.registry import MetricUse, metrics_of
from evalharness.scorecard.model import Cell
from evalharness.scorecard.pairing import Measured
from evalharness.store.directory import RunDirectory

if TYPE_CHECKING:
    import pandas as pd

    from evalharness.display import Drawing

__all__ = ["Comparison", "compare_runs"]

LEVEL = 0.95


@dataclass(frozen=True)
class Comparison:
    """Runs beside each other: what differs, how sure that is, and what was not compared."""

    runs: tuple[str, ...]
    targets: tuple[str, ...]
    level: float
    claims: tuple[Claim, ...]
    slices: tuple[Claim, ...]
    refused: tuple[Refused, ...]
    #: task/metric without a test by pairs.
    not_paired: tuple[str, ...]
    notes: tuple[str, ...] = ()
    rankings: tuple[Ranking, ...] = ()
    #: What was to be ranked by and could not be.
    unranked: tuple[Unranked, ...] = ()
    #: Run -> tasks whose figures only demonstrate the harness.
    demonstrations: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Run -> ``dimension/task/metric`` -> the figure in the run's own scorecard.
    cells: Mapping[str, Mapping[str, Cell]] = field(default_factory=dict)
    #: Task -> what people call it, where it has a title.
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def tested(self) -> int:
        """How many figures' p-values were corrected together (Holm)."""
        return sum(claim.p_adjusted is not None for claim in self.claims)

    @property
    def tested_slices(self) -> int:
        """How many slices' p-values were corrected together (Benjamini-Hochberg)."""
        return sum(claim.p_adjusted is not None for claim in self.slices)

    def own(self, claim: Claim) -> tuple[Cell, ...]:
        """A figure in the scorecards of both runs, the first one's first; of a slice nothing.

        It is over what each run has measured, a difference over what both have.
        """
        key = f"{claim.dimension}/{claim.task}/{claim.metric}"
        found = [self.cells.get(run, {}).get(key) for run in (claim.baseline, claim.run)]
        cells = tuple(cell for cell in found if cell is not None)
        return cells if claim.slice is None and len(cells) == len(found) else ()

    def demonstrates(self, task: str, *runs: str) -> bool:
        """Whether a task's figures only demonstrate the harness in any of these runs."""
        return any(task in self.demonstrations.get(run, ()) for run in runs)

    @property
    def comparable(self) -> bool:
        """Whether every task of the runs was compared."""
        return not self.refused

    def not_inferior(self, margin: float) -> list[tuple[Claim, bool]]:
        """For each claim with a direction: whether b is shown to be worse by less than ``margin``.

        One-sided, at the comparison's level. Whoever demands all of them needs no correction. A
        figure that is no mean and is the same on every draw has no bound: it is left out.
        """
        return [
            (claim, claim.paired.not_worse_by is not None and claim.paired.not_worse_by < margin)
            for claim in self.claims
            if claim.direction in {"higher", "lower"} and not claim.unchanged
        ]

    def to_frame(self) -> pd.DataFrame:
        """One row a claim, slices among them: what differs, by how much, and how sure that is."""
        import pandas as pd

        return pd.json_normalize([c.to_json() for c in (*self.claims, *self.slices)])

    def plot(self, figures: str = "*") -> Drawing:
        """Differences with their intervals and verdicts; those of one unit on one scale.

        Args:
            figures: a pattern of ``task/metric``; ``*`` stands for anything.

        Raises:
            ConfigError: nothing of that name was compared.
        """
        from evalharness.reports.notebook import draw_comparison

        return draw_comparison(self, figures)

    def _repr_html_(self) -> str:
        from evalharness.reports.comparison import comparison_fragment

        return comparison_fragment(self)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "runs": list(self.runs),
            "targets": list(self.targets),
            "level": self.level,
            "claims": [claim.to_json() for claim in self.claims],
            "slices": [claim.to_json() for claim in self.slices],
            "rankings": [ranking.to_json() for ranking in self.rankings],
            "unranked": [unranked.to_json() for unranked in self.unranked],
            "demonstrations": {run: sorted(tasks) for run, tasks in self.demonstrations.items()},
            "refused": [refused.to_json() for refused in self.refused],
            "not_paired": list(self.not_paired),
            "notes": list(self.notes),
        }


@dataclass
class _Found:
    """What comparing brought so far."""

    claims: list[Claim] = field(default_factory=list)
    slices: list[Claim] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    not_paired: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rankings: list[Ranking] = field(default_factory=list)
    unranked: list[Unranked] = field(default_factory=list)


def compare_runs(
    directories: Sequence[RunDirectory],
    *,
    common: bool = False,
    level: float = LEVEL,
    rank: Sequence[str] = (),
) -> Comparison:
    """Compare runs with the first of them.

    Args:
        common: where two tasks differ in their items alone, compare the items that both have.
        level: of the intervals, and 1 - level of all claims together.
        rank: figures to rank all runs by: ``task/metric``, or ``headlines`` for those of the first
            run.

    Raises:
        ConfigError: fewer than two runs, or one of them twice, or no such figure to rank by.
        RunError: a run was not finished.
    """
    if len(directories) < 2:
        raise ConfigError("compare: name two runs or more: evalharness compare RUN RUN")
    if len({directory.path.resolve() for directory in directories}) < len(directories):
        raise ConfigError("compare: a run stands twice; a run does not differ from itself")
    runs = [ComparedRun(directory) for directory in directories]
    wanted = _wanted(runs[0], rank)
    found = _Found(notes=_asked(runs))
    if "headlines" in rank:
        found.unranked += [
            Unranked(name, (f"{runs[0].name} did not test it",))
            for name, card in runs[0].scorecard.dimensions.items()
            if card.headline is None
        ]
    for name in dict.fromkeys(name for run in runs for name in run.tasks):
        _compare_task(runs, name, found, wanted.get(name, ()), common=common, level=level)
    order = {run.name: place for place, run in enumerate(runs)}
    for items in (found.claims, found.slices, found.refused):
        items.sort(key=lambda item: order[item.run])
    return Comparison(
        runs=tuple(run.name for run in runs),
        targets=tuple(run.target for run in runs),
        level=level,
        claims=tuple(judged(found.claims, "holm", level)),
        slices=tuple(judged(found.slices, "benjamini-hochberg", level)),
        refused=tuple(found.refused),
        not_paired=tuple(found.not_paired),
        notes=tuple(dict.fromkeys(found.notes)),
        rankings=tuple(judge_rankings(found.rankings, level)),
        unranked=tuple(found.unranked),
        demonstrations={run.name: run.demonstrations for run in runs},
        cells={run.name: run.scorecard.cells() for run in runs},
        titles={
            name: task.definition.title
            for run in reversed(runs)
            for name, task in run.tasks.items()
            if task.definition.title
        },
    )


def _asked(runs: Sequence[ComparedRun]) -> list[str]:
    """Where runs of the same tests ask for something else: the estimand, or how often."""
    estimands = {run.scorecard.estimand for run in runs}
    epochs = {
        name: [run.tasks[name].epochs for run in runs if name in run.tasks]
        for name in dict.fromkeys(name for run in runs for name in run.tasks)
    }
    other = {name: counts for name, counts in epochs.items() if len(set(counts)) > 1}
    parts = ["the runs' estimands differ"] if len(estimands) > 1 else []
    if other:
        said = (f"{name} {' and '.join(map(str, counts))}" for name, counts in other.items())
        parts.append(f"the runs' epochs differ ({', '.join(said)})")
    if not parts:
        return []
    asked = "compare asks about the population, whatever the runs' estimand"
    return [f"{'; '.join(parts)}: {asked}, and averages repeats within an item"]


def _wanted(first: ComparedRun, rank: Sequence[str]) -> dict[str, list[str]]:
    """Task -> the metrics to rank by."""
    entries: list[str] = []
    for entry in rank:
        if entry == "headlines":
            cards = first.scorecard.dimensions.values()
            entries += [
                f"{card.headline.task}/{card.headline.metric}" for card in cards if card.headline
            ]
        else:
            entries.append(entry)
    known = [
        f"{name}/{use.key}"
        for name, task in first.tasks.items()
        for use in metrics_of(task.definition)
    ]
    wanted: dict[str, list[str]] = {}
    for entry in dict.fromkeys(entries):
        if entry not in known:
            hint = yamlfile.did_you_mean(entry, [*known, "headlines"])
            raise ConfigError(
                f"compare: --rank {entry}: {first.name} has no such figure{hint}; name "
                "task/metric, or headlines"
            )
        task, _, metric = entry.partition("/")
        wanted.setdefault(task, []).append(metric)
    return wanted


def _compare_task(
    runs: Sequence[ComparedRun],
    name: str,
    found: _Found,
    rank: Sequence[str],
    *,
    common: bool,
    level: float,
) -> None:
    """Compare one task of all runs with the first's; its rows live no longer than this."""
    first, *others = runs
    answers = [(other, same_test(first, other, name, common)) for other in others]
    refused = [answer for _, answer in answers if isinstance(answer, Refused)]
    found.refused += refused
    kept = [(other, same) for other, same in answers if isinstance(same, Same)]
    if not kept:
        reasons = tuple(f"{r.run}: {'; '.join(r.reasons)}" for r in refused)
        found.unranked += [Unranked(f"{name}/{metric}", reasons) for metric in rank]
        return
    task = first.tasks[name]
    uses = metrics_of(task.definition)
    ranking = [use for use in uses if use.key in rank]
    whole = first.cells(name)
    sides: list[tuple[ComparedRun, dict[str, Measured]]] = []
    in_all = _in_all([same for _, same in kept])
    if ranking and in_all is None:
        sides.append((first, _by_key(whole, ranking)))
    for other, same in kept:
        found.notes += same.notes
        before = whole if same.items is None else first.cells(name, same.items)
        after = other.cells(name, same.items)
        for use in uses:
            _compare_metric(found, Pairing(task, use, first.name, other.name, level), before, after)
        if ranking and in_all is None:
            sides.append((other, _by_key(after, ranking)))
    if ranking and in_all is not None:
        sides = [
            (run, _by_key(run.cells(name, in_all), ranking))
            for run in (first, *(run for run, _ in kept))
        ]
    for use in ranking:
        ranked = rank_runs(task, use, [(run, cells.get(use.key)) for run, cells in sides], level)
        found.rankings.append(replace(ranked, left_out=(*refused, *ranked.left_out)))


def _in_all(answers: Sequence[Same]) -> frozenset[str] | None:
    """The items that all runs have, where any lacks some."""
    parts = [same.items for same in answers if same.items is not None]
    return frozenset.intersection(*parts) if parts else None


def _by_key(cells: Cells, uses: Sequence[MetricUse]) -> dict[str, Measured]:
    made = {use.key: cells.of(use) for use in uses}
    return {key: side for key, side in made.items() if side is not None}


def _compare_metric(found: _Found, pairing: Pairing, a: Cells, b: Cells) -> None:
    use, task = pairing.use, pairing.task
    before, after = a.of(use), b.of(use)
    if before is None or after is None:
        found.not_paired[f"{task.name}/{use.key}"] = None
        return
    found.claims.append(pairing.claim(before, after))
    tags = task.definition.slices
    parts = {(tag, value): side for tag, value, side in b.slices(use, tags)}
    for tag, value, side in a.slices(use, tags):
        if (other := parts.get((tag, value))) is not None:
            found.slices.append(pairing.claim(side, other, (tag, value)))
