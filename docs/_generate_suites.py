"""Writes docs/suites.md from the definitions of the built-in tasks.

    python docs/_generate_suites.py            write
    python docs/_generate_suites.py --check    exit 1 when the page is stale, and say where

Items are counted in the data, so EVALHARNESS_DATA must name the folder with the mirror files.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from evalharness.errors import DataError
from evalharness.scorecard.metrics.registry import MetricUse, metrics_of
from evalharness.scorecard.model import DIMENSIONS
from evalharness.tasks import frameworks
from evalharness.tasks.data import DATA_ROOT_VARIABLE, open_data
from evalharness.tasks.library import Library, Task
from evalharness.tasks.render import Renderer

PAGE = Path(__file__).with_name("suites.md")

_HEAD = """\
# The suites

Every built-in task, written from its definition by `python docs/_generate_suites.py`; do not edit
this page. Each task's data sheet says more: where its items come from, what its figures mean and
what they do not.

A metric is marked with its direction: ↑ higher is better, ↓ lower is better (read beside the metric
behind the stroke), or the value that is best. Every task also reports `answer_rate` ↑. Items are
those of the data as it lies in the mirror; *users'* rows come from whoever runs the task. Licences
are those of the items: a task that needs an acceptance says so, and runs only with `accept: [...]`.
"""

_COLUMNS = (
    "task", "construct", "source", "licence", "languages", "items", "method", "scorer", "metrics",
    "tags",
)  # fmt: skip


def generated() -> str:
    """The page.

    Raises:
        SystemExit: a task's data is not here.
    """
    library = Library.load()
    parts = [_HEAD]
    by_dimension: dict[str, list[Task]] = {name: [] for name in DIMENSIONS}
    for task in library.tasks.values():
        by_dimension[task.dimension].append(task)
    for dimension, tasks in by_dimension.items():
        parts.append(_dimension(dimension, sorted(tasks, key=lambda task: task.name), library))
    parts.append(_frameworks(library))
    return "\n".join(parts)


def _dimension(dimension: str, tasks: Sequence[Task], library: Library) -> str:
    suites = [s.definition for s in library.suites.values() if s.definition.dimension == dimension]
    lines = []
    for suite in suites:
        headline = ", ".join(f"`{entry}`" for entry in suite.headline)
        lines += [
            f"## {suite.title}",
            "",
            f"{_sentence(suite.construct_)} Headline, the first that a run has: {headline}.",
            "",
        ]
    lines += [f"| {' | '.join(_COLUMNS)} |", "|" + " --- |" * len(_COLUMNS)]
    lines += [f"| {' | '.join(_cells(task))} |" for task in tasks]
    return "\n".join([*lines, ""])


def _cells(task: Task) -> Iterator[str]:
    definition = task.definition
    sheet = f"../suites/{task.folder.parent.name}/{task.folder.name}/DATASHEET.md"
    yield f"[`{task.name}`]({sheet}) v{definition.version}"
    yield _text(definition.construct_)
    yield _text(definition.source)
    conditions = "".join(f" ({_text(name.replace('_', '-'))})" for name in definition.conditions)
    yield _text(definition.licence) + conditions
    yield ", ".join(definition.languages)
    yield _items(task)
    yield ", ".join(definition.methods)
    options = definition.scorer.options
    rubric = options.get("rubric")
    named = rubric.get("rubric") if isinstance(rubric, dict) else rubric
    yield f"`{definition.scorer.name}`" + (f" ({named})" if named else "")
    yield ", ".join(_metric(use) for use in metrics_of(definition) if use.key != "answer_rate")
    tags = ((key, ", ".join(codes)) for key, codes in definition.tags.items())
    yield "; ".join(codes if key == "catalogue" else f"{key}: {codes}" for key, codes in tags)


def _metric(use: MetricUse) -> str:
    direction = use.metric.direction
    mark = {"higher": "↑", "lower": "↓"}.get(str(direction)) or f"→ {direction:g}"
    pair = f" / `{use.pair}`" if use.pair not in {None, "answer_rate"} else ""
    return f"`{use.key}` {mark}{pair}"


def _items(task: Task) -> str:
    if task.definition.supplied is not None:
        return "*users'*"
    try:
        dataset = open_data(task, data_root=None, supplied=None)
    except DataError as fault:
        raise SystemExit(f"{task.name}: {fault}") from None
    away = any(part.origin in {"hub", "web"} for part in dataset.parts)
    if away and not os.environ.get(DATA_ROOT_VARIABLE):
        raise SystemExit(f"{task.name}: set {DATA_ROOT_VARIABLE} to the folder with the mirror")
    if away:  # not in the mirror: nothing to count without the network
        return "*hub*"
    renderer = Renderer(task, dataset, task.definition.methods[0], 1)
    return f"{sum(1 for _ in renderer.samples()):,}"


def _frameworks(library: Library) -> str:
    tags = {task.name: task.definition.tags for task in library.tasks.values()}
    lines = [
        "## What is not covered",
        "",
        "A row that a task touches is not thereby tested in full. `evalharness list frameworks`",
        "names the tasks of every row.",
        "",
        "| framework | source | touched | not covered |",
        "| --- | --- | --- | --- |",
    ]
    for key in sorted(frameworks.known(), key=lambda name: (name != "catalogue", name)):
        framework = frameworks.framework(key)
        tasks = frameworks.touched(framework, tags)
        touched = framework.tally([code for code, names in tasks.items() if names])
        missing = [
            f"{code.id.removeprefix('imda-cat:')} {_text(code.name)}"
            for code in framework.codes
            # a part says nothing that its whole does not say already
            if not tasks[code.id] and (code.part_of is None or tasks[code.part_of])
        ]
        lines.append(
            f"| `{key}`: {_text(framework.title)}, {framework.version} | {framework.certainty} | "
            f"{touched} | {'; '.join(missing) or 'none'} |"
        )
    return "\n".join([*lines, ""])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _text(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def main(arguments: Sequence[str]) -> int:
    """Write the page, or check it."""
    wanted = generated()
    if "--check" not in arguments:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    page = PAGE.read_text(encoding="utf-8") if PAGE.is_file() else ""
    if page == wanted:
        return 0
    changes = difflib.unified_diff(
        page.splitlines(), wanted.splitlines(), "docs/suites.md", "the definitions", lineterm=""
    )
    sys.stderr.write("\n".join(changes) + "\nRun: python docs/_generate_suites.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
