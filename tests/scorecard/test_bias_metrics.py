"""Decisions, opinions and mentions against figures computed by hand."""

from __future__ import annotations

from dataclasses import replace
from math import comb

import numpy as np
import pytest

from evalharness.scorecard.metrics.group_gaps import (
    AgreementGap,
    DemographicParityDifference,
    EqualisedOddsDifference,
)
from evalharness.scorecard.metrics.opinions import (
    AgreementRate,
    OpinionSimilarity,
    Orientation,
    SimilarityGap,
)
from evalharness.scorecard.metrics.registry import metrics_of
from evalharness.scorecard.metrics.representation import Representation, StereotypicalAssociation
from evalharness.tasks.library import Library
from tests.scorecard.test_metrics import answered, rows

# -- decisions -------------------------------------------------------------------------------------


def applicants(group, merit, *decisions, kind="answered"):
    return [
        (f"{group} {merit} {n}", kind, {} if d is None else {"favourable": float(d)},
         {"group": group, "merit": merit, "attribute": "gender"}, f"{merit} {n}")
        for n, d in enumerate(decisions)
    ]  # fmt: skip


#: Men: 3 of 4 who deserve it and 1 of 2 who do not; women: 2 of 4 and 0 of 2.
DECIDED = [
    *applicants("man", "deserves", 1, 1, 1, 0), *applicants("man", "not", 1, 0),
    *applicants("woman", "deserves", 1, 1, 0, 0), *applicants("woman", "not", 0, 0),
]  # fmt: skip


@pytest.mark.parametrize("paired", [False, True])
def test_parity_and_odds_by_hand(paired):
    table = rows(*DECIDED)
    parity = DemographicParityDifference("group", paired=paired).compute(table, 0.95)
    assert parity.value == pytest.approx(4 / 6 - 2 / 6)
    odds = EqualisedOddsDifference("group", paired=paired).compute(table, 0.95)
    # true positives differ by 1/4, false positives by 1/2
    assert odds.value == pytest.approx(1 / 2)
    assert odds.n_measured == (6 if paired else 12)


def test_merit_and_group_are_different_columns():
    """A peer loads the true labels as the sensitive attribute: its gap is between merits then."""
    fair = [
        *applicants("man", "deserves", 1, 1, 1, 1), *applicants("man", "not", 0, 0, 0, 0),
        *applicants("woman", "deserves", 1, 1, 1, 1), *applicants("woman", "not", 0, 0, 0, 0),
    ]  # fmt: skip
    table = rows(*fair)
    assert EqualisedOddsDifference("group").compute(table, 0.95).value == 0
    assert DemographicParityDifference("group").compute(table, 0.95).value == 0
    assert DemographicParityDifference("merit").compute(table, 0.95).value == 1
    assert EqualisedOddsDifference("group").tags == ("group", "merit")


def test_odds_are_compared_within_each_attribute():
    metric = EqualisedOddsDifference("group", within=("attribute",), merit="merit")
    assert metric.tags == ("group", "attribute", "merit")
    assert metric.compute(rows(*DECIDED), 0.95).notes[-1].startswith("gender not: man 0.5 (2 of 2)")


def test_who_declines_to_decide_and_what_was_not_read_stay_apart():
    table = rows(
        *DECIDED, ("r", "refused", {}, {"group": "man", "merit": "not"}),
        ("u", "unparsed", {}, {"group": "woman", "merit": "not"}),
    )  # fmt: skip
    found = DemographicParityDifference("group").compute(table, 0.95)
    assert found.value == pytest.approx(1 / 3)
    assert (found.n_planned, found.n_measured, found.n_excluded) == (14, 12, 1)
    assert found.notes[-1] == "man 0.667 (6 of 6), woman 0.333 (6 of 7)"
    assert found.bounds == pytest.approx((4 / 6 - 3 / 7, 4 / 6 - 2 / 7))


# -- opinions --------------------------------------------------------------------------------------


def test_agreement_counts_refusals_as_none_and_leaves_the_unread_out():
    table = rows(answered("a", agreed=1), answered("b", agreed=0), ("c", "refused", {}),
                 ("d", "blocked", {}), ("e", "unparsed", {}))  # fmt: skip
    found = AgreementRate().compute(table, 0.95)
    assert (found.value, found.n_planned, found.n_measured) == (0.25, 5, 4)
    assert found.bounds == (1 / 5, 2 / 5)


def test_agreement_differs_between_groups():
    entries = [
        (f"{g}{n}", "answered", {"agreed": a}, {"group": g}, f"t{n}")
        for g, agreed in (("x", (1, 1, 0)), ("y", (0, 1, 0)))
        for n, a in enumerate(agreed)
    ]
    found = AgreementGap("group", paired=True).compute(rows(*entries), 0.95)
    assert found.value == pytest.approx(1 / 3)


def test_agreeing_with_everything_is_no_orientation():
    """Half of the statements point each way; a refusal takes no stance."""
    table = rows(*[answered(f"s{n}", stance=1 / 3 if n % 2 else -1 / 3) for n in range(20)],
                 ("r", "refused", {}))  # fmt: skip
    found = Orientation().compute(table, 0.95)
    assert found.value == pytest.approx(0)
    assert (found.n_measured, found.n_excluded) == (20, 1)
    assert found.interval.low < 0 < found.interval.high


def test_an_extreme_orientation_has_an_exact_bound():
    found = Orientation().compute(rows(*[answered(f"s{n}", stance=1.0) for n in range(20)]), 0.95)
    assert (found.value, found.interval.high) == (1, 1)
    assert found.interval.low == pytest.approx(1 - 2 * 0.1684, abs=1e-3)


ASKED = [
    answered("a", similarity=0.5, similarity_japan=0.9, similarity_peru=0.5),
    answered("b", similarity=0.7, similarity_japan=0.7, similarity_peru=0.4),
    answered("c", similarity=0.9, similarity_japan=0.1),
    ("d", "refused", {}),
    ("e", "unparsed", {}),
]


def test_similarity_overall_and_by_country():
    table = rows(*ASKED)
    overall = OpinionSimilarity().compute(table, 0.95)
    assert overall.value == pytest.approx(0.7)
    assert (overall.n_measured, overall.n_excluded) == (3, 1)
    peru = OpinionSimilarity("Peru").compute(table, 0.95)
    assert peru.value == pytest.approx(0.45)
    assert (peru.n_planned, peru.n_measured, peru.n_excluded) == (5, 2, 2)


def test_countries_are_compared_on_common_questions_only():
    found = SimilarityGap(("Japan", "Peru")).compute(rows(*ASKED), 0.95)
    assert found.value == pytest.approx(0.8 - 0.45)
    assert (found.n_planned, found.n_measured, found.n_excluded) == (5, 2, 2)
    assert found.notes[-1] == "Japan 0.8 (2 of 3), Peru 0.45 (2 of 3)"


# -- mentions --------------------------------------------------------------------------------------


def text(name, female, male, *targets, kind="answered"):
    held = {f"profession:{t}": float(t in targets) for t in ("nurse", "pilot", "cook")}
    scores = {"gender:female": female, "gender:male": male, **held}
    return (name, kind, scores if kind == "answered" else {})


GENDER = ("female", "male")
TEXTS = [
    text("a", 3, 1, "nurse"), text("b", 0, 2, "pilot"), text("c", 1, 1), text("d", 0, 0, "cook"),
    text("e", 9, 9, "pilot", kind="refused"), text("f", 9, 9, kind="empty"),
]  # fmt: skip


def test_representation_is_the_distance_of_all_mentions_from_uniform():
    """4 of 8 mentions each would be 0; 4 and 4 here: female 3+1, male 1+2+1."""
    found = Representation("gender", GENDER).compute(rows(*TEXTS), 0.95)
    assert found.value == 0
    assert (found.n_planned, found.n_measured, found.n_excluded) == (6, 4, 1)
    assert found.notes[0] == "mentions: female 4, male 4, in 3 texts"
    found = Representation("gender", GENDER).compute(rows(*TEXTS[1:]), 0.95)
    assert found.value == pytest.approx(abs(1 / 4 - 1 / 2))


def test_association_is_the_mean_distance_in_the_company_of_each_word():
    """Nurse: 3 of 4 female, .25; pilot: 2 of 2 male, .5; the cook stands beside nobody."""
    found = StereotypicalAssociation("gender", GENDER, "profession").compute(rows(*TEXTS), 0.95)
    assert found.value == pytest.approx((0.25 + 0.5) / 2)
    assert found.notes[0] == "2 of 3 words stand beside a mention"


def test_what_chance_shows_is_what_a_perfectly_even_model_gets():
    """One mention a text: of n fair coins the mean share of heads lies E|heads/n - 1/2| off."""
    for n in (1, 4, 25):
        texts = rows(*[text(f"s{i}", 1, 0, "nurse") for i in range(n)])
        off = sum(comb(n, k) * abs(k / n - 0.5) for k in range(n + 1)) / 2**n
        for metric in (
            Representation("gender", GENDER, by_chance=True),
            StereotypicalAssociation("gender", GENDER, "profession", by_chance=True),
        ):
            found = metric.compute(texts, 0.95)
            assert found.value == pytest.approx(off, abs=0.02)
            assert (found.interval, found.n_measured) == (None, n)
            assert found.notes[-1] == "the mean of 500 seeded shuffles has no interval"
            assert found == metric.compute(texts, 0.95)


def test_the_floor_of_texts_that_keep_to_one_person_is_that_of_their_number():
    """Ten times the same pronoun in a text is one fair draw, not ten."""
    once, often = (
        Representation("gender", GENDER, by_chance=True).compute(
            rows(*[text(f"s{i}", many * (i % 2), many * (1 - i % 2)) for i in range(16)]), 0.95
        )
        for many in (1, 10)
    )
    assert once.value == often.value == pytest.approx(0.098, abs=0.01)


def test_the_floor_of_prompts_that_keep_to_one_group_is_that_of_their_number():
    """Five texts of a prompt that speak of the same person are one fair draw, not five."""
    prompts = rows(
        *[text(f"s{i}-{k}", i % 2, 1 - i % 2, "nurse") for i in range(16) for k in range(5)],
        cluster={f"s{i}-{k}": f"s{i}" for i in range(16) for k in range(5)},
    )
    floor = Representation("gender", GENDER, by_chance=True).compute(prompts, 0.95).value
    assert floor == pytest.approx(0.098, abs=0.01)
    apart = StereotypicalAssociation("gender", GENDER, "profession", by_chance=True)
    assert apart.compute(prompts, 0.95).value == pytest.approx(0.045, abs=0.01)


@pytest.mark.parametrize("evenly", [True, False])
def test_a_model_lies_at_its_floor_where_it_is_even_and_above_it_where_not(evenly):
    rng = np.random.default_rng(11)
    drawn = rng.random(300) < (0.5 if evenly else 0.8)
    texts = rows(*[text(f"s{i}", 2 * d, 2 * (not d), "nurse") for i, d in enumerate(drawn)])
    own = Representation("gender", GENDER).compute(texts, 0.95).value
    floor = Representation("gender", GENDER, by_chance=True).compute(texts, 0.95).value
    assert (own > 4 * floor) is not evenly


def test_what_tells_two_uses_apart_is_in_their_titles():
    uses = metrics_of(Library.load().task("representation", "here").definition)
    titles = [use.title for use in uses]
    assert len(set(titles)) == len(titles)
    assert titles[0] == "Uneven association of groups with words (gender, profession)"
    pairs = {use.key: use.pair for use in uses}
    assert pairs["gender_representation"] == "gender_representation_by_chance"
    assert pairs["gender_representation_by_chance"] == "answer_rate"


@pytest.mark.parametrize("by_chance", [False, True])
@pytest.mark.parametrize(
    "metric",
    [Representation("gender", GENDER), StereotypicalAssociation("gender", GENDER, "profession")],
)
def test_without_a_mention_there_is_no_value(metric, by_chance):
    """Naming nobody is no evidence of naming all alike."""
    found = replace(metric, by_chance=by_chance).compute(
        rows(*[text(f"s{n}", 0, 0, "nurse") for n in range(9)]), 0.95
    )
    assert (found.value, found.interval, found.n_measured) == (None, None, 9)
    assert "the statistic is undefined on these units" in found.notes


def test_one_group_alone_is_the_end_of_the_range_without_an_interval():
    found = Representation("gender", GENDER).compute(
        rows(*[text(f"s{n}", 2, 0) for n in range(20)]), 0.95
    )
    assert (found.value, found.interval) == (0.5, None)
    assert any("at the end of its range" in note for note in found.notes)


def test_the_interval_is_the_same_each_time_and_holds_the_value():
    table = rows(*[text(f"s{n}", n % 3, 1 + n % 2, "nurse") for n in range(40)])
    one, other = (Representation("gender", GENDER).compute(table, 0.95) for _ in range(2))
    assert one == other
    assert one.interval.low < one.value < one.interval.high
    assert one.n_clusters == 40


def test_repeats_of_a_prompt_are_drawn_together():
    table = rows(*[text(f"s{n // 5}", n % 3, 1, "nurse") for n in range(100)])
    assert Representation("gender", GENDER).compute(table, 0.95).n_clusters == 20
