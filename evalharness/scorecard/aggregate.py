"""From samples.parquet to the scorecard."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalharness.scorecard import estimand, model
from evalharness.scorecard.corrections import corrected, what_if
from evalharness.scorecard.metrics.base import Computed
from evalharness.scorecard.metrics.registry import MetricUse, in_run, metrics_of, slices_of
from evalharness.scorecard.people import HumanLabels
from evalharness.scorecard.rows import TaskRows, read_keys, read_task
from evalharness.stats import Interval, VarianceComponents
from evalharness.tasks.planned import PlannedTask

__all__ = ["build_scorecard", "headline_of", "task_cells"]

#: How many distinct reasons of an outcome a task card keeps.
_REASONS = 5


def build_scorecard(
    *,
    name: str,
    tasks: Sequence[PlannedTask],
    samples: Path,
    models: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    headlines: Mapping[str, Sequence[str]],
    labels: HumanLabels | None = None,
) -> model.Scorecard:
    """Aggregate a run.

    Args:
        samples: the run's samples.parquet.
        models: role -> identity.
        settings: seed, floor, level and estimand.
        headlines: dimension -> 'task/metric' in order of preference.
        labels: what people said of answers, to correct figures by.
    """
    dimensions: dict[str, model.DimensionCard] = {}
    names = frozenset(task.name for task in tasks)
    settings = {**settings, "tasks": names, "labels": labels or HumanLabels(sets=())}
    for dimension in model.DIMENSIONS:
        cards = {
            task.name: _task_card(task, samples, models, settings)
            for task in tasks
            if task.dimension == dimension
        }
        headline = headline_of(
            headlines.get(dimension, ()), {name: card.metrics for name, card in cards.items()}
        )
        dimensions[dimension] = model.DimensionCard(headline=headline, tasks=cards)
    return model.Scorecard(
        name=name,
        target=dict(models["target"]),
        roles={role: dict(identity) for role, identity in models.items() if role != "target"},
        seed=settings["seed"],
        floor=settings["floor"],
        level=settings["level"],
        estimand=estimand.WORDS[estimand.of(settings)],
        dimensions=dimensions,
    )


def headline_of(
    preferred: Iterable[str], metrics: Mapping[str, Collection[str]]
) -> model.Headline | None:
    """The first preferred cell that the run has; else the first metric of its first task.

    Args:
        preferred: ``task/metric``.
        metrics: task -> its metrics' keys, of one dimension.
    """
    for entry in preferred:
        task, _, metric = entry.partition("/")
        if metric in metrics.get(task, ()):
            return model.Headline(task=task, metric=metric)
    for task, keys in metrics.items():
        return model.Headline(task=task, metric=next(iter(keys)))
    return None


def _task_card(
    task: PlannedTask,
    samples: Path,
    models: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> model.TaskCard:
    definition = task.definition
    rows = _with_labels(read_task(samples, task.name), task.name, samples, settings["labels"])
    return model.TaskCard(
        construct=definition.construct_,
        version=definition.version,
        source=definition.source,
        licence=definition.licence,
        languages=tuple(definition.languages),
        method=task.method,
        scorer=definition.scorer.name,
        epochs=task.epochs,
        generations=task.generations,
        protocol_id=task.protocol_id,
        protocol=dict(task.protocol),
        outcomes=rows.outcomes(),
        reasons=rows.reasons(_REASONS),
        not_run=task.not_run,
        content_warning=definition.content_warning,
        demonstration=_demonstration(task, models),
        tags=definition.tags,
        metrics=task_cells(task, rows, settings),
    )


def _with_labels(rows: TaskRows, task: str, samples: Path, labels: HumanLabels) -> TaskRows:
    """The rows with what people said of them."""
    own = [found for found in labels.of(task) if found.of == "this_run"]
    if not own:
        return rows
    keys = read_keys(samples, task)
    return replace(rows, people={found.score: found.column(keys) for found in own})


def _demonstration(task: PlannedTask, models: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """Why figures only demonstrate the harness: said by the model or the classifier itself."""
    roles = ["target", *sorted(task.roles)]
    said = [models.get(role, {}).get("extra", {}).get("demonstration") for role in roles]
    return tuple(text for text in said if text)


def task_cells(
    task: PlannedTask, rows: TaskRows, settings: Mapping[str, Any]
) -> dict[str, model.Cell]:
    """Every metric of one task, with its slices.

    Args:
        settings: level, floor and estimand, the names of all ``tasks`` of the run, people's
            ``labels``.
    """
    cells = {}
    for use in (in_run(use, settings["tasks"]) for use in metrics_of(task.definition)):
        chosen = rows.where(use.where)
        slices = {}
        for tag in task.definition.slices:
            parts = slices_of(use, chosen, tag)
            if parts:
                slices[tag] = {value: _cell(task, use, part, settings) for value, part in parts}
        whole = _cell(task, use, chosen, settings)
        update = {"slices": slices, **_people(task, use, chosen, settings)}
        cells[use.key] = whole.model_copy(update=update)
    return cells


def _people(
    task: PlannedTask, use: MetricUse, rows: TaskRows, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """The figure corrected with people's labels; else what it would be by the scorer's card."""
    found = corrected(use, rows, settings["labels"].of(task.name), settings["level"])
    if found is not None:
        return {"corrected": found}
    return {"what_if": what_if(task.definition, use, rows)}


def _cell(
    task: PlannedTask, use: MetricUse, rows: TaskRows, settings: Mapping[str, Any]
) -> model.Cell:
    metric, floor = use.metric, settings["floor"]
    components = estimand.components(metric, rows) if task.repeats > 1 else None
    computed = metric.compute(rows, settings["level"])

    def about(found: Computed) -> Computed:
        """The figure of what the run's estimand says."""
        if estimand.of(settings) == "fixed_set":
            return estimand.on_fixed_set(found, metric, task, components)
        return found

    computed = about(computed)
    demonstrated = _demonstrated(
        computed, lambda level: about(metric.compute(rows, level)), settings["level"]
    )
    counted = computed.n_planned - computed.n_excluded
    # where the definition leaves nothing to measure, nothing is missing either; where the draw
    # has nothing for a metric, there is nothing to read
    few = counted > 0 and (computed.coverage < floor or computed.n_measured < 2)
    insufficient = few or not computed.n_planned
    missing = counted - computed.n_measured
    bounds = computed.bounds if computed.coverage < 1 and counted else None
    return model.Cell(
        value=computed.value,
        interval=_interval(computed.interval),
        claim=_interval(computed.claim),
        demonstrated=demonstrated,
        bounds=bounds,
        n_planned=computed.n_planned,
        n_measured=computed.n_measured,
        n_excluded=computed.n_excluded,
        n_missing=missing,
        counted=metric.counted,
        n_clusters=computed.n_clusters,
        variance=_variance(components),
        # of the samples that the metric is about: of BBQ's score those of its condition alone
        outcomes=rows.where(use.needs).outcomes(),
        direction=metric.direction,
        unit=metric.unit,
        range=metric.range,
        title=use.title,
        headline_pair=use.pair,
        grade=model.INSUFFICIENT if insufficient else None,
        notes=_notes(computed, floor) + (() if use.note is None else (use.note,)),
        protocol_id=task.protocol_id,
    )


def _variance(components: VarianceComponents | None) -> model.Variance | None:
    if components is None:
        return None
    return model.Variance(
        between=components.between, within=components.within, repeats=components.repeats
    )


def _demonstrated(
    computed: Computed, at: Callable[[float], Computed], level: float
) -> model.Interval | None:
    """What each side alone is shown to be, at ``level``: exact where the metric has an exact claim.

    A two-sided interval at 1 - 2a has the one-sided bounds at 1 - a for its ends. Of a complete set
    whose answers do not vary the value itself is all there is to know.
    """
    value = computed.value
    if value is not None and estimand.COMPLETE in computed.notes:
        return model.Interval(low=value, high=value, level=level, sides=1, method="complete set")
    if level <= 0.5:
        return None
    found = at(2 * level - 1)
    both = _interval(found.claim or found.interval)
    return None if both is None else both.model_copy(update={"level": level, "sides": 1})


def _interval(interval: Interval | None) -> model.Interval | None:
    return None if interval is None else model.Interval.of(interval)


def _notes(computed: Computed, floor: float) -> tuple[str, ...]:
    notes = computed.notes
    if computed.coverage < floor and computed.n_planned > computed.n_excluded:
        measured, least = (round(100 * share, 1) for share in (computed.coverage, floor))
        notes += (f"{measured:g} % measured, below the floor of {least:g} %",)
    return notes
