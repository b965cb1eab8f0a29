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
    FRAMEWORKS = "frameworks"
    POLICIES = "policies"


def list_(
    what: Annotated[Kind, typer.Argument(help="What to list.")],
    as_json: Json = False,
) -> int:
    """List suites, tasks, adapters, scorers, metrics, policies, or what a framework has tested."""
    rows = {
        Kind.SUITES: _suites,
        Kind.TASKS: _tasks,
        Kind.ADAPTERS: _adapters,
        Kind.SCORERS: _scorers,
        Kind.METRICS: _metrics,
        Kind.FRAMEWORKS: _frameworks,
        Kind.POLICIES: _policies,
    }[what]()
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    if what is Kind.FRAMEWORKS:
        from evalharness.reports.coverage import installed_lines

        for row in rows:
            typer.echo("\n".join([*installed_lines(row), ""]))
        return 0
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        shown = {key: value for key, value in row.items() if key not in {"name", "validity"}}
        typer.echo(f"{row['name']:<{width}}  {'  '.join(map(str, shown.values()))}")
        if "validity" in row:
            _show_card(row["name"], width)
    return 0


def _show_card(scorer: str, width: int) -> None:
    """What is known of a scorer's errors, a line each."""
    from evalharness.scorers import validity

    for line in validity.cards()[scorer].lines:
        typer.echo(f"{'':<{width}}    {line}")


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
                **_validity(name, scorer),
            }
        )
    return rows


def _validity(name: str, scorer: Any) -> dict[str, Any]:
    """The validity card of this version of a scorer, if there is one."""
    from evalharness.scorers import validity

    card = validity.card_of(name, scorer.version) if scorer else None
    return {} if card is None else {"validity": card.model_dump(mode="json")}


def _languages(languages: Any) -> str:
    return ",".join(sorted(languages)) if isinstance(languages, frozenset) else "by rubric"


def _metrics() -> list[dict[str, Any]]:
    from evalharness.scorecard.metrics import registry

    rows = []
    for name, origin in registry.names().items():
        metric = registry.BUILT_IN.get(name)
        direction = _said(metric, "direction")
        rows.append(
            {
                "name": name,
                "version": f"v{metric.version}" if metric else "",
                "direction": direction if isinstance(direction, str) else f"target {direction:g}",
                "unit": _said(metric, "unit"),
                "title": _said(metric, "title"),
                "from": origin,
            }
        )
    return rows


def _policies() -> list[dict[str, Any]]:
    from evalharness import policies

    rows = []
    for policy in map(policies.load_policy, policies.known()):
        scale = "" if policy.grades is None else "/".join(policy.grades.names)
        rows.append(
            {
                "name": policy.policy,
                "version": f"v{policy.version}",
                "criteria": f"{len(policy.criteria)} criteria",
                "grades": scale,
                "title": policy.title,
            }
        )
    return rows


def _said(metric: type[Any] | None, name: str) -> Any:
    """What a metric says of itself, where it does not hang on its options."""
    value = getattr(metric, name, "")
    return "by its options" if isinstance(value, property) else value


def _frameworks() -> list[dict[str, Any]]:
    from evalharness.scorecard.coverage import installed
    from evalharness.tasks import frameworks
    from evalharness.tasks.library import Library

    tags = {task.name: task.definition.tags for task in Library.load().tasks.values()}
    return [installed(frameworks.framework(key), tags) for key in frameworks.known()]
