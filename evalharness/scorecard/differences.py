"""What makes two planned tasks two tests: the parts of their protocols, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalharness.tasks.planned import PlannedTask

__all__ = ["PartDiffers", "differences"]

_MODEL_ROLES = ("judge", "classifier")


@dataclass(frozen=True)
class PartDiffers:
    """One part of the protocol that is not the same, and what it is on each side."""

    part: str
    a: str
    b: str

    def sentence(self) -> str:
        """The difference in words."""
        return f"{self.part}: {self.a} against {self.b}"


def differences(
    a: PlannedTask,
    b: PlannedTask,
    models_a: Mapping[str, Mapping[str, Any]],
    models_b: Mapping[str, Mapping[str, Any]],
) -> list[PartDiffers]:
    """The parts of two protocols that differ, in the protocol's order; none: the same test.

    Args:
        models_a, models_b: role -> identity, of the run that each belongs to.
    """
    found: list[PartDiffers] = []
    for part in dict.fromkeys([*a.protocol, *b.protocol]):
        if a.protocol.get(part) == b.protocol.get(part):
            continue
        if part == "scorer":
            found += _scorer(a, b, models_a, models_b)
        else:
            found.append(PartDiffers(part, _words(part, a), _words(part, b)))
    return found


def _words(part: str, task: PlannedTask) -> str:
    match part:
        case "items":
            return f"{task.n_planned} items ({task.protocol['items'][:12]})"
        case "method":
            return task.method
        case "generations":
            return str(task.generations)
        case "decoding":
            return _pairs(task.decoding.to_json())
        case "metrics":
            return ", ".join(ref.options.get("name", ref.name) for ref in task.definition.metrics)
        case _:
            return task.protocol.get(part, "none")[:12]


def _scorer(
    a: PlannedTask,
    b: PlannedTask,
    models_a: Mapping[str, Mapping[str, Any]],
    models_b: Mapping[str, Mapping[str, Any]],
) -> list[PartDiffers]:
    """Another scorer, other options, or another model that it asks: each apart."""
    found = []
    mine, theirs = (_pairs({"": t.definition.scorer.name, **t.definition.scorer.options})
                    for t in (a, b))  # fmt: skip
    if mine != theirs:
        found.append(PartDiffers("scorer", mine, theirs))
    for role in _MODEL_ROLES:
        if role not in {*a.roles, *b.roles}:
            continue
        left, right = (_flat(models.get(role, {})) for models in (models_a, models_b))
        keys = [k for k in sorted({*left, *right}) if left.get(k) != right.get(k)]
        if keys:
            found.append(
                PartDiffers(
                    f"the scorer's {role}",
                    _pairs({key: left.get(key) for key in keys}),
                    _pairs({key: right.get(key) for key in keys}),
                )
            )
    if not found:
        versions = (task.protocol["scorer"][:12] for task in (a, b))
        found.append(PartDiffers("scorer (its version)", *versions))
    return found


def _flat(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{above}{key}"
        found |= _flat(item, f"{name}.") if isinstance(item, Mapping) else {name: item}
    return found


def _pairs(value: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {item}".strip() for key, item in value.items())
