"""AVID, OECD and the EU's draft: whole, and without a word on harm."""

from __future__ import annotations

import json
from datetime import date
from enum import StrEnum
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from evalharness.cli.app import run_app
from evalharness.exports.avid import _VIEWS
from evalharness.exports.oecd import CRITERIA, MANDATORY
from evalharness.scorecard.model import DIMENSIONS
from tests.exports.runs import TEXTS


def made(run, out, format_, *more):
    words = ["findings", str(run), "--format", format_, "--out", str(out), "--quiet", *more]
    assert run_app(words) == 0
    return out.read_text(encoding="utf-8")


# AVID: https://github.com/avidml/avidtools, datamodels/report.py, components.py and enums.py,
# restated and stricter


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Artifact(StrEnum):
    DATASET = "Dataset"
    MODEL = "Model"
    SYSTEM = "System"


class Method(StrEnum):
    TEST = "Significance Test"
    THRESHOLD = "Static Threshold"


class Kind(StrEnum):
    ISSUE = "Issue"
    ADVISORY = "Advisory"
    MEASUREMENT = "Measurement"
    DETECTION = "Detection"


class View(StrEnum):
    """Those of the taxonomy's views that a dimension has."""

    LEAK = "S0301: Information Leak"
    FAIRNESS = "E0101: Group fairness"
    TOXICITY = "E0301: Toxicity"
    RESILIENCE = "P0201: Resilience/ Stability"
    ACCURACY = "P0204: Accuracy"


class Words(Strict):
    lang: str
    value: str


class Named(Strict):
    type: Artifact
    name: str


class Affects(Strict):
    developer: list[str]
    deployer: list[str]
    artifacts: list[Named]


class Problem(Strict):
    classof: str
    type: Kind
    description: Words


class Detection(Strict):
    type: Method
    name: str


class Metric(Strict):
    name: str
    detection_method: Detection
    results: dict[str, Any]


class Taxonomy(Strict):
    vuln_id: str | None
    risk_domain: list[str]
    sep_view: list[View]
    lifecycle_view: list[str]
    taxonomy_version: str


class Impact(Strict):
    avid: Taxonomy


class Id(Strict):
    report_id: str


class Report(Strict):
    data_type: str
    metadata: Id
    affects: Affects
    problemtype: Problem
    metrics: list[Metric]
    references: list[dict[str, str]]
    description: Words
    impact: Impact
    credit: list[Words]
    reported_date: date


@pytest.mark.parametrize("name", ["mixed", "hostile"])
@pytest.mark.parametrize("more", [(), ("--with-text",)])
def test_each_line_is_a_report_of_avid(request, tmp_path, name, more):
    text = made(request.getfixturevalue(name), tmp_path / "avid.jsonl", "avid", *more)
    # a reader that takes every line break of Unicode for one finds the same lines
    reports = [Report.model_validate_json(line) for line in text.splitlines()]
    assert len(reports) == text.count("\n") > 0
    assert len({report.metadata.report_id for report in reports}) == len(reports)
    for report in reports:
        assert report.affects.developer == report.affects.deployer == []
        assert report.problemtype.classof == "LLM Evaluation"
        assert report.impact.avid.lifecycle_view == ["L05: Evaluation"]
        for metric in report.metrics:
            assert 0 < metric.results["failed"] <= metric.results["measured"]
            assert metric.results["severity_at_most"] == "hazard"


def test_every_dimension_has_a_view():
    assert set(_VIEWS) == set(DIMENSIONS)
    assert {view for _, view in _VIEWS.values()} == set(View)


@pytest.mark.parametrize("name", ["mixed", "hostile"])
def test_the_oecds_29_criteria_are_known_or_say_why_not(request, tmp_path, name):
    found = json.loads(made(request.getfixturevalue(name), tmp_path / "oecd.json", "oecd"))
    assert len(CRITERIA) == 29
    assert len(MANDATORY) == 7
    assert found["submissions"]
    for submission in found["submissions"]:
        criteria = submission["criteria"]
        assert list(criteria) == [str(number) for number in range(1, 30)]
        for criterion in criteria.values():
            assert (criterion["value"] is None) == bool(criterion["reason"])
        assert criteria["10"]["value"] == "hazard"
        # submitter, harm and all that follows from harm is nobody's but a person's
        for number in ("4", "11", "12", "13", "14", "15", "27"):
            assert criteria[number]["value"] is None
        steps = criteria["28"]["value"]
        assert steps["protocol_id"]
        assert steps["samples"][0]["row_sha256"]


def test_the_eus_draft_leaves_open_what_only_a_person_can_state(mixed, tmp_path):
    text = made(mixed, tmp_path / "draft.md", "eu")
    fields = [line for line in text.splitlines() if "**OPEN: only a person" in line]
    asked = ("Date of the incident", "Persons affected", "Class of harm", "Causal link", "Contact")
    assert len(fields) == 11
    for name in asked:
        assert any(line.startswith(f"- {name}") for line in fields)
    assert "A failed test is no serious incident" in text
    assert "small: 2 empty, 2 errored" in text


@pytest.mark.parametrize("more", [(), ("--with-text",)])
def test_hostile_texts_stay_in_their_place_of_the_draft(hostile, tmp_path, more):
    text = made(hostile, tmp_path / "draft.md", "eu", *more)
    assert "<" not in text
    assert "\u202e" not in text
    # every line is one of ours: none was begun by a text
    starts = ("# ", "## ", "### F-", "- ", "    - prompt: ", "    - response: ", "**This is")
    for line in text.splitlines():
        assert not line or line.startswith((*starts, "Deadlines", "Neither a"))
    assert len(text) < 10_000 * len(TEXTS)
