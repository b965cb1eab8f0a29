"""What every page shares: the template engine, its filters, and the rows that a page shows.

What a model wrote is hostile. Every text is escaped by the template engine, and before that its
hidden characters are named (`evalharness.reports.text`), in attributes too; a content security
policy in the page forbids all but its own style sheet.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from evalharness.reports import language, numbers, svg, text
from evalharness.reports.compiled import compiled_templates
from evalharness.reports.language import _
from evalharness.reports.made import made_with
from evalharness.reports.overview import dimension_rows, task_rows
from evalharness.reports.recorded import is_recorded, provider_of
from evalharness.reports.text import LIMIT, plain, visible
from evalharness.reports.view import FEW, TaskView, View, word_of

__all__ = ["SCREEN", "Medium", "SampleRow", "Sampled", "environment", "sampled"]

_SHORT = 12  # digits of a digest that tell it apart at a glance; the full one stands in section 5
#: Scores that say of a permitted request what of another would be a leak.
_SCORES = {"leaked": "disclosed"}
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


@dataclass(frozen=True, slots=True)
class Medium:
    """Where a page is read. A screen folds what is long or hazardous; paper cannot be unfolded.

    Args:
        paper: a PDF or Markdown: folds stand open, and texts of tasks with a content warning are
            withheld, their digests shown.
        hazardous: paper has those texts too.
    """

    paper: bool = False
    hazardous: bool = False

    @property
    def withholds(self) -> bool:
        return self.paper and not self.hazardous

    @property
    def open(self) -> Markup:
        """The attribute of what is folded on a screen."""
        return Markup(" open") if self.paper else Markup("")

    @property
    def body(self) -> Markup:
        return Markup(' class="paper"') if self.paper else Markup("")


SCREEN = Medium()


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

    def letter(self, option: str) -> str | None:
        """The letter under which the prompt shows an option; None where it shows none."""
        if self.choices.count(option) != 1:
            return None
        shown = re.compile(rf"^\W?([A-Z])\W{{1,3}}{re.escape(option)}\s*$", re.MULTILINE)
        found = shown.findall(self.prompt)
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Sampled:
    """The rows of one task; ``task`` is None where the scorecard has no such task."""

    name: str
    task: TaskView | None
    rows: tuple[SampleRow, ...]


def sampled(view: View, samples: Sequence[SampleRow]) -> tuple[Sampled, ...]:
    """The rows to show by task, in the page's order."""
    tasks = {task.name: task for task in view.tasks}
    named = {row.task for row in samples}
    order = [name for name in tasks if name in named] + sorted(named - set(tasks))
    rows = sorted(samples, key=lambda row: (row.sample_id, row.epoch, row.generation))
    return tuple(
        Sampled(name, tasks.get(name), tuple(row for row in rows if row.task == name))
        for name in order
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
        bytecode_cache=compiled_templates(Path(__file__), Path(text.__file__)),
    )
    made.globals["patterns"] = svg.patterns
    made.globals["swatch"] = svg.swatch
    made.globals["_"] = _phrase
    made.globals["plural"] = language.plural
    made.globals["listed"] = language.listed
    made.globals["comma"] = language.comma
    made.globals["gap"] = language.gap
    made.globals["few"] = FEW
    made.globals["made_with"] = made_with
    made.globals["dimension_rows"] = dimension_rows
    made.globals["task_rows"] = task_rows
    made.globals["said"] = language.said
    made.filters |= {
        "body": _body,
        "count": numbers.count,
        "level": numbers.level,
        "significant": numbers.significant,
        "word": word_of,
        "short": _short,
        "bcp47": lambda text: text if _LANGUAGE.fullmatch(text) else "und",
        "rows": lambda mapping: sorted(mapping.items()),
        "provider": provider_of,
        "scored": _scored,
        "fields": _fields,
        "pretty": _pretty,
        "said": language.said,
        "tongue": lambda code: language.current().tongue(code),
        "date": date.fromisoformat,
        "day": lambda when: language.current().day(when),
        "sha": lambda text: f"SHA-256 {_digest(text)}",
        "digest": _digest,
        "css_string": _css_string,
        "breakable": _breakable,
    }
    return made


def _phrase(message: str, /, **values: Any) -> str:
    """A message in the language that is spoken; a field may be a piece of the page."""
    if not any(isinstance(value, Markup) for value in values.values()):
        return _(message, **values)
    return escape(_(message)).format(**{k: _finalize(v) for k, v in values.items()})


def _finalize(value: Any) -> Any:
    """Applied to every output: text of others is made plain, then escaped by the engine."""
    if isinstance(value, Markup):
        return value
    return plain(value) if isinstance(value, str) else value


def _body(text: str | None, limit: int = LIMIT) -> Markup:
    """A prompt or a response, for a `<pre>`: what is not there is said."""
    if not text:
        return Markup('<span class="void">{}</span>').format(_("(empty)"))
    if not text.strip():
        remark = _("({n} characters, all white space)", n=numbers.count(len(text)))
        return Markup('<span class="void">{}</span>').format(remark)
    return visible(text, limit)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _css_string(text: str) -> Markup:
    """``text`` as a string of CSS within ``<style>``: what is no letter or digit, by its number."""
    shown = plain(text, 120)
    parts = (c if c.isascii() and c.isalnum() else f"\\{ord(c):06x}" for c in shown)
    return Markup(f'"{"".join(parts)}"')  # noqa: S704 - nothing but letters, digits, backslashes


def _breakable(name: str) -> Markup:
    """A name of a task or metric, which a line may break after its joints and nowhere else."""
    return escape(plain(name)).replace("_", Markup("_<wbr>")).replace("/", Markup("/<wbr>"))


def _short(digest: object) -> str:
    """A digest or revision cut to its first digits; anything that is short already, whole."""
    bare = str(digest).removeprefix("sha256:")
    return bare if len(bare) <= _SHORT + 4 else f"{bare[:_SHORT]}\u2026"


def _scored(row: SampleRow, *, text: bool = True) -> list[tuple[str, str]]:
    """What was scored of an answer, as rows: an option by its letter, the rest as numbers.

    Args:
        text: an option that was shown under no letter is named by its text; else it is left out.
    """
    found = []
    scores = dict(row.scores)
    if row.choices and "chosen" in scores:
        chosen = row.choices[int(scores.pop("chosen"))]
        for name, option in ((_("Chosen"), chosen), (_("Right answer"), row.expected)):
            shown = None if option is None else row.letter(option) or (option if text else None)
            if shown is not None:
                found.append((name, shown))
    numbered = (
        (word_of(_SCORES.get(name, name)), numbers.significant(score))
        for name, score in scores.items()
    )
    return found + sorted(numbered)


def _fields(identity: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A model's identity as rows: what it is called, then the rest by name."""
    if is_recorded(identity):
        extra = dict(identity.get("extra") or {})
        columns = extra.pop("columns", None) or {}
        read = _("; ").join(f"{name}{_(': ')}{theirs}" for name, theirs in columns.items())
        provider = provider_of(identity["provider"])
        identity = {**identity, "provider": provider, "extra": extra or None, "columns": read}
    first = {"provider": 0, "model": 1, "revision": 2, "digest": 3}
    return [
        (key, _identity(value))
        for key, value in sorted(
            identity.items(), key=lambda item: (first.get(item[0], 9), item[0])
        )
        if value is not None and value != ""
    ]


def _identity(value: Any) -> str:
    if isinstance(value, str):
        return _("none") if value == "none" else value
    return _pretty(_told(value), indent=None)


def _told(value: Any) -> Any:
    """Plain data with the texts in it said in the language that is spoken."""
    if isinstance(value, Mapping):
        return {key: _told(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_told(inner) for inner in value]
    sentence = isinstance(value, str) and " " in value  # a single word is a setting
    return language.said(value) if sentence else value


def _pretty(value: Any, indent: int | None = 2) -> str:
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False)
