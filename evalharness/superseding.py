"""Whether the report that a run's report supersedes is what it was: from the files alone.

Whoever has both folders can tell that the right report was superseded, and which
(`evalharness.reports.issued` says what is recorded).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evalharness import pipeline
from evalharness.errors import ConfigError, EvalHarnessError, RunError
from evalharness.reports.assurance import report_id
from evalharness.reports.drawn import ASSURANCE, drawn_files
from evalharness.reports.engagement import Engagement
from evalharness.reports.issued import (
    ENGAGEMENT,
    RECORD,
    Earlier,
    Issued,
    engagement_of,
    issued_of,
)
from evalharness.store.directory import RunDirectory

__all__ = ["chain_faults", "earlier_of", "issued_faults"]


def _derived_id(directory: RunDirectory) -> str:
    """The id of a folder's assurance report, made again from its records."""
    engagement, scorecard = _engagement(directory), pipeline.load_scorecard(directory)
    run, issued = directory.read_json(directory.run_json), issued_of(directory)
    if issued is None:
        return report_id(run, scorecard, engagement)
    return report_id(
        run, scorecard, engagement, withheld=issued.withheld, switched_off=issued.switched_off
    )


def _engagement(directory: RunDirectory) -> Engagement:
    """The assignment that a folder's assurance report follows from."""
    found = engagement_of(directory)
    if found is None:
        raise ConfigError(f"{directory.path}: holds no assurance report (no {ENGAGEMENT})")
    return found


def earlier_of(engagement: Engagement, base: Path, own: RunDirectory) -> Earlier | None:
    """What a new report records of the one that it supersedes.

    Args:
        base: the folder from which the engagement's paths count.
        own: where the new report is written.

    Raises:
        ConfigError: the folder that is named holds another report or none, or is the one that the
            new report would overwrite.
        RunError: there is no finished run; RunCorruptError: it was changed since it was sealed.
    """
    named = engagement.supersedes
    if named is None:
        return None
    here = issued_of(own)
    if named.run is None:
        if here is not None and here.report == named.report:
            raise ConfigError(
                f"report: {named.report}, which is to be superseded, lies in {own.path} and would "
                "be overwritten; keep a copy of that folder, and name it under supersedes.run"
            )
        return Earlier(report=named.report)
    try:
        directory = RunDirectory.existing(base / named.run)
    except RunError as fault:
        raise RunError(
            f"report: supersedes.run of the engagement: {fault}; its paths count from {base}"
        ) from None
    if directory.path.resolve() == own.path.resolve():
        raise ConfigError(
            f"report: supersedes.run names {own.path}, into which the new report is written; "
            "name a copy of that folder as it was handed over"
        )
    directory.require_intact("so it is not the report that was handed over")
    if (found := _derived_id(directory)) != named.report:
        raise ConfigError(
            f"report: supersedes.run: {directory.path} holds report {found}, not {named.report}; "
            "name the folder of that report, or correct the id"
        )
    sealed = directory.read_json(directory.manifest)["files"]
    return Earlier(
        report=found,
        run_id=directory.read_json(directory.run_json)["run_id"],
        files={path.name: sealed[path.name] for path in drawn_files(directory, [ASSURANCE])},
    )


def issued_faults(directory: RunDirectory, issued: Issued, digests: Mapping[str, str]) -> list[str]:
    """Whether the report's id follows from the records, and its pages are those that were sealed.

    Args:
        digests: of the folder's files as they are.
    """
    sealed = directory.read_json(directory.manifest).get("files", {})
    drawn = drawn_files(directory, [ASSURANCE])
    # the manifest's own check says this too; no check may hold that is about a changed page
    faults = [
        f"{path.name}: was changed since it was drawn"
        for path in drawn
        if digests.get(path.name) != sealed.get(path.name)
    ]
    run_id = directory.read_json(directory.run_json).get("run_id")
    if issued.run_id != run_id:
        faults.append(f"{RECORD}: of run {issued.run_id}, but this is {run_id}")
    if (found := _derived_id(directory)) != issued.report:
        faults.append(f"{RECORD}: {issued.report}, but the records give {found}")
    supersedes = _engagement(directory).supersedes
    named = None if supersedes is None else supersedes.report
    recorded = None if issued.supersedes is None else issued.supersedes.report
    if named != recorded:
        faults.append(f"{RECORD}: supersedes {recorded}, {ENGAGEMENT}: {named}")
    faults += [
        f"{path.name}: is not of report {issued.report}"
        for path in drawn
        if path.suffix in {".html", ".md"} and issued.report.encode() not in path.read_bytes()
    ]
    return faults


def chain_faults(directory: RunDirectory, folders: Sequence[RunDirectory]) -> list[str]:
    """What speaks against the earlier reports that lie in these folders, in any order.

    Each must be what the report after it recorded, no report may stand in the chain twice, and no
    folder may be of another chain.

    Raises:
        EvalHarnessError: a folder holds no report.
    """
    issued = issued_of(directory)
    if issued is None or issued.supersedes is None:
        return ["the run has no assurance report that supersedes another"]
    others: dict[str, RunDirectory] = {}
    faults: list[str] = []
    for other in folders:
        name = _derived_id(other)
        if name in others:
            faults.append(f"{name}: lies in two folders, {others[name].path} and {other.path}")
        others.setdefault(name, other)
    seen = [issued.report]
    record: Earlier | None = issued.supersedes
    while record is not None:
        if record.report in seen:
            return [*faults, f"a circle: {' supersedes '.join([*seen, record.report])}"]
        if record.report not in others:
            break
        other = others.pop(record.report)
        faults += _earlier_faults(other, record)
        seen.append(record.report)
        before = issued_of(other)
        record = None if before is None else before.supersedes
    if len(seen) == 1:
        faults.append(f"{issued.supersedes.report}: lies in none of the folders that were given")
    return faults + [
        f"{other.path}: report {name} is superseded by none of these"
        for name, other in others.items()
    ]


def _earlier_faults(directory: RunDirectory, record: Earlier) -> list[str]:
    """Where an earlier report's folder is not what the later report recorded."""
    try:
        present = directory.digests()
        faults = [f"{record.report}: {fault}" for fault in directory.check_seal(present)]
    except EvalHarnessError as fault:
        return [f"{record.report}: {fault}"]
    run_id = directory.read_json(directory.run_json).get("run_id")
    if record.run_id not in {None, run_id}:
        faults.append(f"{record.report}: run {run_id}, recorded was {record.run_id}")
    for name, digest in record.files.items():
        if name not in present:
            faults.append(f"{record.report}: {name} is missing")
        elif present[name] != digest:
            faults.append(f"{record.report}: {name} is not the file that was superseded")
    return faults
