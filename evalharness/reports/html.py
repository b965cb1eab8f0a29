"""The HTML report: one file, no JavaScript, no network, the same bytes for the same run.

What a model wrote is hostile. Every text is escaped by the template engine, and before that its
hidden characters are named (`evalharness.reports.text`), in attributes too; a content security
policy in the page forbids all but its own style sheet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from evalharness.reports import numbers, svg
from evalharness.reports.text import LIMIT, plain, visible
from evalharness.reports.view import GLOSSARY, TaskView, View, scorecard_view, word_of
from evalharness.scorecard.model import Scorecard

__all__ = ["SampleRow", "environment", "render_html"]

_SHORT = 12  # digits of a digest that tell it apart at a glance; the full one stands in section 5
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One generation to show: a row of ``samples.parquet``, chosen by the caller."""

    task: str
    sample_id: str
    epoch: int
    generation: int
    prompt: str
    response: str | None
    outcome: str
    reason: str | None = None
    answer: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"
    expected: str | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sampled:
    """The rows of one task; ``task`` is None where the scorecard has no such task."""

    name: str
    task: TaskView | None
    rows: tuple[SampleRow, ...]


def render_html(
    scorecard: Scorecard, *, run: Mapping[str, Any], samples: Sequence[SampleRow]
) -> str:
    """Draw the report of one run, from its records alone.

    Args:
        scorecard: every figure on the page.
        run: the content of ``run.json``.
        samples: the rows to show, in any order.
    """
    view = scorecard_view(scorecard)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            scorecard=scorecard,
            view=view,
            run=run,
            model=_model(scorecard),
            sampled=_sampled(view, samples),
            reasons=_reasons(view),
            protocols=_protocols(view, run),
            glossary=GLOSSARY,
        )
    )


def _model(scorecard: Scorecard) -> str:
    return str(scorecard.target.get("model") or scorecard.name)


def _sampled(view: View, samples: Sequence[SampleRow]) -> tuple[_Sampled, ...]:
    tasks = {task.name: task for task in view.tasks}
    named = {row.task for row in samples}
    order = [name for name in tasks if name in named] + sorted(named - set(tasks))
    rows = sorted(samples, key=lambda row: (row.sample_id, row.epoch, row.generation))
    return tuple(
        _Sampled(name, tasks.get(name), tuple(row for row in rows if row.task == name))
        for name in order
    )


def _reasons(view: View) -> dict[str, tuple[str, ...]]:
    """For each task, why something is no answer: outcome, reason, how often."""
    return {
        task.name: tuple(
            f"{word_of(outcome)}: {reason} ({numbers.count(number)})"
            for outcome, said in sorted(task.card.reasons.items())
            for reason, number in sorted(said.items(), key=lambda item: (-item[1], item[0]))
        )
        for task in view.tasks
    }


def _protocols(view: View, run: Mapping[str, Any]) -> tuple[tuple[TaskView, str | None], ...]:
    """Every task, with the protocol id of ``run.json`` where that is another one."""
    recorded = run["protocols"]
    return tuple(
        (
            task,
            None
            if recorded.get(task.name) in {None, task.card.protocol_id}
            else recorded[task.name],
        )
        for task in view.tasks
    )


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The template engine of every page: it escapes what it prints, and shows hidden characters."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals["patterns"] = svg.patterns
    made.globals["swatch"] = svg.swatch
    made.filters |= {
        "body": _body,
        "count": numbers.count,
        "level": numbers.level,
        "significant": numbers.significant,
        "word": word_of,
        "short": _short,
        "bcp47": lambda text: text if _LANGUAGE.fullmatch(text) else "und",
        "rows": lambda mapping: sorted(mapping.items()),
        "fields": _fields,
        "pretty": _pretty,
    }
    return made


def _finalize(value: Any) -> Any:
    """Applied to every output: text of others is made plain, then escaped by the engine."""
    if isinstance(value, Markup):
        return value
    return plain(value) if isinstance(value, str) else value


def _body(text: str | None, limit: int = LIMIT) -> Markup:
    """A prompt or a response, for a `<pre>`: what is not there is said."""
    if not text:
        return Markup('<span class="void">(empty)</span>')
    if not text.strip():
        remark = f"({numbers.count(len(text))} characters, all white space)"
        return Markup('<span class="void">{}</span>').format(remark)
    return visible(text, limit)


def _short(digest: object) -> str:
    """A digest or revision cut to its first digits; anything that is short already, whole."""
    bare = str(digest).removeprefix("sha256:")
    return bare if len(bare) <= _SHORT + 4 else f"{bare[:_SHORT]}\u2026"


def _fields(identity: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A model's identity as rows: what it is called, then the rest by name."""
    first = {"provider": 0, "model": 1, "revision": 2, "digest": 3}
    return [
        (key, value if isinstance(value, str) else _pretty(value, indent=None))
        for key, value in sorted(
            identity.items(), key=lambda item: (first.get(item[0], 9), item[0])
        )
        if value is not None and value != ""
    ]


def _pretty(value: Any, indent: int | None = 2) -> str:
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False)
