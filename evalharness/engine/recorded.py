"""What a recording holds of a plan, and what beyond it; nobody is asked anything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from evalharness.adapters.base import Adapter
from evalharness.engine.keys import stamped
from evalharness.engine.plan import Plan
from evalharness.records import Request, Sample, Slot
from evalharness.tasks.attempts import attempt
from evalharness.tasks.planned import PlannedTask

__all__ = ["NOT_PLANNED", "Recorded", "not_planned_line", "not_planned_of", "recorded_of"]

#: Stands in the sentence about what a recording holds beyond the plan.
NOT_PLANNED = "recorded, but not planned"
_NAMED = 3


@dataclass(frozen=True)
class Recorded:
    """A plan held against a recording.

    Args:
        requests: how many the plan has for the target, of what can be scored.
        missing: how many of them have no record.
        samples: the samples of these, each once, as ``task/sample``.
        not_planned: the samples that the recording holds beyond the plan.
    """

    requests: int
    missing: int
    samples: tuple[str, ...]
    not_planned: tuple[str, ...]


def recorded_of(plan: Plan, target: Adapter, seed: int) -> Recorded | None:
    """What a target that is a recording holds of the plan; None where it is a model.

    Args:
        seed: the run's.
    """
    has = getattr(target, "has", None)
    if not callable(has):
        return None
    requests = missing = 0
    lacking: dict[str, None] = {}
    planned: set[tuple[str, str]] = set()
    for task in plan.tasks:
        for sample in plan.samples[task.name]:
            planned.add((task.name, sample.id))
            for request in _asked(task, sample, seed):
                requests += 1
                if not has(request):
                    missing += 1
                    lacking[f"{task.name}/{sample.id}"] = None
    return Recorded(requests, missing, tuple(lacking), not_planned_of(target, lambda: planned))


def not_planned_of(
    target: Adapter, planned: Callable[[], Collection[tuple[str, str]]]
) -> tuple[str, ...]:
    """The samples that a recording holds beyond those planned; none of a model.

    Args:
        planned: gives (task, sample) of the whole plan; called only where there is a recording,
            since a large plan takes long to read.
    """
    asked = getattr(target, "not_planned", None)
    return tuple(asked(planned())) if callable(asked) else ()


def _asked(task: PlannedTask, sample: Sample, seed: int) -> Iterator[Request]:
    """What the target would be asked about a sample, stamped as the run stamps it."""
    if task.not_run or task.unreadable(sample.language):
        return
    requests = next(attempt(sample, task.method, task.decoding, task.generations))
    for epoch in range(task.epochs):
        for ordinal, request in enumerate(requests):
            slot = Slot(task.name, sample.id, epoch, request.role, ordinal)
            yield stamped(request, slot, seed)


def not_planned_line(names: Sequence[str]) -> str:
    """The deviation that a recording's further samples are."""
    count = "1 sample" if len(names) == 1 else f"{len(names)} samples"
    shown = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    return f"target: {count} {NOT_PLANNED}: {shown}"
