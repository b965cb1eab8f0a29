"""``evalharness reference``: pins a run's figures under a name, and lists what is pinned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from evalharness.cli.options import Json, RunPath

app = typer.Typer(help="Pin the figures of a run, so that others can be placed by them.",
                  no_args_is_help=True)  # fmt: skip


@app.callback()
def _reference() -> None:
    """Pin the figures of a run, so that others can be placed by them."""


def add(
    run: RunPath,
    name: Annotated[str, typer.Option("--name", help="Small letters, digits and '_.-'.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of references.")] = Path("references"),
) -> int:
    """Write the run's figures, without any sample or text, to references/NAME.json."""
    from evalharness import pipeline
    from evalharness.scorecard.references import pinned, write
    from evalharness.store.directory import RunDirectory

    directory = RunDirectory.existing(run)
    directory.require_finished()
    reference = pinned(
        pipeline.load_scorecard(directory),
        name=name,
        date=directory.measured,
        version=directory.read_json(directory.run_json)["evalharness"],
    )
    path = write(reference, out)
    figures = sum(len(task.metrics) for task in reference.tasks.values())
    typer.echo(f"{path}: {figures} figures of {len(reference.tasks)} tasks")
    typer.echo(f"Place a run by them: evalharness compare RUN --reference {path}")
    return 0


def list_(as_json: Json = False) -> int:
    """List the references: those that come with evalharness, and those in ./references."""
    from evalharness.scorecard.references import available, load

    found = {name: load(path) for name, path in sorted(available().items())}
    if as_json:
        shown = [
            {"name": name, "date": reference.date, "target": reference.target,
             "tasks": {task: part.protocol_id for task, part in reference.tasks.items()}}
            for name, reference in found.items()
        ]  # fmt: skip
        typer.echo(json.dumps(shown, indent=1, ensure_ascii=False, allow_nan=False))
        return 0
    for name, reference in found.items():
        model = reference.target.get("model", "")
        typer.echo(f"{name:<24} {reference.date}  {model}, {len(reference.tasks)} tasks")
    return 0
