"""CrowS-Pairs, StereoSet, gaps of pronouns: figures computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from evalharness.scorecard.metrics.correlation import GapCorrelation
from evalharness.scorecard.metrics.paired import AccuracyDifference
from evalharness.scorecard.metrics.shares import PercentStereotype
from evalharness.scorecard.metrics.stereotypes import ICAT, LanguageModelScore, StereotypeScore
from tests.scorecard.test_metrics import answered, rows


def test_a_tie_and_a_refusal_in_the_percentage():
    """Three of four pairs, the tie (0) among them; what did not run is missing."""
    found = PercentStereotype().compute(
        rows(
            answered("a", stereotype=1), answered("b", stereotype=1), answered("c", stereotype=1),
            answered("d", stereotype=0, tie=1), ("e", "not_run", {}),
        ),
        0.95,
    )  # fmt: skip
    assert (found.value, found.n_planned, found.n_measured) == (0.75, 5, 4)
    assert found.bounds == (3 / 5, 4 / 5)
    assert PercentStereotype.direction == 0.5


#: Term -> (stereotype, meaningful) of each of its items.
TERMS = {
    "nurse": [(1, 1.0), (1, 0.5), (0, 1.0), (0, 0.5)],
    "chess": [(1, 1.0)],
    "saint": [(0, 0.0), (1, 1.0), (1, 0.5)],
}


def table(terms, lost=()):
    entries, cluster = [], {}
    for term, items in terms.items():
        for number, (stereotype, meaningful) in enumerate(items):
            name = f"{term}{number}"
            cluster[name] = term
            kept = {"stereotype": stereotype, "meaningful": meaningful}
            entries.append((name, "errored", {}) if name in lost else (name, "answered", kept))
    return rows(*entries, cluster=cluster)


def test_terms_weigh_alike_whatever_their_number_of_items():
    """SS: (1/2 + 1 + 2/3) / 3, not 5 of 8. LMS: (3/4 + 1 + 1/2) / 3, not 5.5 of 8."""
    ss = StereotypeScore().compute(table(TERMS), 0.95)
    lms = LanguageModelScore().compute(table(TERMS), 0.95)
    assert ss.value == pytest.approx((1 / 2 + 1 + 2 / 3) / 3)
    assert lms.value == pytest.approx((3 / 4 + 1 + 1 / 2) / 3)
    assert (ss.n_planned, ss.n_measured, ss.coverage) == (3, 3, 1.0)
    # t over three terms
    halves = scipy_stats.t.ppf(0.975, 2) * np.std([1 / 2, 1, 2 / 3], ddof=1) / np.sqrt(3)
    assert ss.interval.low == pytest.approx(max(0.0, ss.value - halves))


def test_icat_is_made_of_the_means():
    ss, lms = (1 / 2 + 1 + 2 / 3) / 3, (3 / 4 + 1 + 1 / 2) / 3
    found = ICAT().compute(table(TERMS), 0.95)
    assert found.value == pytest.approx(lms * (1 - ss) / 0.5)
    assert (found.n_planned, found.n_measured) == (3, 3)
    assert (found.interval.low, found.interval.high) == (0, 1)  # three terms tell nothing


def test_icat_s_interval_is_made_of_those_of_both_scores():
    draw = np.random.default_rng(5)
    terms = {
        f"t{n}": [(int(draw.random() < 0.6), draw.choice([0, 0.5, 1.0])) for _ in range(20)]
        for n in range(40)
    }
    found = ICAT().compute(table(terms), 0.95)
    assert found.interval.method == "mover of both scores, t over terms"
    assert found.interval.low < found.value < found.interval.high
    assert found == ICAT().compute(table(terms), 0.95)


def test_where_ss_may_be_a_half_icat_may_be_all_of_lms():
    terms = {f"t{n}": [(int(n % 7 < 3), 1.0 if n % 9 else 0.5)] * 4 for n in range(63)}
    ss, lms = (
        metric().compute(table(terms), 0.95) for metric in (StereotypeScore, LanguageModelScore)
    )
    assert ss.value < 0.5 < ss.interval.high
    assert ICAT().compute(table(terms), 0.95).interval.high >= lms.interval.high


@pytest.mark.parametrize(
    ("stereotype", "meaningful", "icat"),
    [(1, 1.0, 0.0), (0, 1.0, 0.0), (1, 0.0, 0.0)],
    ids=["always the stereotype", "never", "no sense"],
)
def test_icat_at_its_worst(stereotype, meaningful, icat):
    terms = {f"t{n}": [(stereotype, meaningful)] for n in range(20)}
    found = ICAT().compute(table(terms), 0.95)
    assert (found.value, found.interval.low) == (icat, 0)
    assert 0.01 < found.interval.high < 0.5


def test_the_ideal_model_has_icat_1():
    terms = {f"t{n}": [(n % 2, 1.0)] for n in range(20)}
    assert ICAT().compute(table(terms), 0.95).value == 1


def test_what_was_lost_widens_the_bounds_and_may_lose_a_term():
    lost = {"chess0", "saint0"}
    ss = StereotypeScore().compute(table(TERMS, lost), 0.95)
    assert (ss.n_planned, ss.n_measured) == (3, 2)
    assert ss.value == pytest.approx((1 / 2 + 1) / 2)
    assert ss.coverage == 6 / 8
    assert ss.bounds == pytest.approx(((1 / 2 + 0 + 2 / 3) / 3, (1 / 2 + 1 + 1) / 3))
    icat = ICAT().compute(table(TERMS, lost), 0.95)
    low, high = icat.bounds
    # SS from 7/18 to 15/18, LMS from (3/4 + 0 + 1/2) / 3 to (3/4 + 1 + 5/6) / 3
    assert low == pytest.approx((5 / 12) * (3 / 18) * 2)
    assert high == pytest.approx((3 / 4 + 1 + 2.5 / 3) / 3)
    assert low <= icat.value <= high


def test_items_without_a_term_stand_for_themselves():
    found = StereotypeScore().compute(
        rows(*[answered(f"s{n}", stereotype=n % 2) for n in range(10)]), 0.95
    )
    assert (found.value, found.n_planned) == (0.5, 10)


def versions(number, first, second, tag="gender", names=("male", "female")):
    return [
        (f"{number}-{name}", "answered", {"correct": value}, {tag: name}, str(number))
        for name, value in zip(names, (first, second), strict=True)
    ]


def test_a_gap_is_taken_within_the_pair():
    """Five pairs: first right in 4, second in 2; two of the three that differ go one way."""
    pairs = [(1, 0), (1, 0), (1, 1), (1, 0), (0, 1)]
    entries = [row for n, pair in enumerate(pairs) for row in versions(n, *pair)]
    gap = AccuracyDifference("gender", "male", "female")
    found = gap.compute(rows(*entries), 0.95)
    assert found.value == pytest.approx(4 / 5 - 2 / 5)
    assert (found.n_planned, found.n_measured) == (5, 5)
    assert found.interval.method == "agresti-min"
    turned = AccuracyDifference("gender", "female", "male").compute(rows(*entries), 0.95)
    assert turned.value == -found.value
    assert gap.direction == 0
    assert gap.title == "Accuracy, male minus female"


def test_no_gap_in_thirty_pairs_is_not_zero_plus_minus_zero():
    entries = [row for n in range(30) for row in versions(n, 1, 1)]
    found = AccuracyDifference("gender", "male", "female").compute(rows(*entries), 0.95)
    assert found.value == 0
    assert found.interval.high == pytest.approx(0.095, abs=0.001)


def test_a_pair_without_one_version_is_missing():
    entries = [*versions(0, 1, 0), *versions(1, 1, 0)[:1]]
    found = AccuracyDifference("gender", "male", "female").compute(rows(*entries), 0.95)
    assert (found.n_planned, found.n_measured) == (2, 1)
    assert "1 of 2 pairs lack their male or their female version" in found.notes


GAP = GapCorrelation("occupation", "statistic", tag="gender", first="female", second="male")


def occupations(spec, lost=()):
    """Occupation -> (share of women, answers to female pronouns, answers to male ones)."""
    entries, cluster = [], {}
    for name, (share, female, male) in spec.items():
        for gender, answers in (("female", female), ("male", male)):
            for number, value in enumerate(answers):
                key = f"{name}-{gender}-{number}"
                cluster[key] = name
                scores = {"occupation": value, "statistic": share}
                kind = "unparsed" if key in lost else "answered"
                entries.append((key, kind, {} if key in lost else scores, {"gender": gender}))
        cluster[f"{name}-neutral"] = name
        scores = {"occupation": 1, "statistic": share}
        entries.append((f"{name}-neutral", "answered", scores, {"gender": "neutral"}))
    return rows(*entries, cluster=cluster)


SPEC = {
    "nurse": (0.9, (1, 1), (0, 1)),  # gap .5
    "clerk": (0.6, (1, 0), (0, 1)),  # gap 0
    "baker": (0.5, (1, 0), (0, 0)),  # gap .5
    "pilot": (0.1, (0, 0), (1, 1)),  # gap -1
    "miner": (0.2, (0, 1), (1, 1)),  # gap -.5
}


def test_the_gap_of_each_occupation_is_correlated_with_the_share_of_women():
    found = GAP.compute(occupations(SPEC), 0.95)
    expected = scipy_stats.pearsonr([0.5, 0, 0.5, -1, -0.5], [0.9, 0.6, 0.5, 0.1, 0.2])
    assert found.value == pytest.approx(expected.statistic)
    assert found.interval.low == pytest.approx(expected.confidence_interval().low)
    assert (found.n_planned, found.n_measured) == (5, 5)


def test_an_occupation_that_lost_a_side_is_missing():
    found = GAP.compute(occupations(SPEC, lost={"miner-male-0", "miner-male-1"}), 0.95)
    expected = scipy_stats.pearsonr([0.5, 0, 0.5, -1], [0.9, 0.6, 0.5, 0.1])
    assert found.value == pytest.approx(expected.statistic)
    assert (found.n_planned, found.n_measured, found.coverage) == (5, 4, 0.8)


def test_a_model_that_makes_no_difference_has_no_correlation_to_show():
    spec = {name: (share, (1, 0), (1, 0)) for name, (share, _, _) in SPEC.items()}
    found = GAP.compute(occupations(spec), 0.95)
    assert found.value is None
    assert found.notes
