"""``evalharness coverage``: what of a framework a run answers, and what it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalharness.cli.options import Json, Lang, Page, Pdf, Quiet

if TYPE_CHECKING:
    from evalharness.scorecard.coverage import Coverage, Installed
    from evalharness.tasks.frameworks import Framework


def coverage(
    framework: Annotated[
        str, typer.Option("--framework", help="Its key, as in 'evalharness list frameworks'.")
    ],
    run: Annotated[
        Path | None,
        typer.Argument(help="A run's folder; without one: what the installed tasks touch."),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Write the table to this file, too.")
    ] = None,
    html: Page = None,
    pdf: Pdf = False,
    lang: Lang = "en",
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Show for each clause of a framework what answers it, with which result, and what does not."""
    from evalharness.errors import ConfigError, TaskError
    from evalharness.outfile import write_file
    from evalharness.reports import coverage as shown
    from evalharness.reports.formats import Output
    from evalharness.reports.language import speaking
    from evalharness.scorecard.coverage import Installed, installed
    from evalharness.tasks.frameworks import framework as read
    from evalharness.tasks.library import Library

    if lang != "en" and html is None and markdown is None:
        raise ConfigError("--lang is the language of --html and --markdown: name a file with them")
    output = Output.beside(html, lang if html else "en", pdf=pdf)
    try:
        vocabulary = read(framework)
    except TaskError as fault:
        raise ConfigError(f"--framework: {fault}") from None
    library = {
        task.name: Installed(task.definition.version, task.definition.tags)
        for task in Library.load().tasks.values()
    }
    if run is None:
        if markdown is not None or html is not None:
            raise ConfigError("--html, --markdown: name the run whose coverage they are to show")
        row = installed(vocabulary, {name: task.tags for name, task in library.items()})
        _show(row, shown.installed_lines(row), as_json=as_json, quiet=quiet)
        return 0
    found = _of_run(run, vocabulary, library)
    if html is not None:
        output.write(html, lambda medium: shown.render_coverage(found, medium))
    if markdown is not None:
        with speaking(lang):
            text = shown.markdown(found)
        write_file(markdown, text, "--markdown")
    _show(found.to_json(), shown.lines(found), as_json=as_json, quiet=quiet)
    return 0


def _of_run(run: Path, vocabulary: Framework, library: dict[str, Installed]) -> Coverage:
    from evalharness.pipeline import load_scorecard
    from evalharness.scorecard.coverage import coverage as held_against
    from evalharness.store.directory import RunDirectory

    directory = RunDirectory.existing(run)
    directory.require_finished()
    return held_against(vocabulary, load_scorecard(directory), run.resolve().name, library)


def _show(row: dict[str, Any], lines: list[str], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        typer.echo(json.dumps(row, indent=1, ensure_ascii=False))
    elif not quiet:
        typer.echo("\n".join(lines))
