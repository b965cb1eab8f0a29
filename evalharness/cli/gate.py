"""``evalharness gate``: holds a run against a policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from evalharness.cli.options import Json, Lang, Quiet, RunPath


def gate(
    run: RunPath,
    policy: Annotated[
        str | None,
        typer.Option("--policy", help="A policy file or name; default: the run's own."),
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write JUnit XML to this file.")
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option("--summary", help='Add Markdown to this file: "$GITHUB_STEP_SUMMARY".'),
    ] = None,
    lang: Lang = "en",
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Decide a policy's criteria on a run: exit 0 holds, 1 fails, 3 too little was measured."""
    from evalharness.errors import ConfigError
    from evalharness.gating import gate_run
    from evalharness.outfile import write_file
    from evalharness.reports import gates
    from evalharness.reports.language import speaking
    from evalharness.store.directory import RunDirectory

    if lang != "en" and summary is None:
        raise ConfigError("--lang is the language of the summary: name its file with --summary")
    found = gate_run(RunDirectory.existing(run), policy)
    if junit is not None:
        write_file(junit, gates.as_junit(found), "--junit")
    if summary is not None:
        with speaking(lang):
            text = gates.as_markdown(found)
        write_file(summary, text, "--summary", append=True)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    elif not quiet:
        for line in gates.as_text(found):
            typer.echo(line)
    return found.exit_code
