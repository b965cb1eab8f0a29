"""The restated Every Eval Ever refuses what they refuse: each test breaks a whole export."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from evalharness.cli.app import run_app
from tests.exports.eee_schema import aggregate_of, records_of

AGGREGATE, SAMPLES = "aggregate", "samples"


@pytest.fixture(scope="module")
def whole(mixed, tmp_path_factory):
    """Both parts of an export, as a reader and what it reads."""
    out = tmp_path_factory.mktemp("eee")
    assert run_app(["export", str(mixed), "--format", "eee", "--out", str(out), "-q"]) == 0
    (aggregate,) = out.glob("data/*/*/*/*.json")
    (samples,) = out.glob("data/*/*/*/*_samples.jsonl")
    return {AGGREGATE: (aggregate_of, aggregate), SAMPLES: (records_of, samples)}


@pytest.fixture
def read_changed(whole, tmp_path):
    """Read a part again after one change: of the value at a path, to what ``change`` makes."""

    def read(part, path, change):
        reader, file = whole[part]
        lines = reader(file) if part == SAMPLES else [reader(file)]
        *way, last = path.split(".")
        place = lines[0]
        for step in way:
            place = place[int(step) if step.isdigit() else step]
        change(place, last)
        copy = tmp_path / file.name
        copy.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return reader(copy)

    return read


def to(value):
    return lambda place, name: place.__setitem__(name, value)


def away(place, name):
    del place[name]


def test_an_export_written_again_unchanged_is_taken(read_changed):
    read_changed(AGGREGATE, "schema_version", to("0.3.0"))
    read_changed(SAMPLES, "schema_version", to("0.3.0"))


@pytest.mark.parametrize(
    ("part", "path"),
    [
        (AGGREGATE, "retrieved_timestamp"),
        (AGGREGATE, "source_metadata.evaluator_relationship"),
        (AGGREGATE, "model_info.additional_details.deployment_type"),
        (AGGREGATE, "evaluation_results.0.metric_config.lower_is_better"),
        (AGGREGATE, "evaluation_results.0.metric_config.min_score"),
        (AGGREGATE, "evaluation_results.0.score_details.score"),
        (AGGREGATE, "detailed_evaluation_results.file_path"),
        (SAMPLES, "sample_id"),
        (SAMPLES, "output"),
        (SAMPLES, "evaluation.is_correct"),
    ],
)
def test_a_required_field_must_be_there(read_changed, part, path):
    with pytest.raises(ValidationError, match="Field required"):
        read_changed(part, path, away)


@pytest.mark.parametrize(
    ("part", "path"),
    [
        (AGGREGATE, "source_metadata.source_type"),
        (AGGREGATE, "source_metadata.evaluator_relationship"),
        (AGGREGATE, "model_info.additional_details.model_availability"),
        (AGGREGATE, "evaluation_results.0.source_data.source_type"),
        (AGGREGATE, "evaluation_results.0.metric_config.score_type"),
        (AGGREGATE, "detailed_evaluation_results.format"),
        (SAMPLES, "interaction_type"),
    ],
)
def test_one_of_a_few_values_is_one_of_them(read_changed, part, path):
    with pytest.raises(ValidationError, match=r"Input should be|expected tags"):
        read_changed(part, path, to("friend"))


@pytest.mark.parametrize(
    ("part", "path"),
    [
        (AGGREGATE, "grade"),
        (AGGREGATE, "evaluation_results.0.generation_config.generation_args.seed"),
        (AGGREGATE, "evaluation_results.0.score_details.uncertainty.samples"),
        (SAMPLES, "latency_s"),
    ],
)
def test_a_field_of_no_ones_is_refused(read_changed, part, path):
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        read_changed(part, path, to("1"))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("part", "path"),
    [
        (AGGREGATE, "evaluation_results.0.score_details.score"),
        (AGGREGATE, "evaluation_results.0.score_details.uncertainty.confidence_interval.lower"),
        (SAMPLES, "evaluation.score"),
    ],
)
def test_a_number_is_finite(read_changed, part, path, number):
    with pytest.raises(ValueError, match="is no JSON"):
        read_changed(part, path, to(number))


@pytest.mark.parametrize(
    ("part", "path", "value"),
    [
        (AGGREGATE, "evaluation_timestamp", None),
        (AGGREGATE, "evaluation_results.0.score_details.score", "0.5"),
        (AGGREGATE, "evaluation_results.0.score_details.score", True),
        (AGGREGATE, "evaluation_results.0.score_details.uncertainty", None),
        (AGGREGATE, "evaluation_results.0.score_details.details.n_planned", 24),
        (AGGREGATE, "model_info.additional_details.version", 1),
        (AGGREGATE, "detailed_evaluation_results.checksum", "abc"),
        (AGGREGATE, "detailed_evaluation_results.file_path", "../x_samples.jsonl"),
        (
            AGGREGATE,
            "detailed_evaluation_results.file_path",
            "data/a/b/c/4fc31203-8eb6-1f71-81a1-b65c0a23209d_samples.jsonl",
        ),
        (SAMPLES, "evaluation.is_correct", 1),
        (SAMPLES, "evaluation.num_turns", 0),
        (SAMPLES, "metadata.epoch", 0),
        (SAMPLES, "output", None),
        (SAMPLES, "sample_hash", "abc"),
    ],
)
def test_a_value_of_another_form_is_refused(read_changed, part, path, value):
    with pytest.raises(ValidationError):
        read_changed(part, path, to(value))


def test_a_field_twice_and_a_file_without_a_line_are_refused(whole, tmp_path):
    twice, empty = tmp_path / "twice.json", tmp_path / "empty.jsonl"
    text = whole[AGGREGATE][1].read_text(encoding="utf-8")
    twice.write_text(text.replace("{", '{"evaluation_id": "x",', 1), encoding="utf-8")
    empty.write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match="twice"):
        aggregate_of(twice)
    with pytest.raises(ValueError, match="no line"):
        records_of(empty)
