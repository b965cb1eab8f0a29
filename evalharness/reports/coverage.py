"""A framework held against a run: lines, Markdown, a page; and against what is installed: lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalharness.reports.language import _, current, listed, said
from evalharness.reports.numbers import Quantity, count
from evalharness.reports.page import SCREEN, Medium, environment
from evalharness.reports.text import markdown as escaped
from evalharness.reports.text import plain
from evalharness.scorecard.coverage import STATES, Answer, Clause, Coverage
from evalharness.scorecard.model import Cell

__all__ = ["installed_lines", "lines", "markdown", "render_coverage"]

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
    return [*shown, f"  {found.tally} are measured: {counts}", f"  {_caveat()}"]


def render_coverage(found: Coverage, medium: Medium = SCREEN) -> str:
    """Draw what a run answers of a framework, and what it does not, as one page."""
    states = [(said(state), found.count(state), said(text)) for state, text in STATES.items()]
    return (
        environment()
        .get_template("coverage.html.j2")
        .render(
            found=found,
            framework=found.framework,
            rows=[
                (c.code.id, _name(c, found), c.state, said(c.state), _answers(c))
                for c in found.clauses
            ],
            states=states,
            tally=_tally(found),
            caveat=_caveat(),
            foot=found.run,
            medium=medium,
            lang=current().code,
        )
    )


def markdown(found: Coverage) -> str:
    """The same as Markdown: clauses with their results, then what is not covered, by why."""
    framework = found.framework
    run, source = escaped(found.run), escaped(said(framework.source))
    version = {
        "version": escaped(said(framework.version)),
        "publisher": escaped(said(framework.publisher)),
    }
    page = [
        f"# {_('Coverage: {title}', title=escaped(said(framework.title)))}",
        "",
        _("Version {version} ({publisher}).", **version),
        _source(framework.certainty, source),
        *(["", escaped(said(framework.note))] if framework.note else []),
        "",
        _("Held against run {run}: {tally} are measured.", run=run, tally=_tally(found)),
        _caveat(),
        "",
        f"| {_('Clause')} | {_('State')} | {_('What answers it')} |",
        "| --- | --- | --- |",
    ]
    page += [
        f"| {escaped(clause.code.id)} {escaped(_name(clause, found))} | {said(clause.state)} | "
        f"{'<br>'.join(escaped(line) for line in _answers(clause))} |"
        for clause in found.clauses
    ]
    page += ["", f"| {_('State')} | {_('Clauses')} | {_('What it says')} |", "| --- | ---: | --- |"]
    page += [f"| {said(s)} | {found.count(s)} | {said(text)} |" for s, text in STATES.items()]
    return "\n".join([*page, ""])


def _caveat() -> str:
    return _(
        "A clause that a task touches is not thereby exhausted, and no figure shows conformity."
    )


def _source(certainty: str, source: str) -> str:
    if certainty == "primary":
        return _("A primary source: {source}.", source=source)
    return _("A secondary source: {source}.", source=source)


def _tally(found: Coverage) -> str:
    """How many clauses are measured, and of how many; parts or groups of others beside it."""
    n, m, apart, others = found.framework.tallied(found.measured)
    fields = {"n": n, "m": m, "a": apart, "b": others}
    if not others:
        return _("{n} of {m} clauses", **fields)
    if found.framework.counts == "wholes":
        return _("{n} of {m} clauses ({a} of {b} parts)", **fields)
    return _("{n} of {m} clauses ({a} of {b} groups)", **fields)


def _heading(row: Mapping[str, Any]) -> list[str]:
    found = [
        f"{row['name']}: {row['title']}, {row['version']} ({row['publisher']})",
        f"  {row['certainty']} source: {row['source']}",
    ]
    return [*found, f"  {row['note']}"] if row["note"] else found


def _name(clause: Clause, found: Coverage) -> str:
    """The clause's name, in Chinese where the framework has it; how sure it is, if that differs."""
    code, sure = clause.code, clause.certainty
    name = code.name_zh if current().code == "zh" and code.name_zh else code.name
    return name + ("" if sure == found.framework.certainty else f" [{said(sure)}]")


def _answers(clause: Clause) -> list[str]:
    """What answers a clause, a line a task; or why it is not covered."""
    shown = [_line(answer) for answer in clause.answers]
    elsewhere = listed(clause.elsewhere)
    if clause.state == "no task":
        why = _("no task of evalharness touches it")
        if clause.code.instead:
            why = _("{text} ({remark})", text=why, remark=said(clause.code.instead))
        shown.append(_("NOT COVERED: {reason}", reason=why))
    elif clause.state == "not in this run":
        why = _("this run has none of {tasks}", tasks=elsewhere)
        shown.append(_("NOT COVERED: {reason}", reason=why))
    elif clause.state != "measured":
        shown.append(_("NOT COVERED: {reason}", reason=said(STATES[clause.state])))
        if clause.elsewhere:
            shown.append(_("not in this run: {tasks}", tasks=elsewhere))
    return shown


def _line(answer: Answer) -> str:
    """A task's headline figure, never without its denominator and its counterpart."""
    title = plain(said(answer.cell.title), _LONGEST)
    name = _("{thing}: {text}", thing=answer.task, text=title)
    if answer.state == "not run":
        return _("{thing}: {text}", thing=name, text=_because(said("not run"), answer.reason))
    if not answer.cell.n_measured:
        why = _because(said("insufficient"), _nothing(answer))
        return _("{thing}: {text}", thing=name, text=why)
    parts = [f"{name} {_figure(answer.cell)}"]
    if answer.pair is not None:
        other, cell = answer.pair
        if cell is None:
            parts.append(_("{name}: not in this run", name=other))
        else:
            beside = f"{plain(said(cell.title), _LONGEST)} {_figure(cell)}"
            parts.append(_("beside it {figure}", figure=beside))
    if answer.state == "insufficient":
        parts.append(_because(said("insufficient"), answer.reason))
    if answer.demonstration:
        parts.append(_("a demonstration only"))
    return _("; ").join(parts)


def _figure(cell: Cell) -> str:
    quantity = Quantity.of(cell)
    value = _("not measured") if cell.value is None else quantity.value(cell.value)
    span = cell.interval
    interval = _("no interval") if span is None else quantity.span(span.low, span.high)
    fields = {"value": value, "interval": interval, **_over(cell)}
    return _("{value} [{interval}], {n} of {m} {units}", **fields)


def _over(cell: Cell) -> dict[str, str]:
    n, m = count(cell.n_measured), count(cell.n_planned)
    return {"n": n, "m": m, "units": said(cell.counted)}


def _nothing(answer: Answer) -> str:
    """Of a task that ran and of which nothing was measured: of how many, and why."""
    cell = answer.cell
    shown = _("{n} of {m} {units} measured", **_over(cell))
    if cell.n_excluded:
        excluded = count(cell.n_excluded)
        shown = listed([shown, _("{n} excluded", n=excluded)])
    if not answer.reason:
        return shown
    return _("{thing}: {text}", thing=shown, text=plain(said(answer.reason), _LONGEST))


def _because(text: str, reason: str | None) -> str:
    """What is so, and why in brackets where that is known."""
    if not reason:
        return text
    return _("{text} ({remark})", text=text, remark=plain(said(reason), _LONGEST))
