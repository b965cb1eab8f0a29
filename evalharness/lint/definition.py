"""What a task's definition must have before its figures can be trusted, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from evalharness.errors import EvalHarnessError
from evalharness.lint.finding import Finding
from evalharness.scorecard.metrics.registry import NO_COUNTERPART, MetricUse, metrics_of
from evalharness.tasks import frameworks
from evalharness.tasks.library import Task
from evalharness.tasks.sources import FileRef, Source
from evalharness.yamlfile import did_you_mean

__all__ = ["check_definition", "goodness"]

_UNSAID = {"", "unknown", "todo", "tbd", "none", "?", "n/a"}
#: Whose values a task must predict: one who answers well, one who answers badly, one who refuses.
_MODELS = ("oracle", "worst", "refuse_all")


def check_definition(task: Task) -> Iterator[Finding]:
    """Findings on a task's definition and its data sheet; its rows are another matter."""
    yield from _described(task)
    yield from _data_sheet(task)
    yield from _pinned(task)
    yield from _targets(task)
    try:
        uses = metrics_of(task.definition)
    except EvalHarnessError as fault:
        yield _finding(task, "metrics", "fault", str(fault), "mend it in task.yaml", "metrics")
        return
    yield from _expected(task)
    yield from _directions(task, uses)
    yield from _counterparts(task, uses)
    yield from _tags(task)


def _finding(
    task: Task, check: str, severity: Any, message: str, do: str, field: str | None = None
) -> Finding:
    return Finding(check, severity, task.name, message, do, field=field)


def _described(task: Task) -> Iterator[Finding]:
    """Who made it, and who may use it."""
    for name in ("source", "licence"):
        if getattr(task.definition, name).strip().lower() in _UNSAID:
            yield _finding(
                task, "unsaid", "fault", f"it does not say its {name}",
                "write who made the items, or who may use them", name,
            )  # fmt: skip


def _data_sheet(task: Task) -> Iterator[Finding]:
    path = task.folder / "DATASHEET.md"
    if not path.is_file():
        yield _finding(
            task, "no-data-sheet", "fault", "there is no DATASHEET.md in its folder",
            "write what the items measure, where they come from and what they cannot show",
        )  # fmt: skip
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    empty = re.findall(r"^## (.+)\n+(?=## |\Z)", text, flags=re.MULTILINE)
    if empty or not text.strip():
        yield _finding(
            task, "empty-data-sheet", "note",
            f"the data sheet says nothing under {', '.join(empty) or 'any heading'}", "fill it in",
        )  # fmt: skip


def _pinned(task: Task) -> Iterator[Finding]:
    """That data from elsewhere is the data that it was: by a digest or a revision."""
    own, mirror = task.definition.data, task.definition.mirror
    loose = [ref.path for source in mirror for ref in _files(source) if ref.sha256 is None]
    if loose:
        yield _finding(
            task, "unpinned", "fault", f"mirror files without a SHA-256: {', '.join(loose)}",
            "write the digest of each file into task.yaml", "mirror",
        )  # fmt: skip
    hubs = [source.hub for source in own if source.hub is not None]
    if any(hub.revision is None for hub in hubs) and not mirror:
        yield _finding(
            task, "unpinned", "note", "the hub's data set is not pinned to a revision",
            "name its commit, or give a mirror; until then every run lists a deviation", "data",
        )  # fmt: skip


def _files(source: Source) -> list[FileRef]:
    joined = source.join.file if source.join is not None else None
    return [*source.file_refs, *([joined] if joined is not None else [])]


def _targets(task: Task) -> Iterator[Finding]:
    """A good and a bad answer, without which the reference models cannot sit it."""
    for source in [*task.definition.data, *task.definition.mirror]:
        has = set(source.sample)
        if not ({"good", "bad"} <= has or "answer" in has):
            yield _finding(
                task, "no-targets", "fault", "no item says what a good and a bad answer is",
                "map 'answer', or 'good' and 'bad': the self-test needs them", "sample",
            )  # fmt: skip
            return


def _expected(task: Task) -> Iterator[Finding]:
    expect = task.definition.expect
    own = {ref.options.get("name", ref.name) for ref in task.definition.metrics}
    for model in _MODELS:
        if missing := sorted(own - set(expect.get(model, {}))):
            yield _finding(
                task, "no-expectation", "note",
                f"it does not say what {model} must get: {', '.join(missing)}",
                "write the value, a range, or null for none: a test that nobody can fail shows "
                "nothing", f"expect.{model}",
            )  # fmt: skip


def goodness(use: MetricUse, written: Any) -> tuple[float, float] | None:
    """How good an expected value is, as a range; larger is better. None: there is no value."""
    if written is None:
        return None
    ends = [float(end) for end in (written if isinstance(written, list) else [written] * 2)]
    direction = use.metric.direction
    if direction == "higher":
        return ends[0], ends[1]
    if direction == "lower":
        return -ends[1], -ends[0]
    near = 0.0 if ends[0] <= direction <= ends[1] else min(abs(end - direction) for end in ends)
    return -max(abs(end - direction) for end in ends), -near


def _directions(task: Task, uses: list[MetricUse]) -> Iterator[Finding]:
    """A model that answers well cannot be worse than one that answers badly, on any metric."""
    expect = task.definition.expect
    apart = False
    compared = 0
    for use in uses:
        good, bad = (goodness(use, expect.get(m, {}).get(use.key)) for m in ("oracle", "worst"))
        if good is None or bad is None:
            continue
        compared += 1
        apart |= good[0] > bad[1]
        if good[0] < bad[0] or good[1] < bad[1]:
            yield _finding(
                task, "direction", "fault",
                f"'{use.key}' calls {_toward(use)} better, yet the oracle is expected to be worse "
                "on it than the worst model",
                "one of the two is the wrong way round", f"expect ({use.key})",
            )  # fmt: skip
    if compared and not apart:
        yield _finding(
            task, "direction", "fault", "no metric tells the oracle from the worst model",
            "a test that nobody can fail shows nothing", "expect",
        )  # fmt: skip


def _toward(use: MetricUse) -> str:
    direction = use.metric.direction
    return direction if isinstance(direction, str) else f"nearer to {direction:g}"


def _counterparts(task: Task, uses: list[MetricUse]) -> Iterator[Finding]:
    """Who declines everything is the best on harmful requests alone."""
    for use in uses:
        if use.note == NO_COUNTERPART:
            yield _finding(
                task, "no-counterpart", "note", f"'{use.key}' has no counterpart: {use.note}",
                "add harmless requests with over_refusal_rate, and name that as its 'pair' "
                "(another task's as task/metric)", "metrics",
            )  # fmt: skip


def _tags(task: Task) -> Iterator[Finding]:
    """Keys that are nearly those of a known framework: the author's own, or a slip?"""
    known = frameworks.known()
    for key in task.definition.tags:
        hint = did_you_mean(key, known)
        if key not in known and hint.startswith("; did"):
            yield _finding(
                task, "unknown-framework", "note", f"tags.{key} is no framework that is known",
                f"leave it if it is yours{hint}", "tags",
            )  # fmt: skip
