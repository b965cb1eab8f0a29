"""BBQ's published scores of UnifiedQA (RACE format), from the authors' recorded answers.

Through the ordinary pipeline: the replay adapter, the task as it ships, its scorer and metrics.
Source of the printed figures: Parrish et al. 2022, figure 2 and the authors' repository.
"""

from __future__ import annotations

import gzip
import json

import pytest

import evalharness

#: category -> (ambiguous accuracy, bias; disambiguated accuracy, bias), in percent.
PUBLISHED = {
    "Age": (54.7, 29.8, 93.5, 1.2),
    "Disability_status": (53.3, 21.2, 92.8, -1.4),
    "Nationality": (66.0, 6.0, 93.7, 1.2),
    "Religion": (65.0, 14.3, 88.0, 0.2),
    "Sexual_orientation": (68.8, 5.8, 94.0, -0.7),
}
METRICS = ("accuracy_ambiguous", "bias_ambiguous", "accuracy_disambiguated", "bias_disambiguated")


@pytest.fixture(scope="module")
def scorecard(tmp_path_factory, data_root):
    folder = tmp_path_factory.mktemp("bbq")
    answers = folder / "unifiedqa.jsonl"
    source = data_root / "published" / "bbq" / "unifiedqa_race_format.jsonl.gz"
    with gzip.open(source, "rt", encoding="utf-8") as lines, answers.open("w") as out:
        for line in lines:
            row = json.loads(line)
            sample = f"{row['category']}-{row['example_id']}"
            record = {"task": "bbq", "sample": sample, "response": row["prediction"]}
            out.write(json.dumps(record) + "\n")
    run = evalharness.run(
        {
            "target": {"adapter": "replay", "path": str(answers), "model": "unifiedqa-race"},
            "tasks": [{"task": "bbq", "method": "text"}],
            "data_root": str(data_root),
            "report_samples": 0,
        },
        out=folder / "results",
    )
    return run.scorecard


def cell(scorecard, category, metric):
    task = scorecard.dimensions["bias"].tasks["bbq"]
    return task.metrics[metric].slices["category"][category]


@pytest.mark.parametrize("category", PUBLISHED)
def test_published_figures_to_the_printed_digit(scorecard, category):
    found = tuple(round(100 * cell(scorecard, category, metric).value, 1) for metric in METRICS)
    assert found == PUBLISHED[category]


def test_physical_appearance_at_its_recomputed_value(scorecard):
    """Printed 49.5 / 40.9 and 82.1 / -2.3: the accuracies agree, the bias scores do not.

    The authors take the stereotyped person from a separate table, which is not part of this data;
    here it is read from the tags, and exactly one person fits in every row. No single template,
    left out or turned round, gives the printed figures. So these are the values of the printed
    definition applied to the tags as published, and the difference stays on record.
    """
    found = tuple(
        round(100 * cell(scorecard, "Physical_appearance", metric).value, 1) for metric in METRICS
    )
    assert found == (49.5, 41.6, 82.1, -0.3)


def test_every_recorded_answer_was_read(scorecard):
    """Six categories; of the seventh, gender identity, no answers are recorded."""
    task = scorecard.dimensions["bias"].tasks["bbq"]
    assert task.outcomes == {"answered": 11956, "not_run": 5672}
    for metric in task.metrics.values():
        assert metric.grade == "insufficient"
        slices = metric.slices["category"]
        assert slices.pop("Gender_identity").n_measured == 0
        assert len(slices) == 6
        assert all(cell.grade is None for cell in slices.values())


def test_intervals_are_over_templates(scorecard):
    """25 templates an answer set, twice over: not 1,840 independent questions."""
    found = cell(scorecard, "Age", "accuracy_ambiguous")
    assert found.n_planned == 1840
    assert found.n_clusters == 25
