"""``evalharness verify``: digests, counts, and every figure derived again. Changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from evalharness.cli.options import Json, Quiet, RunPath


def verify(
    run: RunPath,
    key: Annotated[
        Path | None, typer.Option("--key", help="The tester's public key, to check who signed.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Check a run from its records alone; exit 1 when anything does not hold."""
    from evalharness.evidence.sign import MEANING
    from evalharness.store.directory import RunDirectory
    from evalharness.verification import verify_run

    directory = RunDirectory.existing(run)
    checks = verify_run(directory, key)
    failed = [check for check in checks if check.faults]
    if as_json:
        shown = [{"check": c.name, "holds": not c.faults, "faults": c.faults} for c in checks]
        typer.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    elif not quiet:
        for check in checks:
            typer.echo(f"{'FAILED' if check.faults else 'holds '}  {check.name}")
            for fault in check.faults[:10]:
                typer.echo(f"          {fault}")
            if len(check.faults) > 10:
                typer.echo(f"          and {len(check.faults) - 10} more")
        if key is not None and not failed:
            for line in MEANING:
                typer.echo(f"the signature {line}")
    return 1 if failed else 0
