"""``evalharness findings``: what failed in a run, as others can take it up."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evalharness.cli.options import Json, Quiet, RunPath


def findings(
    run: RunPath,
    task: Annotated[str | None, typer.Option("--task", help="Of this task alone.")] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", help="json, avid, oecd or eu; default: text, or json to a file."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; outside the run's folder.")
    ] = None,
    date: Annotated[
        str | None,
        typer.Option(
            "--date",
            help="The day on which it is reported, from which 90 days count; default: the day of "
            "the measurement.",
        ),
    ] = None,
    with_text: Annotated[
        bool,
        typer.Option("--with-text", help="Show prompts and responses; else their digests only."),
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """List each failing cluster of a run as a finding, with how often it was reproduced."""
    from evalharness.dates import day_of
    from evalharness.errors import ConfigError
    from evalharness.findings.collect import Listing
    from evalharness.findings.formats import FORMATS, as_text
    from evalharness.findings.model import Disclosure
    from evalharness.finished import Finished
    from evalharness.outfile import outside_runs, write_whole
    from evalharness.yamlfile import did_you_mean

    name = format_ or ("json" if as_json or out is not None else None)
    if name is not None and name not in FORMATS:
        raise ConfigError(f"--format: there is no format '{name}'{did_you_mean(name, FORMATS)}")
    if as_json and name != "json":
        raise ConfigError("--json is --format json; leave one of them out")
    stated = None if date is None else day_of(date, "--date", ConfigError)
    finished = Finished.of(run)
    listing = Listing(finished, Disclosure.of(stated, finished.measured), task, with_text)
    if out is not None:
        write_whole(outside_runs(out), FORMATS[name or "json"](listing))
        if not quiet:
            typer.echo(f"Findings: {out}")
    elif name is not None:
        sys.stdout.writelines(FORMATS[name](listing))
    elif not quiet:
        for line in as_text(listing):
            typer.echo(line)
    return 0
