"""``evalharness report``: a run's reports; no call to any model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalharness.cli.options import Lang, Markdown, Pdf, Quiet, RunPath, Set

if TYPE_CHECKING:
    from evalharness.reports.drawn import Inputs
    from evalharness.reports.engagement import Engagement
    from evalharness.reports.formats import Output
    from evalharness.reports.switched_off import OffRun
    from evalharness.scorecard.model import Scorecard
    from evalharness.store.directory import RunDirectory


class Kind(StrEnum):
    """What is written."""

    SCORECARD = "scorecard"
    ASSURANCE = "assurance"
    LABEL = "label"


class Withheld(StrEnum):
    """What is shown by its digest alone."""

    PROMPTS = "prompts"
    RESPONSES = "responses"


def report(
    run: RunPath,
    kind: Annotated[
        Kind,
        typer.Option(
            "--kind",
            help="scorecard: for engineers; assurance: what a tester hands over; label: seven "
            "areas on a page.",
        ),
    ] = Kind.SCORECARD,
    engagement: Annotated[
        Path | None,
        typer.Option("--engagement", help="Customer, item, dates, who signs: a YAML file."),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option("--card", help="Label: the provider's model card, a README.md."),
    ] = None,
    lang: Lang = "en",
    pdf: Pdf = False,
    markdown: Markdown = False,
    hazardous: Annotated[
        bool,
        typer.Option(
            "--hazardous",
            help="PDF, Markdown: print texts behind a content warning; default: digests alone.",
        ),
    ] = False,
    withhold: Annotated[
        list[Withheld] | None,
        typer.Option("--withhold", help="Not of a label: prompts or responses by digest alone."),
    ] = None,
    sample: Annotated[
        list[str] | None,
        typer.Option(
            "--sample",
            metavar="ID",
            help="Assurance: show this sample too, as chosen, not drawn; ID or TASK/ID.",
        ),
    ] = None,
    sets: Set = None,
    quiet: Quiet = False,
) -> int:
    """Write a run's report from its records; the same run gives the same bytes."""
    from evalharness.errors import ConfigError
    from evalharness.pipeline import load_scorecard
    from evalharness.reports import write
    from evalharness.reports.drawn import differing, drawn_files, inputs_of
    from evalharness.reports.engagement import load_engagement
    from evalharness.reports.formats import Output
    from evalharness.reports.issued import REPORT
    from evalharness.store.directory import RunDirectory
    from evalharness.superseding import earlier_of

    _check_options(kind, engagement, card, withhold, sample)
    if sets and kind is not Kind.SCORECARD:
        raise ConfigError("report: --set belongs to --kind scorecard: it says how much that shows")
    directory = RunDirectory.existing(run)
    kept_out = frozenset(str(part) for part in withhold or ())
    output = Output(lang, pdf=pdf, markdown=markdown, hazardous=hazardous)
    if hazardous and not (pdf or markdown):
        raise ConfigError(
            "report: --hazardous belongs to --pdf or --markdown; the page has those texts"
        )
    declared = None if engagement is None else (load_engagement(engagement), engagement)
    if declared is not None and sample:
        declared = (declared[0].showing(sample), declared[1])
    with directory.locked():
        directory.require_intact(
            "a report of changed records would hide it", but=directory.report.name
        )
        scorecard = load_scorecard(directory)
        before, given = drawn_files(directory), inputs_of(directory)
        if sets:
            _change(directory, scorecard, sets, kept_out)
        if kind is Kind.LABEL:
            written = _label(directory, scorecard, output, declared, card)
        elif declared is None:
            written = write.write_scorecard(directory, scorecard, output, withheld=kept_out)
        else:
            off = _switched_off(directory, scorecard, declared)
            written = write.write_assurance(
                directory, scorecard, declared[0], output,
                withheld=kept_out,
                switched_off={part: other for part, (_folder, other) in off.items()},
                earlier=earlier_of(declared[0], declared[1].parent, directory),
            )  # fmt: skip
        directory.seal()
        removed = [path.name for path in before if not path.exists() and path.name != REPORT]
        now = inputs_of(directory)
        others = differing(given, now)
        texts = list(_shown_texts(directory, kind, given, now))
    if not quiet:
        for path in written:
            typer.echo(f"Report: {path}")
        began = directory.measured if kind is Kind.ASSURANCE else None
        for line in (*_remarks(removed, others, declared, lang, began), *texts):
            typer.echo(line, err=True)
        if directory.is_signed:
            typer.echo("The run was signed before this; sign it again if a file changed")
    return 0


def _remarks(
    removed: Sequence[str],
    others: Sequence[str],
    told: tuple[Engagement, Path] | None,
    lang: str,
    began: str | None,
) -> Iterator[str]:
    """What is said beside the files that were written.

    Args:
        others: why files were removed.
        told: the engagement, and its file.
        began: the day of the run, where the report gives the days of testing.
    """
    from evalharness.cli.progress import removed_line

    if removed:
        yield removed_line(removed, others)
    if told is None:
        return
    if missing := told[0].untranslated(lang):
        yield (
            f"not in {lang}, and shown as written: {', '.join(missing)}; add them under "
            f"translations.{lang}"
        )
    if began is not None and told[0].misses(began):
        first, last = told[0].performed
        yield (
            f"{told[1]}: performed: {first} to {last} leaves out {began}, the day (UTC) on "
            "which the run began, and the report says so; where outputs were recorded before, give "
            "the days from then to the last day of testing"
        )


def _shown_texts(directory: RunDirectory, kind: Kind, before: Inputs, now: Inputs) -> Iterator[str]:
    """What is said of texts that are withheld in one page, and in another or no longer are not.

    Args:
        before, now: what the folder's reports follow from (`inputs_of`).
    """
    from evalharness.reports.drawn import ASSURANCE, SCORECARD, drawn_files, withheld_in

    if kind is Kind.LABEL:
        return
    own, other = (SCORECARD, ASSURANCE) if kind is Kind.SCORECARD else (ASSURANCE, SCORECARD)
    kept = withheld_in(now, own)
    if back := sorted(withheld_in(before, own) - kept):
        yield (
            f"{own}: shows the {' and '.join(back)} that were withheld here before; "
            f"{_withholding(back)} keeps them out"
        )
    pages = [path.name for path in drawn_files(directory, [other]) if path.suffix != ".json"]
    left = sorted(kept - withheld_in(now, other))
    if pages and left:
        more = "" if other == SCORECARD else f" --kind {other} --engagement FILE"
        yield (
            f"still there with the {' and '.join(left)}: {', '.join(pages)}; 'evalharness report "
            f"{directory.path}{more} {_withholding([*left, *withheld_in(now, other)])}' draws anew "
            "without them"
        )


def _withholding(texts: Iterable[str]) -> str:
    return " ".join(f"--withhold {text}" for text in sorted(texts))


def _check_options(
    kind: Kind,
    engagement: Path | None,
    card: Path | None,
    withhold: Sequence[str] | None,
    sample: Sequence[str] | None,
) -> None:
    """Which options belong to which kind of report.

    Raises:
        ConfigError: one is missing, or is another kind's.
    """
    from evalharness.errors import ConfigError

    if kind is Kind.ASSURANCE and engagement is None:
        raise ConfigError(
            "report: an assurance report needs --engagement FILE.yaml: customer, item, dates, "
            "who signs; 'evalharness new engagement FILE' writes its beginning"
        )
    if engagement is not None and kind is Kind.SCORECARD:
        raise ConfigError("report: --engagement belongs to --kind assurance and --kind label")
    if card is not None and kind is not Kind.LABEL:
        raise ConfigError("report: --card belongs to --kind label")
    if sample and kind is not Kind.ASSURANCE:
        raise ConfigError("report: --sample belongs to --kind assurance")
    if withhold and kind is Kind.LABEL:
        raise ConfigError(
            "report: --withhold belongs to --kind assurance and --kind scorecard; a label shows no "
            "prompts or responses"
        )


def _label(
    directory: RunDirectory,
    scorecard: Scorecard,
    output: Output,
    declared: tuple[Engagement, Path] | None,
    card: Path | None,
) -> list[Path]:
    from evalharness.reports.label.card import read_card
    from evalharness.reports.label.write import write_label

    off = None if declared is None else _switched_off(directory, scorecard, declared)
    return write_label(
        directory,
        scorecard,
        output,
        engagement=declared,
        card=None if card is None else read_card(card),
        switched_off=off,
    )


def _switched_off(
    own: RunDirectory, scorecard: Scorecard, declared: tuple[Engagement, Path]
) -> dict[str, tuple[RunDirectory, OffRun]]:
    """Part of the application -> the run in which it was off, as it was sealed.

    Args:
        declared: the assignment, and its file, from which its paths count.

    Raises:
        ConfigError: it is the run that the report is about; RunError: there is no finished run;
            RunCorruptError: it was changed since.
    """
    from evalharness.errors import ConfigError
    from evalharness.pipeline import load_scorecard
    from evalharness.reports.switched_off import off_run
    from evalharness.store.directory import RunDirectory

    found = {}
    for part in declared[0].item.parts:
        if part.switched_off_in is None:
            continue
        directory = RunDirectory.existing(declared[1].parent / part.switched_off_in)
        if directory.path.resolve() == own.path.resolve():
            raise ConfigError(
                f"report: '{part.name}' is said to be switched off in the very run of this report; "
                "name the run without it"
            )
        directory.require_intact(f"so it is no evidence of what '{part.name}' does")
        found[part.name] = (directory, off_run(scorecard, directory, load_scorecard(directory)))
    return found


def _change(
    directory: RunDirectory,
    scorecard: Scorecard,
    overrides: Sequence[str],
    withheld: Collection[str],
) -> None:
    """Record another ``report_samples`` in run.json, and draw what follows from it anew.

    The assurance report does not; the label names the digest of run.json.
    """
    from evalharness.config import load_config
    from evalharness.errors import ConfigError
    from evalharness.reports.drawn import LABEL, SCORECARD, remove_drawn
    from evalharness.reports.write import write_reports

    run = directory.read_json(directory.run_json)
    config = load_config(run["config"], overrides).config
    after = config.model_dump(mode="json", exclude_unset=True)
    for key in sorted(after.keys() | run["config"].keys()):
        if after.get(key) != run["config"].get(key) and key != "report_samples":
            raise ConfigError(
                f"report: '{key}' changes no report; what can change: report_samples. "
                "'evalharness score' changes the scoring"
            )
    if after != run["config"]:
        directory.manifest.unlink()  # a kill from here on leaves a run to resume, not a damaged one
        directory.write_json(directory.run_json, {**run, "config": after})
        remove_drawn(directory, [SCORECARD, LABEL])
        write_reports(directory, scorecard, withheld)
        directory.seal()  # whole again, should what was asked for fail to be drawn
