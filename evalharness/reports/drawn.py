"""The report files of a run's folder: which there are, and that none outlives what it shows.

A report follows from the folder's other files. When those change, what was drawn from them before
(in other languages, as PDF, of another kind) is taken away before the folder is sealed again: under
the new seal it would pass for a report of the new figures.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from evalharness.reports.issued import ENGAGEMENT, RECORD, REPORT
from evalharness.reports.language import ENGLISH, known
from evalharness.store.directory import RunDirectory

__all__ = [
    "ASSURANCE",
    "KINDS",
    "LABEL",
    "LABEL_GIVEN",
    "LABEL_RECORD",
    "PAGE",
    "SCORECARD",
    "Inputs",
    "differing",
    "drawn_files",
    "inputs_of",
    "remove_drawn",
    "withheld_in",
]

#: Kinds of reports, by the stem of their files.
SCORECARD, ASSURANCE, LABEL = "report", "assurance", "label"
KINDS = (SCORECARD, ASSURANCE, LABEL)

#: The name of a page's file: its kind, its language (none: English), its format.
PAGE = re.compile(rf"({'|'.join(KINDS)})(?:\.([A-Za-z]{{2,8}}(?:-\w{{1,8}})*))?\.(html|md|pdf)")

#: The label's cells, and what they follow from beside the run's records.
LABEL_RECORD, LABEL_GIVEN = "label.json", "label.given.json"

#: What a kind's page follows from beside the run's records, and goes with it. What the scorecard's
#: pages withhold (`REPORT`) stays when they go: a kill must not bring the texts back.
_RECORDS = {
    SCORECARD: (REPORT,),
    ASSURANCE: (RECORD, ENGAGEMENT),
    LABEL: (LABEL_RECORD, LABEL_GIVEN),
}

#: Of a folder: name of a record -> its content.
Inputs: TypeAlias = Mapping[str, Mapping[str, Any]]


def drawn_files(directory: RunDirectory, kinds: Collection[str] = KINDS) -> list[Path]:
    """The report files of these kinds that are there, in every language and format."""
    languages = known()
    records = {name for kind in kinds for name in _RECORDS.get(kind, ())}

    def is_page(name: str) -> bool:
        page = PAGE.fullmatch(name)
        return page is not None and page[1] in kinds and (page[2] or ENGLISH.code) in languages

    return sorted(
        path for path in directory.path.iterdir() if is_page(path.name) or path.name in records
    )


def remove_drawn(directory: RunDirectory, kinds: Collection[str] = KINDS) -> list[str]:
    """Take away the report files of these kinds; the folder must not be sealed as it is.

    Returns:
        The names of what was there.
    """
    found = [path for path in drawn_files(directory, kinds) if path.name != REPORT]
    for path in found:
        path.unlink()
    return [path.name for path in found]


def inputs_of(directory: RunDirectory) -> Inputs:
    """What the reports of a folder follow from beside the run's records, as it is recorded."""
    paths = [directory.path / name for names in _RECORDS.values() for name in names]
    return {path.name: directory.read_json(path) for path in paths if path.is_file()}


def withheld_in(given: Inputs, kind: str) -> frozenset[str]:
    """Which texts a kind's pages show as digests: prompts, responses.

    Args:
        given: what `inputs_of` said.
    """
    record = {SCORECARD: REPORT, ASSURANCE: RECORD}[kind]
    return frozenset(given.get(record, {}).get("withheld", ()))


def differing(before: Inputs, after: Inputs) -> list[str]:
    """Which inputs of the reports are others now than they were, in words.

    Args:
        before, after: what `inputs_of` said.
    """
    told = []
    one, other = before.get(ENGAGEMENT), after.get(ENGAGEMENT)
    if one is not None and other is not None and one != other:
        told.append(f"the engagement ({', '.join(_fields(one, other))})")
    old, new = (given.get(RECORD, {}).get("supersedes") for given in (before, after))
    if old != new and not told:
        told.append("the superseded report's files")
    given = [content.get(RECORD, {}).get("withheld") for content in (before, after)]
    shown = [withheld_in(content, SCORECARD) for content in (before, after)]
    if (None not in given and given[0] != given[1]) or shown[0] != shown[1]:
        told.append("what is withheld")
    old, new = (given.get(RECORD, {}).get("switched_off", {}) for given in (before, after))
    if old != new and not told:
        told.append("the run with a part off")
    if LABEL_RECORD in before and LABEL_RECORD in after:
        told += _sources(before[LABEL_RECORD], after[LABEL_RECORD])
    return told


def _fields(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The engagement's fields that differ, as its file has them."""
    names = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    return [f"{name}, or --sample" if name == "samples" else name for name in names]


def _sources(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """The label's files that were added, are missing now, or are others."""
    if one == other:
        return []
    old, new = (
        {file["name"]: file["sha256"] for file in label["sources"]} for label in (one, other)
    )
    told = [f"the label now without {name}" for name in old if name not in new]
    told += [f"the label now with {name}" for name in new if name not in old]
    told += [f"{name} of the label" for name in new if name in old and old[name] != new[name]]
    return told or ["the label's cells"]
