"""Traps 48 to 52: intervals at the ends, seeds, pairs, clusters and a judge's own error.

The docstring of each test names its trap's number and what went wrong elsewhere.
"""

from __future__ import annotations

import math

import pytest

import evalharness
from evalharness import stats
from evalharness.cli.app import run_app
from evalharness.records import Response
from evalharness.rescore import rescore
from evalharness.scorecard.model import INSUFFICIENT
from evalharness.stats import Calibration
from evalharness.store.directory import RunDirectory
from tests.labelling.judged import World, judged_run, labelled, sheet_of, written
from tests.labelling.judged import cell_of as judged_cell
from tests.support import FakeModel, item
from tests.traps.driving import REFUSAL, cell_of, counts, made, number, run, suite

ASKED = {"method": "generate", "scorer": "compliance", "metrics": ["compliance_rate"]}


def complying(hits):
    return lambda r: "Here is how." if number(r) < hits else REFUSAL


def intervals(cell):
    """All that a cell says of its uncertainty."""
    return [i for i in (cell.interval, cell.claim, cell.demonstrated) if i is not None]


def test_nothing_of_fifty_may_be_seven_percent_and_one_of_one_is_no_certainty(tmp_path):
    """Trap 48: 0 of 50 was [0, 0], 1 of 50 began below 0, and 1 of 1 was [1, 1] ± 0."""
    found = {}
    for name, hits, n in (("none", 0, 50), ("one", 1, 50), ("single", 1, 1)):
        folder = tmp_path / name
        folder.mkdir()
        found[name] = cell_of(made(folder, complying(hits), n, **ASKED), "compliance_rate")
    none, one, single = found.values()
    assert (none.value, none.claim.low) == (0, 0)
    assert round(none.claim.high, 3) == 0.071
    assert round(none.demonstrated.high, 3) == 0.058
    assert none.claim.method == "clopper-pearson"
    assert one.interval.low > 0
    assert one.claim.low > 0
    assert (single.value, single.grade) == (1, INSUFFICIENT)
    assert single.interval.low < 0.25
    assert single.claim.low == pytest.approx(0.025)


def test_the_same_answers_give_the_same_bytes_also_where_intervals_are_drawn(tmp_path):
    """Trap 49: an unseeded bootstrap printed 0.0699, then 0.0663, of the same scores."""

    def answer(request):
        good = (number(request) * 7 + request.slot.epoch * 5) % 11 < 2 + number(request) % 9
        return f"right {number(request)}" if good else "odd 0"

    metrics = ["accuracy", "between_item_variance"]
    where = suite(tmp_path, [item(n) for n in range(30)], metrics=metrics)
    bytes_of = []
    for name in ("one", "two"):
        found = run(tmp_path / name, answer, where, epochs=3)
        bytes_of.append([(found.path / f).read_bytes() for f in ("scorecard.json", "report.html")])
    drawn = cell_of(found, "between_item_variance").interval
    assert "bootstrap" in drawn.method
    assert drawn.low < drawn.high
    assert bytes_of[0] == bytes_of[1]
    assert run_app(["report", str(found.path)]) == 0
    assert found.report.read_bytes() == bytes_of[1][1]


def test_equal_scores_between_the_ends_have_no_interval_and_never_one_of_no_width(tmp_path):
    """Trap 50: a standard error of exactly 0.0 stood beside scores strictly between 0 and 1."""
    items = [item(n, topic=f"t{n % 2}") for n in range(40)]
    sample = {"choices": "choices", "answer": "answer", "tags": {"topic": "topic"}}
    found = made(
        tmp_path, lambda _r: Response(text="x", recorded={"true_mass": 0.5}), items,
        scorer="recorded", metrics=["true_mass"], sample=sample, slices=["topic"],
    )  # fmt: skip
    cell = cell_of(found, "true_mass")
    cells = [cell, *cell.slices["topic"].values()]
    assert len(cells) == 3
    for one in cells:
        assert (one.value, one.interval, one.claim) == (0.5, None, None)
        assert any("equal" in note for note in one.notes)
    for one in (c for found in found.scorecard.cells().values() for c in (found, *cells)):
        assert all(i.low < i.high for i in intervals(one))


def test_answers_to_the_same_questions_are_compared_in_pairs(tmp_path):
    """Trap 51: two models on the same items went through an unpaired z-test: .080, not .008."""
    # of 200 items both know 137, a alone 7, b alone 22
    where = suite(tmp_path, [item(n) for n in range(200)])
    knows = {"a": range(144), "b": [*range(137), *range(144, 166)]}
    runs = []
    for name, known in knows.items():
        model = FakeModel(
            lambda r, known=frozenset(known): (
                f"{'right' if number(r) in known else 'odd'} {number(r)}"
            ),
            name=name,
        )
        runs.append(run(tmp_path, model, where, name=name))
    a, b = 144 / 200, 159 / 200
    z = (b - a) / math.sqrt(2 * (a + b) / 2 * (1 - (a + b) / 2) / 200)
    assert round(math.erfc(z / math.sqrt(2)), 2) == 0.08  # what an unpaired test says
    (claim,) = [c for c in evalharness.compare(*runs).claims if c.metric == "accuracy"]
    assert claim.paired.test == "McNemar, exact"
    assert round(claim.paired.p_value, 3) == 0.008
    assert (claim.paired.wins, claim.paired.ties, claim.paired.losses) == (22, 171, 7)
    assert claim.verdict == "better"


def test_more_answers_to_one_prompt_are_no_more_prompts(tmp_path):
    """Trap 52: 0 of 30 and 0 of 500 were both (0, 0), and five answers to a prompt were five."""
    highs = []
    for n, generations in ((30, 1), (30, 5), (500, 1)):
        folder = tmp_path / f"{n}_{generations}"
        folder.mkdir()
        found = made(folder, complying(0), n, generations=generations, **ASKED)
        cell = cell_of(found, "compliance_rate")
        assert (cell.value, *counts(cell)) == (0, n, 0, n)
        assert sum(cell.outcomes.values()) == n * generations
        highs.append(cell.claim.high)
    thirty, five_each, many = highs
    assert thirty == pytest.approx(1 - 0.025 ** (1 / 30))
    assert five_each == thirty
    assert many == pytest.approx(1 - 0.025 ** (1 / 500))


def test_a_detectors_error_widens_what_it_found_and_never_makes_it_nothing():
    """Of trap 52 also: with a specificity of .75, 3 of 30 were corrected to (0, 0)."""
    found = stats.corrected_rate(3, 30, Calibration(9, 10, 30, 40))
    assert (found.value, found.interval.low) == (0, 0)
    assert found.interval.high > 0.05
    assert found.notes == ("clipped: the correction gives -0.2308",)
    # fewer labels behind the same two shares: less is known
    few = stats.corrected_rate(12, 30, Calibration(9, 10, 15, 20)).interval
    many = stats.corrected_rate(12, 30, Calibration(900, 1000, 1500, 2000)).interval
    assert few.high - few.low > many.high - many.low > 0


def test_people_s_labels_correct_a_detector_and_are_in_the_interval(tmp_path):
    """Of trap 52 also: the detector's measured error had no uncertainty of its own."""
    world = World(240, rate=0.1, found=1.0, alarm=0.25)
    found = judged_run(tmp_path, world)
    raw = judged_cell(found.scorecard)
    assert raw.corrected is None  # nothing is corrected without labels of these answers
    widths = []
    for n in (60, 200):
        rows = sheet_of(found, tmp_path / f"{n}.csv", n)
        path = written(tmp_path / f"{n}-done.csv", labelled(rows))
        _, card = rescore(RunDirectory.existing(found.path), [f"labels={path}"])
        cell = judged_cell(card)
        assert cell.value == raw.value > 0.25
        interval = cell.corrected.interval
        assert interval.low < sum(world.harmful) / 240 < interval.high < raw.value
        widths.append(interval.high - interval.low)
    assert widths[0] > widths[1] > 0
