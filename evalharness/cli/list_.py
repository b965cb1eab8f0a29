"""``evalharness list``: what there is, with versions and where it comes from."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from evalharness.cli.options import Json


class Kind(StrEnum):
    """What can be listed."""

    SUITES = "suites"
    TASKS = "tasks"
    ADAPTERS = "adapters"
    SCORERS = "scorers"
    METRICS = "metrics"


def list_(
    what: Annotated[Kind, typer.Argument(help="What to list.")],
    as_json: Json = False,
) -> int:
    """List suites, tasks, adapters, scorers or metrics."""
    rows = {
        Kind.SUITES: _suites,
        Kind.TASKS: _tasks,
        Kind.ADAPTERS: _adapters,
        Kind.SCORERS: _scorers,
        Kind.METRICS: _metrics,
    }[what]()
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        rest = "  ".join(str(value) for key, value in row.items() if key != "name")
        typer.echo(f"{row['name']:<{width}}  {rest}")
    return 0


def _suites() -> list[dict[str, Any]]:
    from evalharness.tasks.library import Library

    return [
        {
            "name": suite.name,
            "version": f"v{suite.definition.version}",
            "tasks": f"{len(suite.names)} tasks",
            "construct": suite.definition.construct_,
            "from": suite.origin,
        }
        for suite in Library.load().suites.values()
    ]


def _tasks() -> list[dict[str, Any]]:
    from evalharness.tasks.library import Library

    return [
        {
            "name": task.name,
            "version": f"v{task.definition.version}",
            "dimension": task.dimension,
            "languages": ",".join(task.definition.languages),
            "licence": task.definition.licence,
            "construct": task.definition.construct_,
        }
        for task in Library.load().tasks.values()
    ]


def _adapters() -> list[dict[str, Any]]:
    from evalharness.adapters import registry

    return [{"name": name, "from": origin} for name, origin in registry.names().items()]


def _scorers() -> list[dict[str, Any]]:
    from evalharness.scorers import registry

    rows = []
    for name, origin in registry.names().items():
        scorer = registry.BUILT_IN.get(name)
        languages, scores = getattr(scorer, "languages", None), getattr(scorer, "scores", ())
        rows.append(
            {
                "name": name,
                "version": f"v{scorer.version}" if scorer else "",
                # a judge's are its rubric's
                "scores": ",".join(scores) if isinstance(scores, tuple) else "by rubric",
                "languages": "any" if languages is None else _languages(languages),
                "from": origin,
            }
        )
    return rows


def _languages(languages: Any) -> str:
    return ",".join(sorted(languages)) if isinstance(languages, frozenset) else "by rubric"


def _metrics() -> list[dict[str, Any]]:
    from evalharness.scorecard.metrics import registry

    rows = []
    for name, origin in registry.names().items():
        metric = registry.BUILT_IN.get(name)
        direction = getattr(metric, "direction", "")
        rows.append(
            {
                "name": name,
                "version": f"v{metric.version}" if metric else "",
                "direction": direction if isinstance(direction, str) else f"target {direction:g}",
                "unit": getattr(metric, "unit", ""),
                "title": getattr(metric, "title", ""),
                "from": origin,
            }
        )
    return rows
