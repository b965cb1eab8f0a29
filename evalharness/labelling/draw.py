"""Draws the answers of a run that people shall label: a simple random sample, with a seed.

Simple, and not by the verdict: labels drawn by what the judge said would need weights, since the
judge's sensitivity and specificity in such a sample are not those in the run (verification bias:
Begg & Greenes 1983, https://doi.org/10.2307/2530820).

Answers are drawn whether or not the judge could read them, so that the draw is the same for every
judge of the run, and can be made again from the run's records. What it never had a verdict on does
not enter a correction.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError
from evalharness.scorecard.corrections import score_of
from evalharness.scorecard.metrics.registry import MetricUse, metrics_of
from evalharness.scorecard.people import Key
from evalharness.scorecard.rows import task_parts
from evalharness.tasks.planned import PlannedTask
from evalharness.yamlfile import did_you_mean

__all__ = ["Drawn", "draw_keys", "drawn_rows", "labelled_uses", "score_to_label"]

_KEY = ("sample_id", "epoch", "generation")
_READ = (*_KEY, "outcome", "tags", "response")


@dataclass(frozen=True)
class Drawn:
    """One answer to be labelled."""

    key: Key
    prompt: str
    response: str


def labelled_uses(task: PlannedTask, score: str) -> list[MetricUse]:
    """The metrics that labels of a score correct."""
    return [use for use in metrics_of(task.definition) if score_of(use.metric) == score]


def score_to_label(task: PlannedTask, score: str | None) -> str:
    """The score whose true value people shall give: the only one that a figure is made of.

    Raises:
        ConfigError: there is none, or several and none was named.
    """
    found = (score_of(use.metric) for use in metrics_of(task.definition))
    known = list(dict.fromkeys(name for name in found if name is not None))
    if score is not None:
        if score not in known:
            raise ConfigError(
                f"labels: task {task.name} has no figure that labels of '{score}' would correct"
                f"{did_you_mean(score, known)}"
            )
        return score
    if not known:
        raise ConfigError(
            f"labels: task {task.name} has no figure that labels would correct: none of its "
            "metrics is the share or the mean of one score"
        )
    if len(known) > 1:
        raise ConfigError(
            f"labels: task {task.name} has several scores ({', '.join(known)}); name one with "
            f"--score, for instance --score {known[0]}"
        )
    return known[0]


def draw_keys(samples: Path, task: PlannedTask, score: str, *, seed: int, count: int) -> list[Key]:
    """The answers that a draw chooses, in the table's order; all where there are fewer.

    Answers are ranked by a hash of seed, task, score and key: the choice does not depend on their
    order, and a smaller draw is a part of a larger one. What has no text is no answer, but for what
    a filter blocked; only samples that a metric of this score is about are drawn.

    Args:
        samples: the run's samples.parquet.
    """
    wheres = [use.where for use in labelled_uses(task, score)]
    start = f"labels\0{seed}\0{task.name}\0{score}\0"
    ranked = (
        (hashlib.sha256(f"{start}{key[0]}\0{key[1]}\0{key[2]}".encode()).digest(), place, key)
        for place, key in enumerate(_answers(samples, task.name, wheres))
    )
    chosen = heapq.nsmallest(count, ranked)
    return [key for _, _, key in sorted(chosen, key=lambda item: item[1])]


def _answers(samples: Path, task: str, wheres: Sequence[Mapping[str, str]]) -> Iterator[Key]:
    for part in task_parts(samples, task, lambda name: name in _READ):
        columns = (part[name].to_pylist() for name in _READ)
        for sample, epoch, generation, outcome, tags, response in zip(*columns, strict=True):
            if response is not None and outcome != "empty" and _fits(tags, wheres):
                yield sample, epoch, generation


def _fits(tags: str, wheres: Sequence[Mapping[str, str]]) -> bool:
    if not all(wheres):  # a metric of the whole task
        return True
    found: dict[str, Any] = json.loads(tags)
    return any(all(found.get(t) == v for t, v in where.items()) for where in wheres)


def drawn_rows(samples: Path, task: str, keys: Sequence[Key]) -> Iterator[Drawn]:
    """Prompt and response of each of these answers, in the table's order."""
    wanted = set(keys)
    names = (*_KEY, "prompt", "response")
    for part in task_parts(samples, task, lambda name: name in names):
        columns = (part[name].to_pylist() for name in names)
        for sample, epoch, generation, prompt, response in zip(*columns, strict=True):
            if (key := (sample, epoch, generation)) in wanted:
                yield Drawn(key, prompt or "", response or "")
