"""``evalharness run``: plan, execute, score, aggregate, report; resumes by itself."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalharness.cli.options import (
    ConfigPath,
    Json,
    Limit,
    Out,
    Quiet,
    Seed,
    Set,
    overrides_of,
)

if TYPE_CHECKING:
    from evalharness.api import Run


#: The outcomes of what was not measured, and how many of their reasons are shown.
_MISSING = ("errored", "not_run", "empty", "unparsed")
_REASONS = 3


def run(
    config: ConfigPath,
    out: Out = Path("results"),
    limit: Limit = None,
    seed: Seed = None,
    sets: Set = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="A new run of the same measurement, beside the old.")
    ] = False,
    retry_errored: Annotated[
        bool, typer.Option("--retry-errored", help="Try an earlier run's failed requests again.")
    ] = False,
    reuse: Annotated[
        Path | None,
        typer.Option("--reuse", metavar="RUN", help="Take over a run's answers to equal requests."),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache", metavar="DIR", help="Keep greedy answers here, and use those kept before."
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Run an evaluation and write its scorecard; the same command resumes it."""
    from evalharness import api
    from evalharness.cli.progress import Progress, headline_table
    from evalharness.policies import recorded

    with Progress(enabled=not quiet and not as_json, live=sys.stderr.isatty()) as progress:
        finished = api.run(
            config,
            out=out,
            overrides=overrides_of(limit, seed, sets),
            fresh=fresh,
            retry_errored=retry_errored,
            reuse=reuse,
            cache=cache,
            observer=progress,
        )
    if as_json:
        typer.echo((finished.path / "scorecard.json").read_text(encoding="utf-8"), nl=False)
    elif not quiet:
        typer.echo(headline_table(finished.scorecard))
        typer.echo(f"Report: {finished.report}")
        policy = recorded(finished.info)
        if policy is not None and policy.undemanding is not None:
            typer.echo(policy.undemanding)
    if finished.exit_code and not quiet:
        typer.echo(_incomplete(finished), err=True)
    return finished.exit_code


def _incomplete(finished: Run) -> str:
    counts: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    for card in finished.scorecard.dimensions.values():
        for task in card.tasks.values():
            counts.update(task.outcomes)
            for outcome, found in task.reasons.items():
                if outcome in _MISSING:
                    reasons.update({(outcome, reason): n for reason, n in found.items()})
    parts = [f"{counts[name]} {name.replace('_', ' ')}" for name in _MISSING if counts.get(name)]
    what = ", ".join(parts) or "too few measured"
    hint = " (--retry-errored tries the errored ones again)" if counts.get("errored") else ""
    said = f"evalharness: incomplete: {what}{hint}; see 'What was not measured' in the report"
    for (outcome, reason), count in reasons.most_common(_REASONS):
        if reason != finished.stopped:
            said += f"\nevalharness: {count} {outcome.replace('_', ' ')}: {reason}"
    if finished.stopped is None:
        return said
    return f"evalharness: stopped: {finished.stopped}\n{said}"
