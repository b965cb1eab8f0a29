"""``evalharness lint``: faults of data, before they become figures."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from evalharness.cli.options import Json, Quiet


def lint(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Suites and tasks by name, a suite's folder, data files, or a folder of them; "
            "default: every task that has its data."
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Look for duplicate rows, leaked labels, guessable answers, wrong languages and the like."""
    from evalharness.lint.run import run_lint

    found = run_lint(targets or ())
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    elif not quiet:
        for finding in found.findings:
            typer.echo(f"{finding.severity}  {finding.sentence()}")
        for name, reason in found.not_linted.items():
            typer.echo(f"not linted  {name}: {reason}")
        faults = len(found.faults)
        notes, looked_at = len(found.findings) - faults, len(found.looked_at)
        typer.echo(
            f"{faults} fault{'' if faults == 1 else 's'} and {notes} "
            f"note{'' if notes == 1 else 's'} in {looked_at} "
            f"{'file or task' if looked_at == 1 else 'files and tasks'}; "
            f"{len(found.not_linted)} not linted"
        )
    if found.faults:
        return 1
    return 3 if targets and found.not_linted else 0
