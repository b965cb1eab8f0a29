"""``evalharness compare``: paired differences between runs, or why they are not the same test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalharness.cli.options import Json, Quiet

if TYPE_CHECKING:
    from evalharness.comparison import Claim, Comparison


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; the first is the baseline.")],
    common: Annotated[
        bool,
        typer.Option("--common", help="If only items differ, compare those in both."),
    ] = False,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            help="Exit 1 unless every figure is shown to be worse by less than this (.02).",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Compare runs with the first, sample by sample; exit 3 when a task is another test."""
    from evalharness.comparison import compare_runs
    from evalharness.errors import ConfigError
    from evalharness.store.directory import RunDirectory

    if margin is not None and not 0 < margin < 1:
        raise ConfigError(f"--margin {margin}: give a share between 0 and 1, such as 0.02")
    found = compare_runs([RunDirectory.existing(run) for run in runs], common=common)
    gate = [] if margin is None else found.not_inferior(margin)
    if as_json:
        shown = found.to_json()
        if margin is not None:
            shown["margin"] = margin
            shown["not_inferior"] = [
                {"run": c.run, "task": c.task, "metric": c.metric, "shown": ok} for c, ok in gate
            ]
        typer.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    elif not quiet:
        for line in _lines(found):
            typer.echo(line)
        for claim, ok in gate:
            typer.echo(_gate_line(claim, ok, margin or 0.0))
    if not found.comparable:
        return 3
    return 1 if any(not ok for _, ok in gate) else 0


def _lines(found: Comparison) -> list[str]:
    names = [f"{run} ({target})" for run, target in zip(found.runs, found.targets, strict=True)]
    lines = [f"baseline {names[0]}"]
    for place, run in enumerate(found.runs[1:], 1):
        lines.append(f"compared {names[place]}")
        lines += [_claim_line(claim) for claim in found.claims if claim.run == run]
        lines += [
            f"  {claim.task}/{claim.metric} where {claim.slice[0]} is {claim.slice[1]}: "
            f"{claim.verdict}"
            for claim in found.slices
            if claim.run == run and claim.slice and claim.verdict in {"better", "worse"}
        ]
        for refused in found.refused:
            if refused.run == run:
                lines.append(f"  {refused.task}: NOT COMPARABLE")
                lines += [f"    {reason}" for reason in refused.reasons]
    if found.not_paired:
        lines.append(f"no test by pairs: {', '.join(found.not_paired)}")
    lines += list(found.notes)
    tested = sum(claim.p_adjusted is not None for claim in found.claims)
    lines.append(
        f"{tested} claims, corrected together (Holm) at {1 - found.level:.0%}; "
        f"{len(found.slices)} slices apart (Benjamini-Hochberg)"
    )
    return lines


def _claim_line(claim: Claim) -> str:
    paired, difference = claim.paired, claim.paired.difference
    name = f"  {claim.task}/{claim.metric}"
    counted = f"{paired.n_compared} of {paired.n_planned} samples"
    if difference.n_clusters is not None:
        counted += f" in {difference.n_clusters} clusters"
    if paired.a is None or paired.b is None or difference.value is None:
        return f"{name}: not measured in both ({counted})"
    line = f"{name}: {paired.a:.4g} to {paired.b:.4g}, {difference.value:+.4f}"
    if difference.interval is not None:
        line += f" [{difference.interval.low:+.4f}, {difference.interval.high:+.4f}]"
    line += f": {claim.verdict}"
    if claim.p_adjusted is not None:
        line += f" (p {claim.p_adjusted:.3g}, {paired.test})"
    line += f"; {paired.wins} won, {paired.ties} tied, {paired.losses} lost; {counted}"
    if claim.verdict == "no difference shown" and paired.detectable is not None:
        line += f"; one of {paired.detectable:.3f} would be found four times of five"
    return line


def _gate_line(claim: Claim, ok: bool, margin: float) -> str:
    bound = claim.paired.not_worse_by
    shown = "no bound" if bound is None else f"worse by at most {bound:.4f}"
    return (
        f"{'holds ' if ok else 'FAILED'}  {claim.task}/{claim.metric} of {claim.run}: "
        f"{shown}, margin {margin:g}"
    )
