"""``evalharness report``: a run's reports; no call to any model."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalharness.cli.options import Quiet, RunPath, Set

if TYPE_CHECKING:
    from evalharness.reports.engagement import Engagement
    from evalharness.scorecard.model import Scorecard
    from evalharness.store.directory import RunDirectory


class Kind(StrEnum):
    """What is written."""

    SCORECARD = "scorecard"
    ASSURANCE = "assurance"


class Withheld(StrEnum):
    """What is shown by its digest alone."""

    PROMPTS = "prompts"
    RESPONSES = "responses"


def report(
    run: RunPath,
    kind: Annotated[
        Kind,
        typer.Option(
            "--kind", help="scorecard: for engineers; assurance: what a tester hands over."
        ),
    ] = Kind.SCORECARD,
    engagement: Annotated[
        Path | None,
        typer.Option("--engagement", help="Customer, item, dates, who signs: a YAML file."),
    ] = None,
    lang: Annotated[str, typer.Option("--lang", help="en, zh: the report's language.")] = "en",
    pdf: Annotated[bool, typer.Option("--pdf", help="A PDF beside the page.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Markdown beside the page.")] = False,
    withhold: Annotated[
        list[Withheld] | None,
        typer.Option("--withhold", help="Assurance: show prompts or responses by digest alone."),
    ] = None,
    sets: Set = None,
    quiet: Quiet = False,
) -> int:
    """Write a run's report from its records; the same run gives the same bytes."""
    from evalharness.errors import ConfigError, RunCorruptError
    from evalharness.pipeline import load_scorecard
    from evalharness.reports import write
    from evalharness.reports.engagement import load_engagement
    from evalharness.store.directory import RunDirectory

    directory = RunDirectory.existing(run)
    output = write.Output(lang, pdf=pdf, markdown=markdown)
    assignment = None
    if kind is Kind.ASSURANCE:
        if engagement is None:
            raise ConfigError(
                "report: an assurance report needs --engagement FILE.yaml: customer, item, dates, "
                "who signs; 'evalharness new engagement FILE' writes its beginning"
            )
        assignment = load_engagement(engagement)
    elif engagement is not None or withhold:
        raise ConfigError("report: --engagement and --withhold belong to --kind assurance")
    with directory.locked():
        directory.require_finished()
        scorecard = load_scorecard(directory)
        faults = [f for f in directory.check_seal() if not f.startswith(directory.report.name)]
        if faults:
            raise RunCorruptError(
                f"{directory.path}: {faults[0]}; a report of changed records would hide it. "
                "'evalharness verify' says more"
            )
        if sets:
            _change(directory, sets)
        if assignment is None or engagement is None:
            written = write.write_scorecard(directory, scorecard, output)
        else:
            written = write.write_assurance(
                directory, scorecard, assignment, output,
                withheld=frozenset(str(part) for part in withhold or ()),
                switched_off=_switched_off(assignment, engagement.parent),
            )  # fmt: skip
        directory.seal()
    if not quiet:
        for path in written:
            typer.echo(f"Report: {path}")
        if directory.attestation.is_file():
            typer.echo("The run was signed before this; sign it again if a file changed")
    return 0


def _switched_off(assignment: Engagement, base: Path) -> dict[str, Scorecard]:
    """Part of the application -> the scorecard of the run in which it was off."""
    from evalharness.pipeline import load_scorecard
    from evalharness.store.directory import RunDirectory

    return {
        part.name: load_scorecard(RunDirectory.existing(base / part.switched_off_in))
        for part in assignment.item.parts
        if part.switched_off_in is not None
    }


def _change(directory: RunDirectory, overrides: Sequence[str]) -> None:
    """Record another ``report_samples`` in run.json: what the report follows from."""
    from evalharness.config import load_config
    from evalharness.errors import ConfigError

    run = directory.read_json(directory.run_json)
    config = load_config(run["config"], overrides).config
    after = config.model_dump(mode="json", exclude_unset=True)
    for key in sorted(after.keys() | run["config"].keys()):
        if after.get(key) != run["config"].get(key) and key != "report_samples":
            raise ConfigError(
                f"report: '{key}' changes no report; what can change: report_samples. "
                "'evalharness score' changes the scoring"
            )
    if after != run["config"]:
        directory.manifest.unlink()  # a kill from here on leaves a run to resume, not a damaged one
        directory.write_json(directory.run_json, {**run, "config": after})
