"""JUnit XML: what a continuous integration shows of a gate, or of a run without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

from evalharness.reports.text import plain

__all__ = ["Case", "as_xml"]


@dataclass(frozen=True)
class Case:
    """One test case.

    Args:
        key: ``dimension/task/metric``.
        result: ``passed``, ``failure``, or ``error`` where it could not be decided: no skip.
        kind, message: of what did not pass.
    """

    key: str
    name: str
    text: str
    result: Literal["passed", "failure", "error"] = "passed"
    kind: str = ""
    message: str = ""


def as_xml(name: str, properties: Mapping[str, str], cases: Sequence[Case]) -> str:
    """One test suite."""
    results = [case.result for case in cases]
    suite = ET.Element(
        "testsuite",
        name=plain(name),
        tests=str(len(cases)),
        failures=str(results.count("failure")),
        errors=str(results.count("error")),
    )
    listed = ET.SubElement(suite, "properties")
    for key, value in properties.items():
        ET.SubElement(listed, "property", name=key, value=plain(value))
    for case in cases:
        found = ET.SubElement(
            suite, "testcase", classname=plain(case.key.replace("/", ".")), name=plain(case.name)
        )
        if case.result == "passed":
            ET.SubElement(found, "system-out").text = plain(case.text)
        else:
            said = ET.SubElement(found, case.result, message=plain(case.message), type=case.kind)
            said.text = plain(case.text)
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
