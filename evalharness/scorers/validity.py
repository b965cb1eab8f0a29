"""Validity cards: how far a scorer agrees with people, measured, as files beside the scorers.

A card is made by ``benchmarks/validity.py`` from human-labelled data and shown by ``evalharness
list scorers``. Development and held-out data stay apart; what was not measured is said.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from evalharness import yamlfile
from evalharness.errors import TaskError

__all__ = ["Card", "Figure", "Measured", "card_of", "cards"]

FOLDER = Path(__file__).parent / "cards"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(_Part):
    """An estimate with its 95 % interval."""

    value: float
    low: float
    high: float


class Measured(_Part):
    """One comparison with people's labels.

    Args:
        part: ``development`` data had been read when the scorer was written, ``held out`` not.
        detector: what of the scorer was measured, and with which model.
        hits, misses, false_alarms, rejections: the two-by-two table; positive is the card's.
        kappa: Cohen's; None where all labels are the same.
        by: right of n in each kind of text, where the data has kinds.
    """

    data: str = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    part: Literal["development", "held out"]
    language: str
    detector: str
    n: int = Field(ge=1)
    hits: int
    misses: int
    false_alarms: int
    rejections: int
    agreement: Figure
    sensitivity: Figure | None
    specificity: Figure | None
    kappa: Figure | None
    by: dict[str, tuple[int, int]] = Field(default_factory=dict)

    @property
    def asked(self) -> str:
        """The name of the detector alone: of a scorer that asks a model, that model's."""
        return self.detector.partition(", ")[0]

    @property
    def sentence(self) -> str:
        """Where, on how many, and the three figures with their intervals."""
        found = [f"{self.part} ({self.language}, n {self.n}; {self.data}; {self.detector})"]
        for name in ("sensitivity", "specificity", "kappa"):
            figure: Figure | None = getattr(self, name)
            if figure is not None:
                found.append(f"{name} {figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]")
        return ", ".join(found)


class Card(_Part):
    """What is known of one scorer's errors.

    Args:
        version: of the scorer that was measured; another version has no card.
        positive: what a positive label says.
        detector: which of the measured detectors is the one that the scorer asks.
        scores: the scorer's scores that say the same: whether 1 is ``positive`` or ``negative``.
        not_measured: what nobody measured here, and how a user can.
    """

    scorer: str
    version: int
    positive: str
    detector: str | None = None
    scores: dict[str, Literal["positive", "negative"]] = Field(default_factory=dict)
    labels: str
    measured: tuple[Measured, ...]
    not_measured: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """The card in words: each comparison, and what was not measured."""
        return (
            *(m.sentence for m in self.measured),
            *(f"not measured: {n}" for n in self.not_measured),
        )


@cache
def cards() -> dict[str, Card]:
    """Scorer -> its card.

    Raises:
        TaskError: a card is damaged.
    """
    found = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        card = yamlfile.validate(Card, yamlfile.read(path, TaskError), TaskError)
        found[card.scorer] = card
    return found


def card_of(scorer: str, version: int) -> Card | None:
    """The card of this version of a scorer."""
    card = cards().get(scorer)
    return card if card is not None and card.version == version else None
