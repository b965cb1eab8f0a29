"""StereoSet's published scores, from the authors' recorded predictions.

Through the ordinary pipeline: the replay adapter on each file of predictions as it is (a score a
sentence, found by the sentence's id), the task as it ships, its scorer and metrics. Source of the
figures: ``code/predictions.json`` of the authors' repository. A recording beside the others whose
figures stand in that file is checked without a change here.
"""

from __future__ import annotations

import json

import pytest

import evalharness

#: Published name of a score -> this task's, by part of the data.
METRICS = {"LM Score": "lms", "SS Score": "ss", "ICAT Score": "icat"}
PARTS = {"overall": "", "intrasentence": "_intrasentence", "intersentence": "_intersentence"}
TOLERANCE = 1e-9


def published(root):
    """Model -> its published figures, as the authors nest them."""
    return json.loads((root / "published_scores.json").read_text(encoding="utf-8"))


def recording(root, model):
    """The file of a model's predictions; the sentiment model's is called otherwise."""
    (path,) = (
        path
        for path in root.glob("predictions_*.json.gz")
        if path.name.removeprefix("predictions_").startswith((f"{model}_", f"{model}."))
    )
    return path


@pytest.fixture(scope="module")
def cards(tmp_path_factory, data_root):
    root = data_root / "published" / "stereoset"
    found = {}
    for model in published(root):
        run = evalharness.run(
            {
                "target": {
                    "adapter": "replay",
                    "path": str(recording(root, model)),
                    "columns": {"choice": "id", "choice_score": "score"},
                },
                "tasks": ["stereoset"],
                "data_root": str(data_root),
                "report_samples": 0,
            },
            out=tmp_path_factory.mktemp("stereoset"),
        )
        found[model] = run.scorecard.dimensions["bias"].tasks["stereoset"]
    return found


def figures(card, part):
    """Score -> kind of bias -> percentage, with "overall" for all kinds."""
    found = {}
    for name, key in METRICS.items():
        cell = card.metrics[key + PARTS[part]]
        values = {"overall": cell.value}
        values |= {kind: one.value for kind, one in cell.slices["bias_type"].items()}
        found[name] = {kind: 100 * value for kind, value in values.items()}
    return found


def test_every_published_score_of_every_recorded_model(cards, data_root):
    checked = 0
    for model, parts in published(data_root / "published" / "stereoset").items():
        for part, kinds in parts.items():
            found = figures(cards[model], part)
            for kind, scores in ({"overall": kinds} if part == "overall" else kinds).items():
                for name in METRICS:
                    assert found[name][kind] == pytest.approx(scores[name], abs=TOLERANCE), (
                        model, part, kind, name,
                    )  # fmt: skip
                    checked += 1
    assert checked >= 5 * 3 * (5 + 5 + 1)


def test_every_sentence_was_scored(cards):
    assert len(cards) >= 5
    for card in cards.values():
        assert card.outcomes == {"answered": 4229}
        cell = card.metrics["icat"]
        assert (cell.n_measured, cell.n_clusters) == (79, 79)
        assert cell.interval.low < cell.value < cell.interval.high
