"""Every Eval Ever 0.3.0: an aggregate JSON and a JSONL of the single answers, with its SHA-256.

Source: https://github.com/evaleval/every_eval_ever, ``schemas``. The folder that is written has
the layout of their datastore: ``data/<run>/<developer>/<model>/<uuid>.json``. Its score is a
number, so a metric without a value is not among the results; ``not_measured`` names it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError
from evalharness.exports.eee_samples import VERSION, Samples, sample_lines
from evalharness.exports.figures import Choices, Figure, figures_of
from evalharness.exports.writing import json_text
from evalharness.finished import Finished, Model
from evalharness.outfile import write_whole
from evalharness.records import digest
from evalharness.store.directory import file_sha256
from evalharness.tasks.planned import PlannedTask

__all__ = ["RELATIONSHIPS", "write_eee"]

#: Of the evaluator to the model's provider; what nobody stated is ``other``.
RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")

_NOT_STATED = "not stated"
#: Adapters that run the model on the machine itself.
_LOCAL = frozenset({"transformers", "demo", "function", "command"})
#: What a folder's name is better without; what is left is called as the receiver calls it.
_NOT_PORTABLE = re.compile(r"[^\w .+@=,()\[\]-]+")


def write_eee(run: Finished, folder: Path, choices: Choices) -> list[Path]:
    """Write both files; the second only where a metric judges single answers.

    Raises:
        ConfigError: an unknown relationship.
    """
    if choices.relationship not in {None, *RELATIONSHIPS}:
        raise ConfigError(
            f"--relationship {choices.relationship}: there is none such; one of "
            f"{', '.join(RELATIONSHIPS)}"
        )
    model_id = _model_id(run.model)
    place = f"data/{_portable(run.run['run_id'])}/" + "/".join(
        _portable(part) for part in model_id.split("/", 1)
    )
    name = _uuid(run, choices)
    evaluation_id = f"{run.run['run_id']}/{model_id}/{_epoch(run)}"
    samples = Samples(evaluation_id, model_id, choices)
    path = folder / place / f"{name}_samples.jsonl"
    write_whole(path, sample_lines(run, samples))
    aggregate = _aggregate(run, evaluation_id, model_id, choices)
    written = [folder / place / f"{name}.json"]
    if samples.lines:
        aggregate["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": f"{place}/{path.name}",
            "hash_algorithm": "sha256",
            "checksum": file_sha256(path),
            "total_rows": samples.lines,
            "additional_details": {
                "without_a_value": str(samples.without),
                "why": "the format asks for a score; silence and outages have none",
            },
        }
        written.append(path)
    else:
        path.unlink()
    write_whole(written[0], [json_text(aggregate)])
    return written


def _aggregate(
    run: Finished, evaluation_id: str, model_id: str, choices: Choices
) -> dict[str, Any]:
    figures = list(figures_of(run))
    missing = {f.key: f.reason for f in figures if f.cell.value is None}
    return {
        "schema_version": VERSION,
        "evaluation_id": evaluation_id,
        "evaluation_timestamp": run.started,
        "retrieved_timestamp": _epoch(run),
        "source_metadata": {
            "source_name": run.run["name"],
            "source_type": "evaluation_run",
            "source_organization_name": choices.organization or _NOT_STATED,
            "evaluator_relationship": choices.relationship or "other",
            "additional_details": _texts(
                {
                    "evaluator_relationship": choices.relationship or _NOT_STATED,
                    "measurement": run.run["measurement"],
                    "estimand": run.scorecard.estimand,
                    "not_measured": missing,
                    "deviations": run.run["deviations"],
                }
            ),
        },
        "eval_library": {"name": "evalharness", "version": run.run["evalharness"]},
        "model_info": _model(run.model, model_id),
        "evaluation_results": [_result(run, f) for f in figures if f.cell.value is not None],
    }


def _model_id(model: Model) -> str:
    """The hub's name, or ``provider/name``."""
    parts = model.name.split("/")
    if len(parts) == 2 and all(part.strip() for part in parts):
        return model.name
    name = "_".join(part.strip() for part in parts if part.strip())
    return f"{model.provider}/{name or 'unnamed'}"


def _model(model: Model, model_id: str) -> dict[str, Any]:
    deployment = "self_deployed" if model.provider in _LOCAL else "unknown"
    return {
        "name": model.name,
        "id": model_id,
        "inference_platform": model.provider,
        "additional_details": {
            "deployment_type": deployment,
            "model_availability": "unknown",
            "version": model.version or _NOT_STATED,
            "identity_sha256": model.identity_sha256,
        },
    }


def _result(run: Finished, figure: Figure) -> dict[str, Any]:
    cell, task = figure.cell, run.tasks[figure.task]
    uncertainty: dict[str, Any] = {"num_samples": cell.n_measured}
    if (span := cell.interval) is not None:
        uncertainty["confidence_interval"] = {
            "lower": span.low,
            "upper": span.high,
            "confidence_level": span.level,
            "method": span.method,
        }
    return {
        "evaluation_result_id": figure.key,
        "evaluation_name": figure.task,
        "source_data": _source(task),
        "metric_config": _metric(run, figure, task),
        "score_details": {
            "score": cell.value,
            "details": _texts(figure.details()),
            "uncertainty": uncertainty,
        },
        "generation_config": {
            "generation_args": {
                "temperature": task.decoding.temperature,
                "top_p": task.decoding.top_p,
                "max_tokens": task.decoding.max_tokens,
            },
            "additional_details": _texts(
                {
                    "method": task.method,
                    "generations": task.generations,
                    "epochs": task.epochs,
                    "seed": run.run["seed"],
                    "stop": list(task.decoding.stop),
                }
            ),
        },
    }


def _metric(run: Finished, figure: Figure, task: PlannedTask) -> dict[str, Any]:
    cell = figure.cell
    low, high = cell.range
    config = {
        "evaluation_description": figure.card.construct_,
        "metric_id": figure.metric,
        "metric_name": cell.title,
        "metric_unit": cell.unit,
        "lower_is_better": cell.direction == "lower",
        "score_type": "continuous",
        "min_score": low,
        "max_score": high,
        "additional_details": _texts(
            {"direction": figure.direction, "scorer": task.definition.scorer.name}
        ),
    }
    judge = run.run["models"].get("judge") if "judge" in task.roles else None
    if judge is not None:
        model = Model.of(judge)
        config["llm_scoring"] = {
            "judges": [{"model_info": _model(model, _model_id(model))}],
            "input_prompt": "not in this file: it is a part of the scorer, whose SHA-256 in the "
            f"protocol is {task.protocol['scorer']}",
        }
    return config


def _source(task: PlannedTask) -> dict[str, Any]:
    definition = task.definition
    details = {
        "source": definition.source,
        "licence": definition.licence,
        "task_version": definition.version,
        "origin": task.data.get("source", _NOT_STATED),
        "files": task.data.get("files", []),
        "items_sha256": task.protocol.get("items", _NOT_STATED),
    }
    hub = definition.data[0].hub
    if task.data.get("source") == "hub" and hub is not None:
        return {
            "dataset_name": task.name,
            "source_type": "hf_dataset",
            "hf_repo": hub.path,
            "hf_split": hub.split,
            "samples_number": task.n_planned,
            "additional_details": _texts(details),
        }
    return {
        "dataset_name": task.name,
        "source_type": "other",
        "additional_details": _texts(details),
    }


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Every value as a text, as the format has it; what holds more than one as JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in values.items()
    }


def _epoch(run: Finished) -> str:
    """When it was measured, in seconds since 1970: a file made of a run is no newer than it."""
    return str(int(datetime.fromisoformat(run.started).timestamp()))


def _uuid(run: Finished, choices: Choices) -> str:
    """Of version 4 in its form, as their datastore wants it; the same for the same export."""
    parts = {
        "run": run.run["run_id"],
        "measurement": run.run["measurement"],
        "started": run.started,
        "withheld": choices.withhold,
    }
    return str(uuid.UUID(bytes=bytes.fromhex(digest(parts))[:16], version=4))


def _portable(text: str) -> str:
    """A name that any file system takes, and that leads nowhere else.

    The receiver looks for a model under its id, with ``_`` for a colon.
    """
    name = _cut(_NOT_PORTABLE.sub("-", text.strip().replace(":", "_")).strip(".- "))
    reserved = re.fullmatch(r"(data|con|prn|aux|nul|(com|lpt)[1-9])(\..*)?", name, re.IGNORECASE)
    return _cut(f"x-{name}") if reserved or not name else name


def _cut(name: str) -> str:
    """Whole characters of at most 100 bytes: file systems count bytes."""
    return name.encode()[:100].decode(errors="ignore").rstrip(". ")
