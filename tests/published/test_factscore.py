"""FActScore's published figures of InstructGPT, from the annotations that people gave.

Through the ordinary pipeline: the replay adapter, the task as it ships, the scorer of recorded
labels. Source of the printed figures: Min et al. 2023, arXiv 2305.14251, table 1.
"""

from __future__ import annotations

import gzip
import json
import math

import pytest

import evalharness


@pytest.fixture(scope="module")
def card(tmp_path_factory, data_root):
    folder = tmp_path_factory.mktemp("factscore")
    source = data_root / "published" / "factscore" / "InstructGPT.jsonl.gz"
    answers = folder / "instructgpt.jsonl"
    with gzip.open(source, "rt", encoding="utf-8") as lines, answers.open("w") as out:
        for line in lines:
            row = json.loads(line)
            record = {
                "task": "factscore",
                "sample": row["topic"],
                "response": row["output"],
                "verdict": {"annotations": row["annotations"]},
            }
            out.write(json.dumps(record) + "\n")
    run = evalharness.run(
        {
            "target": {"adapter": "replay", "path": str(answers), "model": "InstructGPT"},
            "tasks": [{"task": "factscore", "data": str(source), "scorer": "fact_labels"}],
            "report_samples": 0,
        },
        out=folder / "results",
    )
    return run.scorecard.dimensions["factuality"].tasks["factscore"]


def test_the_share_of_supported_facts(card):
    """Printed 42.5, recomputed 42.58: every part of the definition is settled but the last digit.

    The mean over the 182 answers is 0.425758. Leaving out facts labelled irrelevant gives 46.9,
    weighing each fact alike 44.1, and leaving out the one answer that is irrelevant as a whole
    42.8, so none of these is the cause. Cut after one decimal instead of rounded, 42.58 is the
    printed 42.5 (so is the mean of the four regions' means, 42.45, which the paper does not
    describe).
    """
    found = card.metrics["factscore"]
    assert found.value == pytest.approx(0.425758336, abs=1e-9)
    assert round(100 * found.value, 1) == 42.6
    assert math.floor(1000 * found.value) / 10 == 42.5
    assert (found.n_planned, found.n_measured, found.n_excluded) == (183, 182, 1)
    assert found.interval.low < 0.425 < found.interval.high


def test_how_many_prompts_were_answered(card):
    assert round(100 * card.metrics["answer_rate"].value, 1) == 99.5
    assert card.metrics["abstention_rate"].value == pytest.approx(1 / 183)
    assert card.outcomes == {"answered": 182, "refused": 1}


def test_how_much_an_answer_says(card):
    """4,764 facts in 182 answers: 4,726 labelled ones and 38 of irrelevant sentences."""
    assert card.metrics["facts_per_answer"].value == pytest.approx(4764 / 182)
