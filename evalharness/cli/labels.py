"""``evalharness labels``: draw answers of a run for people to label."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalharness.cli.options import Quiet, RunPath

_Task = Annotated[str, typer.Option("--task", help="The task whose answers are labelled.")]
_Score = Annotated[
    str | None,
    typer.Option("--score", help="The score that a label gives; needed where there are several."),
]
_Count = Annotated[int, typer.Option("--count", min=1, help="How many answers to draw.")]
_Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Of the draw; default: the run's.")
]
_Sheet = Annotated[
    Path | None, typer.Option("--out", help="The CSV file; default: labels-TASK.csv.")
]


def labels(
    run: RunPath,
    task: _Task,
    count: _Count = 200,
    score: _Score = None,
    seed: _Seed = None,
    out: _Sheet = None,
    quiet: Quiet = False,
) -> int:
    """Draw a random sample of a run's answers and write a sheet that people label."""
    from evalharness.labelling.command import make_sheet
    from evalharness.store.directory import RunDirectory

    made = make_sheet(
        RunDirectory.existing(run), task, score=score, seed=seed, count=count, out=out
    )
    if not quiet:
        typer.echo("\n".join(made))
    return 0
