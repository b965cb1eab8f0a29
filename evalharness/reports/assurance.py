"""The assurance report: what a third-party tester hands over about one run.

Items a to p of ISO/IEC 17025:2017, 7.8.2.1 stand in their order; then conformity with its decision
rule, results with their uncertainty, method, validity of scorers, what was not tested, deviations,
the item and who answers for it, independence, and a seeded draw of inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evalharness.records import digest
from evalharness.reports.engagement import CHAIN, Engagement
from evalharness.reports.gates import beside, demand
from evalharness.reports.language import _, current, listed, said
from evalharness.reports.numbers import Quantity, count, level
from evalharness.reports.page import SCREEN, Medium, SampleRow, environment, sampled
from evalharness.reports.recorded import is_recorded
from evalharness.reports.reliability import Curve, curve_views
from evalharness.reports.switched_off import OffRun, part_views
from evalharness.reports.titles import task_titles
from evalharness.reports.untested import nothing_measured
from evalharness.reports.validity_words import scorer_views
from evalharness.reports.view import scorecard_view
from evalharness.scorecard.gate import Gate
from evalharness.scorecard.model import Scorecard
from evalharness.scorecard.rejection import ACCEPTED

__all__ = ["SHOWN", "Assurance", "render_assurance", "report_id"]

#: Input and output samples of each evaluation: what measure 7.3 of the EU's code of practice for
#: general-purpose models asks for.
SHOWN = 5


@dataclass(frozen=True)
class Assurance:
    """Everything that an assurance report follows from.

    Args:
        run: the content of run.json, with the day of measurement under ``measured``.
        samples: the rows to show, drawn with the run's seed.
        gate: the policy's decisions; None where the run has no policy with criteria.
        withheld: ``prompts``, ``responses``: shown by their digests alone.
        switched_off: part of the application -> the run in which it was off.
        curves: task -> its reliability curve, where it measures calibration.
        chosen: rows that the laboratory named; they stand apart from those drawn.
        on_record: whether the digests of the superseded report's files are recorded.
    """

    scorecard: Scorecard
    run: Mapping[str, Any]
    engagement: Engagement
    samples: Sequence[SampleRow]
    gate: Gate | None = None
    withheld: frozenset[str] = frozenset()
    switched_off: Mapping[str, OffRun] = field(default_factory=dict)
    curves: Mapping[str, Curve] = field(default_factory=dict)
    chosen: Sequence[SampleRow] = ()
    on_record: bool = False


def report_id(
    run: Mapping[str, Any],
    scorecard: Scorecard,
    engagement: Engagement,
    *,
    withheld: Collection[str] = (),
    switched_off: Mapping[str, OffRun] | None = None,
) -> str:
    """A name that no other report has: it follows from all that the report shows.

    That is the run, its figures, the assignment, which texts are withheld, and the figures of runs
    with a part off. What one report has in several languages and formats has one id.
    """
    content: dict[str, Any] = {
        "run_id": run["run_id"],
        "measurement": run["measurement"],
        "scorecard": scorecard.model_dump_json(by_alias=True),
        # without defaults, so that a field that later versions add changes no earlier id
        "engagement": engagement.model_dump_json(exclude_defaults=True),
    }
    if withheld:
        content["withheld"] = sorted(withheld)
    if switched_off:
        content["switched_off"] = {
            part: off.model_dump_json(by_alias=True) for part, off in switched_off.items()
        }
    return f"EH-{digest(content)[:16]}"


def render_assurance(report: Assurance, medium: Medium = SCREEN) -> str:
    """Draw the report in the language that is spoken now; the same input gives the same bytes."""
    view = scorecard_view(report.scorecard, task_titles(report.run))
    return (
        environment()
        .get_template("assurance.html.j2")
        .render(
            scorecard=report.scorecard,
            view=view,
            nothing=nothing_measured(view, reasons=not report.withheld),
            run=report.run,
            e=report.engagement.spoken(current().code),
            gate=report.gate,
            withheld=report.withheld,
            report_id=report_id(
                report.run,
                report.scorecard,
                report.engagement,
                withheld=report.withheld,
                switched_off=report.switched_off,
            ),
            sampled=sampled(view, report.samples),
            chosen=sampled(view, report.chosen),
            on_record=report.on_record,
            scorers=scorer_views(view, report.run),
            parts=part_views(view, report.switched_off),
            roles=_roles(report.scorecard),
            chain_roles=CHAIN,
            kinds=_kinds(report.run),
            shown=SHOWN,
            recorded=is_recorded(report.scorecard.target),
            drawn=_drawn(report.run),
            quantity=Quantity.of,
            demand=demand,
            beside=beside,
            verdict=_verdict,
            met=_met,
            rejections=() if report.gate is None else _rejections(report.gate),
            lang=current().code,
            medium=medium,
            curves=curve_views(report.curves),
        )
    )


def _kinds(run: Mapping[str, Any]) -> dict[str, set[str]]:
    """Task -> the tags that decide which of its metrics a sample belongs to.

    A score says one thing of one kind of sample and its opposite of another: who may have a secret
    is told it, and who may not is told it too.
    """
    return {
        name: {
            tag
            for metric in task["definition"]["metrics"]
            for tag in metric.get("options", {}).get("where", {})
        }
        for name, task in run["tasks"].items()
    }


def _roles(scorecard: Scorecard) -> str:
    return listed(
        _("{role} {model}", role=said(role), model=identity.get("model"))
        for role, identity in scorecard.roles.items()
    )


def _drawn(run: Mapping[str, Any]) -> str:
    """How the items came about: drawn, or all of them."""
    planned = [(task["n_planned"], task["n_available"]) for task in run["tasks"].values()]
    parts = sum(n < m for n, m in planned)
    if not parts:
        total = count(sum(n for n, _m in planned))
        return _("No items were drawn: each evaluation has all of its own, {n} in all.", n=total)
    if parts == len(planned):
        return _("Items were drawn at random by stratum with seed {seed}.", seed=run["seed"])
    return _(
        "Items of {n} of {m} evaluations were drawn at random by stratum with seed {seed}; the "
        "others have all of their own.",
        n=count(parts),
        m=count(len(planned)),
        seed=run["seed"],
    )


def _verdict(verdict: str) -> str:
    return {
        "holds": _("Met"),
        "fails": _("Not met"),
        "insufficient": _("Undecided: too little was measured"),
    }[verdict]


def _rejections(gate: Gate) -> tuple[str, ...]:
    """Of each criterion, how good an item must be to be accepted: the risk of false rejection."""
    told = []
    for decision in gate.decisions:
        cell, risk = decision.cell, decision.rejection
        if cell is None or decision.rule == "grade":
            continue
        fields = {"key": decision.key, "n": count(cell.n_measured), "of": said(cell.counted)}
        if risk is None:
            told.append(
                _(
                    "{key}: not computed for this rule or figure; what is said of the rule above "
                    "holds.",
                    **fields,
                )
            )
        elif risk.at is None:
            told.append(
                _(
                    "{key}: no item is accepted, however good: {n} {of} are too few for this "
                    "limit.",
                    **fields,
                )
            )
        else:
            # a tenth of a percent, however few were measured: it is no measurement
            scale = replace(Quantity.of(cell), n=1_000)
            told.append(
                _(
                    "{key}: with {n} {of} an item whose true figure is {figure} is accepted in "
                    "{share} of runs, one nearer to the limit less often; one exactly at the limit "
                    "is rejected in {rejected}.",
                    **fields,
                    figure=scale.value(risk.at),
                    share=level(ACCEPTED),
                    rejected=Quantity("proportion", (0, 1), 1_000).value(risk.at_limit),
                )
            )
    return tuple(told)


def _met(met: bool | None) -> str:
    return "" if met is None else _("within the limit") if met else _("not within the limit")
