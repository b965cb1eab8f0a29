"""The formats of findings, by name; and how they are read in a terminal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from evalharness.exports.avid import avid
from evalharness.exports.eu import eu
from evalharness.exports.oecd import oecd
from evalharness.exports.writing import json_list
from evalharness.findings.collect import Listing
from evalharness.findings.model import Finding
from evalharness.reports.text import plain

__all__ = ["FORMATS", "as_text"]

#: Findings of a task that a terminal shows.
_MOST = 5
#: Characters of one line.
_WIDE = 300


def _json(listing: Listing) -> Iterator[str]:
    """Everything, as one JSON object."""
    yield from json_list(listing.head, "findings", (finding.to_json() for finding in listing))


#: Name -> what makes it, bit by bit.
FORMATS: dict[str, Callable[[Listing], Iterator[str]]] = {
    "json": _json,
    "avid": avid,
    "oecd": oecd,
    "eu": eu,
}


def as_text(listing: Listing) -> Iterator[str]:
    """For a terminal, a line at a time."""
    model = listing.run.model
    version = f" {model.version}" if model.version else ""
    yield _line(f"{listing.run.run['run_id']}: {model.name}{version}, {listing.run.measured}")
    total = 0
    for task, findings in itertools.groupby(listing, key=lambda finding: finding.task):
        shown = 0
        for finding in itertools.islice(findings, _MOST):
            shown += 1
            yield from _finding(finding)
        left = sum(1 for _ in findings)
        total += shown + left
        if left:
            yield f"    and {left} more of {task}; --out FILE writes all"
    for task, outcomes in listing.not_measured.items():
        counted = ", ".join(f"{count} {name}" for name, count in outcomes.items())
        yield _line(f"not measured, and so no finding: {task}: {counted}")
    clock = listing.disclosure
    yield (
        f"{total} findings, each a hazard at most; reported {clock.reported_at} "
        f"({clock.reported_at_is}), public after {clock.public_after}"
    )


def _finding(finding: Finding) -> Iterator[str]:
    mark = " [demonstration]" if finding.demonstration else ""
    yield _line(f"{finding.id}  {finding.what}: {finding.reproduction}{mark}")
    example = finding.examples[0]
    if example.prompt is not None:
        yield _line(f"    prompt    {example.prompt}")
        yield _line(f"    response  {example.response}")
    people = finding.people
    if people is not None:
        yield f"    people    confirmed {people.confirmed} of {people.labelled} that they labelled"


def _line(text: str) -> str:
    return plain(text, _WIDE).replace("\n", " ")
