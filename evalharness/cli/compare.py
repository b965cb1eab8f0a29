"""``evalharness compare``: paired differences between runs, or why they are not the same test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalharness.cli.options import Json, Lang, Markdown, Page, Pdf, Quiet

if TYPE_CHECKING:
    from evalharness.comparison import Claim, Comparison, Ranked, Ranking
    from evalharness.reports.page import Medium
    from evalharness.scorecard.placing import Placed, Placement
    from evalharness.store.directory import RunDirectory


Runs = Annotated[list[Path], typer.Argument(help="Run folders; the first is the baseline.")]
Common = Annotated[
    bool, typer.Option("--common", help="If only items differ, compare those in both.")
]
Margin = Annotated[
    float | None,
    typer.Option(
        "--margin",
        help="Exit 1 unless every figure is shown to be worse by less than this (.02). Between "
        "runs: one run with --reference has none (exit 2).",
    ),
]
Rank = Annotated[
    list[str] | None,
    typer.Option(
        "--rank", metavar="TASK/METRIC", help="Rank all runs by this figure, or 'headlines'."
    ),
]
References = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        metavar="NAME",
        help="Place each run by pinned figures ('reference list'); one run will do then.",
    ),
]


def compare(
    runs: Runs,
    common: Common = False,
    margin: Margin = None,
    rank: Rank = None,
    reference: References = None,
    html: Page = None,
    pdf: Pdf = False,
    markdown: Markdown = False,
    lang: Lang = "en",
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Compare runs with the first, sample by sample; exit 3 when a task is another test."""
    from evalharness.comparison import compare_runs
    from evalharness.errors import ConfigError
    from evalharness.reports.formats import Output
    from evalharness.store.directory import RunDirectory

    if margin is not None and not 0 < margin < 1:
        raise ConfigError(f"--margin {margin}: give a share between 0 and 1, such as 0.02")
    output = Output.beside(html, lang, pdf=pdf, markdown=markdown)
    directories = [RunDirectory.existing(run) for run in runs]
    placements = _placed(directories, reference) if reference else []
    alone = bool(placements) and len(directories) == 1
    if alone and (common or margin is not None or rank):
        raise ConfigError("--common, --margin and --rank are for two runs or more")
    found = None if alone else compare_runs(directories, common=common, rank=rank or ())
    if html is not None:
        output.write(html, lambda medium: _page(medium, found, placements, directories[0]))
    gate = [] if margin is None or found is None else found.not_inferior(margin)
    if as_json:
        shown = _json(found, placements, margin, gate)
        typer.echo(json.dumps(shown, indent=1, ensure_ascii=False, allow_nan=False))
    elif not quiet:
        for line in (*_lines(found), *(line for p in placements for line in _placement_lines(p))):
            typer.echo(line)
        for claim, ok in gate:
            typer.echo(_gate_line(claim, ok, margin or 0.0))
    if not all(part.comparable for part in (found, *placements) if part is not None):
        return 3
    return 1 if any(not ok for _, ok in gate) else 0


def _page(
    medium: Medium,
    found: Comparison | None,
    placements: Sequence[Placement],
    first: RunDirectory,
) -> str:
    """The page of a comparison, or of one run among references."""
    from evalharness.pipeline import load_scorecard
    from evalharness.reports.comparison import render_comparison
    from evalharness.reports.placing import render_placement

    if found is not None:
        return render_comparison(found, medium, placements)
    return render_placement(placements[0], load_scorecard(first).model, medium)


def _placed(directories: Sequence[RunDirectory], names: Sequence[str]) -> list[Placement]:
    """Each run among the references, which are read once."""
    from evalharness import pipeline
    from evalharness.scorecard.placing import place
    from evalharness.scorecard.references import load

    for directory in directories:
        directory.require_finished()
    references = [load(name) for name in dict.fromkeys(names)]
    return [
        place(directory.path.name, pipeline.load_scorecard(directory), references)
        for directory in directories
    ]


def _json(
    found: Comparison | None,
    placements: Sequence[Placement],
    margin: float | None,
    gate: Sequence[tuple[Claim, bool]],
) -> dict[str, Any]:
    shown = {} if found is None else found.to_json()
    if margin is not None:
        shown["margin"] = margin
        shown["not_inferior"] = [
            {"run": c.run, "task": c.task, "metric": c.metric, "shown": ok} for c, ok in gate
        ]
    if placements:
        shown["placements"] = [placement.to_json() for placement in placements]
    return shown


def _lines(found: Comparison | None) -> list[str]:
    from evalharness.reports.numbers import level as percent

    if found is None:
        return []
    names = [f"{run} ({target})" for run, target in zip(found.runs, found.targets, strict=True)]
    lines = [f"baseline {names[0]}"]
    for place, run in enumerate(found.runs[1:], 1):
        lines.append(f"compared {names[place]}")
        lines += [_claim_line(claim, found) for claim in found.claims if claim.run == run]
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
    for ranking in found.rankings:
        lines += _ranking_lines(ranking, found)
    lines += [f"not ranked by {u.figure}: {'; '.join(u.reasons)}" for u in found.unranked]
    if pairs := sum(len(ranking.pairs) for ranking in found.rankings):
        lines.append(
            "runs with a common letter are tied: no test separates any two of them, after "
            f"correction for all pairs of all rankings ({pairs})"
        )
    if found.not_paired:
        lines.append(f"no test by pairs: {', '.join(found.not_paired)}")
    lines += list(found.notes)
    lines.append(
        "each interval stands on its own, p-values and verdicts are corrected for all that was "
        "tested: one without 0 may stand beside 'no difference shown'"
    )
    at = percent(round(1 - found.level, 12))
    lines.append(
        f"{found.tested} claims, corrected together (Holm) at {at}; "
        f"{len(found.slices)} slices apart (Benjamini-Hochberg)"
    )
    return lines


def _claim_line(claim: Claim, found: Comparison) -> str:
    paired, difference = claim.paired, claim.paired.difference
    name = f"  {claim.task}/{claim.metric}"
    counted = f"{paired.n_compared} of {paired.n_planned} {claim.counted}"
    if difference.n_clusters is not None:
        counted += f" in {difference.n_clusters} clusters"
    if paired.a is None or paired.b is None or difference.value is None:
        return f"{name}: not measured in both ({counted})"
    line = f"{name}: {paired.a:.4g} to {paired.b:.4g}, {difference.value:+.4f}"
    if difference.interval is not None:
        line += f" [{difference.interval.low:+.4f}, {difference.interval.high:+.4f}]"
    line += f": {claim.verdict}"
    if claim.p_adjusted is not None:
        after = ""
        if found.tested > 1 and paired.p_value is not None:
            after = f" after Holm over {found.tested} figures, {paired.p_value:.3g} alone"
        line += f" (p {claim.p_adjusted:.3g}{after}; {paired.test})"
    if difference.interval is None and difference.notes:
        line += f"; no interval: {difference.notes[0]}"
    if paired.wins is not None:
        line += f"; {paired.wins} won, {paired.ties} tied, {paired.losses} lost"
    line += f"; {counted}"
    if claim.verdict == "no difference shown" and paired.detectable is not None:
        line += f"; one of {paired.detectable:.3f} would be found four times of five"
    demonstration = found.demonstrates(claim.task, claim.baseline, claim.run)
    return f"{line}; demonstration" if demonstration else line


def _ranking_lines(ranking: Ranking, found: Comparison) -> list[str]:
    way = ranking.direction
    best = f"{way} is better" if isinstance(way, str) else f"{way:g} is best"
    over = f"{ranking.n_compared} of {ranking.n_planned} {ranking.counted} that all have measured"
    lines = [f"ranked by {ranking.task}/{ranking.metric} ({best}), over the {over}"]
    for ranked in ranking.runs:
        rank = _rank(ranked.place.best, ranked.place.worst)
        lines.append(
            f"  rank {rank:<6} {ranked.value:>8.4g}  {' '.join(ranked.place.groups):<6} "
            f"{ranked.run} ({ranked.target}){_beside(ranked)}"
            + ("; demonstration" if found.demonstrates(ranking.task, ranked.run) else "")
        )
    lines += [f"  not ranked: {r.run}: {'; '.join(r.reasons)}" for r in ranking.left_out]
    return lines


def _beside(ranked: Ranked) -> str:
    """The counterpart of a figure that must not be read alone."""
    if ranked.beside is None:
        return ""
    if ranked.beside.value is None:
        return f"; not to be read without {ranked.beside.name}, which is not measured"
    return f"; beside it {ranked.beside.name} {ranked.beside.value:.4g}"


def _rank(best: int, worst: int) -> str:
    return f"{best}" if best == worst else f"{best}-{worst}"


def _placement_lines(found: Placement) -> list[str]:
    lines = [f"{found.run} among the references {', '.join(found.references)}"]
    lines += [_placed_line(figure) for figure in found.figures]
    for name, task, reasons in found.refused:
        lines.append(f"  {task}: NOT COMPARABLE with {name}")
        lines += [f"    {reason}" for reason in reasons]
    for (task, metric), (low, high, among) in found.ranks.items():
        lines.append(f"  rank {_rank(low, high)} of {among}: {task}/{metric}")
    if not found.figures:
        lines.append("  nothing can be placed: no reference has a task of this run's protocols")
    return [*lines, f"  {found.note}"]


def _placed_line(figure: Placed) -> str:
    name = f"  {figure.task}/{figure.metric} against {figure.reference}"
    counted = f"{figure.n} and {figure.reference_n} {figure.counted}"
    if figure.value is None or figure.reference_value is None:
        return f"{name}: not measured in both ({counted})"
    line = f"{name}: {figure.value:.4g} against {figure.reference_value:.4g}"
    if figure.difference is not None:
        line += f", {figure.difference:+.4f}"
    if figure.interval is not None:
        line += f" [{figure.interval.low:+.4f}, {figure.interval.high:+.4f}]"
    line += f": {figure.verdict}"
    if figure.ratio is not None:
        line += f"; {figure.ratio:.3g} times its unfavourable share"
        if figure.ratio_ends is not None:
            low, high = figure.ratio_ends
            line += f" [{low:.3g}, {'open' if high is None else f'{high:.3g}'}]"
    return "; ".join([line, *figure.notes, counted])


def _gate_line(claim: Claim, ok: bool, margin: float) -> str:
    bound = claim.paired.not_worse_by
    shown = "no bound" if bound is None else f"worse by at most {bound:.4f}"
    return (
        f"{'holds ' if ok else 'FAILED'}  {claim.task}/{claim.metric} of {claim.run}: "
        f"{shown}, margin {margin:g}"
    )
