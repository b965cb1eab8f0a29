"""The interval on a fixed set: against exact finite-population bounds, and by simulation."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import hypergeom

import evalharness
from evalharness import stats
from evalharness.cli.progress import headline_table
from evalharness.rescore import rescore
from evalharness.scorecard import estimand
from evalharness.scorecard.metrics.generations import ExpectedMaximumToxicity
from evalharness.scorecard.metrics.group_gaps import AccuracyGap
from evalharness.scorecard.metrics.paired import AccuracyDrop
from evalharness.scorecard.metrics.shares import Accuracy, TrueMass
from evalharness.store.directory import RunDirectory
from tests.scorecard.cells import scorecard, share
from tests.scorecard.test_metrics import answered, rows


def task(drawn=1.0, *, greedy=True):
    return SimpleNamespace(drawn=drawn, greedy=greedy)


def of_accuracy(values, drawn, *, greedy=True, found=None):
    computed = Accuracy().compute(
        rows(*(answered(f"s{n}", correct=value) for n, value in enumerate(values))), 0.95
    )
    return computed, estimand.on_fixed_set(computed, Accuracy(), task(drawn, greedy=greedy), found)


def narrowed(x, n, size):
    """Wilson's interval for x of n, on the set of ``size``."""
    values = np.repeat([1.0, 0.0], [x, n - x])
    return of_accuracy(values, n / size)[1].interval


@pytest.mark.parametrize(("size", "n"), [(100, 50), (100, 90), (1000, 100), (1000, 900)])
def test_none_of_n_on_a_fixed_set_is_the_exact_bound(size, n):
    """The most failures of the whole set that leave a chance of 2.5 % to see none."""
    most = max(k for k in range(size + 1) if hypergeom.pmf(0, size, k, n) >= 0.025)
    found = narrowed(0, n, size)
    assert found.low == 0
    assert most <= found.high * size < most + 1.5
    assert found.method == "wilson, finite population"


@pytest.mark.parametrize(("size", "n"), [(60, 30), (60, 50), (300, 30), (300, 150)])
def test_a_proportion_covers_on_average_over_every_set(size, n):
    drawn, of_set = np.arange(n + 1)[:, None], np.arange(size + 1)
    ends = np.array([[(i := narrowed(x, n, size)).low, i.high] for x in range(n + 1)])
    share = of_set / size
    holds = (ends[:, :1] <= share + 1e-12) & (share - 1e-12 <= ends[:, 1:])
    covers = (hypergeom.pmf(drawn, size, of_set, n) * holds).sum(axis=0)
    assert 0.94 < covers.mean() < 0.97
    assert covers.min() > 0.8


def test_the_claim_is_that_of_the_population_and_wider():
    before, after = of_accuracy([1.0] * 60 + [0.0] * 40, 0.8)
    assert after.claim == before.claim
    assert after.claim.low < after.interval.low < after.value < after.interval.high


def test_a_complete_set_asked_greedily_has_no_sampling_error():
    _, found = of_accuracy([1.0] * 60 + [0.0] * 40, 1.0)
    assert (found.interval, found.claim) == (None, None)
    assert found.notes == ("the set is complete and decoding greedy: no sampling error",)
    assert found.value == 0.6


def test_what_is_missing_was_not_drawn():
    entries = [answered(f"s{n}", correct=n % 2) for n in range(96)]
    entries += [(f"e{n}", "errored", {}) for n in range(4)]
    computed = Accuracy().compute(rows(*entries), 0.95)
    found = estimand.on_fixed_set(computed, Accuracy(), task(), None)
    wide, narrow = (i.high - i.low for i in (computed.interval, found.interval))
    assert narrow == pytest.approx(wide * np.sqrt(0.04))
    assert found.bounds == computed.bounds


def test_sampled_once_the_interval_is_that_of_the_population():
    before, after = of_accuracy([1.0] * 60 + [0.0] * 40, 1.0, greedy=False)
    assert after.interval == before.interval
    assert "sampled answers" in after.notes[0]


def test_greedy_answers_that_differ_all_the_same_have_an_interval():
    components = stats.VarianceComponents(0.2, 0.05, 2.0, 0.1)
    _, after = of_accuracy([1.0] * 60 + [0.0] * 40, 1.0, found=components)
    before, _ = of_accuracy([1.0] * 60 + [0.0] * 40, 1.0)
    assert after.interval.high - after.value == pytest.approx(
        np.sqrt(0.1) * (before.interval.high - before.value)
    )


def test_an_end_that_was_cut_to_the_range_stays():
    """Had it not been cut it would lie further out than it says."""
    values = [0.0] * 9 + [0.5]
    entries = rows(*(answered(f"s{n}", true_mass=value) for n, value in enumerate(values)))
    before = TrueMass().compute(entries, 0.95)
    after = estimand.on_fixed_set(before, TrueMass(), task(0.5), None)
    assert before.interval.low == after.interval.low == 0
    assert after.interval.high < before.interval.high


def test_a_largest_difference_is_not_narrowed_but_known_when_all_was_seen():
    metric = AccuracyGap(by="group")
    entries = [
        (f"s{n}", "answered", {"correct": float(n % 3 > n % 2)}, {"group": "ab"[n % 2]})
        for n in range(60)
    ]
    before = metric.compute(rows(*entries), 0.95)
    partly = estimand.on_fixed_set(before, metric, task(0.5), None)
    assert partly.interval == before.interval
    assert estimand.NOT_NARROWED in partly.notes
    assert estimand.on_fixed_set(before, metric, task(), None).interval is None


def test_marks_of_a_rough_interval_go_with_it():
    computed, _ = of_accuracy([1.0, 0.0], 0.5)
    marked = replace(computed, notes=("few clusters (3)", "k = 3 attempts a goal"))
    found = estimand.on_fixed_set(marked, Accuracy(), task(), None)
    assert found.notes == (estimand.COMPLETE, "k = 3 attempts a goal")


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_scale_lies_between_no_error_and_all_of_it(drawn, share):
    found = estimand.scale(drawn, share)
    assert 0 <= found <= 1
    assert found >= estimand.scale(drawn, 0)
    assert found <= estimand.scale(0, share) == 1
    assert estimand.scale(1, share) == pytest.approx(np.sqrt(share))


@given(st.integers(0, 40), st.floats(0, 0.99))
def test_narrower_never_without_the_value(x, drawn):
    before, after = of_accuracy([1.0] * x + [0.0] * (40 - x), drawn)
    assert before.interval.low <= after.interval.low <= after.value
    assert after.value <= after.interval.high <= before.interval.high


@pytest.mark.parametrize(("size", "n", "k"), [(150, 150, 3), (60, 60, 5), (200, 100, 3)])
def test_with_repeats_the_noise_of_the_answers_remains(size, n, k):
    """A mean over items whose answers are drawn each time: 95 % holds that of the whole set."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(400):
        long_run = rng.beta(1, 1, size)
        chosen = rng.permutation(size)[:n]
        answers = long_run[chosen][:, None] + rng.normal(scale=0.3, size=(n, k))
        found = stats.variance_components(answers.ravel(), np.repeat(np.arange(n), k))
        mean = stats.mean(answers.mean(axis=1))
        factor = estimand.scale(n / size, found.share_within)
        half = factor * (mean.interval.high - mean.value)
        hits += abs(mean.value - long_run.mean()) <= half
    assert 0.93 < hits / 400 < 0.98


def test_repeats_are_shown_where_the_metric_averages_them():
    entries = rows(*(answered(f"s{n // 3}", correct=n % 2, toxicity=0.1) for n in range(30)))
    assert estimand.components(Accuracy(), entries).repeats == 3
    assert estimand.components(ExpectedMaximumToxicity(), entries) is None
    assert estimand.components(AccuracyDrop(), entries) is None


def cell(run, metric="accuracy"):
    return run.scorecard.dimensions["factuality"].tasks["quickstart_factuality"].metrics[metric]


CONFIG = {
    "target": {"adapter": "reference", "model": "random"},
    "tasks": ["quickstart_factuality"],
    "estimand": "fixed_set",
}


def test_a_run_says_what_its_figures_are_about(tmp_path):
    part = evalharness.run({**CONFIG, "limit": 30}, out=tmp_path)
    assert "complete set" in part.scorecard.estimand
    assert cell(part).interval.method == "wilson, finite population"
    whole = evalharness.run(CONFIG, out=tmp_path)
    assert cell(whole).interval is None
    assert cell(whole).grade is None
    assert whole.exit_code == 0
    assert "no sampling error" in whole.report.read_text()


def test_repeats_are_in_the_scorecard_and_the_report(tmp_path):
    entry = {"task": "quickstart_factuality", "method": "letter", "epochs": 2}
    sampled = {**entry, "decoding": {"temperature": 1.0}}
    run = evalharness.run({**CONFIG, "tasks": [sampled]}, out=tmp_path)
    found = cell(run).variance
    assert found.repeats == 2
    assert found.between > 0
    assert "SD 0" in run.report.read_text()


def test_the_terminal_s_table_names_a_fixed_set_and_why_there_is_no_interval(tmp_path):
    run = evalharness.run({**CONFIG, "estimand": "fixed_set"}, out=tmp_path)
    shown = headline_table(run.scorecard)
    assert "interval (fixed set)" in shown
    assert "none: complete set, greedy" in shown
    population = evalharness.run({**CONFIG, "estimand": "population"}, out=tmp_path)
    assert "fixed set" not in headline_table(population.scorecard)


def test_the_terminal_s_table_shows_a_headline_s_counterpart_and_where_it_is_insufficient():
    made = scorecard(
        {
            "bias/t/gap": share(9, 20, title="Gap", headline_pair="answer_rate"),
            "bias/t/answer_rate": share(15, 15, 20, title="Answer rate"),
        },
        {"bias": "t/gap"},
    )
    lines = headline_table(made).splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("bias"))
    gap, beside = lines[place : place + 2]
    assert " t: Gap " in gap
    assert beside.strip().startswith("read with Answer rate ")
    assert beside.endswith("15 of 20 samples (insufficient)")


def test_a_later_scoring_may_be_about_another_estimand(tmp_path):
    run = evalharness.run({**CONFIG, "estimand": "population"}, out=tmp_path)
    directory, scorecard = rescore(RunDirectory(run.path), ["estimand=fixed_set"])
    assert "complete set" in scorecard.estimand
    assert directory.path.parent == run.path / "scores"
    assert cell(run).interval is not None
