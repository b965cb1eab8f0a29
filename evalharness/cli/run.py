"""``evalharness run``: plan, execute, score, aggregate, report; resumes by itself."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter, defaultdict
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
from evalharness.cli.progress import short_list

if TYPE_CHECKING:
    from evalharness.api import Run


#: The outcomes of what was not measured, and how many of their reasons are shown.
_MISSING = ("errored", "not_run", "empty", "unparsed")
_REASONS = 3
_BRACKETS = re.compile(r"^ \([^()]*\)")
_DIGEST = re.compile(r" \(digest [0-9a-f]+\.\.\.\)")


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
    from evalharness.engine.recorded import NOT_PLANNED
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
        if progress.retried:
            typer.echo(_tried_again(finished))
        for line in finished.info["deviations"]:
            if NOT_PLANNED in line:
                typer.echo(line)
        policy = recorded(finished.info)
        if policy is not None and policy.undemanding is not None:
            typer.echo(policy.undemanding)
    if finished.exit_code and not quiet:
        typer.echo(_incomplete(finished), err=True)
    return finished.exit_code


def _tried_again(finished: Run) -> str:
    """What became of the failures of earlier sessions."""
    summary = json.loads((finished.path / "summary.json").read_text(encoding="utf-8"))
    found: dict[str, int] = summary.get("tried_again", {})
    answered, failed = found.get("answered", 0), found.get("failed", 0)
    said = (
        f"Tried {answered + failed} failed requests again: {answered} answered, "
        f"{failed} failed again"
    )
    left = found.get("left")
    return f"{said}; {left} were not tried and stay as they were" if left else said


def _incomplete(finished: Run) -> str:
    counts: Counter[str] = Counter()
    for card in finished.scorecard.dimensions.values():
        for task in card.tasks.values():
            counts.update(task.outcomes)
    parts = [f"{counts[name]} {name.replace('_', ' ')}" for name in _MISSING if counts.get(name)]
    what = ", ".join(parts) or "too few measured"
    hint = " (--retry-errored tries the errored ones again)" if counts.get("errored") else ""
    said = f"evalharness: incomplete: {what}{hint}; see 'What was not measured' in the report"
    reasons = _reasons(finished)
    for outcome, reason in sorted(reasons, key=lambda key: -sum(reasons[key].values()))[:_REASONS]:
        if reason != finished.stopped:
            found = reasons[outcome, reason]
            what = f"{sum(found.values())} {outcome.replace('_', ' ')}: {reason}"
            said += f"\nevalharness: {what} ({short_list(found)})"
    if finished.stopped is None:
        return said
    return f"evalharness: stopped: {finished.stopped}\n{said}"


def _reasons(finished: Run) -> dict[tuple[str, str], Counter[str]]:
    """Outcome and reason -> how often which sample has it; reasons apart by their place are one."""
    import pyarrow.parquet as pq

    rows = pq.read_table(
        finished.path / "samples.parquet",
        columns=["task", "sample_id", "outcome", "reason"],
        filters=[("outcome", "in", _MISSING)],
    )
    several = len(finished.info["tasks"]) > 1
    found: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for task, sample, outcome, reason in zip(*rows.to_pydict().values(), strict=True):
        if reason:
            equal = _placeless(reason, f"{task}/{sample}")
            found[outcome, equal][f"{task}/{sample}" if several else sample] += 1
    return found


def _placeless(reason: str, name: str) -> str:
    """A reason without the sample that it names, and without what stands in brackets behind it."""
    before, named, after = reason.partition(f" for {name}")
    if named:
        return before + _BRACKETS.sub("", after, count=1)
    return _DIGEST.sub("", reason)
