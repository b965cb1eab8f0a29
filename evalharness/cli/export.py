"""``evalharness export``: a finished run in another's format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalharness.cli.options import Quiet, RunPath


def export(
    run: RunPath,
    format_: Annotated[
        str, typer.Option("--format", help="eee, hf, moonshot, csv or junit; docs/exports.md.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", help="The file to write; for eee and csv a folder for several."),
    ],
    withhold: Annotated[
        bool,
        typer.Option("--withhold", help="Write digests in the place of prompts and responses."),
    ] = False,
    organization: Annotated[
        str | None, typer.Option("--organization", help="Who measured; for eee.")
    ] = None,
    relationship: Annotated[
        str | None,
        typer.Option(
            "--relationship",
            help="Of who measured to the model's provider, for eee: first_party, third_party, "
            "collaborative or other.",
        ),
    ] = None,
    quiet: Quiet = False,
) -> int:
    """Write a finished run in another tool's format; each figure with its interval and its n."""
    from evalharness.exports.figures import Choices
    from evalharness.exports.registry import export_run

    written = export_run(run, format_, out, Choices(withhold, organization, relationship))
    if not quiet:
        for path in written:
            typer.echo(f"Written: {path}")
    return 0
