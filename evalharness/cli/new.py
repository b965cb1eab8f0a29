"""``evalharness new``: writes the beginning of something of one's own."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Write the beginning of something of your own.", no_args_is_help=True)


class Kind(StrEnum):
    """The templates of a task."""

    CHOICE = "choice"
    JUDGE = "judge"
    HARM = "harm"
    SUPPLIED = "supplied"


@app.callback()
def _new() -> None:
    """Write the beginning of something of your own."""


def task(
    name: Annotated[str, typer.Argument(help="Small letters, digits, underscores.")],
    suite: Annotated[
        Path, typer.Option("--suite", help="The suite's folder; made if it is missing.")
    ] = Path("my_suite"),
    template: Annotated[
        Kind,
        typer.Option(
            "--template",
            help="choice: questions with options; judge: free answers and a rubric; harm: harmful "
            "requests, each with a harmless one; supplied: rows that only the task's users have.",
        ),
    ] = Kind.CHOICE,
    dimension: Annotated[
        str | None,
        typer.Option(
            "--dimension", help="Which of the five it tests; default: the suite's or template's."
        ),
    ] = None,
) -> int:
    """Write a task: task.yaml, its rows and DATASHEET.md, ready to run."""
    from evalharness.tasks.scaffold import TEMPLATES, write_task

    folder = write_task(suite, name, dimension, template.value)
    shown = suite if suite.is_absolute() or str(suite).startswith(".") else f"./{suite}"
    rows = "rows.csv" if template is Kind.SUPPLIED else "items.csv"
    typer.echo(f"{folder}: edit {rows} and task.yaml, then name the suite in a configuration:")
    typer.echo(f"  suites: [{shown}]")
    if more := TEMPLATES[template.value].config:
        typer.echo(f"  {more.format(name=name, folder=f'{shown}/{name}')}")
    typer.echo(f"Check it: evalharness lint {shown}; evalharness selftest {name} --suite {shown}")
    return 0


def key(
    path: Annotated[Path, typer.Argument(help="The private key's file; .pub is added for others.")],
) -> int:
    """Make a key to sign runs with: keep FILE to yourself, give FILE.pub to whoever verifies."""
    from evalharness.evidence.keys import key_id, public_key, write_pair

    public = write_pair(path)
    typer.echo(f"{path}: keep it to yourself; evalharness sign RUN --key {path}")
    typer.echo(f"{public}: for everybody; evalharness verify RUN --key {public}")
    typer.echo(f"key id {key_id(public_key(public))}")
    return 0


def engagement(
    path: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
) -> int:
    """Write a commented beginning of an engagement, which an assurance report asks for."""
    from evalharness.reports.engagement import write_beginning

    write_beginning(path)
    typer.echo(f"{path}: fill in what stands empty, then")
    typer.echo(f"  evalharness report RUN --kind assurance --engagement {path} --pdf")
    return 0
