"""JSON in the shape of a run of AI Verify's Moonshot (its GA schema), for their report application.

Source: aiverify-foundation/moonshot-cicd, process_check_app/backend/schema/ms_ga_schema.py. A task
is a test. What their application prints from it is not an "AI Verify report" in their sense: only
unmodified results of their own toolkit are. Their schema asks for a summary of every test; that of
a test without a value says why there is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from evalharness.exports.figures import Choices, figures_of, shown
from evalharness.finished import Finished
from evalharness.outfile import write_whole
from evalharness.records import OutcomeKind
from evalharness.tasks.planned import PlannedTask

__all__ = ["write_moonshot"]

#: Outcome -> what the receiver calls the state of a prompt.
_STATES = {
    OutcomeKind.ERRORED.value: "error",
    OutcomeKind.NOT_RUN.value: "error",
}
_FORMAT = "%Y-%m-%d %H:%M:%S"


def write_moonshot(run: Finished, path: Path, choices: Choices) -> list[Path]:
    """Write one JSON file."""
    write_whole(path, _chunks(run, choices))
    return [path]


def _chunks(run: Finished, choices: Choices) -> Iterator[str]:
    times = _times(run)
    name = run.run["run_id"]
    head = {"run_id": name, "test_id": run.run["name"], **times}
    yield f'{{\n"run_metadata": {_text(head)},\n"run_results": ['
    comma = "\n"
    for task in run.tasks.values():
        yield f'{comma}{{"metadata": {_text(_metadata(run, task, times))},\n"results": '
        yield '{"individual_results": {"answers": ['
        between = "\n"
        for number, row in enumerate(run.rows(task.name), 1):
            yield between + _text(_individual(number, row, choices))
            between = ",\n"
        yield f'\n]}},\n"evaluation_summary": {_text(_summary(run, task))}}}}}'
        comma = ",\n"
    yield "\n]\n}\n"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _times(run: Finished) -> dict[str, Any]:
    """Of the last session: their schema has one time for all tests."""
    start = datetime.fromisoformat(run.started)
    seconds = float(run.summary["seconds"])
    end = start + timedelta(seconds=seconds)
    return {
        "start_time": start.strftime(_FORMAT),
        "end_time": end.strftime(_FORMAT),
        "duration": seconds,
    }


def _metadata(run: Finished, task: PlannedTask, times: Mapping[str, Any]) -> dict[str, Any]:
    scorer = task.definition.scorer.name
    return {
        "test_name": task.name,
        "dataset": task.definition.source,
        "metric": {
            "name": scorer,
            "metrics": [figure.metric for figure in figures_of(run, task)],
            "protocol_id": task.protocol_id,
            **({} if not task.roles else {"asks": list(task.roles)}),
        },
        "type": "benchmark",
        "connector": {
            "connector_adapter": run.model.provider,
            "model": run.model.name,
            "model_version": run.model.version,
            "identity_sha256": run.model.identity_sha256,
        },
        **times,
    }


def _individual(number: int, row: Mapping[str, Any], choices: Choices) -> dict[str, Any]:
    scores = {
        name.removeprefix("score_"): value
        for name, value in row.items()
        if name.startswith("score_") and value is not None
    }
    return {
        "prompt_id": number,
        "prompt": shown(row["prompt"], choices) or "",
        "predicted_result": {
            "response": shown(row["response"], choices),
            "answer": shown(row["answer"], choices),
            "outcome": row["outcome"],
        },
        "target": shown(row["expected"], choices) or "",
        "evaluated_result": {"outcome": row["outcome"], "reason": row["reason"], **scores},
        "prompt_additional_info": {
            "sample_id": row["sample_id"],
            "epoch": row["epoch"],
            "generation": row["generation"],
            "language": row["language"],
            "cluster": row["cluster"],
            "tags": json.loads(row["tags"]),
        },
        "state": _STATES.get(row["outcome"], "completed"),
    }


def _summary(run: Finished, task: PlannedTask) -> dict[str, Any]:
    """Every metric with what belongs to it; no grade and no average of ours over them."""
    found: dict[str, Any] = {
        figure.metric: {
            "value": figure.cell.value,
            **figure.details(),
            **({} if figure.reason is None else {"not_to_be_read": figure.reason}),
        }
        for figure in figures_of(run, task)
    }
    return found
