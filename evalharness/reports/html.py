"""The scorecard's page: one file, no JavaScript, no network, the same bytes for the same run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from evalharness.reports import numbers
from evalharness.reports.language import _, current, said
from evalharness.reports.page import SCREEN, Medium, SampleRow, environment, sampled
from evalharness.reports.reliability import Curve, curve_views
from evalharness.reports.titles import task_titles
from evalharness.reports.untested import nothing_measured
from evalharness.reports.view import GLOSSARY, TaskView, View, scorecard_view, word_of
from evalharness.scorecard.model import Scorecard

__all__ = ["render_html"]


def render_html(
    scorecard: Scorecard,
    *,
    run: Mapping[str, Any],
    samples: Sequence[SampleRow],
    medium: Medium = SCREEN,
    curves: Mapping[str, Curve] | None = None,
    withheld: Collection[str] = (),
) -> str:
    """Draw the report of one run, from its records alone.

    Args:
        scorecard: every figure on the page.
        run: the content of ``run.json``.
        samples: the rows to show, in any order.
        medium: a screen, or paper.
        curves: task -> its reliability curve, where it measures calibration.
        withheld: ``prompts``, ``responses``: shown by their digests alone, and with them what
            repeats them (options, right answers, what was read).
    """
    view = scorecard_view(scorecard, task_titles(run))
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            scorecard=scorecard,
            view=view,
            nothing=nothing_measured(view, reasons=not withheld),
            run=run,
            model=scorecard.model,
            sampled=sampled(view, samples),
            reasons=_reasons(view),
            protocols=_protocols(view, run),
            glossary=GLOSSARY,
            lang=current().code,
            medium=medium,
            curves=curve_views(curves or {}),
            withheld=withheld,
        )
    )


def _reasons(view: View) -> dict[str, tuple[str, ...]]:
    """For each task, why something is no answer: outcome, reason, how often."""
    return {
        task.name: tuple(
            _(
                "{outcome}: {reason} ({n})",
                outcome=word_of(outcome),
                reason=said(reason),
                n=numbers.count(number),
            )
            for outcome, given in sorted(task.card.reasons.items())
            for reason, number in sorted(given.items(), key=lambda item: (-item[1], item[0]))
        )
        for task in view.tasks
    }


def _protocols(view: View, run: Mapping[str, Any]) -> tuple[tuple[TaskView, str | None], ...]:
    """Every task, with the protocol id of ``run.json`` where that is another one."""
    recorded = run["protocols"]
    return tuple(
        (
            task,
            None
            if recorded.get(task.name) in {None, task.card.protocol_id}
            else recorded[task.name],
        )
        for task in view.tasks
    )
