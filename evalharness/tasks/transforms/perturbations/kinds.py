"""The kinds of perturbation by name."""

from __future__ import annotations

from evalharness.tasks.transforms.perturbations import (
    case,
    characters,
    chinese,
    contractions,
    dialect,
    fillers,
    homoglyphs,
    punctuation,
    spacing,
    synonyms,
    typos,
)
from evalharness.tasks.transforms.perturbations.base import Kind

__all__ = ["KINDS"]

#: In the order in which the variants of an item stand.
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        typos.TYPOS,
        typos.MISSPELLINGS,
        characters.SWAPS,
        characters.DROPS,
        case.LOWER_CASE,
        case.UPPER_CASE,
        case.MIXED_CASE,
        spacing.SPACING,
        punctuation.PUNCTUATION,
        homoglyphs.HOMOGLYPHS,
        contractions.CONTRACT,
        contractions.EXPAND,
        fillers.FILLERS,
        synonyms.SYNONYMS,
        dialect.SPELLING_VARIETY,
        dialect.SINGLISH,
        dialect.AFRICAN_AMERICAN_ENGLISH,
        chinese.HOMOPHONES_ZH,
        chinese.LOOKALIKES_ZH,
        chinese.TRADITIONAL_ZH,
        spacing.SPACING_ZH,
        punctuation.PUNCTUATION_ZH,
        fillers.FILLERS_ZH,
    )
}
