"""What a label follows from: the run's records, and what was given beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalharness.reports.engagement import Engagement
from evalharness.reports.label.card import ModelCard
from evalharness.reports.switched_off import OffRun
from evalharness.scorecard.model import Scorecard

__all__ = ["File", "LabelInput", "Off", "Records"]


@dataclass(frozen=True, slots=True)
class File:
    """A file that cells follow from: its name and the SHA-256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Records:
    """A run's files that its label follows from."""

    scorecard: File
    run: File
    summary: File | None


@dataclass(frozen=True, slots=True)
class Off:
    """The run in which a part of the application was off, and the file of its scorecard."""

    run: OffRun
    file: File


@dataclass(frozen=True)
class LabelInput:
    """Everything that a label follows from.

    Args:
        run: the content of run.json, with the day of measurement under ``measured``.
        records: the run's own files.
        summary: the content of summary.json; empty where there is none.
        engagement: the assignment and its file; None where there is none.
        card: what the provider's model card declares.
        switched_off: part of the application -> the run in which it was off.
    """

    scorecard: Scorecard
    run: Mapping[str, Any]
    records: Records
    summary: Mapping[str, Any]
    engagement: tuple[Engagement, File] | None = None
    card: ModelCard | None = None
    switched_off: Mapping[str, Off] | None = None
