"""``evalharness sign``: a signed statement about a run's files and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalharness.cli.options import Quiet, RunPath


def sign(
    run: RunPath,
    key: Annotated[
        Path, typer.Option("--key", help="Your private key: 'evalharness new key FILE' makes one.")
    ],
    by: Annotated[str | None, typer.Option("--by", help="Who signs, in words.")] = None,
    quiet: Quiet = False,
) -> int:
    """Sign a finished run: in-toto statements with its files' digests and its figures."""
    from evalharness.evidence.sign import sign_run
    from evalharness.store.directory import RunDirectory

    path = sign_run(RunDirectory.existing(run), key, signer=by)
    if not quiet:
        typer.echo(f"Signed: {path}")
        typer.echo(f"Whoever has the public key checks it: evalharness verify {run} --key FILE.pub")
    return 0
