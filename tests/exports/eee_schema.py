"""What Every Eval Ever 0.3.0 takes, restated as classes and stricter.

Facts from https://github.com/evaleval/every_eval_ever, schema version 0.3.0: which fields there
are, which are required, their types and values. Here is every required field, and of the others
those that an export of ours can hold. Stricter than the source in three ways:

- A field that is not here is refused everywhere. Theirs refuses it at the top of both files and in
  ``generation_args``; elsewhere it would be dropped in silence.
- Where our exports write one value of several, only that one is taken: ``single_turn`` (not
  ``multi_turn`` or ``agentic``, which want ``messages`` and no ``output``), ``evaluation_run`` (not
  ``documentation``), ``continuous`` (not ``binary`` or ``levels``), ``sha256`` (not ``md5``),
  and a source ``hf_dataset`` or ``other`` (not ``url``).
- ``score_type``, ``hash_algorithm`` and ``checksum`` must be there, a checksum must be a SHA-256,
  and the schema's version 0.3.0. For them the three are optional, and the last two any text.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["Aggregate", "Record", "aggregate_of", "records_of"]

#: The default of a field that may be absent but not null: a default is not validated.
ABSENT: Any = None


def _samples_path(text: str) -> str:
    """``data/<collection>/<developer>/<model>/<UUID 4>_samples.jsonl``."""
    top, *folders, name = text.split("/")
    stem = name.removesuffix("_samples.jsonl")
    if top != "data" or len(folders) != 3 or not all(folders) or stem == name:
        message = "is not data/<collection>/<developer>/<model>/<UUID 4>_samples.jsonl"
        raise ValueError(message)
    if str(UUID(stem)) != stem or UUID(stem).version != 4:
        message = "has no UUID of version 4, in small letters"
        raise ValueError(message)
    return text


def _sha256(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}", text):
        message = "is no SHA-256 in small hexadecimal digits"
        raise ValueError(message)
    return text


SamplesPath = Annotated[str, AfterValidator(_samples_path)]
Sha256 = Annotated[str, AfterValidator(_sha256)]
Count = Annotated[int, Field(ge=0)]
#: What has no field of its own: texts by name.
Texts = dict[str, str]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


# The aggregate


class SourceMetadata(Strict):
    source_name: str = ABSENT
    source_type: Literal["evaluation_run"]
    source_organization_name: str
    evaluator_relationship: Literal["first_party", "third_party", "collaborative", "other"]
    additional_details: Texts = ABSENT


class EvalLibrary(Strict):
    name: str
    version: str


class ModelDetails(BaseModel):
    """Two fields that must be there, and texts of any name beside them."""

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, str]

    deployment_type: Literal["self_deployed", "externally_managed", "unknown"]
    model_availability: Literal["open_weights", "closed_weights", "unknown"]


class ModelInfo(Strict):
    name: str
    id: str
    inference_platform: str = ABSENT
    additional_details: ModelDetails


class HubData(Strict):
    source_type: Literal["hf_dataset"]
    dataset_name: str
    hf_repo: str = ABSENT
    hf_split: str = ABSENT
    samples_number: int = ABSENT
    additional_details: Texts = ABSENT


class OtherData(Strict):
    source_type: Literal["other"]
    dataset_name: str
    additional_details: Texts = ABSENT


class Judge(Strict):
    model_info: ModelInfo


class LlmScoring(Strict):
    judges: list[Judge] = Field(min_length=1)
    input_prompt: str


class MetricConfig(Strict):
    """Their ``continuous`` asks for both bounds; one that is open is named ``Infinity``."""

    evaluation_description: str = ABSENT
    metric_id: str = ABSENT
    metric_name: str = ABSENT
    metric_unit: str = ABSENT
    lower_is_better: bool
    score_type: Literal["continuous"]
    min_score: float | Literal["Infinity", "-Infinity"]
    max_score: float | Literal["Infinity", "-Infinity"]
    llm_scoring: LlmScoring = ABSENT
    additional_details: Texts = ABSENT


class ConfidenceInterval(Strict):
    lower: float
    upper: float
    confidence_level: float = Field(default=ABSENT, ge=0, le=1)
    method: str = ABSENT


class Uncertainty(Strict):
    confidence_interval: ConfidenceInterval = ABSENT
    num_samples: int = ABSENT


class ScoreDetails(Strict):
    score: float
    details: Texts = ABSENT
    uncertainty: Uncertainty = ABSENT


class GenerationArgs(Strict):
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = Field(default=ABSENT, ge=1)


class GenerationConfig(Strict):
    generation_args: GenerationArgs = ABSENT
    additional_details: Texts = ABSENT


class Result(Strict):
    evaluation_result_id: str = ABSENT
    evaluation_name: str
    source_data: Annotated[HubData | OtherData, Field(discriminator="source_type")]
    metric_config: MetricConfig
    score_details: ScoreDetails
    generation_config: GenerationConfig = ABSENT


class Samples(Strict):
    format: Literal["jsonl"]
    file_path: SamplesPath
    hash_algorithm: Literal["sha256"]
    checksum: Sha256
    total_rows: int = ABSENT
    additional_details: Texts = ABSENT


class Aggregate(Strict):
    """The JSON of a run."""

    schema_version: Literal["0.3.0"]
    evaluation_id: str
    evaluation_timestamp: str = ABSENT
    retrieved_timestamp: str
    source_metadata: SourceMetadata
    eval_library: EvalLibrary
    model_info: ModelInfo
    evaluation_results: list[Result]
    detailed_evaluation_results: Samples = ABSENT


# A line of the samples


class Input(Strict):
    raw: str
    reference: list[str]
    choices: list[str] | None = None


class Output(Strict):
    raw: list[str]


class Attribution(Strict):
    turn_idx: Count
    source: str
    extracted_value: str
    extraction_method: str
    is_terminal: bool


class Evaluation(Strict):
    score: float
    is_correct: bool
    num_turns: int | None = Field(default=None, ge=1)


class TokenUsage(Strict):
    input_tokens: Count
    output_tokens: Count
    total_tokens: Count


class Record(Strict):
    """One answer, judged by one metric."""

    schema_version: Literal["0.3.0"]
    evaluation_id: str
    model_id: str
    evaluation_name: str
    evaluation_result_id: str = ABSENT
    sample_id: str
    sample_hash: Sha256 | None = None
    interaction_type: Literal["single_turn"]
    input: Input
    output: Output
    answer_attribution: list[Attribution]
    evaluation: Evaluation
    token_usage: TokenUsage | None = None
    error: str | None = None
    metadata: Texts | None = None


# Reading the files, as their validator does


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        message = f"{text} is no JSON, or too large"
        raise ValueError(message)
    return number


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a field is there twice"
        raise ValueError(message)
    return found


def _read(text: str) -> Any:
    return json.loads(text, parse_constant=_finite, parse_float=_finite, object_pairs_hook=_once)


def aggregate_of(path: Path) -> dict[str, Any]:
    """The aggregate as it stands in the file.

    Raises:
        ValueError: no JSON, a number that is not finite, a field twice, or another form.
    """
    found = _read(path.read_text(encoding="utf-8"))
    Aggregate.model_validate(found)
    return dict(found)


def records_of(path: Path) -> list[dict[str, Any]]:
    """The lines of the samples, split wherever a reader may split; at least one.

    Raises:
        ValueError: as of ``aggregate_of``, or there is no line.
    """
    lines = [_read(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if not lines:
        message = "no line"
        raise ValueError(message)
    for line in lines:
        Record.model_validate(line)
    return lines
