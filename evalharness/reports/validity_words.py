"""What a report says of the validity of the scorers that made its figures.

A card counts only for the version that it measured. run.json has no version of a scorer but the
SHA-256 of its part of the protocol, from which the version is told again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness.errors import TaskError
from evalharness.reports.language import _, listed, said
from evalharness.reports.view import TaskView, View
from evalharness.scorers import registry, validity

__all__ = ["ScorerView", "scorer_views"]


@dataclass(frozen=True, slots=True)
class ScorerView:
    """A scorer of the run: where it is used, and what is known of its errors.

    Args:
        version: None where it cannot be told.
        corrected: figures that people's labels of this run's answers correct.
    """

    name: str
    version: int | None
    lines: tuple[str, ...]
    tasks: list[str] = field(default_factory=list)
    corrected: list[str] = field(default_factory=list)


def scorer_views(view: View, run: Mapping[str, Any]) -> tuple[ScorerView, ...]:
    """The scorers of a run by name and version.

    Args:
        run: the content of run.json.
    """
    found: dict[tuple[str, int], ScorerView] = {}
    for task in view.tasks:
        name, version = task.card.scorer, _version(task, run)
        key = (name, version or 0)
        if key not in found:
            found[key] = ScorerView(name, version, tuple(_lines(name, version, run)))
        found[key].tasks.append(task.name)
        found[key].corrected.extend(
            f"{task.name}: {cell.title}" for cell in task.metrics if cell.corrected is not None
        )
    return tuple(scorer for _key, scorer in sorted(found.items()))


def _version(task: TaskView, run: Mapping[str, Any]) -> int | None:
    """The version that scored a task: the one that is here, or the one of the card."""
    planned = run["tasks"].get(task.name)
    if planned is None:
        return None
    named = planned["definition"]["scorer"]
    try:
        scorer = registry.create(named["name"], named.get("options", {}), task.name)
    except TaskError:  # a plugin that is not installed, or options of another version
        return None
    models = {role: run["models"][role] for role in sorted(scorer.roles) if role in run["models"]}
    card = validity.cards().get(scorer.name)
    described = registry.describe(scorer)
    for version in (scorer.version, scorer.version if card is None else card.version):
        part = registry.protocol_part({**described, "version": version}, models)
        if part == task.card.protocol.get("scorer"):
            return version
    return None


def _lines(name: str, version: int | None, run: Mapping[str, Any]) -> Iterator[str]:
    known = validity.cards().get(name)
    if known is None:
        yield _("No comparison with people’s labels is on record for it here.")
        return
    fields = {"n": version, "m": known.version}
    if version is None:
        yield _(
            "Which version of it scored here cannot be told. The card that comes with evalharness "
            "is of version {m}, and says nothing of another.",
            **fields,
        )
        return
    card = validity.card_of(name, version)
    if card is None:
        yield _(
            "Validity of version {n} was not measured; that of version {m} is in the card that "
            "comes with evalharness, and says nothing of this one.",
            **fields,
        )
        return
    yield from _others(name, card, run)
    yield from (said(line) for line in card.lines)


def _others(name: str, card: validity.Card, run: Mapping[str, Any]) -> Iterator[str]:
    """Where a scorer asked another model than the one with which it was measured."""
    measured = sorted({one.asked for one in card.measured})
    for role in sorted(registry.roles_of(name)):
        model = run["models"].get(role, {}).get("model")
        if measured and model is not None and model not in measured:
            yield _(
                "The {role} of this run, {model}, is not the one that was measured ({measured}): "
                "what follows says nothing of its errors.",
                role=said(role),
                model=model,
                measured=listed(measured),
            )
