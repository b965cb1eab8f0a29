"""The options that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "ConfigPath", "Json", "Lang", "Limit", "Markdown", "Out", "Page", "Pdf", "Quiet", "RunPath",
    "Seed", "Set", "Staging", "TrustConfig", "overrides_of",
]  # fmt: skip

ConfigPath = Annotated[
    str,
    typer.Argument(help="A YAML file, or the name of a configuration that comes with evalharness."),
]
RunPath = Annotated[Path, typer.Argument(help="A run's folder: results/<run-id>.")]
Out = Annotated[Path, typer.Option("--out", help="Folder in which the run's folder is made.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Samples a task, drawn by stratum with the seed."),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Of every draw in the run.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any field, as in target.dtype=bfloat16."),
]
Staging = Annotated[
    bool,
    typer.Option("--staging", help="sigstore's instance for trials: its signatures mean nothing."),
]
TrustConfig = Annotated[
    Path | None,
    typer.Option("--trust-config", help="Another sigstore's client trust configuration (JSON)."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Page = Annotated[Path | None, typer.Option("--html", help="Write it as a page to this file.")]
Pdf = Annotated[bool, typer.Option("--pdf", help="A PDF beside the page.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Markdown beside the page.")]
Lang = Annotated[str, typer.Option("--lang", help="en, zh: the language of what is written.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


def overrides_of(limit: int | None, seed: int | None, sets: list[str] | None) -> list[str]:
    """The command line's changes of the configuration, as ``key=value``."""
    found = list(sets or ())
    if limit is not None:
        found.append(f"limit={limit}")
    if seed is not None:
        found.append(f"seed={seed}")
    return found
