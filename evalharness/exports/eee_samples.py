"""The single answers of Every Eval Ever: a line for each answer and each metric that judges it.

A line must have a score and must say whether it is right. So only metrics that judge single answers
have lines (`evalharness.scorecard.failures`), and only answers that have a value: silence and
outages are left out, and counted in the aggregate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.evidence.merkle import leaf_digest
from evalharness.exports.figures import Choices, shown
from evalharness.exports.writing import json_line
from evalharness.finished import Finished, sha256
from evalharness.records import OutcomeKind
from evalharness.scorecard.failures import Judged, judge_answers
from evalharness.scorecard.metrics.registry import metrics_of
from evalharness.scorecard.rows import read_task
from evalharness.tasks.planned import PlannedTask

__all__ = ["VERSION", "Samples", "sample_lines"]

#: Of the schema.
VERSION = "0.3.0"


@dataclass
class Samples:
    """What is written, and how much of it: lines, and answers that have no value anywhere."""

    evaluation_id: str
    model_id: str
    choices: Choices
    lines: int = 0
    without: int = 0


def sample_lines(run: Finished, samples: Samples) -> Iterator[str]:
    """The lines of all tasks; the counts in ``samples`` are right when it is through."""
    for task in run.tasks.values():
        judged = judge_answers(metrics_of(task.definition), read_task(run.samples, task.name))
        if not judged:
            continue
        for place, row in enumerate(run.rows(task.name)):
            found = [one for one in judged if one.tried[place]]
            samples.without += not found
            if found:
                shared = _shared(task, row, samples)
                yield from _lines(task, place, found, shared)
                samples.lines += len(found)


def _lines(
    task: PlannedTask, place: int, judged: Sequence[Judged], shared: dict[str, Any]
) -> Iterator[str]:
    for one in judged:
        yield json_line(
            {
                **shared,
                "evaluation_result_id": f"{task.dimension}/{task.name}/{one.use.key}",
                "evaluation": {
                    "score": float(one.value[place]),
                    "is_correct": bool(one.good[place]),
                    "num_turns": 1,
                },
            }
        )


def _shared(task: PlannedTask, row: dict[str, Any], samples: Samples) -> dict[str, Any]:
    """What the lines of one answer have in common."""
    choices = samples.choices
    prompt, response, answer = row["prompt"] or "", row["response"], row["answer"]
    expected = [] if row["expected"] is None else [row["expected"]]
    options = json.loads(row["choices"]) if row["choices"] else None
    found: dict[str, Any] = {
        "schema_version": VERSION,
        "evaluation_id": samples.evaluation_id,
        "model_id": samples.model_id,
        "evaluation_name": task.name,
        "sample_id": row["sample_id"],
        "sample_hash": sha256(prompt + "".join(expected)),
        "interaction_type": "single_turn",
        "input": {
            "raw": shown(prompt, choices),
            "reference": [shown(text, choices) for text in expected],
            "choices": None if options is None else [shown(text, choices) for text in options],
        },
        "output": {"raw": [] if response is None else [shown(response, choices)]},
        "answer_attribution": []
        if answer is None
        else [
            {
                "turn_idx": 0,
                "source": "log-likelihoods" if response is None else "output.raw",
                "extracted_value": shown(answer, choices),
                "extraction_method": task.definition.scorer.name,
                "is_terminal": True,
            }
        ],
        "metadata": _metadata(task, row),
    }
    if row["outcome"] != OutcomeKind.ANSWERED.value:
        reason = f": {row['reason']}" if row["reason"] else ""
        found["error"] = row["outcome"] + reason
    tokens = row["input_tokens"], row["output_tokens"]
    if None not in tokens:
        found["token_usage"] = {
            "input_tokens": tokens[0],
            "output_tokens": tokens[1],
            "total_tokens": sum(tokens),
        }
    return found


def _metadata(task: PlannedTask, row: dict[str, Any]) -> dict[str, str]:
    names = ("outcome", "epoch", "generation", "language", "group", "cluster", "tags")
    found = {name: str(row[name]) for name in names if row[name] is not None}
    return {**found, "row_sha256": leaf_digest(row).hex(), "protocol_id": task.protocol_id}
