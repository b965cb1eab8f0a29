"""The report files of a run's folder: which there are, and that none outlives what it shows.

A report follows from the folder's other files. When those change, what was drawn from them before
(in other languages, as PDF, of another kind) is taken away before the folder is sealed again: under
the new seal it would pass for a report of the new figures.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from evalharness.reports.issued import ENGAGEMENT, RECORD
from evalharness.store.directory import RunDirectory

__all__ = ["ASSURANCE", "KINDS", "LABEL", "SCORECARD", "drawn_files", "remove_drawn"]

#: Kinds of reports, by the stem of their files.
SCORECARD, ASSURANCE, LABEL = "report", "assurance", "label"
KINDS = (SCORECARD, ASSURANCE, LABEL)

#: What a kind's page follows from beside the run's records, and lies beside it.
_RECORDS = {ASSURANCE: (RECORD, ENGAGEMENT), LABEL: ("label.json",)}

_LANGUAGE = r"(\.[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*)?"


def drawn_files(directory: RunDirectory, kinds: Collection[str] = KINDS) -> list[Path]:
    """The report files of these kinds that are there, in every language and format."""
    page = re.compile(rf"({'|'.join(kinds)}){_LANGUAGE}\.(html|pdf|md)")
    records = {name for kind in kinds for name in _RECORDS.get(kind, ())}
    return sorted(
        path
        for path in directory.path.iterdir()
        if page.fullmatch(path.name) or path.name in records
    )


def remove_drawn(directory: RunDirectory, kinds: Collection[str] = KINDS) -> list[str]:
    """Take away the report files of these kinds; the folder must not be sealed as it is.

    Returns:
        The names of what was there.
    """
    found = drawn_files(directory, kinds)
    for path in found:
        path.unlink()
    return [path.name for path in found]
