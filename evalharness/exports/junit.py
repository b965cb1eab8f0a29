"""JUnit XML of a run: its policy's criteria where it named a policy, else every metric."""

from __future__ import annotations

from pathlib import Path

from evalharness.exports.figures import Choices, Figure, figures_of
from evalharness.finished import Finished
from evalharness.gating import gate_run
from evalharness.outfile import write_whole
from evalharness.policies import recorded
from evalharness.reports import gates
from evalharness.reports.junit import Case, as_xml
from evalharness.reports.numbers import Quantity, level

__all__ = ["write_junit"]


def write_junit(run: Finished, path: Path, choices: Choices) -> list[Path]:  # noqa: ARG001 - it has no texts
    """Write one test suite.

    Without criteria there is nothing that a metric could fail: it passes where enough was measured,
    and is an error where not.
    """
    policy = recorded(run.run)
    if policy is not None and policy.criteria:
        text = gates.as_junit(gate_run(run.directory))
    else:
        properties = {
            "run": run.run["run_id"],
            "measurement": run.run["measurement"],
            "model": run.model.name,
            "policy": "none: passed says that enough was measured, not that a figure is good",
        }
        cases = [_case(figure) for figure in figures_of(run)]
        text = as_xml("evalharness metrics", properties, cases)
    write_whole(path, [text])
    return [path]


def _case(figure: Figure) -> Case:
    cell, quantity = figure.cell, Quantity.of(figure.cell)
    lines = ["not measured" if cell.value is None else f"value {quantity.value(cell.value)}"]
    if (span := cell.interval) is not None:
        shown = quantity.span(span.low, span.high)
        lines.append(f"interval {shown} ({level(span.level)}, {span.method})")
    lines += [f"measured {figure.counted}", f"direction {figure.direction}"]
    if figure.demonstration:
        lines.append(f"DEMONSTRATION ONLY: {figure.demonstration}")
    lines += [f"protocol {cell.protocol_id}", *cell.notes]
    text, name = "\n".join(lines), f"{cell.title} ({figure.metric})"
    if figure.reason is None:
        return Case(figure.key, name, text)
    return Case(figure.key, name, text, "error", kind="insufficient", message=figure.reason)
