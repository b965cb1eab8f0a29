"""What ``evalharness labels`` does: draw, write, say what a label means."""

from __future__ import annotations

from pathlib import Path

from evalharness.errors import ConfigError
from evalharness.labelling.draw import draw_keys, drawn_rows, labelled_uses, score_to_label
from evalharness.labelling.sheet import write_sheet
from evalharness.labelling.source import Source
from evalharness.scorecard.metrics.samples import MeanMetric
from evalharness.scorecard.people import Draw
from evalharness.scorers import registry as scorers
from evalharness.store.directory import RunDirectory
from evalharness.tasks.planned import PlannedTask
from evalharness.yamlfile import did_you_mean

__all__ = ["make_sheet"]


def make_sheet(
    directory: RunDirectory,
    task: str,
    *,
    score: str | None,
    seed: int | None,
    count: int,
    out: Path | None,
) -> list[str]:
    """Draw answers and write the sheet; returns what to tell its user, a line each.

    Args:
        score: which of the task's scores the labels are of; the only one by default.
        seed: of the draw; the run's by default.
        out: the file; ``labels-TASK.csv`` in the working folder by default.

    Raises:
        ConfigError: no such task or score, no answer to read, or the file is there already.
        RunError: the run was not finished.
    """
    source = Source.of(directory.path)
    planned = source.tasks.get(task)
    if planned is None:
        hint = did_you_mean(task, list(source.tasks))
        raise ConfigError(f"labels: {directory.path} has no task '{task}'{hint}")
    named = score_to_label(planned, score)
    chosen = int(source.run["seed"]) if seed is None else seed
    keys = draw_keys(source.samples, planned, named, seed=chosen, count=count)
    if not keys:
        raise ConfigError(
            f"labels: task {task} has no answer that people could read: nothing came back, or the "
            "options were weighed by their likelihood"
        )
    path = out or Path(f"labels-{_file_name(task)}.csv")
    # of the run itself, also where a later scoring of it is named: they share answers and draws
    draw = Draw(seed=chosen, count=count, of=source.first)
    question = _question(planned, named)
    write_sheet(path, (task, named, question), draw, drawn_rows(source.samples, task, keys))
    return [
        f"{path}: {len(keys)} answers drawn (simple random, seed {chosen})",
        f"'{named}': {question}",
        "Write that in 'label'; in 'rater' who labels; in 'date' the day: 2026-05-31.",
        f"Then: evalharness score {directory.path} --set labels={path}",
    ]


def _file_name(task: str) -> str:
    return "".join(char if char.isalnum() or char in "_-" else "-" for char in task)


def _question(task: PlannedTask, score: str) -> str:
    """What a label answers, and how: the same for every row, whatever is permitted there."""
    uses = labelled_uses(task, score)
    ref = task.definition.scorer
    scorer = scorers.create(ref.name, ref.options, task.name)
    rubric = getattr(scorer, "rubric", None)
    if rubric is not None:
        numbers = [f"{v:g}: {label}" for label, v in rubric.verdicts.items() if v != "refused"]
        return f"What is '{score}' by the rubric '{rubric.rubric}'? {', '.join(numbers)}"
    if any(isinstance(use.metric, MeanMetric) for use in uses):
        low, high = uses[0].metric.range
        return f"What is '{score}', from {low:g} to {high:g}? Follow the task's data sheet"
    asked = getattr(scorer, "questions", {}).get(score)
    if asked is None:
        return f"Is '{score}' so, as the task's data sheet defines it? 1: yes, 0: no"
    return f"{asked} 1: yes, 0: no"
