"""``evalharness score``: score recorded answers again; no call to the target."""

from __future__ import annotations

import typer

from evalharness.cli.options import Quiet, RunPath, Set


def score(run: RunPath, sets: Set = None, quiet: Quiet = False) -> int:
    """Score a run's recorded answers again, with --set changes; writes scores/<digest>/."""
    from evalharness.cli.progress import Progress, headline_table
    from evalharness.pipeline import exit_code
    from evalharness.rescore import rescore
    from evalharness.store.directory import RunDirectory

    progress = Progress(enabled=not quiet, live=False)
    directory, scorecard = rescore(RunDirectory.existing(run), sets or [], progress)
    if not quiet:
        typer.echo(headline_table(scorecard))
        typer.echo(f"Scores: {directory.path}")
    return exit_code(scorecard)
