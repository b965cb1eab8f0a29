"""Reliability curves follow from the rows; overview, slices and names in a page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalharness.reports.html import render_html
from evalharness.reports.page import SampleRow
from evalharness.reports.reliability import Curve, curve_views, reliability_curves
from evalharness.scorecard.model import Scorecard
from evalharness.stats import wilson


@pytest.fixture
def calibrated(scorecard: Scorecard) -> Scorecard:
    data = scorecard.model_dump(mode="json")
    data["dimensions"]["factuality"]["tasks"]["truthfulqa_mc1"]["scorer"] = "calibration"
    return Scorecard.model_validate(data)


@pytest.fixture
def curves(calibrated: Scorecard, tmp_path: Any) -> dict[str, Curve]:
    """20 samples, asked twice: 10 at 0.4 of which 3 are right, 10 at 0.9 of which 8 are."""
    rows = [
        {"task": task, "sample_id": f"s{n}", "score_confidence": sure, "score_correct": right}
        for n in range(20)
        for sure, right in [(0.4, float(n < 3)) if n < 10 else (0.9, float(n < 18))]
        for task in ("truthfulqa_mc1", "truthfulqa_mc1", "elsewhere")
    ]
    rows.append({**rows[0], "sample_id": "silent", "score_correct": None})
    path = tmp_path / "samples.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return reliability_curves(SimpleNamespace(samples=path), calibrated)  # type: ignore[arg-type] # all it reads


def test_bins_hold_each_sample_once_with_its_interval(curves: dict[str, Curve]) -> None:
    (curve,) = [curves["truthfulqa_mc1"]]
    assert list(curves) == ["truthfulqa_mc1"]
    assert [(b.n, b.confidence, b.accuracy) for b in curve.bins] == [
        (10, pytest.approx(0.4), pytest.approx(0.3)),
        (10, pytest.approx(0.9), pytest.approx(0.8)),
    ]
    expected = wilson(3, 10)
    assert curve.bins[0].interval == pytest.approx((expected.low, expected.high))


def test_points_stand_at_confidence_and_accuracy(curves: dict[str, Curve]) -> None:
    view = curve_views(curves)["truthfulqa_mc1"]
    assert '<circle class="dot" cx="40.00%" cy="154.00"' in view.drawing
    assert '<circle class="dot" cx="90.00%" cy="44.00"' in view.drawing
    assert view.rows[1][0].replace("\u00a0", " ") == "90.0 %"


def test_a_run_without_calibration_reads_no_rows(scorecard: Scorecard) -> None:
    assert reliability_curves(SimpleNamespace(samples=None), scorecard) == {}  # type: ignore[arg-type] # read: nothing


def test_the_page_shows_the_curve_where_it_belongs(
    calibrated: Scorecard, run: dict[str, Any], curves: dict[str, Curve]
) -> None:
    page = render_html(calibrated, run=run, samples=[], curves=curves)
    assert page.count('<svg class="curve"') == 1
    task = page.index('id="task-truthfulqa-mc1"')
    assert task < page.index('<svg class="curve"') < page.index('<article class="task"', task)
    assert '<svg class="curve"' not in render_html(calibrated, run=run, samples=[])


def test_every_task_stands_in_the_overview(page: str, scorecard: Scorecard, parse: Any) -> None:
    tables = [e for e in parse(page) if e.tag == "table" and "overview" in e.classes]
    dimensions, tasks = (table.text.replace("\u00a0", " ") for table in tables)
    assert "Data governance Not tested" in dimensions
    for card in scorecard.dimensions.values():
        for name in card.tasks:
            assert name in tasks
    assert "winobias Not run: Needs log-likelihoods" in tasks
    assert "read with: Answer rate, 78.7 % (1,495 of 1,500 generations measured)" in tasks


def test_small_slices_are_one_line(
    scorecard: Scorecard, run: dict[str, Any], samples: list[SampleRow], build: Any, parse: Any
) -> None:
    data = scorecard.model_dump(mode="json")
    task = data["dimensions"]["factuality"]["tasks"]["truthfulqa_mc1"]
    parts = {f"s{n:02}": build(0.5, 4, 4).model_dump(mode="json") for n in range(50)}
    parts["large"] = build(0.25, 5, 5, notes=("few",)).model_dump(mode="json")
    task["metrics"]["accuracy"]["slices"] = {"topic": parts}
    page = render_html(Scorecard.model_validate(data), run=run, samples=samples)
    fold = next(
        e for e in parse(page) if "sliced" in e.classes and "Accuracy (MC1), by topic" in e.text
    )
    rows = [e for e in parse(page) if e.tag == "tr" and "cell" in e.classes and "large" in e.text]
    assert len(rows) == 1
    assert "By topic, fewer than 5 measured, so not drawn: s00 (4 of 4), s01 (4 of 4)" in fold.text
    assert "and 10 more." in fold.text
    assert "few ( large )" in fold.text or "few (large)" in fold.text


def test_metrics_of_one_title_are_told_apart(
    scorecard: Scorecard, run: dict[str, Any], build: Any
) -> None:
    data = scorecard.model_dump(mode="json")
    task = data["dimensions"]["factuality"]["tasks"]["truthfulqa_mc1"]
    task["metrics"] |= {
        name: build(0.5, 10, 10, title="AUC").model_dump(mode="json")
        for name in ("auc_loss", "auc_min_k")
    }
    page = render_html(Scorecard.model_validate(data), run=run, samples=[])
    for name in ("auc_loss", "auc_min_k"):
        assert f'AUC <span class="small"><bdi>{name}</bdi></span>' in page
    assert "<bdi>accuracy</bdi>" not in page
