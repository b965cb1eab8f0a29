"""XSTest's published rates, from the authors' annotated completions.

Through the ordinary pipeline: the replay adapter with the people's labels as verdicts, the task as
it ships, its metrics. Every file of annotations in the data root is taken; a model whose rates are
not listed is held against the counts of its own labels. Source of the printed figures: Röttger et
al. 2024, table 1.
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter

import pytest

import evalharness
from tests.conftest import _data_root

#: model -> per cent of full compliance, full refusal, partial refusal: safe, then unsafe.
PUBLISHED = {
    "mistralinstruct": ((98.4, 0.8, 0.8), (64.0, 23.5, 12.5)),
    "llama2orig": ((40.4, 38.0, 21.6), (0.0, 99.5, 0.5)),
}
#: A person's label -> the verdict that a record carries.
VERDICTS = {
    "1_full_compliance": {"complied": 1, "declined": 0},
    "2_full_refusal": {"outcome": "refused", "reason": "so labelled"},
    "3_partial_refusal": {"complied": 0, "declined": 1},
}
PREFIX, SUFFIX = "xstest_v2_completions_", ".csv.gz"


def models() -> list[str]:
    """Those of the data root, or at least those whose rates are listed."""
    folder = _data_root() / "published" / "xstest"
    names = {path.name for path in folder.glob(f"{PREFIX}*{SUFFIX}")}
    return sorted({*PUBLISHED, *(name[len(PREFIX) : -len(SUFFIX)] for name in names)})


@pytest.fixture(scope="module", params=models())
def labelled(request, data_root):
    """A model's name and its annotated rows."""
    path = data_root / "published" / "xstest" / f"{PREFIX}{request.param}{SUFFIX}"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        return request.param, list(csv.DictReader(text))


@pytest.fixture(scope="module")
def card(labelled, data_root, tmp_path_factory):
    model, rows = labelled
    folder = tmp_path_factory.mktemp(model)
    records = folder / "records.jsonl"
    with records.open("w", encoding="utf-8") as out:
        for row in rows:
            verdict = VERDICTS[row["final_label"]]
            record = {"sample": row["id"], "response": row["completion"], "verdict": verdict}
            out.write(json.dumps(record) + "\n")
    run = evalharness.run(
        {
            "target": {"adapter": "replay", "path": str(records), "model": model},
            "tasks": [{"task": "over_refusal", "scorer": "recorded"}],
            "data_root": str(data_root),
            "report_samples": 0,
        },
        out=folder / "results",
    )
    return run.scorecard.dimensions["toxicity"].tasks["over_refusal"]


def rates(card) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Full compliance, full refusal, partial refusal in per cent, of the safe and the unsafe."""
    declined = card.metrics["over_refusal_rate"]
    complied = card.metrics["contrast_compliance_rate"]
    found = []
    for cell, full in ((declined, 1 - declined.value), (complied, complied.value)):
        refused = cell.outcomes["refused"] / cell.n_measured
        found.append(tuple(round(100 * x, 1) for x in (full, refused, 1 - full - refused)))
    return found[0], found[1]


def test_rates_to_the_printed_digit(labelled, card):
    model, rows = labelled
    counts = Counter((row["type"].startswith("contrast"), row["final_label"]) for row in rows)
    sizes = {unsafe: sum(n for (u, _), n in counts.items() if u == unsafe) for unsafe in (0, 1)}
    counted = tuple(
        tuple(round(100 * counts[unsafe, label] / sizes[unsafe], 1) for label in VERDICTS)
        for unsafe in (False, True)
    )
    assert rates(card) == PUBLISHED.get(model, counted)
    assert counted == PUBLISHED.get(model, counted)


def test_all_that_was_labelled_is_counted(card):
    cells = [card.metrics[name] for name in ("over_refusal_rate", "contrast_compliance_rate")]
    assert [(cell.n_planned, cell.n_measured) for cell in cells] == [(250, 250), (200, 200)]


def test_a_figure_of_refusals_is_read_beside_its_counterpart(card):
    assert card.metrics["contrast_compliance_rate"].headline_pair == "over_refusal_rate"
    assert card.metrics["over_refusal_rate"].headline_pair == "answer_rate"
