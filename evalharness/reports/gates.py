"""A gate's decisions for the programs and pages that wait for them: text, JUnit XML, Markdown."""

from __future__ import annotations

from typing import Literal

from evalharness.reports.junit import Case, as_xml
from evalharness.reports.language import _, said
from evalharness.reports.numbers import Quantity
from evalharness.reports.text import markdown
from evalharness.scorecard.decisions import Decision
from evalharness.scorecard.gate import Gate

__all__ = ["as_junit", "as_markdown", "as_text", "beside", "demand"]

_MARKS = {"holds": "holds", "fails": "FAILS", "insufficient": "INSUFFICIENT"}

_RESULTS: dict[str, Literal["passed", "failure", "error"]] = {
    "holds": "passed",
    "fails": "failure",
    "insufficient": "error",
}


def demand(decision: Decision) -> str:
    """What is demanded, in the unit that the figure beside it is written in."""
    if decision.criterion is None or decision.cell is None:
        return said(decision.demand)
    return said(decision.criterion.written(Quantity.of(decision.cell).mark))


def beside(decision: Decision, value: float) -> str:
    """A figure of a decision, with the digits that show on which side of its limits it is."""
    assert decision.cell is not None  # noqa: S101 - where a figure is, a cell is
    return Quantity.of(decision.cell).beside(value, *decision.limits)


def as_text(gate: Gate) -> list[str]:
    """For a terminal: a line a criterion, with the figures behind it below."""
    lines = [f"policy {gate.policy.label} ({gate.policy.sha256[:12]}) on {gate.run}"]
    for decision in gate.decisions:
        mark = _MARKS[decision.verdict]
        lines.append(f"  {mark:<12}  {decision.key}: {decision.demand} ({decision.rule})")
        lines += [f"                {line}" for line in decision.lines]
    return [*lines, *gate.remarks, f"the gate {_verdict(gate)}"]


def _verdict(gate: Gate) -> str:
    return {
        "holds": "HOLDS",
        "fails": "FAILS",
        "insufficient": "is UNDECIDED: something was not measured, or is not in this run",
    }[gate.verdict]


def as_junit(gate: Gate) -> str:
    """JUnit XML: a test case a criterion; what could not be decided is an error, no skip."""
    return as_xml(
        f"evalharness policy {gate.policy.label}",
        {
            "run": gate.run,
            "policy_sha256": gate.policy.sha256,
            "pre_registered": str(gate.registered).lower(),
        },
        [_case(decision) for decision in gate.decisions],
    )


def _case(decision: Decision) -> Case:
    return Case(
        decision.key,
        f"{decision.demand} ({decision.rule})",
        "\n".join(decision.lines),
        _RESULTS[decision.verdict],
        kind=decision.verdict,
        message=decision.reason,
    )


def as_markdown(gate: Gate) -> str:
    """For a job's summary on GitHub, or any page that reads Markdown: in the language spoken."""
    heads = (
        _("Metric"), _("Demand"), _("Rule"), _("Estimate"), _("Demonstrated"), _("Verdict"),
    )  # fmt: skip
    rows = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    rows += [_row(decision) for decision in gate.decisions]
    reasons = [
        "- " + _("{thing}: {text}", thing=markdown(d.key), text=markdown(said(d.reason)))
        for d in gate.decisions
        if d.reason
    ]
    name = markdown(gate.policy.label)
    head = {
        "holds": _("evalharness: policy {name} HOLDS", name=name),
        "fails": _("evalharness: policy {name} FAILS", name=name),
        "insufficient": _(
            "evalharness: policy {name} is UNDECIDED: something was not measured, or is not in "
            "this run",
            name=name,
        ),
    }[gate.verdict]
    parts = [f"### {head}", _("Run `{run}`", run=markdown(gate.run)), "\n".join(rows)]
    parts += ["\n".join(reasons)] if reasons else []
    parts.append("\n".join(f"- {markdown(said(remark))}" for remark in gate.remarks))
    return "\n\n".join(parts) + "\n"


def _row(decision: Decision) -> str:
    """One criterion: what is demanded, what was found over how many, and the verdict."""
    cell = decision.cell
    value = shown = ""
    if cell is not None:
        found = "" if cell.value is None else beside(decision, cell.value)
        value = _("{value} ({n} of {m})", value=found, n=cell.n_measured, m=cell.n_planned).strip()
        if cell.demonstrated is not None:
            ends = (cell.demonstrated.low, cell.demonstrated.high)
            low, high = (beside(decision, end) for end in ends)
            shown = _("{low} to {high}", low=low, high=high)
    texts = map(markdown, (decision.key, demand(decision), said(decision.rule), value, shown))
    verdict = {
        "holds": _("holds"), "fails": _("FAILS"), "insufficient": _("INSUFFICIENT"),
    }[decision.verdict]  # fmt: skip
    return f"| {' | '.join(texts)} | **{verdict}** |"
