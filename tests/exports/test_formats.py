"""Each format as its receiver reads it: by their classes, or by their schema or model restated."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import shutil
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from huggingface_hub import ModelCard
from pydantic import BaseModel, ConfigDict, Field

import evalharness
from evalharness.cli.app import run_app
from evalharness.exports.eee import _portable
from evalharness.exports.registry import FORMATS
from evalharness.exports.tables import _cell
from tests.exports import runs
from tests.exports.eee_schema import aggregate_of, records_of
from tests.support import FakeModel, item, write_suite


def exported(run, out, format_, *more):
    assert run_app(["export", str(run), "--format", format_, "--out", str(out), "-q", *more]) == 0
    return out


def strict(text):
    """JSON without NaN and infinities."""

    def refuse(word):
        pytest.fail(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as handle:
        csv.field_size_limit(10_000_000)
        return list(csv.DictReader(handle))


def cells_of(run):
    return evalharness.load_run(run).scorecard.cells()


# Every Eval Ever


def eee(folder):
    (aggregate,) = folder.glob("data/*/*/*/*.json")
    (samples,) = folder.glob("data/*/*/*/*_samples.jsonl")
    return aggregate, samples


@pytest.mark.parametrize("name", ["mixed", "hostile"])
@pytest.mark.parametrize("more", [(), ("--withhold",)])
def test_every_eval_ever_takes_both_files(request, tmp_path, name, more):
    run = request.getfixturevalue(name)
    aggregate, samples = eee(exported(run, tmp_path / "out", "eee", *more))
    found, lines = aggregate_of(aggregate), records_of(samples)
    for line in lines:
        assert line["evaluation_id"] == found["evaluation_id"]
        assert line["model_id"] == found["model_info"]["id"]
    detailed = found["detailed_evaluation_results"]
    assert detailed["checksum"] == hashlib.sha256(samples.read_bytes()).hexdigest()
    assert detailed["total_rows"] == len(lines)
    assert detailed["file_path"] == samples.relative_to(tmp_path / "out").as_posix()


def test_every_eval_ever_holds_each_figure_with_what_belongs_to_it(mixed, tmp_path):
    more = ("--organization", "Tester Ltd", "--relationship", "third_party")
    aggregate, samples = eee(exported(mixed, tmp_path, "eee", *more))
    found = aggregate_of(aggregate)
    assert found["source_metadata"]["source_organization_name"] == "Tester Ltd"
    assert found["source_metadata"]["evaluator_relationship"] == "third_party"
    results = {result["evaluation_result_id"]: result for result in found["evaluation_results"]}
    for key, cell in cells_of(mixed).items():
        score = results[key]["score_details"]
        assert score["score"] == cell.value
        assert score["uncertainty"]["confidence_interval"]["upper"] == cell.interval.high
        assert score["details"]["n_planned"] == str(cell.n_planned)
        assert score["details"]["protocol_id"] == cell.protocol_id
    # an outage and silence have no score, so they have no line: never a 0
    lines = records_of(samples)
    named = {line["sample_id"] for line in lines}
    assert {"q007", "q008"} & named == set()
    assert found["detailed_evaluation_results"]["additional_details"]["without_a_value"] == "4"
    wrong = {line["sample_id"] for line in lines if not line["evaluation"]["is_correct"]}
    assert wrong == {"q000", "q005", "q009", "q010", "q015", "q020"}


def test_without_a_metric_that_judges_answers_there_is_one_file(tmp_path):
    text = (
        "task: {name}\nversion: 1\nconstruct: mass on true options\nsource: tests\n"
        "licence: Apache-2.0\nlanguages: [en]\ndata:\n  file: {{path: items.jsonl}}\n"
        "  sample: {{id: id, prompt: question, choices: choices, answer: answer}}\n"
        "method: choose\nscorer: calibration\nmetrics: [brier_score]\n"
    )
    suite = write_suite(tmp_path, [item(n) for n in range(4)], task=text)
    suite.joinpath("suite.yaml").write_text(
        suite.joinpath("suite.yaml").read_text().replace("accuracy", "brier_score")
    )
    model = FakeModel(lambda _: -1.0, kinds=("loglikelihood",))
    run = evalharness.run({"target": model, "suites": [str(suite)]}, out=tmp_path / "results")
    exported(run.path, tmp_path / "out", "eee")
    (only,) = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert "detailed_evaluation_results" not in aggregate_of(only)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("meta/../../x", "meta-..-..-x"),
        ("..", "x-"),
        ("data", "x-data"),
        ("CON.txt", "x-CON.txt"),
        ("a\x00b\n", "a-b"),
        ("模型", "模型"),
        ("模型\u202e", "模型"),
        ("llama3:8b", "llama3_8b"),
        ("ends.", "ends"),
        ("a" * 101, "a" * 100),
        ("模" * 100, "模" * 33),
        ("data." + "型" * 100, "x-data." + "型" * 31),
    ],
)
def test_a_models_name_leads_out_of_no_folder(name, path):
    assert _portable(name) == path


# Hugging Face


@pytest.mark.parametrize("name", ["mixed", "hostile"])
def test_the_hubs_own_classes_read_the_model_card(request, tmp_path, name):
    run = request.getfixturevalue(name)
    path = exported(run, tmp_path / "README.md", "hf")
    card = ModelCard.load(path)
    results = {result.metric_type: result for result in card.data.eval_results}
    # what too little was measured of is in the card's text alone
    cells = {key: cell for key, cell in cells_of(run).items() if cell.grade is None}
    assert {key.rsplit("/", 1)[1] for key in cells} == set(results)
    for key, cell in cells.items():
        result = results[key.rsplit("/", 1)[1]]
        assert result.metric_value == cell.value
        assert result.dataset_revision == cell.protocol_id
        args = result.metric_args
        assert args["interval"]["low"] == cell.interval.low
        assert (args["n_measured"], args["n_planned"]) == (cell.n_measured, cell.n_planned)


def test_a_model_card_keeps_what_is_insufficient_out_of_its_metadata(tmp_path):
    run = runs.mixed(tmp_path, floor=1.0).path
    path = exported(run, tmp_path / "card.md", "hf")
    card = ModelCard.load(path)
    assert card.data.eval_results is None
    assert "(insufficient)" in card.text
    assert "not among the results of the metadata" in card.text.lower()


# Moonshot: https://github.com/aiverify-foundation/moonshot-cicd,
# process_check_app/backend/schema/ms_ga_schema.py, restated and stricter


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Individual(Strict):
    prompt_id: int
    prompt: str
    predicted_result: dict[str, Any]
    target: str
    evaluated_result: dict[str, Any]
    prompt_additional_info: dict[str, Any]
    state: str


class Results(Strict):
    individual_results: dict[str, list[Individual]] = Field(min_length=1)
    evaluation_summary: dict[str, Any] = Field(min_length=1)


class Metadata(Strict):
    test_name: str
    dataset: str | None = None
    metric: dict[str, Any]
    type: str
    connector: dict[str, Any]
    start_time: str
    end_time: str
    duration: float
    attack_module: dict[str, Any] | None = None


class Entry(Strict):
    metadata: Metadata
    results: Results


class Whole(Strict):
    run_id: str
    test_id: str
    start_time: str
    end_time: str
    duration: float


class Moonshot(Strict):
    run_metadata: Whole
    run_results: list[Entry] = Field(min_length=1)


@pytest.mark.parametrize("name", ["mixed", "hostile"])
@pytest.mark.parametrize("more", [(), ("--withhold",)])
def test_moonshots_import_takes_the_file(request, tmp_path, name, more):
    run = request.getfixturevalue(name)
    path = exported(run, tmp_path / "run.json", "moonshot", *more)
    found = Moonshot.model_validate(strict(path.read_text(encoding="utf-8")))
    (entry,) = found.run_results
    rows = evalharness.load_run(run).samples
    (answers,) = entry.results.individual_results.values()
    assert [answer.prompt_id for answer in answers] == list(range(1, len(rows) + 1))
    for key, cell in cells_of(run).items():
        summary = entry.results.evaluation_summary[key.rsplit("/", 1)[1]]
        assert summary["value"] == cell.value
        assert summary["n_planned"] == cell.n_planned
        assert summary["protocol_id"] == cell.protocol_id
    errored = rows[rows.outcome == "errored"]
    assert sum(answer.state == "error" for answer in answers) == len(errored)


# CSV


def test_csv_has_a_row_a_metric_and_a_row_an_answer(mixed, tmp_path):
    exported(mixed, tmp_path, "csv")
    metrics = rows_of(tmp_path / "metrics.csv")
    for row, (key, cell) in zip(metrics, cells_of(mixed).items(), strict=True):
        assert "/".join((row["dimension"], row["task"], row["metric"])) == key
        assert float(row["value"]) == cell.value
        assert float(row["low"]) == cell.interval.low
        assert int(row["n_measured"]) == cell.n_measured
        assert row["protocol_id"] == cell.protocol_id
    samples = rows_of(tmp_path / "samples.csv")
    frame = evalharness.load_run(mixed).samples
    assert [row["sample_id"] for row in samples] == list(frame.sample_id)
    missing = [row for row in samples if row["outcome"] == "errored"]
    assert {row["score_correct"] for row in missing} == {""}
    assert "latency_s" not in samples[0]


def test_no_cell_of_the_csv_is_a_formula_or_nan(hostile, tmp_path):
    exported(hostile, tmp_path, "csv")
    for path in tmp_path.glob("*.csv"):
        assert path.read_bytes().startswith(b"\xef\xbb\xbf")
        for row in rows_of(path):
            for cell in row.values():
                assert cell.lower() not in {"nan", "none", "inf"}
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
                assert "\x00" not in cell
                assert len(cell) < 32_768  # as many as a spreadsheet holds


def test_a_negative_figure_stays_a_number():
    assert _cell(-0.25) == -0.25
    assert _cell("-0.25") == "'-0.25"


# JUnit


def test_junit_without_a_policy_passes_what_was_measured(mixed, tmp_path):
    path = exported(mixed, tmp_path / "junit.xml", "junit")
    suite = ET.parse(path).getroot()  # noqa: S314 - a file of ours
    cells = cells_of(mixed)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == (
        str(len(cells)), "0", "1",
    )  # fmt: skip
    text = {case.get("classname"): "".join(case.itertext()) for case in suite.iter("testcase")}
    for key, cell in cells.items():
        said = text[key.replace("/", ".")]
        assert f"measured {cell.n_measured} of {cell.n_planned} samples" in said
        assert cell.protocol_id in said
        assert "interval" in said
    (error,) = suite.iter("error")
    assert "below the floor" in error.get("message")


def test_junit_of_a_run_with_a_policy_is_the_gates(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "policy: mine\nversion: 1\ntitle: ours\ncriteria:\n"
        "  - {metric: factuality/small/accuracy, at_least: 0.9}\n"
    )
    run = runs.mixed(tmp_path, policy=str(policy)).path
    path = exported(run, tmp_path / "junit.xml", "junit")
    gate = tmp_path / "gate.xml"
    run_app(["gate", str(run), "--junit", str(gate), "-q"])
    assert path.read_bytes() == gate.read_bytes()


def test_hostile_texts_leave_the_xml_whole(hostile, tmp_path):
    path = exported(hostile, tmp_path / "junit.xml", "junit")
    suite = ET.parse(path).getroot()  # noqa: S314 - a file of ours
    assert {element.tag for element in suite.iter()} <= {
        "testsuite", "properties", "property", "testcase", "system-out", "error",
    }  # fmt: skip


# all of them


def contents(folder):
    files = folder.rglob("*") if folder.is_dir() else [folder]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.is_file()}


@pytest.mark.parametrize("format_", FORMATS)
def test_the_same_run_gives_the_same_bytes_and_stays_as_it_is(mixed, tmp_path, format_):
    before = contents(mixed)
    first = contents(exported(mixed, tmp_path / "first", format_))
    assert first == contents(exported(mixed, tmp_path / "second", format_))
    assert contents(mixed) == before
    assert first
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize("format_", ["eee", "moonshot", "csv"])
def test_withheld_texts_are_nowhere(mixed, tmp_path, format_):
    out = exported(mixed, tmp_path / "out", format_, "--withhold")
    whole = b"".join(contents(out).values())
    assert b"Question number" not in whole
    assert b"wrong 5" not in whole
    digest = hashlib.sha256(b"wrong 5").hexdigest()
    assert f"[withheld, SHA-256 {digest}]".encode() in whole


@pytest.mark.parametrize("format_", FORMATS)
def test_a_demonstration_is_called_one_everywhere(tmp_path, format_):
    model = FakeModel(runs.answered)
    object.__setattr__(model.identity, "extra", {"demonstration": "planted for the tests"})
    run = runs.mixed(tmp_path, target=model).path
    out = exported(run, tmp_path / "out", format_)
    assert b"planted for the tests" in b"".join(contents(out).values())


@pytest.mark.parametrize("format_", FORMATS)
def test_no_format_takes_a_changed_run(mixed, tmp_path, format_, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(mixed, copy)
    card = copy / "scorecard.json"
    card.write_text(card.read_text(encoding="utf-8").replace("0.", "1.", 1), encoding="utf-8")
    words = ["export", str(copy), "--format", format_, "--out", str(tmp_path / "out")]
    assert run_app(words) == 1
    assert "nothing is made of changed records" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "cvs", "--out", "x"], "did you mean 'csv'?"),
        (["--format", "csv", "--out", "{run}/x"], "outside it"),
        (["--format", "csv", "--out", "{file}"], "takes a folder"),
        (["--format", "hf", "--out", "{folder}"], "is a folder; name a file"),
        (["--format", "hf", "--out", "{file}/x"], "is no folder"),
        (["--format", "hf", "--out", "x", "--organization", "Me"], "no place in hf"),
        (["--format", "eee", "--out", "x", "--relationship", "friend"], "there is none such"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(mixed, tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "file"
    file.write_text("mine")
    places = {"run": mixed, "file": file, "folder": tmp_path}
    assert run_app(["export", str(mixed), *(word.format(**places) for word in words)]) == 2
    assert said in capsys.readouterr().err
    assert file.read_text() == "mine"


def test_no_figure_is_nan(mixed, tmp_path):
    path = exported(mixed, tmp_path / "run.json", "moonshot")
    found = strict(path.read_text(encoding="utf-8"))
    numbers = [v for v in found["run_metadata"].values() if isinstance(v, float)]
    assert all(math.isfinite(number) for number in numbers)
