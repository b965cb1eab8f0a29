"""A gate's decisions for the programs and pages that wait for them: text, JUnit XML, Markdown."""

from __future__ import annotations

import html
from xml.etree import ElementTree as ET

from evalharness.reports.text import plain
from evalharness.scorecard.gate import Gate

__all__ = ["as_junit", "as_markdown", "as_text"]

_MARKS = {"holds": "holds", "fails": "FAILS", "insufficient": "INSUFFICIENT"}


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
        "insufficient": "is UNDECIDED: too little was measured",
    }[gate.verdict]


def as_junit(gate: Gate) -> str:
    """JUnit XML: a test case a criterion; what could not be decided is an error, no skip."""
    counts = [decision.verdict for decision in gate.decisions]
    suite = ET.Element(
        "testsuite",
        name=f"evalharness policy {gate.policy.label}",
        tests=str(len(counts)),
        failures=str(counts.count("fails")),
        errors=str(counts.count("insufficient")),
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("run", gate.run),
        ("policy_sha256", gate.policy.sha256),
        ("pre_registered", str(gate.registered).lower()),
    ):
        ET.SubElement(properties, "property", name=name, value=plain(value))
    for decision in gate.decisions:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=plain(decision.key.replace("/", ".")),
            name=plain(f"{decision.demand} ({decision.rule})"),
        )
        text = plain("\n".join(decision.lines))
        if decision.verdict == "holds":
            ET.SubElement(case, "system-out").text = text
        else:
            kind = "failure" if decision.verdict == "fails" else "error"
            found = ET.SubElement(case, kind, message=plain(decision.reason), type=decision.verdict)
            found.text = text
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


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
        rows.append("| " + " | ".join(map(_cell, texts)) + f" | **{_MARKS[decision.verdict]}** |")
    reasons = [
        f"- {_cell(decision.key)}: {_cell(decision.reason)}"
        for decision in gate.decisions
        if decision.reason
    ]
    head = f"### evalharness: policy {_cell(gate.policy.label)} {_verdict(gate)}"
    parts = [head, f"Run `{_cell(gate.run)}`", "\n".join(rows)]
    parts += ["\n".join(reasons)] if reasons else []
    parts.append("\n".join(f"- {_cell(remark)}" for remark in gate.remarks))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    """Text that cannot leave its place in a table of Markdown."""
    safe = html.escape(plain(text), quote=False).replace("\n", " ")
    for character in "\\|`*_[]":
        safe = safe.replace(character, f"\\{character}")
    return safe
