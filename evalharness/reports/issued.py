"""Which assurance report a run's folder holds, and which earlier one it takes the place of.

``assurance.json`` records the id of the report that was drawn, and what it shows beside the run's
own records; and of an earlier report: its id, its run, and the SHA-256 of its files as they were
handed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalharness.errors import RunCorruptError
from evalharness.reports.engagement import Engagement
from evalharness.reports.switched_off import OffRun
from evalharness.store.directory import RunDirectory
from evalharness.yamlfile import first_fault

__all__ = ["ENGAGEMENT", "RECORD", "Earlier", "Issued", "engagement_of", "issued_of"]

#: Files of a run's folder: what the report is, and the assignment that it follows from.
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


def issued_of(directory: RunDirectory) -> Issued | None:
    """What a folder records of its assurance report; None where it has none.

    Raises:
        RunCorruptError: the record is damaged.
    """
    path = directory.path / RECORD
    if not path.is_file():
        return None
    try:
        return Issued.model_validate(directory.read_json(path))
    except ValidationError as fault:
        raise RunCorruptError(f"{path}: {first_fault(fault)}; the file is damaged") from None


def engagement_of(directory: RunDirectory) -> Engagement:
    """The assignment that a folder's assurance report follows from.

    Raises:
        RunError: it is not there; RunCorruptError: it is damaged.
    """
    path = directory.path / ENGAGEMENT
    try:
        return Engagement.model_validate(directory.read_json(path))
    except ValidationError as fault:
        raise RunCorruptError(f"{path}: {first_fault(fault)}; the file is damaged") from None
