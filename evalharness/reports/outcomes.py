"""Outcomes on a page: counts, shares and a bar, each kind in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.records import OutcomeKind
from evalharness.reports import svg
from evalharness.reports.language import _, listed, said
from evalharness.reports.numbers import Quantity, count

__all__ = ["OutcomeRow", "OutcomesView", "outcomes_view", "word_of"]


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    kind: str
    word: str
    count: str
    share: str
    swatch: Markup


@dataclass(frozen=True, slots=True)
class OutcomesView:
    """Counts over generations; ``shown`` are those that occurred."""

    total: str
    rows: tuple[OutcomeRow, ...]
    shown: tuple[OutcomeRow, ...]
    bar: Markup | None


def word_of(kind: str) -> str:
    """An outcome, a tag or a dimension as a reader's words."""
    return said(kind.replace("_", " "))


def outcomes_view(counts: Mapping[str, int], ident: str, subject: str) -> OutcomesView:
    """Counts of outcomes in words and as a bar, whose drawing is called ``ident``."""
    known = [str(kind) for kind in OutcomeKind]
    kinds = known + sorted(set(counts) - set(known))
    total = sum(counts.values())
    scale = Quantity("proportion", (0, 1), total)
    rows = tuple(
        OutcomeRow(
            kind=kind,
            word=word_of(kind),
            count=count(counts.get(kind, 0)),
            share=scale.value(counts.get(kind, 0) / total) if total else "",
            swatch=svg.swatch(kind if kind in known else "other"),
        )
        for kind in kinds
    )
    shown = tuple(row for row in rows if counts.get(row.kind, 0))
    bar = None
    if total:
        words = listed(_("{what} {n}", what=row.word, n=row.count) for row in shown)
        bar = svg.outcome_svg(
            ident,
            [(kind if kind in known else "other", counts.get(kind, 0)) for kind in kinds],
            title=_("Outcomes, {subject}", subject=subject),
            desc=_("Of {n} generations: {counts}.", n=count(total), counts=words),
        )
    return OutcomesView(count(total), rows, shown, bar)
