"""A gate's decisions for the programs and pages that wait for them: text, JUnit XML, Markdown."""

from __future__ import annotations

from typing import Literal

from evalharness.reports.junit import Case, as_xml
from evalharness.reports.text import markdown
from evalharness.scorecard.decisions import Decision
from evalharness.scorecard.gate import Gate

__all__ = ["as_junit", "as_markdown", "as_text"]

_MARKS = {"holds": "holds", "fails": "FAILS", "insufficient": "INSUFFICIENT"}

_RESULTS: dict[str, Literal["passed", "failure", "error"]] = {
    "holds": "passed",
    "fails": "failure",
    "insufficient": "error",
}


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
    """For a job's summary on GitHub, or any page that reads Markdown."""
    rows = [
        "| metric | demand | rule | estimate | demonstrated | verdict |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for decision in gate.decisions:
        cell = decision.cell
        value = "" if cell is None or cell.value is None else f"{cell.value:.4g}"
        counted = "" if cell is None else f" ({cell.n_measured} of {cell.n_planned})"
        bounds = None if cell is None else cell.demonstrated
        shown = "" if bounds is None else f"{bounds.low:.4g} to {bounds.high:.4g}"
        texts = (decision.key, decision.demand, decision.rule, value + counted, shown)
        rows.append(
            "| " + " | ".join(map(markdown, texts)) + f" | **{_MARKS[decision.verdict]}** |"
        )
    reasons = [
        f"- {markdown(decision.key)}: {markdown(decision.reason)}"
        for decision in gate.decisions
        if decision.reason
    ]
    head = f"### evalharness: policy {markdown(gate.policy.label)} {_verdict(gate)}"
    parts = [head, f"Run `{markdown(gate.run)}`", "\n".join(rows)]
    parts += ["\n".join(reasons)] if reasons else []
    parts.append("\n".join(f"- {markdown(remark)}" for remark in gate.remarks))
    return "\n\n".join(parts) + "\n"
