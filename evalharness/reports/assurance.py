"""The assurance report: what a third-party tester hands over about one run.

Items a to p of ISO/IEC 17025:2017, 7.8.2.1 stand in their order; then conformity with its decision
rule, results with their uncertainty, method, validity of scorers, what was not tested, deviations,
the item and who answers for it, independence, and a seeded draw of inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalharness.records import digest
from evalharness.reports.engagement import Engagement
from evalharness.reports.language import _, current, listed, said
from evalharness.reports.numbers import Quantity, count
from evalharness.reports.page import SCREEN, Medium, SampleRow, environment, sampled
from evalharness.reports.recorded import is_recorded
from evalharness.reports.reliability import Curve, curve_views
from evalharness.reports.view import View, scorecard_view
from evalharness.scorecard.gate import Gate
from evalharness.scorecard.model import Scorecard
from evalharness.scorers import validity

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
        switched_off: part of the application -> the scorecard of the run in which it was off.
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
    switched_off: Mapping[str, Scorecard] | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    chosen: Sequence[SampleRow] = ()
    on_record: bool = False


def report_id(run: Mapping[str, Any], scorecard: Scorecard, engagement: Engagement) -> str:
    """A name that no other report has: it follows from the run, its figures and the assignment."""
    content = {
        "run_id": run["run_id"],
        "measurement": run["measurement"],
        "scorecard": scorecard.model_dump_json(by_alias=True),
        # without defaults, so that a field that later versions add changes no earlier id
        "engagement": engagement.model_dump_json(exclude_defaults=True),
    }
    return f"EH-{digest(content)[:16]}"


def render_assurance(report: Assurance, medium: Medium = SCREEN) -> str:
    """Draw the report in the language that is spoken now; the same input gives the same bytes."""
    view = scorecard_view(report.scorecard)
    return (
        environment()
        .get_template("assurance.html.j2")
        .render(
            scorecard=report.scorecard,
            view=view,
            run=report.run,
            e=report.engagement.spoken(current().code),
            gate=report.gate,
            withheld=report.withheld,
            report_id=report_id(report.run, report.scorecard, report.engagement),
            sampled=sampled(view, report.samples),
            chosen=sampled(view, report.chosen),
            on_record=report.on_record,
            scorers=_scorers(view),
            mitigations=_mitigations(report),
            roles=_roles(report.scorecard),
            shown=SHOWN,
            recorded=is_recorded(report.scorecard.target),
            drawn=_drawn(report.run),
            quantity=Quantity.of,
            verdict=_verdict,
            met=_met,
            lang=current().code,
            medium=medium,
            curves=curve_views(report.curves),
        )
    )


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


def _met(met: bool | None) -> str:
    return "" if met is None else _("within the limit") if met else _("not within the limit")


@dataclass(frozen=True, slots=True)
class _Scorer:
    """A scorer of the run: where it is used, and what is known of its errors."""

    name: str
    tasks: tuple[str, ...]
    lines: tuple[str, ...]
    #: Figures that people's labels of this run's answers correct.
    corrected: tuple[str, ...]


def _scorers(view: View) -> tuple[_Scorer, ...]:
    tasks: dict[str, list[str]] = {}
    corrected: dict[str, list[str]] = {}
    for task in view.tasks:
        tasks.setdefault(task.card.scorer, []).append(task.name)
        corrected.setdefault(task.card.scorer, []).extend(
            f"{task.name}: {cell.title}" for cell in task.metrics if cell.corrected is not None
        )
    cards = validity.cards()
    return tuple(
        _Scorer(
            name,
            tuple(names),
            cards[name].lines if name in cards else (),
            tuple(corrected[name]),
        )
        for name, names in sorted(tasks.items())
    )


@dataclass(frozen=True, slots=True)
class _Mitigation:
    """A metric with a part of the application on, and with it off."""

    part: str
    key: str
    title: str
    on: float | None
    off: float | None
    #: Whether both were the same test; else the two must not be set against each other.
    comparable: bool


def _mitigations(report: Assurance) -> tuple[_Mitigation, ...]:
    found = []
    here = report.scorecard.cells()
    for part, card in sorted((report.switched_off or {}).items()):
        for key, cell in card.cells().items():
            if key in here:
                same = here[key].protocol_id == cell.protocol_id
                found.append(_Mitigation(part, key, cell.title, here[key].value, cell.value, same))
    return tuple(found)
