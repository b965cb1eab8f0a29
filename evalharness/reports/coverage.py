"""A framework held against a run, or against what is installed: in lines, and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from evalharness.reports.numbers import Quantity, count
from evalharness.reports.text import plain
from evalharness.scorecard.coverage import STATES, Answer, Clause, Coverage
from evalharness.scorecard.model import Cell

__all__ = ["installed_lines", "lines", "markdown"]

_NO_TASK = "NOT COVERED: no task of evalharness touches it"
#: What a name or a reason may be long.
_LONGEST = 200


def installed_lines(row: Mapping[str, Any]) -> list[str]:
    """What the installed tasks touch: each code with its tasks, or "not covered"."""
    codes = row["codes"]
    found = _heading(row)
    width = max(len(code["id"]) for code in codes)
    for code in codes:
        sure = "" if code["certainty"] == row["certainty"] else f" [{code['certainty']}]"
        instead = f" by a task; {code['instead']}" if code["instead"] else ""
        tasks = ", ".join(code["tasks"]) or f"not covered{instead}"
        found.append(f"  {code['id']:<{width}}  {code['name']}{sure}: {tasks}")
    return [*found, f"  {row['tally']} are touched by a task; none is thereby exhausted"]


def lines(found: Coverage) -> list[str]:
    """Each clause with what answers it, what is not covered and why, and the counts."""
    shown = [*_heading(found.to_json()), f"  held against run {plain(found.run, _LONGEST)}"]
    width = max(len(clause.code.id) for clause in found.clauses)
    for clause in found.clauses:
        shown.append(f"  {clause.code.id:<{width}}  {_name(clause, found)}")
        shown += [f"  {'':<{width}}    {line}" for line in _answers(clause)]
    counts = ", ".join(f"{found.count(state)} {state}" for state in STATES)
    return [*shown, f"  {found.tally} are measured: {counts}", f"  {_CAVEAT}"]


def markdown(found: Coverage) -> str:
    """The same as a page: clauses with their results, then what is not covered, by why."""
    head = {key: _escaped(str(value or "")) for key, value in found.to_json().items()}
    page = [
        f"# Coverage: {head['title']}",
        "",
        f"Version {head['version']} ({head['publisher']}).",
        f"A {head['certainty']} source: {head['source']}.",
        *(["", head["note"]] if head["note"] else []),
        "",
        f"Held against run {head['run']}: {found.tally} are measured.",
        _CAVEAT,
        "",
        "| clause | state | what answers it |",
        "| --- | --- | --- |",
    ]
    page += [
        f"| {_escaped(clause.code.id)} {_escaped(_name(clause, found))} | {clause.state} | "
        f"{'<br>'.join(_escaped(line) for line in _answers(clause))} |"
        for clause in found.clauses
    ]
    page += ["", "| state | clauses | what it says |", "| --- | ---: | --- |"]
    page += [f"| {state} | {found.count(state)} | {said} |" for state, said in STATES.items()]
    return "\n".join([*page, ""])


_CAVEAT = "A clause that a task touches is not thereby exhausted, and no figure shows conformity."


def _heading(row: Mapping[str, Any]) -> list[str]:
    found = [
        f"{row['name']}: {row['title']}, {row['version']} ({row['publisher']})",
        f"  {row['certainty']} source: {row['source']}",
    ]
    return [*found, f"  {row['note']}"] if row["note"] else found


def _name(clause: Clause, found: Coverage) -> str:
    sure = "" if clause.certainty == found.framework.certainty else f" [{clause.certainty}]"
    return f"{clause.code.name}{sure}"


def _answers(clause: Clause) -> list[str]:
    """What answers a clause, a line a task; or why it is not covered."""
    shown = [_line(answer) for answer in clause.answers]
    if clause.state == "no task":
        instead = clause.code.instead
        shown.append(f"{_NO_TASK}{f' ({instead})' if instead else ''}")
    elif clause.state == "not in this run":
        shown.append(f"NOT COVERED: this run has none of {', '.join(clause.elsewhere)}")
    elif clause.state != "measured":
        shown.append(f"NOT COVERED: {STATES[clause.state]}")
        if clause.elsewhere:
            shown.append(f"not in this run: {', '.join(clause.elsewhere)}")
    return shown


def _line(answer: Answer) -> str:
    """A task's headline figure, never without its denominator and its counterpart."""
    name = f"{answer.task}: {plain(answer.cell.title, _LONGEST)}"
    if answer.state == "not run":
        return f"{name}: not run{_because(answer.reason)}"
    if not answer.cell.n_measured:
        return f"{name}: insufficient ({_nothing(answer)})"
    said = f"{name} {_figure(answer.cell)}"
    if answer.pair is not None:
        other, cell = answer.pair
        beside = "not in this run" if cell is None else f"{cell.title} {_figure(cell)}"
        said += f"; beside it {plain(beside, _LONGEST)}" if cell else f"; {other}: {beside}"
    if answer.state == "insufficient":
        said += f"; insufficient{_because(answer.reason)}"
    if answer.demonstration:
        said += "; a demonstration only"
    return said


def _figure(cell: Cell) -> str:
    quantity = Quantity.of(cell)
    value = "not measured" if cell.value is None else quantity.value(cell.value)
    span = cell.interval
    interval = "no interval" if span is None else quantity.span(span.low, span.high)
    measured = f"{count(cell.n_measured)} of {count(cell.n_planned)} {cell.counted}"
    return f"{value} [{interval}], {measured}"


def _nothing(answer: Answer) -> str:
    """Of a task that ran and of which nothing was measured: of how many, and why."""
    cell = answer.cell
    said = f"{count(cell.n_measured)} of {count(cell.n_planned)} {cell.counted} measured"
    if cell.n_excluded:
        said += f", {count(cell.n_excluded)} excluded"
    return f"{said}: {plain(answer.reason, _LONGEST)}" if answer.reason else said


def _because(reason: str | None) -> str:
    return f" ({plain(reason, _LONGEST)})" if reason else ""


def _escaped(text: str) -> str:
    """Text of others in a Markdown page or a cell of a table: no markup, no line of its own."""
    shown = re.sub(r"\s+", " ", plain(text)).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\|`*_\[\]!#])", r"\\\1", shown)
