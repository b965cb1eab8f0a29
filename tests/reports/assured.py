"""An assurance report of the example scorecard, with any text in its free fields."""

from __future__ import annotations

from datetime import date
from typing import Any

from evalharness.reports.assurance import Assurance, render_assurance
from evalharness.reports.engagement import Engagement
from evalharness.reports.page import SCREEN, Medium, SampleRow
from evalharness.scorecard.model import Scorecard

__all__ = ["assurance_page", "engagement"]


def engagement(text: str) -> Engagement:
    """An assignment whose every free text is ``text``."""
    return Engagement.model_validate(
        {
            "title": text,
            "laboratory": {"name": text, "address": text, "accreditation": text},
            "customer": text,
            "item": {
                "name": text, "version": text, "kind": "application", "description": text,
                "condition": text, "received": date(2026, 11, 20),
                "parts": [{"name": text, "does": text}],
            },
            "performed": (date(2026, 11, 25), date(2026, 11, 26)),
            "issued": date(2026, 11, 27),
            "purpose": text, "scope": text, "conditions": text, "sampling": text,
            "deviations": (text,), "opinions": text,
            "chain": [{"role": "host", "name": text, "answers_for": text}],
            "independence": {"relationship": "third party", "statement": text, "paid_by": text},
            "external": [{"provider": text, "provided": text}],
            "authorised_by": {"name": text, "function": text},
            "supersedes": {"report": text, "changed": text, "reason": text},
        }
    )  # fmt: skip


def assurance_page(
    scorecard: Scorecard,
    run: dict[str, Any],
    samples: list[SampleRow],
    text: str = "as agreed",
    medium: Medium = SCREEN,
) -> str:
    """The report's page."""
    whole = {"measurement": "0" * 64, "tasks": {}, **run, "models": {"target": scorecard.target}}
    report = Assurance(scorecard, whole, engagement(text), samples, chosen=samples, on_record=True)
    return render_assurance(report, medium)
