"""What a run's folder records of its reports beside the run's own records.

``assurance.json`` records the id of the report that was drawn, and what it shows beside the run's
own records; and of an earlier report: its id, its run, and the SHA-256 of its files as they were
handed over. ``report.json`` records which texts the scorecard's pages withhold; without it they
withhold none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalharness.errors import RunCorruptError
from evalharness.reports.engagement import Engagement
from evalharness.reports.switched_off import OffRun
from evalharness.store.directory import RunDirectory
from evalharness.yamlfile import first_fault

_Form = TypeVar("_Form", bound=BaseModel)

__all__ = [
    "ENGAGEMENT", "RECORD", "REPORT", "Earlier", "Issued", "ScorecardPages", "engagement_of",
    "issued_of", "record_of", "withheld_of",
]  # fmt: skip

#: Files of a run's folder: how the scorecard is shown; what the assurance report is, and the
#: assignment that it follows from.
REPORT = "report.json"
RECORD = "assurance.json"
ENGAGEMENT = "engagement.json"


class Earlier(BaseModel):
    """The report that another takes the place of.

    Args:
        run_id, files: its run, and name -> SHA-256 of its files; only where its folder was named.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    report: str
    run_id: str | None = None
    files: Mapping[str, str] = Field(default_factory=dict)


class Issued(BaseModel):
    """The report of a run's folder, as ``assurance.json`` has it.

    Args:
        withheld: which texts its files show as digests: prompts, responses.
        switched_off: part of the application -> the run in which it was off.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    report: str
    run_id: str
    supersedes: Earlier | None = None
    withheld: Sequence[str] = ()
    switched_off: Mapping[str, OffRun] = Field(default_factory=dict)


class ScorecardPages(BaseModel):
    """How the scorecard's pages of a run's folder are drawn, as ``report.json`` has it.

    Args:
        withheld: which texts they show as digests: prompts, responses.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    withheld: Sequence[Literal["prompts", "responses"]]


def withheld_of(directory: RunDirectory) -> frozenset[str]:
    """Which texts the scorecard's pages of a folder withhold.

    Raises:
        RunCorruptError: the record is damaged.
    """
    pages = record_of(directory, REPORT, ScorecardPages)
    return frozenset() if pages is None else frozenset(pages.withheld)


def issued_of(directory: RunDirectory) -> Issued | None:
    """What a folder records of its assurance report; None where it has none.

    Raises:
        RunCorruptError: the record is damaged.
    """
    return record_of(directory, RECORD, Issued)


def engagement_of(directory: RunDirectory) -> Engagement | None:
    """The assignment that a folder's assurance report follows from; None where it has none.

    Raises:
        RunCorruptError: the record is damaged.
    """
    return record_of(directory, ENGAGEMENT, Engagement)


def record_of(directory: RunDirectory, name: str, form: type[_Form]) -> _Form | None:
    """A record of a report; None where there is no such file.

    Raises:
        RunCorruptError: it is damaged.
    """
    path = directory.path / name
    if not path.is_file():
        return None
    try:
        return form.model_validate(directory.read_json(path))
    except ValidationError as fault:
        raise RunCorruptError(f"{path}: {first_fault(fault)}; the file is damaged") from None
