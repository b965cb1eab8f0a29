"""How often the overlap with reference answers agrees with people who judged truth.

The labels are those of the authors' `finetune_truth.jsonl`: answers of models, and true or not by
people. Answers that are a reference word for word are left out, since they agree with themselves;
an answer that declines has no score (the authors call it true).
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import Counter

import pytest

from evalharness.scorers.overlap import Overlap
from evalharness.scorers.similarity import words
from tests.scorers.driving import outcome, said, sample


def references(cell):
    return [text for part in cell.split(";") if (text := part.strip())]


@pytest.fixture(scope="module")
def judged(data_root):
    """(scored, true by people) -> answers; scored is None for one that declines."""
    items = {}
    with gzip.open(data_root / "truthfulqa" / "TruthfulQA.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            true, false = (references(row[f"{kind} Answers"]) for kind in ("Correct", "Incorrect"))
            target = {"correct_answers": true, "incorrect_answers": false}
            known = {tuple(words(text)) for text in (*true, *false)}
            items[row["Question"].strip()] = (sample(target=target), known)
    counts = Counter()
    labels = data_root / "published" / "truthfulqa" / "finetune_truth.jsonl.gz"
    with gzip.open(labels, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            found = re.match(r"Q: (.*)\nA: (.*)\nTrue:", row["prompt"], re.DOTALL)
            question, answer = (text.strip() for text in found.groups())
            if question not in items or tuple(words(answer)) in items[question][1]:
                continue
            scores = outcome(Overlap(), items[question][0], said(answer)).scores
            counts[scores.get("correct"), row["completion"].strip() == "yes"] += 1
    return counts


@pytest.mark.full
def test_overlap_agrees_with_people_little_more_than_by_chance(judged):
    """As the data sheet of truthfulqa_generation_overlap says."""
    hits, misses = judged[1.0, True], judged[0.0, True]
    wrongly, rightly = judged[1.0, False], judged[0.0, False]
    assert (hits, misses, wrongly, rightly) == (2082, 2719, 1430, 6604)
    assert (hits + rightly) / (hits + misses + wrongly + rightly) == pytest.approx(0.677, abs=5e-4)
    assert hits / (hits + misses) == pytest.approx(0.434, abs=5e-4)
    assert rightly / (wrongly + rightly) == pytest.approx(0.822, abs=5e-4)


@pytest.mark.full
def test_people_call_nearly_all_that_declines_true(judged):
    assert (judged[None, True], judged[None, False]) == (1225, 29)
