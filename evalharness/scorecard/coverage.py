"""What of a framework a run answers, with which result, and what it does not answer and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from evalharness.scorecard.grades import counterpart_of
from evalharness.scorecard.model import INSUFFICIENT, Cell, Scorecard, TaskCard
from evalharness.tasks.frameworks import Code, Framework, touched

__all__ = ["STATES", "Answer", "Clause", "Coverage", "Installed", "State", "coverage", "installed"]

State = Literal["measured", "insufficient", "not run", "not in this run", "no task"]

#: Every state, the best first, with what it says.
STATES: dict[State, str] = {
    "measured": "a task of this run touches it and was measured",
    "insufficient": "a task of this run touches it, too little of it was measured",
    "not run": "a task of this run touches it and could not be run",
    "not in this run": "a task of evalharness touches it, this run does not have it",
    "no task": "no task of evalharness touches it",
}

Tags = Mapping[str, Iterable[str]]


@dataclass(frozen=True)
class Installed:
    """What is known here of a task, whether or not a run has it."""

    version: int
    tags: Tags


@dataclass(frozen=True)
class Answer:
    """What one task of a run says of a clause: its headline figure.

    Args:
        pair: the figure without which this one must not be read: its name and, where the run has
            it, its cell.
        reason: why it was not run.
    """

    task: str
    dimension: str
    metric: str
    cell: Cell
    state: State
    pair: tuple[str, Cell | None] | None = None
    reason: str | None = None
    demonstration: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        shown = self.cell.model_dump(
            mode="json",
            include={
                "title", "value", "interval", "n_planned", "n_measured", "n_excluded", "n_missing",
                "counted", "unit", "direction", "grade", "notes",
            },
        )  # fmt: skip
        return {
            "task": self.task,
            "dimension": self.dimension,
            "metric": self.metric,
            "state": self.state,
            "reason": self.reason,
            "pair": None if self.pair is None else self.pair[0],
            "demonstration": list(self.demonstration),
            **shown,
        }


@dataclass(frozen=True)
class Clause:
    """One code of a framework: what answers it here, and which tasks elsewhere would."""

    code: Code
    certainty: str
    state: State
    answers: tuple[Answer, ...]
    elsewhere: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            **_described(self.code, self.certainty),
            "state": self.state,
            "answers": [answer.to_json() for answer in self.answers],
            "not_in_this_run": list(self.elsewhere),
        }


@dataclass(frozen=True)
class Coverage:
    """A framework held against one run."""

    framework: Framework
    run: str
    clauses: tuple[Clause, ...]

    def count(self, state: State) -> int:
        """How many of the clauses that count are in this state."""
        counted = {code.id for code in self.framework.counted}
        return sum(c.state == state and c.code.id in counted for c in self.clauses)

    @property
    def tally(self) -> str:
        """How many are measured, in words."""
        return self.framework.tally(self.measured)

    @property
    def measured(self) -> list[str]:
        """The clauses that a task of the run measures."""
        return [clause.code.id for clause in self.clauses if clause.state == "measured"]

    def to_json(self) -> dict[str, Any]:
        return {
            **_of_framework(self.framework),
            "run": self.run,
            "counts": {state: self.count(state) for state in STATES},
            "codes": [clause.to_json() for clause in self.clauses],
        }


def coverage(
    framework: Framework, scorecard: Scorecard, run: str, library: Mapping[str, Installed]
) -> Coverage:
    """Hold a framework against a run.

    A task of the run has the tags of the task installed under its name and version, since a mapping
    may grow after a run; else those that the run recorded.

    Args:
        run: the run's name, as it is shown.
        library: the tasks that are installed here.
    """
    cards = {
        name: (dimension, card)
        for dimension, tasks in scorecard.dimensions.items()
        for name, card in tasks.tasks.items()
    }
    cells = scorecard.cells()
    here = touched(framework, {n: _tags(n, card, library) for n, (_, card) in cards.items()})
    known = touched(framework, {name: task.tags for name, task in library.items()})
    clauses = []
    for code in framework.codes:
        answers = tuple(_answer(name, *cards[name], scorecard, cells) for name in here[code.id])
        elsewhere = tuple(name for name in known[code.id] if name not in cards)
        if answers:
            state = min((answer.state for answer in answers), key=list(STATES).index)
        else:
            state = "not in this run" if elsewhere else "no task"
        clauses.append(Clause(code, framework.certainty_of(code), state, answers, elsewhere))
    return Coverage(framework, run, tuple(clauses))


def _tags(name: str, card: TaskCard, library: Mapping[str, Installed]) -> Tags:
    task = library.get(name)
    return card.tags if task is None or task.version != card.version else task.tags


def _answer(
    name: str, dimension: str, card: TaskCard, scorecard: Scorecard, cells: Mapping[str, Cell]
) -> Answer:
    headline = scorecard.dimensions[dimension].headline
    first = next(iter(card.metrics))
    metric = headline.metric if headline is not None and headline.task == name else first
    cell = card.metrics[metric]
    state: State = "measured"
    if card.not_run is not None or set(card.outcomes) == {"not_run"}:
        state = "not run"
    elif not cell.n_measured or cell.grade == INSUFFICIENT or cell.value is None:
        state = "insufficient"
    return Answer(
        name, dimension, metric, cell, state, _pair(f"{dimension}/{name}/{metric}", cell, cells),
        card.not_run or _most_frequent(card), card.demonstration,
    )  # fmt: skip


def _pair(key: str, cell: Cell, cells: Mapping[str, Cell]) -> tuple[str, Cell | None] | None:
    """The figure without which a cell must not be read: of the same task, or of another."""
    name = cell.headline_pair
    if name is None:
        return None
    other = counterpart_of(key, cell, cells)
    return name, None if other is None else cells[other]


def _most_frequent(card: TaskCard) -> str | None:
    """The commonest reason why something of a task was not measured."""
    found = {
        reason: count
        for kind in ("not_run", "errored")
        for reason, count in card.reasons.get(kind, {}).items()
    }
    return max(found, key=lambda reason: found[reason]) if found else None


def installed(framework: Framework, tags: Mapping[str, Tags]) -> dict[str, Any]:
    """What the installed tasks touch of a framework, as JSON.

    Args:
        tags: of each task by its name.
    """
    tasks = touched(framework, tags)
    return {
        **_of_framework(framework),
        "n_codes": len(framework.counted),
        "n_touched": sum(bool(tasks[code.id]) for code in framework.counted),
        "tally": framework.tally([code for code, names in tasks.items() if names]),
        "codes": [
            {**_described(code, framework.certainty_of(code)), "tasks": tasks[code.id]}
            for code in framework.codes
        ],
    }


def _of_framework(framework: Framework) -> dict[str, Any]:
    return {
        "name": framework.framework,
        **framework.model_dump(include={"title", "publisher", "version", "source", "certainty"}),
        "note": framework.note,
    }


def _described(code: Code, certainty: str) -> dict[str, Any]:
    return {
        **code.model_dump(include={"id", "name", "name_zh", "part_of", "instead"}),
        "certainty": certainty,
    }
