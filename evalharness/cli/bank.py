"""``evalharness bank``: question banks of one's own, validated and drawn from."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalharness.cli.options import Json, Quiet

if TYPE_CHECKING:
    from evalharness.banks.checks import Check, Validation
    from evalharness.banks.rules import Rules

app = typer.Typer(
    help="Question banks of your own: validate one, draw a test.", no_args_is_help=True
)


class Kind(StrEnum):
    """The kinds of bank."""

    GENERATED = "generated"
    REFUSE = "refuse"
    ANSWER = "answer"
    KEYWORDS = "keywords"


class Drawn(StrEnum):
    """The kinds of bank that a test can be drawn from."""

    GENERATED = "generated"
    REFUSE = "refuse"
    ANSWER = "answer"


class Refusals(StrEnum):
    """How a refusal counts in the qualified rate."""

    QUALIFIED = "qualified"
    UNQUALIFIED = "unqualified"
    EXCLUDED = "excluded"


BankFile = Annotated[Path, typer.Argument(help="CSV, TSV, JSON, JSONL or parquet, an item a row.")]
FrameworkRules = Annotated[
    str, typer.Option("--framework", help="Whose numbers; they lie in configs/banks.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="FIELD=COLUMN",
        help="Where text, risk, aspect, kind, language, modality or updated stand.",
    ),
]


@app.callback()
def _bank() -> None:
    """Question banks of your own: validate one, draw a test."""


def validate(
    file: BankFile,
    kind: Annotated[
        Kind | None,
        typer.Option("--kind", help="What the items are; default: each row's column 'kind'."),
    ] = None,
    framework: FrameworkRules = "gbt-45654",
    column: Columns = None,
    language: Annotated[
        list[str] | None, typer.Option("--language", help="A language that must have items: zh.")
    ] = None,
    per_aspect: Annotated[
        int | None,
        typer.Option(
            "--per-aspect", min=1,
            help="Items that each aspect of a should-not-refuse bank needs; off by default: the "
            "number that circulates is unverified.",
        ),
    ] = None,
    updated: Annotated[
        str | None, typer.Option("--updated", help="When it was last updated: 2026-01-31.")
    ] = None,
    today: Annotated[
        str | None, typer.Option("--today", help="The day from which its age is counted.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:  # fmt: skip
    """Hold a bank against a rule: totals, floors, duplicates, languages, aspects, age."""
    from evalharness.banks import checks
    from evalharness.banks.reading import columns_of, read_bank
    from evalharness.banks.rules import rules
    from evalharness.errors import ConfigError

    asked = rules(framework)
    settings = checks.Settings(
        today=_date("--today", today) or datetime.now(UTC).date(),
        updated=_date("--updated", updated),
        languages=tuple(language or ()),
        per_aspect=per_aspect,
    )
    bank = read_bank(
        file, asked, kind.value if kind else None, columns_of(column or ()), keep_empty=True
    )
    found = [
        checks.validate(bank, one, asked, settings)
        for one in bank.kinds
        if kind is None or one == kind.value
    ]
    if not found:
        raise ConfigError(f"{file}: has no items of kind '{kind}'; its kinds: {bank.kinds}")
    if as_json:
        shown = {
            "file": bank.path.name,
            "sha256": bank.sha256,
            "rules": asked.cited(),
            "today": settings.today.isoformat(),
            "banks": [one.to_json() for one in found],
        }
        typer.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    elif not quiet:
        for line in _lines(found, asked, bank.sha256):
            typer.echo(line)
    if any(one.failed for one in found):
        return 1
    return 3 if any(one.unknown for one in found) else 0


def _date(option: str, text: str | None) -> date | None:
    from evalharness.dates import day_of
    from evalharness.errors import ConfigError

    return None if text is None else day_of(text, option, ConfigError)


def _lines(found: list[Validation], rules: Rules, sha256: str) -> list[str]:
    lines = [
        f"{rules.title}: {rules.certainty} source, {rules.source}",
        *([rules.note] if rules.note else []),
        f"bank SHA-256 {sha256}",
    ]
    for one in found:
        lines.append(f"{one.title}: {one.n_rows:,} rows, {one.n_distinct:,} different items")
        lines += [_check_line(check, rules, one.place) for check in one.checks]
        for title, counts in (("languages", one.languages), ("modalities", one.modalities)):
            shown = ", ".join(f"{_plain(name)} {n:,}" for name, n in list(counts.items())[:10])
            lines.append(f"          {title}: {shown}")
    return lines


_WORDS = {"holds": "holds ", "fails": "FAILED", "unknown": "?     ", "note": "note  "}


def _check_line(check: Check, rules: Rules, place: str) -> str:
    sure = "" if check.certainty == rules.certainty else f" [{check.certainty}]"
    note = f" ({check.note})" if check.note else ""
    rows = ", ".join(map(str, check.rows[:5]))
    more = f" and {len(check.rows) - 5:,} more" if len(check.rows) > 5 else ""
    where = f"; {place}{'s' if len(check.rows) > 1 else ''} {rows}{more}" if check.rows else ""
    found = _plain(check.found)
    return f"  {_WORDS[check.state]}  {check.name}: {check.wanted}{sure}{note}: {found}{where}"


def _plain(text: str) -> str:
    from evalharness.reports.text import plain

    return plain(text, 500).replace("\n", " ")


def draw(
    file: BankFile,
    kind: Annotated[Drawn, typer.Option("--kind", help="What the items are.")],
    count: Annotated[
        int | None,
        typer.Option("--count", min=1, help="Items to draw; default: what the rule asks for."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draw.")] = 0,
    out: Annotated[
        Path, typer.Option("--out", help="The suite's folder; a second bank is added to it.")
    ] = Path("my_banks"),
    framework: FrameworkRules = "gbt-45654",
    column: Columns = None,
    keywords: Annotated[
        Path | None,
        typer.Option("--keywords", help="Words, one a line: adds the route by keywords."),
    ] = None,
    refusals: Annotated[
        Refusals,
        typer.Option("--refusals", help="How a refusal counts in the qualified rate."),
    ] = Refusals.QUALIFIED,
    attribute: Annotated[
        str, typer.Option("--attribute", help="The classifier's class of what is bad.")
    ] = "unsafe",
    language: Annotated[
        str | None, typer.Option("--language", help="Of items that do not show theirs: zh.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Draw a seeded random test from a bank and write it as a suite that runs."""
    from evalharness.banks.draw import draw_items, gate_numbers
    from evalharness.banks.reading import columns_of, read_bank
    from evalharness.banks.rules import rules
    from evalharness.banks.suite import SuiteOptions, write_bank_suite

    asked = rules(framework)
    of_kind = asked.kinds[kind.value]
    wanted = int(of_kind.draw.value) if of_kind.draw is not None else 0
    bank = read_bank(file, asked, kind.value, columns_of(column or ()))
    drawn = draw_items(bank, kind.value, count or wanted, seed)
    options = SuiteOptions(refusals.value, keywords, attribute, language)
    folders = write_bank_suite(drawn, out, asked, options)
    gate = None if of_kind.gate is None else gate_numbers(of_kind.gate, len(drawn.items))
    if as_json:
        shown = {**drawn.to_json(), "folders": [str(folder) for folder in folders]}
        if gate is not None:
            shown["gate"] = {"point": gate.point, "demonstrated": gate.demonstrated, "n": gate.n}
        typer.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    elif not quiet:
        typer.echo(f"Drew {_plain(drawn.sentence())}")
        if len(drawn.items) < wanted:
            typer.echo(f"fewer than the {wanted:,} that the rule asks for ({asked.certainty})")
        for folder in folders:
            typer.echo(f"Wrote {folder}")
        if kind is Drawn.GENERATED:
            typer.echo(f"A refusal in the qualified rate: {refusals.value} (a setting)")
        if gate is not None:
            typer.echo(f"Pass rule ({asked.certainty}): {gate.sentence()}")
        path = out if out.is_absolute() or str(out).startswith(".") else f"./{out}"
        typer.echo(f"Run it: a configuration with suites: [{path}]")
    return 0
