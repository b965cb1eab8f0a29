"""A policy held against a scorecard: every criterion decided, every reason said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from evalharness.errors import ConfigError
from evalharness.policies import BEFORE, Criterion, Policy, recorded
from evalharness.scorecard.decisions import (
    Decision,
    Demand,
    check_limits,
    decide,
    found_by,
    matching,
    nothing,
    risk_of,
)  # fmt: skip
from evalharness.scorecard.grades import counterpart_of, graded
from evalharness.scorecard.model import DIMENSIONS, INSUFFICIENT, Cell, Scorecard
from evalharness.yamlfile import nearest

__all__ = ["Gate", "decided", "own_gate", "planned_faults"]


@dataclass(frozen=True)
class Gate:
    """A run, a policy, and what came of it."""

    run: str
    policy: Policy
    #: Whether the policy's digest stood in run.json before the first call.
    registered: bool
    decisions: tuple[Decision, ...]
    level: float
    #: Metrics that were decided without the counterpart that they must not be read without.
    alone: tuple[tuple[str, str], ...] = ()
    #: Why figures that were decided on are no evidence about a model.
    demonstration: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``fails`` where any criterion does, ``insufficient`` where any is, else ``holds``."""
        verdicts = {decision.verdict for decision in self.decisions}
        return next((v for v in ("fails", "insufficient") if v in verdicts), "holds")

    @property
    def exit_code(self) -> int:
        """0 holds, 1 fails, 3 insufficient."""
        return {"holds": 0, "fails": 1, "insufficient": 3}[self.verdict]

    @property
    def risks(self) -> list[str]:
        """Of the rules that were used, the risk of each."""
        rules = dict.fromkeys(_demand(c, self.policy).rule for c in self.policy.criteria)
        return [risk_of(rule, self.level) for rule in rules]

    @property
    def remarks(self) -> list[str]:
        """What must be known of the whole decision."""
        said = (
            "pre-registered: the policy's digest stood in run.json before the first call (the "
            "tester's own statement: no outside time-stamp vouches for it)"
            if self.registered
            else "NOT PRE-REGISTERED: this policy was not named when the run began"
        )
        demanded = [f"{len(self.decisions)} criteria, all demanded: no correction is needed"]
        alone = [
            f"{key} is not to be read without {pair}, on which the policy has no criterion"
            for key, pair in self.alone
        ]
        shown = [f"DEMONSTRATION, no evidence about a model: {why}" for why in self.demonstration]
        several = demanded if len(self.decisions) > 1 else []
        return [*shown, said, *several, *self.risks, *alone]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "run": self.run,
            "policy": self.policy.policy,
            "policy_version": self.policy.version,
            "policy_sha256": self.policy.sha256,
            "pre_registered": self.registered,
            "verdict": self.verdict,
            "level": self.level,
            "remarks": self.remarks,
            "decisions": [decision.to_json() for decision in self.decisions],
        }


def decided(name: str, scorecard: Scorecard, policy: Policy, *, before: bool) -> Gate:
    """Every criterion of a policy on a scorecard."""
    if not policy.criteria:
        raise ConfigError(
            f"gate: policy {policy.label} has grades and no criteria, so there is nothing to "
            "decide; add 'criteria' to it"
        )
    if policy.confidence != scorecard.level:
        raise ConfigError(
            f"gate: policy {policy.label} asks for bounds at {policy.confidence:g}, the run has "
            f"them at {scorecard.level:g}; 'evalharness score RUN --set "
            f"level={policy.confidence:g}' makes a scorecard at that level"
        )
    with_grades = graded(scorecard, policy)
    cells = with_grades.cells()
    found: list[Decision] = []
    for criterion in policy.criteria:
        demand = _demand(criterion, policy)
        keys = matching(with_grades, criterion.metric)
        if not keys:
            near = _near(criterion.metric, cells)
            why = "the run has no such metric"
            if near is not None:
                why = f"the run has no such metric; did you mean '{near}'?"
            found.append(nothing(criterion.metric, demand, why))
        found += [_decision(key, cells[key], demand, policy) for key in keys]
    return Gate(
        name, policy, before, tuple(found), scorecard.level,
        _alone(cells, found), _demonstration(scorecard, found),
    )  # fmt: skip


def own_gate(run: Mapping[str, Any], scorecard: Scorecard) -> Gate | None:
    """The decisions of the policy that run.json holds; None where it has none with criteria."""
    policy = recorded(run)
    if policy is None or not policy.criteria:
        return None
    before = run["policy"]["registered"] == BEFORE
    return decided(run["run_id"], scorecard, policy, before=before)


def planned_faults(
    policy: Policy, planned: Mapping[str, tuple[float, float]], headlines: Mapping[str, str]
) -> list[str]:
    """Which criteria a run can only leave undecided: it has no such metric, or there are none.

    Args:
        planned: ``dimension/task/metric`` -> the metric's range.
        headlines: dimension -> the key of its headline.

    Raises:
        ConfigError: a name that is probably mistyped, or a limit outside its metric's range: after
            the first call neither can be mended.
    """
    faults = [] if policy.undemanding is None else [policy.undemanding]
    for criterion in policy.criteria:
        keys = found_by(criterion.metric, planned, headlines)
        for key in keys:
            if criterion.grade is None:
                check_limits(key, criterion, planned[key])
        if keys:
            continue
        if near := _near(criterion.metric, planned):
            raise ConfigError(
                f"policy {policy.label}: criteria: {criterion.metric}: the run has no such metric; "
                f"did you mean '{near}'?"
            )
        faults.append(
            f"policy {policy.label}: {criterion.metric} is demanded, and this run has no such "
            "metric: the gate will be undecided"
        )
    return faults


def _near(metric: str, keys: Iterable[str]) -> str | None:
    """Which name was probably meant, where a criterion's finds nothing."""
    names = [*keys, *(f"{name}/headline" for name in DIMENSIONS)]
    near = nearest(metric, names, 0.85)
    return None if near == metric else near


def _demonstration(scorecard: Scorecard, decisions: list[Decision]) -> tuple[str, ...]:
    tasks = {tuple(decision.key.split("/")[:2]) for decision in decisions}
    return tuple(
        dict.fromkeys(
            reason
            for name, card in scorecard.dimensions.items()
            for task, tested in card.tasks.items()
            if (name, task) in tasks
            for reason in tested.demonstration
        )
    )


def _alone(cells: Mapping[str, Cell], decisions: list[Decision]) -> tuple[tuple[str, str], ...]:
    decided_on = {decision.key for decision in decisions}
    found = []
    for decision in decisions:
        cell = decision.cell
        if cell is None or cell.headline_pair is None or decision.rule == "grade":
            continue
        pair = counterpart_of(decision.key, cell, cells) or cell.headline_pair
        if pair not in decided_on:
            found.append((decision.key, pair))
    return tuple(dict.fromkeys(found))


def _demand(criterion: Criterion, policy: Policy) -> Demand:
    return Demand(criterion, criterion.rule or policy.rule, criterion.missing or policy.missing)


def _decision(key: str, cell: Cell, demand: Demand, policy: Policy) -> Decision:
    if demand.criterion.grade is None:
        return decide(key, cell, demand)
    assert policy.grades is not None  # noqa: S101 - a policy with such a criterion has a scale
    names, grading = policy.grades.names, cell.grading
    if cell.grade is None or cell.grade == INSUFFICIENT:
        why = (grading.reason if grading else None) or "; ".join(cell.notes) or "too few measured"
        return Decision(key, cell.title, demand.words, "grade", "insufficient", why, cell)
    met = names.index(cell.grade) <= names.index(demand.criterion.grade)
    said = f"graded {cell.grade}"
    if grading is not None and grading.at_ends is not None:
        worse, better = grading.at_ends
        said += f" by its {grading.by}; {worse} to {better} at the ends of what is demonstrated"
    if grading is not None and grading.counterpart is not None:
        said += f"; the worse of two with {grading.counterpart}"
    return Decision(key, cell.title, demand.words, "grade", "holds" if met else "fails", said, cell)
