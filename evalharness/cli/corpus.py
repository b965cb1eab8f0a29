"""``evalharness corpus``: training corpora, audited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalharness.cli.options import Json, Lang, Markdown, Page, Pdf, Quiet

if TYPE_CHECKING:
    from evalharness.corpus.audit import Audit
    from evalharness.corpus.measure import Classifier

app = typer.Typer(help="Training corpora: audit one.", no_args_is_help=True)


@app.callback()
def _corpus() -> None:
    """Training corpora: audit one."""


def audit(
    corpus: Annotated[
        list[Path],
        typer.Argument(help="Files or folders: JSONL, CSV, TSV, JSON, parquet, or lines of text."),
    ],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws.")] = 0,
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="Items for people; default: what the rule asks for."),
    ] = None,
    share: Annotated[
        float | None,
        typer.Option("--share", help="Of the corpus, for machines; default: what the rule asks."),
    ] = None,
    keywords: Annotated[
        Path | None, typer.Option("--keywords", help="Words, one a line, that are looked for.")
    ] = None,
    classifier: Annotated[
        str | None,
        typer.Option("--classifier", help="An adapter's name, or a YAML file with its options."),
    ] = None,
    attribute: Annotated[
        str, typer.Option("--attribute", help="The classifier's class of what is bad.")
    ] = "toxicity",
    threshold: Annotated[
        float, typer.Option("--threshold", min=0, max=1, help="From which score it is bad.")
    ] = 0.5,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="The sheet of an earlier audit, filled in.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for audit.json and labels.csv.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="FIELD=COLUMN", help="Where text and source stand."),
    ] = None,
    framework: Annotated[
        str, typer.Option("--framework", help="Whose numbers; they lie in configs/banks.")
    ] = "gbt-45654",
    region: Annotated[
        str, typer.Option("--region", help="Whose telephone numbers need no country code.")
    ] = "SG",
    near: Annotated[bool, typer.Option("--near/--no-near", help="Look for near repeats.")] = True,
    demonstrated: Annotated[
        bool, typer.Option("--demonstrated", help="Exit 1 where a gate is not demonstrated, too.")
    ] = False,
    html: Page = None,
    pdf: Pdf = False,
    markdown: Markdown = False,
    lang: Lang = "en",
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Audit a corpus: bad items by people and machines, personal data, repeats, each source."""
    from evalharness.banks.reading import columns_of, read_keywords
    from evalharness.banks.rules import rules
    from evalharness.corpus.audit import Settings
    from evalharness.corpus.audit import audit as audited
    from evalharness.corpus.items import FIELDS, open_corpus
    from evalharness.errors import ConfigError
    from evalharness.reports.corpus import lines, render_audit
    from evalharness.reports.formats import Output
    from evalharness.scorers.keywords import KeywordMatcher

    output = Output.beside(html, lang, pdf=pdf, markdown=markdown)
    asked = rules(framework)
    share = asked.corpus.automatic_share.value if share is None else share
    if not 0 < share <= 1:
        raise ConfigError(f"--share {share}: give a share above 0, at most 1, such as 0.1")
    settings = Settings(
        seed=seed,
        sample=int(asked.corpus.manual_items.value) if sample is None else sample,
        share=share,
        keywords=None if keywords is None else KeywordMatcher(read_keywords(keywords)),
        classifier=_classifier(classifier, attribute, threshold),
        labels=labels,
        region=region,
        near=near,
    )
    if out is not None and labels is None and (out / "labels.csv").exists():
        raise ConfigError(
            f"{out / 'labels.csv'}: is there already and may be filled in; give it with --labels, "
            "or choose another --out"
        )
    found = audited(open_corpus(corpus, columns_of(column or (), FIELDS)), asked, settings)
    if out is not None:
        _write(found, out, sheet=labels is None)
    if html is not None:
        output.write(html, lambda medium: render_audit(found, medium))
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))
    elif not quiet:
        typer.echo("\n".join(lines(found)))
        if out is not None and labels is None:
            typer.echo(f"To be labelled: {out / 'labels.csv'}; then: --labels, the same seed")
    return found.exit_code(demonstrated=demonstrated)


def _classifier(named: str | None, attribute: str, threshold: float) -> Classifier | None:
    from evalharness.corpus.measure import Classifier, classifier_of

    return None if named is None else Classifier(classifier_of(named), attribute, threshold)


def _write(found: Audit, out: Path, *, sheet: bool) -> None:
    from evalharness.corpus.labels import write_labels
    from evalharness.outfile import write_file

    text = json.dumps(found.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_file(out / "audit.json", text, "--out")
    if sheet:
        write_labels(out / "labels.csv", found.manual)
