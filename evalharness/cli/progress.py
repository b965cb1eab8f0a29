"""What a run shows while it works: a live display, or plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from evalharness.engine.execute import SampleResult
    from evalharness.engine.plan import Plan
    from evalharness.scorecard.model import Cell, Scorecard, TaskCard
    from evalharness.store.directory import RunDirectory
    from evalharness.store.journal import Entry

__all__ = ["Progress", "headline_table", "removed_line", "short_list"]

#: Seconds between two plain lines.
_EVERY = 10.0
#: Seconds: a wait that an endpoint asks for and that is worth a line.
_LONG_WAIT = 10.0
#: Characters of a reason in the table.
_WIDEST = 48
#: Names of many.
_NAMED = 3


class Progress:
    """Watches a run (`pipeline.Observer`).

    Args:
        enabled: show anything at all.
        live: a terminal is there to draw on.
    """

    def __init__(self, *, enabled: bool, live: bool) -> None:
        self._enabled = enabled
        self._live = live
        self._display: Any = None
        self._bars: dict[str, Any] = {}
        self._outcomes: dict[str, Counter[str]] = defaultdict(Counter)
        self._tokens = 0
        self._responses = 0
        self._total = 0
        self._done = 0
        self._started = time.perf_counter()
        self._spoke = 0.0
        self._waits_until = 0.0
        #: Failures of earlier sessions that this one tries again.
        self.retried = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        if self._display is not None:
            with suppress(OSError):  # the terminal may be gone, which must not hide the exception
                self._display.stop()

    def planned(self, plan: Plan, directory: RunDirectory, resumed: int, retried: int) -> None:
        """The plan stands; nothing was asked yet."""
        self.retried = retried
        if not self._enabled:
            return
        self._started = self._spoke = time.perf_counter()
        self._total = sum(task.n_planned * task.epochs for task in plan.tasks)
        again = f", resumes with {resumed} responses" if resumed else ""
        if retried:
            again += f", tries {retried} that failed again"
        count = len(plan.tasks)
        tasks = "1 task" if count == 1 else f"{count} tasks"
        self._say(f"{directory.path}: {tasks}, {self._total} samples{again}")
        for reason in dict.fromkeys(task.not_run for task in plan.tasks if task.not_run):
            names = ", ".join(task.name for task in plan.tasks if task.not_run == reason)
            self._say(f"not run: {names}: {reason}")
        if self._live:
            self._start_display(plan)

    def _start_display(self, plan: Plan) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._display = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[outcomes]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        for task in plan.tasks:
            total = task.n_planned * task.epochs
            self._bars[task.name] = self._display.add_task(task.name, total=total, outcomes="")
        self._bars[""] = self._display.add_task("all", total=self._total, outcomes="")
        self._display.start()

    def response(self, entry: Entry) -> None:
        """One response came (or was in the journal)."""
        tokens = getattr(entry.answer, "output_tokens", None)
        self._tokens += tokens or 0
        self._responses += 1
        if self._display is not None:
            self._display.update(self._bars[""], outcomes=self._speed())

    def _speed(self) -> str:
        elapsed = max(time.perf_counter() - self._started, 1e-9)
        shown = f"{self._responses} responses, {self._responses / elapsed:.0f}/s"
        return f"{shown}, {self._tokens / elapsed:.0f} tokens/s" if self._tokens else shown

    def result(self, result: SampleResult) -> None:
        """One sample is done."""
        if not self._enabled:
            return
        name = result.task.name
        counts = self._outcomes[name]
        counts.update(outcome.kind.value for outcome in result.outcomes)
        self._done += 1
        if self._display is not None:
            self._display.update(self._bars[name], advance=1, outcomes=_shown(counts))
            self._display.update(self._bars[""], advance=1, outcomes=self._speed())
        elif time.perf_counter() - self._spoke > _EVERY:
            self._spoke = time.perf_counter()
            elapsed = self._spoke - self._started
            left = elapsed / self._done * (self._total - self._done)
            # of the first few nothing can be said of the rest
            known = self._done >= max(20, self._total // 20)
            shown = f", about {left:.0f} s left" if known else ""
            self._say(f"{self._done} of {self._total} samples{shown}, {self._speed()}")

    def stage(self, name: str) -> None:
        """The next stage begins."""
        if not self._enabled:
            return
        if name == "finished":
            self._say("already finished; nothing was asked (--fresh starts a new run)")
        if name == "stopping":
            with suppress(OSError):  # the terminal may be what went away
                self._say("stopping: waiting for the calls in flight to end")
        if name == "scorecard" and self._total:  # a later scoring plans and asks nothing here
            if self._display is not None:
                self._display.stop()
                self._display = None
            elapsed = time.perf_counter() - self._started
            total: Counter[str] = sum(self._outcomes.values(), Counter())
            several = f" ({total.total()} outcomes)" if total.total() != self._done else ""
            self._say(f"{self._done} samples{several} in {elapsed:.1f} s: {_shown(total)}")

    def waiting(self, role: str, seconds: float) -> None:
        """An endpoint asks to wait; of many calls' waits at once the first is told."""
        now = time.time()
        if not self._enabled or seconds < _LONG_WAIT or now < self._waits_until:
            return
        self._waits_until = now + seconds
        until = time.strftime("%H:%M:%S", time.localtime(self._waits_until))
        self._say(f"{role}: the endpoint asks to wait for {seconds:.0f} s, until {until}")
        if self._display is not None:
            self._display.update(self._bars[""], outcomes=f"waits until {until}")

    def removed(self, names: Sequence[str]) -> None:
        """Files that were drawn from an earlier state of the run are gone."""
        if self._enabled:
            self._say(removed_line(names))

    def _say(self, text: str) -> None:
        sys.stderr.write(text.rstrip() + "\n")
        sys.stderr.flush()


def short_list(names: Collection[str]) -> str:
    """The first few names, and how many there are beside them."""
    shown = ", ".join(list(names)[:_NAMED])
    return f"{shown} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else shown


def removed_line(names: Sequence[str], others: Sequence[str] = ()) -> str:
    """What is said of reports that were taken away.

    Args:
        others: what is another now; without it the run itself.
    """
    why = f" (another now: {'; '.join(others)})" if others else ""
    return f"removed, drawn from an earlier state: {', '.join(names)}; draw them again{why}"


def _shown(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.most_common())


def _marks(cell: Cell, task: TaskCard) -> str:
    """What must be known of a figure beside its value."""
    from evalharness.reports.numbers import Quantity, spread
    from evalharness.stats import is_mark

    marks = [cell.grade] if cell.grade else []
    found = cell.corrected
    if found is not None:
        scale = Quantity.of(cell)
        value = "no value" if found.value is None else scale.value(found.value)
        span = "" if found.interval is None else scale.span(found.interval.low, found.interval.high)
        words = " ".join(part for part in ("corrected", value, span) if part)
        marks.append(f"{words} by {found.n_labels} labels")
    marks += ["demonstration"] if task.demonstration else []
    marks += [note for note in cell.notes if is_mark(note)]
    if cell.variance is not None:
        marks.append(spread(cell.variance, Quantity.of(cell)))
    return f" ({', '.join(marks)})" if marks else ""


def _interval(cell: Cell) -> str:
    """The interval, or in a few words why there is none."""
    from evalharness.reports.numbers import Quantity, level
    from evalharness.scorecard.estimand import COMPLETE

    if cell.interval is not None:
        low, high = cell.interval.low, cell.interval.high
        return f"{Quantity.of(cell).span(low, high)} ({level(cell.interval.level)})"
    if cell.value is None:
        return ""  # of what was not measured nothing more is to be said
    if COMPLETE in cell.notes:
        return "none: complete set, greedy"
    reason = cell.notes[0].removeprefix("no interval: ") if cell.notes else "the metric has none"
    return f"none: {reason if len(reason) <= _WIDEST else reason[: _WIDEST - 1] + '…'}"


def _figure(cell: Cell, task: TaskCard) -> tuple[str, str, str]:
    """Value, interval and denominator."""
    from evalharness.reports.numbers import Quantity

    return (
        "not measured" if cell.value is None else Quantity.of(cell).value(cell.value),
        _interval(cell),
        f"{cell.n_measured} of {cell.n_planned} {cell.counted}{_marks(cell, task)}",
    )


def headline_table(scorecard: Scorecard) -> str:
    """The five headlines as plain text: value, interval, denominator.

    Below each stands the figure that it must not be read without.
    """
    from evalharness.scorecard.estimand import WORDS
    from evalharness.scorecard.grades import counterpart_of
    from evalharness.scorecard.model import DIMENSIONS

    cells = scorecard.cells()
    fixed = " (fixed set)" if scorecard.estimand == WORDS["fixed_set"] else ""
    rows = [("dimension", "metric", "value", f"interval{fixed}", "measured")]
    for name in DIMENSIONS:
        card = scorecard.dimensions[name]
        label = name.replace("_", " ")
        if card.headline is None:
            rows.append((label, "not tested", "", "", ""))
            continue
        key = f"{name}/{card.headline.task}/{card.headline.metric}"
        cell, task = cells[key], card.tasks[card.headline.task]
        rows.append((label, f"{card.headline.task}: {cell.title}", *_figure(cell, task)))
        if (other := counterpart_of(key, cell, cells)) is not None:
            of, named, _ = other.split("/")
            beside = scorecard.dimensions[of].tasks[named]
            where = "" if named == card.headline.task else f"{named}: "
            title = f"  read with {where}{cells[other].title}"
            rows.append(("", title, *_figure(cells[other], beside)))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
