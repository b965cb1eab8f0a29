"""From sheets to a run's labels: every row checked against the run that it is of.

What is wrong is named with file and line. What is right is kept whole in the run directory, so that
nothing needs the sheets again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from evalharness.config import LabelsEntry
from evalharness.dates import is_day
from evalharness.errors import ConfigError
from evalharness.labelling.draw import draw_keys, labelled_uses, score_to_label
from evalharness.labelling.sheet import Entry, Sheet, read_sheet
from evalharness.labelling.source import Source
from evalharness.scorecard.metrics.samples import MeanMetric
from evalharness.scorecard.people import Draw, HumanLabels, Key, LabelFile, LabelSet, Said
from evalharness.scorers import registry as scorers
from evalharness.tasks.planned import PlannedTask
from evalharness.yamlfile import did_you_mean

__all__ = ["read_labels"]

#: Faults that are shown of one import.
_MOST_FAULTS = 20
_MOST_NAME = 80
#: Faults of one kind from which they are one line, and how many places that line names.
_FOLDED_FROM = 4
_EXAMPLES = 3
#: A file and line at the start of a fault; what a row itself says within it.
_PLACE = re.compile(r"\S.*?:\d+: ")
_QUOTED = re.compile(r"'[^'\n]*'")


def read_labels(
    entries: Sequence[LabelsEntry],
    base_dir: Path,
    tasks: Sequence[PlannedTask],
    this_run: Source | None,
) -> HumanLabels | None:
    """Read the sheets of a configuration.

    Args:
        base_dir: relative paths are counted from here.
        tasks: of the run whose figures are corrected.
        this_run: that run, where it has been; None before it.

    Returns:
        The labels; None where the configuration names no sheet.

    Raises:
        ConfigError: a line for each fault: file, line, what is wrong, what to do.
    """
    if not entries:
        return None
    made: dict[tuple[str, str], _Set] = {}
    faults: list[str] = []
    for entry in entries:
        if entry.of == "this_run" and this_run is None:
            raise ConfigError(
                f"labels: {entry.file}: labels of this run cannot be there before it: run "
                "without them, then 'evalharness score RUN --set labels=FILE'. Labels of other "
                "answers need 'of: exchangeable' and a 'note'"
            )
        sheet = read_sheet(_path(base_dir, entry.file))
        source = _source(entry, base_dir, this_run)
        faults += _Reading(sheet, entry, source, {t.name: t for t in tasks}, made).faults()
    faults += [fault for found in made.values() for fault in found.faults()]
    if faults:
        lines = _folded(faults)
        more = len(lines) - _MOST_FAULTS
        last = [f"and {more} more"] if more > 0 else []
        raise ConfigError("\n".join([*lines[:_MOST_FAULTS], *last]))
    return HumanLabels(sets=tuple(made[key].record() for key in sorted(made)))


def _folded(faults: Sequence[str]) -> list[str]:
    """Faults of one kind as one line: how many rows, the first in full, two further places.

    Of one kind are those that differ in place and quoted values alone.
    """
    kinds: dict[str, list[str]] = {}
    for fault in faults:
        place = _PLACE.match(fault)
        text = fault if place is None else fault[place.end() :]
        kinds.setdefault(_QUOTED.sub("'…'", text), []).append(fault)
    lines = []
    for same in kinds.values():
        if len(same) < _FOLDED_FROM:
            lines += same
            continue
        examples = (_PLACE.match(fault) for fault in same[1:_EXAMPLES])
        also = ", ".join(found[0].rstrip(": ") for found in examples if found is not None)
        lines.append(f"{same[0]} ({len(same)} rows are so; also {also})")
    return lines


def _path(base_dir: Path, text: str) -> Path:
    return base_dir / Path(text).expanduser()


def _source(entry: LabelsEntry, base_dir: Path, this_run: Source | None) -> Source | None:
    """The run whose answers a sheet's labels are of; None where the sheet has the verdicts."""
    if entry.of == "this_run":
        return this_run
    return None if entry.run is None else Source.of(_path(base_dir, entry.run))


@dataclass
class _Set:
    """The labels of one task and score while they are read."""

    task: PlannedTask
    score: str
    entry: LabelsEntry
    source: Source | None
    files: dict[str, LabelFile] = field(default_factory=dict)
    draw: Draw | None = None
    said: dict[tuple[Key, str], tuple[str, Said]] = field(default_factory=dict)

    @cached_property
    def yes_or_no(self) -> bool:
        """Whether only 0 and 1 (or a rubric's own numbers) are labels."""
        uses = labelled_uses(self.task, self.score)
        return not any(isinstance(use.metric, MeanMetric) for use in uses)

    @cached_property
    def numbers(self) -> frozenset[float]:
        """The labels that there are, where they are counted."""
        ref = self.task.definition.scorer
        rubric = getattr(scorers.create(ref.name, ref.options, self.task.name), "rubric", None)
        given = () if rubric is None else rubric.verdicts.values()
        return frozenset({0.0, 1.0, *(float(v) for v in given if not isinstance(v, str))})

    @cached_property
    def span(self) -> tuple[float, float]:
        """The lowest and the highest label, where they are measured."""
        ends = [use.metric.range for use in labelled_uses(self.task, self.score)]
        return min(low for low, _ in ends), max(high for _, high in ends)

    @cached_property
    def verdicts(self) -> Mapping[Key, Mapping[str, Any]]:
        """What the scorer found in the source's answers."""
        return {} if self.source is None else self.source.verdicts(self.task.name, self.score)

    @cached_property
    def drawn(self) -> frozenset[Key]:
        """The answers that the draw chose."""
        if self.source is None or self.draw is None:
            return frozenset()
        keys = draw_keys(
            self.source.samples,
            self.source.tasks[self.task.name],
            self.score,
            seed=self.draw.seed,
            count=self.draw.count,
        )
        return frozenset(keys)

    def faults(self) -> Iterator[str]:
        """What is wrong with the whole set, once all its rows are read."""
        what = f"labels of '{self.score}' in {self.task.name}"
        files = ", ".join(self.files)
        if self.draw is not None:
            for (key, _), (where, _) in self.said.items():
                if key not in self.drawn and key in self.verdicts:
                    yield (
                        f"{where}: {key[0]} was not drawn; label the sheet's own rows only, a "
                        "chosen one makes the sample no random one"
                    )
        if not self.said:  # each row has told its own fault; what follows from that is no other
            return
        values = [v for v in self.record().agreed.values() if v is not None]
        for number, word in ((1.0, "positive"), (0.0, "negative")):
            if self.yes_or_no and number not in values:
                yield (
                    f"{files}: too few of a kind: of {len(values)} {what} none is {number:.0f} "
                    f"({word}), so how often the scorer errs there is not known; label more rows "
                    "(a larger --count keeps those of a smaller one)"
                )

    def record(self) -> LabelSet:
        return LabelSet(
            task=self.task.name,
            score=self.score,
            of=self.entry.of,
            note=self.entry.note,
            files=tuple(self.files.values()),
            draw=self.draw,
            n_drawn=len(self.drawn),
            labels=tuple(said for _, said in self.said.values()),
        )


@dataclass
class _Reading:
    """One sheet, row by row, into the sets that its rows belong to."""

    sheet: Sheet
    entry: LabelsEntry
    source: Source | None
    tasks: Mapping[str, PlannedTask]
    made: dict[tuple[str, str], _Set]

    def faults(self) -> list[str]:
        found, labelled = [], 0
        for row in self.sheet.entries:
            if not row.label:
                continue
            labelled += 1
            try:
                self._add(row)
            except ConfigError as fault:
                found += [f"{self.sheet.at(row.line)}: {line}" for line in str(fault).splitlines()]
        if not labelled:
            found.append(f"{self.sheet.path}: no row has a label; fill the column 'label'")
        return found

    def _add(self, row: Entry) -> None:
        of = self._set(row)
        faults, label = _of_rater(row), 0.0
        try:
            label = _number(row.label, "label", of)
        except ConfigError as fault:
            faults.append(str(fault))
        if faults:
            raise ConfigError("\n".join(faults))
        where = self.sheet.at(row.line)
        if (row.key, row.rater) in of.said:
            first = of.said[row.key, row.rater][0]
            raise ConfigError(f"{row.rater:.40} has labelled {_named(row.key)} already ({first})")
        said = Said(
            sample=row.key[0],
            epoch=row.key[1],
            generation=row.key[2],
            label=label,
            rater=row.rater,
            date=row.date,
            **self._found(row, of),
        )
        of.said[row.key, row.rater] = (where, said)

    def _set(self, row: Entry) -> _Set:
        """The set of a row; made with the first of its rows."""
        task = self.tasks.get(row.task)
        if task is None:
            hint = did_you_mean(row.task, list(self.tasks))
            raise ConfigError(f"the run has no task {row.task[:60]!r}{hint}")
        score = score_to_label(task, row.score or None)
        of = self.made.get((task.name, score))
        if of is None:
            if self.entry.of == "exchangeable" and self.source is not None:
                self.source.check_same_scorer(task)
            of = self.made[task.name, score] = _Set(task, score, self.entry, self.source)
        if (of.entry.of, of.entry.run) != (self.entry.of, self.entry.run):
            raise ConfigError(
                f"labels of '{score}' in {task.name} are named twice, of different answers; keep "
                "one kind"
            )
        name = self.sheet.path.name
        of.files[str(self.sheet.path)] = LabelFile(name=name, sha256=self.sheet.sha256)
        self._check_draw(row, of)
        return of

    def _check_draw(self, row: Entry, of: _Set) -> None:
        if of.source is None:
            return
        if row.draw is None:
            if self.entry.of == "this_run":
                raise ConfigError(
                    "the draw is not recorded (column 'draw'), so these labels are not known to be "
                    "a random sample of this run; use the sheet that 'evalharness labels' writes"
                )
            return
        if row.draw.of != of.source.first:
            raise ConfigError(
                f"labels of another run: drawn from measurement {row.draw.of[:12]}, "
                f"{of.source.path} is {of.source.first[:12]}"
            )
        if of.draw is not None and of.draw.seed != row.draw.seed:
            raise ConfigError(
                f"two draws, with the seeds {of.draw.seed} and {row.draw.seed}; keep one of them"
            )
        if of.draw is None or row.draw.count > of.draw.count:
            of.draw = row.draw

    def _found(self, row: Entry, of: _Set) -> dict[str, Any]:
        """What the scorer found in an answer that is another run's; nothing for this run's own."""
        if of.source is None:
            if not row.verdict:
                raise ConfigError(
                    "no verdict: labels of other answers need what the scorer said of them, in a "
                    "column 'verdict', or the run that they are of (field 'run')"
                )
            return {"outcome": "answered", "verdict": _number(row.verdict, "verdict", of)}
        known = of.verdicts.get(row.key)
        if known is None:
            raise ConfigError(
                f"the run has no {_named(row.key)} in {of.task.name}; a spreadsheet may have "
                "changed the cell: format the columns as text"
            )
        return {} if self.entry.of == "this_run" else dict(known)


def _of_rater(row: Entry) -> list[str]:
    """What is wrong with who labelled a row, and when."""
    faults = []
    if not row.rater or len(row.rater) > _MOST_NAME or not row.rater.isprintable():
        what = f"rater {row.rater[:20]!r}" if row.rater else "no rater"
        faults.append(f"{what}; write who labelled it (a short name or a number)")
    if not is_day(row.date):
        faults.append(
            f"date {row.date[:20]!r}: write the day of labelling as 2026-05-31"
            if row.date
            else "no date; write the day of labelling, as 2026-05-31"
        )
    return faults


def _named(key: Key) -> str:
    """An answer in words."""
    sample, epoch, generation = key
    more = f" (epoch {epoch}, generation {generation})" if epoch or generation else ""
    return f"sample {sample[:60]!r}{more}"


def _number(text: str, name: str, of: _Set) -> float:
    """A label or verdict that the score can have."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    low, high = of.span
    if of.yes_or_no and name == "label":
        known = sorted(of.numbers)
        if value not in known:
            said = " or ".join(f"{number:g}" for number in known)
            raise ConfigError(f"label {text[:20]!r} is none of '{of.score}'; write {said}")
    elif not low <= value <= high:
        raise ConfigError(f"{name} {text[:20]!r} is no number from {low:g} to {high:g}")
    return value
