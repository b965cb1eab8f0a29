"""Builds the label: what the run measured, what the provider declares, and what nobody says.

A cell is measured only where the run has a value over enough of what was planned. Everything else
that a reader may expect is a cell too, and says that it is absent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from evalharness.reports.engagement import AREAS, Engagement
from evalharness.reports.label.declared import declared, silence
from evalharness.reports.label.given import File, LabelInput, Off
from evalharness.reports.label.model import Figure, Label, LabelCell, Source
from evalharness.reports.label.slices import FEWEST, worst_slice
from evalharness.reports.language import _, current, gap, listed, said
from evalharness.reports.numbers import count
from evalharness.reports.recorded import is_recorded
from evalharness.reports.view import word_of
from evalharness.scorecard.grades import counterpart_of
from evalharness.scorecard.model import DIMENSIONS, Cell, Corrected, Scorecard

__all__ = ["build_label"]


def build_label(given: LabelInput) -> Label:
    """The label in the language that is spoken now; the same input gives the same label."""
    if given.engagement is not None:
        assignment, file = given.engagement
        spoken = assignment.spoken(current().code)
        given = replace(given, engagement=(spoken, file))
    found = [
        *_evaluation(given),
        *_footprint(given),
        *_mitigations(given),
        *_risks(given),
        *declared(given),
    ]
    found += silence(found)
    by_area = {area: [cell for cell in found if cell.area == area] for area in AREAS}
    cells = tuple(cell for area in AREAS for cell in by_area[area])
    target = given.scorecard.model
    assigned = given.engagement[0] if given.engagement else None
    reasons = dict.fromkeys(
        reason
        for dimension in given.scorecard.dimensions.values()
        for task in dimension.tasks.values()
        for reason in task.demonstration
    )
    return Label(
        run_id=given.run["run_id"],
        measurement=given.run["measurement"],
        name=f"{assigned.item.name}, {assigned.item.version}" if assigned else target,
        model=target,
        measured=given.run.get("measured"),
        evaluator=None if assigned is None else _evaluator(assigned),
        level=given.scorecard.level,
        demonstration=tuple(said(reason) for reason in reasons),
        sources=_sources(given, cells),
        cells=cells,
    )


def _evaluator(assignment: Engagement) -> str:
    return _(
        "{name} ({relationship}), paid by {payer}",
        name=assignment.laboratory.name,
        relationship=said(assignment.independence.relationship),
        payer=assignment.independence.paid_by,
    )


def _sources(given: LabelInput, cells: Sequence[LabelCell]) -> tuple[Source, ...]:
    """The run's files that a cell follows from, and each that was given, if in vain."""
    own = [given.records.scorecard, given.records.run, given.records.summary]
    others = [given.engagement[1]] if given.engagement else []
    others += [File(given.card.name, given.card.sha256)] if given.card else []
    others += [off.file for _part, off in sorted((given.switched_off or {}).items())]
    counts = Counter(cell.sha256 for cell in cells)
    files = [file for file in own if file is not None and counts[file.sha256]]
    return tuple(
        Source(name=file.name, sha256=file.sha256, cells=counts[file.sha256])
        for file in dict.fromkeys([*files, *others])
    )


def _headlines(scorecard: Scorecard) -> Iterator[tuple[str, str, str, Cell]]:
    """Dimension, task, metric and cell of each dimension's headline, in the tables' order."""
    more = sorted(set(scorecard.dimensions) - set(DIMENSIONS))
    for name in (*DIMENSIONS, *more):
        card = scorecard.dimensions.get(name)
        if card is None or card.headline is None or card.headline.task not in card.tasks:
            continue
        task = card.tasks[card.headline.task]
        if card.headline.metric in task.metrics:
            yield name, card.headline.task, card.headline.metric, task.metrics[card.headline.metric]


def _untested(scorecard: Scorecard) -> list[str]:
    found = scorecard.dimensions
    return [name for name in DIMENSIONS if name not in found or not found[name].tasks]


def _title(dimension: str) -> str:
    return said(word_of(dimension).capitalize())


def _evaluation(given: LabelInput) -> Iterator[LabelCell]:
    """Each dimension's headline, with the metric that it must not be read without."""
    headlines = {found[0]: found for found in _headlines(given.scorecard)}
    every = given.scorecard.cells()
    for name in dict.fromkeys((*DIMENSIONS, *headlines)):
        if name not in headlines:
            tested = name not in _untested(given.scorecard)
            yield LabelCell(
                area="evaluation",
                state="absent",
                what=_title(name),
                says=_("Tested, with no headline: see the scorecard") if tested
                else _("Not tested in this run"),
            )  # fmt: skip
            continue
        _name, task, metric, cell = headlines[name]
        yield _metric(given, f"{name}/{task}/{metric}", cell)
        found = cell.corrected
        if found is not None and found.value is not None:
            yield _corrected(given, f"{name}/{task}/{metric}", cell, (found, found.value))
        pair = counterpart_of(f"{name}/{task}/{metric}", cell, every)
        if pair is not None:
            yield _metric(given, pair, every[pair], read_with=True)
        elif cell.headline_pair is not None:
            yield LabelCell(
                area="evaluation", state="absent",
                what=_("{dimension}, to be read with it: {title}", dimension=_title(name),
                       title=cell.headline_pair),
                says=_("Not tested in this run"),
            )  # fmt: skip


def _metric(given: LabelInput, key: str, cell: Cell, *, read_with: bool = False) -> LabelCell:
    """A metric's cell: measured, or absent with the reason."""
    fields = {"dimension": _title(key.partition("/")[0]), "title": said(cell.title)}
    what = (
        _("{dimension}, to be read with it: {title}", **fields)
        if read_with
        else _("{dimension}: {title}", **fields)
    )
    file = given.records.scorecard
    figure = Figure.of(cell)
    notes = gap().join(_("{text}.", text=said(note).rstrip(".")) for note in cell.notes)
    if figure is None:
        counts = {"n": count(cell.n_measured), "m": count(cell.n_planned), "of": said(cell.counted)}
        if cell.n_missing:
            says = _("Insufficient: {n} of {m} {of} measured.", **counts)
        else:
            says = _("No value: {n} of {m} {of} measured.", **counts)
        return LabelCell(
            area="evaluation", state="absent", what=what, says=f"{says}{gap()}{notes}",
            source=f"{file.name}: {key}", sha256=file.sha256,
        )  # fmt: skip
    return LabelCell(
        area="evaluation", state="measured", what=what, says=notes or None, figure=figure,
        source=f"{file.name}: {key}", sha256=file.sha256,
    )  # fmt: skip


def _corrected(
    given: LabelInput, key: str, cell: Cell, correction: tuple[Corrected, float]
) -> LabelCell:
    """The figure as people would have scored it, from their labels of a part of the answers."""
    found, value = correction
    drawn = found.n_labels + found.n_without_verdict + found.n_unresolved + found.n_unlabelled
    file = given.records.scorecard
    return LabelCell(
        area="evaluation",
        state="measured",
        what=_("{title}, corrected by people’s labels", title=said(cell.title)),
        figure=Figure(
            value=value,
            interval=found.interval,
            n_measured=found.n_labels,
            n_planned=drawn,
            counted="labels",
            unit=cell.unit,
            range=cell.range,
            direction=cell.direction,
            protocol_id=cell.protocol_id,
        ),
        source=f"{file.name}: {key}",
        sha256=file.sha256,
    )


def _footprint(given: LabelInput) -> Iterator[LabelCell]:
    """What the test itself took; energy is metered by nothing here, and so not estimated."""
    file = given.records.summary
    used = dict(given.summary.get("used") or {})
    recorded = is_recorded(given.scorecard.target)
    if recorded:
        used.pop("target", None)
        yield LabelCell(
            area="evaluation", state="absent", what=_("Footprint of the item’s answers"),
            says=_("Its outputs were recorded before: this run asked it nothing"),
        )  # fmt: skip
    if file is not None and used:
        sums = {
            name: sum(role.get(name) or 0 for role in used.values())
            for name in ("requests", "input_tokens", "output_tokens", "estimated")
        }
        sessions = given.summary.get("sessions") or [given.summary]
        seconds = sum(session.get("seconds") or 0 for session in sessions)
        says = _(
            "{requests} requests, {input} tokens read, {output} written, {seconds} s",
            requests=count(sums["requests"]),
            input=count(sums["input_tokens"]),
            output=count(sums["output_tokens"]),
            seconds=count(round(seconds)) if seconds >= 1 else "<1",
        )
        if sums["estimated"]:
            says += _("; tokens of {n} answers estimated", n=count(sums["estimated"]))
        yield LabelCell(
            area="evaluation", state="measured", what=_("Footprint of this evaluation"), says=says,
            source=f"{file.name}: used", sha256=file.sha256,
        )  # fmt: skip
    yield LabelCell(
        area="evaluation", state="absent", what=_("Energy of this evaluation"),
        says=_("Not metered, and not estimated"),
    )  # fmt: skip


def _mitigations(given: LabelInput) -> Iterator[LabelCell]:
    """Each part of the application: with it and without it, where a run had it off."""
    if given.engagement is None:
        return
    assignment, file = given.engagement
    for part in assignment.item.parts:
        off = (given.switched_off or {}).get(part.name)
        if off is not None:
            yield from _with_and_without(given, part.name, off)
        yield LabelCell(
            area="mitigations", state="declared", what=part.name, says=part.does,
            source=f"{file.name}: item.parts", sha256=file.sha256,
        )  # fmt: skip
        if off is None:
            yield LabelCell(
                area="mitigations", state="absent", what=_("Effect of {part}", part=part.name),
                says=_("Not measured: no run in which it was off"),
            )  # fmt: skip


def _with_and_without(given: LabelInput, part: str, off: Off) -> Iterator[LabelCell]:
    unlike: list[str] = []
    for dimension, task, metric, cell in _headlines(given.scorecard):
        key = f"{dimension}/{task}/{metric}"
        here, other = Figure.of(cell), off.run.figures.get(key)
        there = None if other is None else Figure.of(other)
        if here is None or there is None:
            unlike.append(said(cell.title))
            continue
        yield LabelCell(
            area="mitigations", state="measured",
            what=_("{title}, {part} on and off", title=said(cell.title), part=part),
            figure=here, without=there, source=f"{off.file.name}: {key}", sha256=off.file.sha256,
        )  # fmt: skip
    if unlike:
        yield LabelCell(
            area="mitigations", state="absent", what=_("Effect of {part}", part=part),
            says=_(
                "Not measured by the same test in both runs, or too little: {titles}",
                titles=listed(unlike),
            ),
        )  # fmt: skip


def _risks(given: LabelInput) -> Iterator[LabelCell]:
    """Where it did worst, what lacks a value, what was not tested."""
    file = given.records.scorecard
    for dimension, task, metric, cell in _headlines(given.scorecard):
        worst = worst_slice(cell)
        if worst is None:
            continue
        yield LabelCell(
            area="risks",
            state="measured",
            what=_(
                "Worst slice, {title}: {tag} {value}",
                title=said(cell.title), tag=word_of(worst.tag), value=worst.value,
            ),
            says=_("slices with {fewest} units or more: {n}", fewest=FEWEST, n=worst.of),
            figure=worst.figure,
            source=f"{file.name}: {dimension}/{task}/{metric}",
            sha256=file.sha256,
        )  # fmt: skip
    yield from _gaps(given)


def _gaps(given: LabelInput) -> Iterator[LabelCell]:
    tasks = {
        name: task
        for dimension in given.scorecard.dimensions.values()
        for name, task in dimension.tasks.items()
    }
    cells = given.scorecard.cells()
    lacking = [key for key, cell in cells.items() if Figure.of(cell) is None]
    untested = [_title(name) for name in _untested(given.scorecard)]
    rows = [
        (_("Dimensions not tested"), untested),
        (_("Tasks not run"), [name for name, task in tasks.items() if task.not_run is not None]),
        (_("Metrics without a sufficient value"), [
            _("{n} of {m}: {names}", n=len(lacking), m=len(cells), names=listed(lacking))
        ] if lacking else []),
    ]  # fmt: skip
    for what, names in rows:
        if names:
            yield LabelCell(area="risks", state="absent", what=what, says=listed(names))
    deviations = given.run.get("deviations") or ()
    if deviations:
        yield LabelCell(
            area="risks", state="measured", what=_("Deviations from the plan"),
            says=_("{n}, listed in the scorecard", n=len(deviations)),
            source=f"{given.records.run.name}: deviations", sha256=given.records.run.sha256,
        )  # fmt: skip
    languages = sorted({language for task in tasks.values() for language in task.languages})
    yield LabelCell(
        area="risks", state="absent", what=_("Outside these evaluations"),
        says=_(
            "Languages other than {languages}; other modalities than text, behaviour with tools, "
            "and changes after the day of measurement",
            languages=listed(map(current().tongue, languages)) or _("none"),
        ),
    )  # fmt: skip
