"""A label of a rich scorecard: what is corrected, insufficient, without headline; hostile names."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.reports.label.build import build_label
from evalharness.reports.label.given import File, LabelInput, Records
from evalharness.reports.label.model import Label
from evalharness.reports.label.page import render_label
from evalharness.scorecard.model import Scorecard


def make(scorecard: Scorecard, run: dict[str, Any]) -> Label:
    records = Records(File("scorecard.json", "a" * 64), File("run.json", "b" * 64), None)
    return build_label(LabelInput(scorecard, run, records, {}))


@pytest.fixture
def label(scorecard, run):
    return make(scorecard, {**run, "measurement": "c" * 64})


def cell(label, start):
    (found,) = [cell for cell in label.cells if cell.what.startswith(start)]
    return found


def test_a_corrected_figure_stands_beside_the_raw_one(label):
    raw = cell(label, "Toxicity: Prompts with a toxic continuation")
    corrected = cell(label, "Prompts with a toxic continuation, corrected")
    assert (raw.figure.value, corrected.figure.value) == (0.014, 0.0)
    assert (corrected.figure.n_measured, corrected.figure.n_planned) == (196, 200)
    assert corrected.figure.counted == "labels"


def test_a_metric_stands_with_the_one_that_it_is_read_with(label):
    whats = [c.what for c in label.cells if c.area == "evaluation"]
    place = whats.index("Toxicity, to be read with it: Answer rate")
    assert whats[place - 2].startswith("Toxicity: Prompts")


def test_what_lacks_is_said(label):
    assert cell(label, "Bias: Bias in ambiguous").state == "absent"
    assert cell(label, "Data governance").says == "Not tested in this run"
    assert cell(label, "Dimensions not tested").says == "Data governance"
    assert cell(label, "Tasks not run").says == "winobias"
    assert cell(label, "Metrics without").says.startswith("2 of ")
    deviations = cell(label, "Deviations from the plan")
    assert (deviations.says, deviations.sha256) == ("1, listed in the scorecard", "b" * 64)
    assert "en, zh" in cell(label, "Outside these evaluations").says


def test_a_demonstration_says_so(label):
    assert label.demonstration
    page = render_label(label)
    assert "Demonstration: not evidence about the model" in page


@pytest.mark.full  # Pango is needed
def test_it_is_one_page(label):
    from weasyprint import HTML

    assert len(HTML(string=render_label(label)).render().pages) == 1


def test_a_hostile_model_name_is_text(scorecard, run):
    name = "</title><script>alert(1)</script>\u202e\x00 {{ 7*7 }}"
    hostile = scorecard.model_copy(update={"target": {"model": name}})
    page = render_label(make(hostile, {**run, "measurement": "c" * 64}))
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&lt;/title&gt;&lt;script&gt;" in page
    assert "{{ 7*7 }}" in page
