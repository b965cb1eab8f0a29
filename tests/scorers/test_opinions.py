"""Similarity to countries' opinions against scipy and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from evalharness.errors import ScorerError
from evalharness.records import Attempt, OutcomeKind, Response
from evalharness.scorers.opinions import Opinions, country_score, similarity
from tests.scorers.driving import outcome, outcomes, said, sample, weighed

ITEM = sample("good", "bad", target={"countries": {"Japan": [0.5, 0.5], "Great Britain": [1, 0]}})


def test_similarity_is_one_minus_scipys_distance_to_base_2():
    draw = np.random.default_rng(3)
    for size in (2, 4, 7):
        p, q = draw.random(size), draw.random(size)
        assert similarity(p, q) == pytest.approx(1 - jensenshannon(p, q, base=2))


def test_the_ends():
    assert similarity([1, 0], [0, 1]) == 0
    assert similarity([0.2, 0.8], [20, 80]) == pytest.approx(1)
    assert similarity([0, 0], [1, 0]) is None
    assert similarity([1, 0], [1, 0, 0]) is None
    assert similarity([math.nan, 1], [1, 0]) is None


def test_by_likelihood_the_options_weights_are_the_distribution():
    """Likelihoods of 3 to 1; to Japan's half and half .25 and .5 by hand."""
    scorer = Opinions(("Japan",))
    found = outcome(scorer, ITEM, weighed(math.log(0.3), math.log(0.1)))
    japan = 1 - jensenshannon([0.75, 0.25], [0.5, 0.5], base=2)
    britain = 1 - jensenshannon([0.75, 0.25], [1, 0], base=2)
    assert found.scores["similarity_japan"] == pytest.approx(japan)
    assert found.scores["similarity"] == pytest.approx((japan + britain) / 2)


def test_equally_likely_options_are_an_opinion():
    found = outcome(Opinions(("Japan",)), ITEM, weighed(-1.0, -1.0))
    assert found.kind is OutcomeKind.ANSWERED
    assert found.scores["similarity_japan"] == 1


def test_by_letter_it_is_the_distribution_of_the_generations():
    found = outcomes(Opinions(("Japan",)), ITEM, said("good", "bad", "good or bad", "", "good"))
    assert [o.kind.value for o in found] == [
        "answered", "answered", "unparsed", "empty", "answered"
    ]  # fmt: skip
    japan = 1 - jensenshannon([2, 1], [1, 1], base=2)
    assert found[0].scores["similarity_japan"] == pytest.approx(japan)
    assert found[0].scores == found[1].scores == found[4].scores
    assert found[2].scores == found[3].scores == {}


def test_a_country_without_a_share_for_each_option_is_left_out():
    countries = {"Japan": [0.5, 0.5], "Peru": [0.5, 0.3, 0.2], "Chad": [math.nan, 1]}
    item = sample("good", "bad", target={"countries": countries})
    found = outcome(Opinions(("Japan", "Peru", "Chad")), item, weighed(-1.0, -1.0))
    assert found.scores == {"similarity": 1, "similarity_japan": 1}
    nobody = sample("good", "bad", target={"countries": {"Peru": [1]}})
    with pytest.raises(ScorerError, match="no country has a share for each of the 2 options"):
        outcome(Opinions(), nobody, weighed(-1.0, -2.0))


def test_names_of_scores():
    assert country_score("Great Britain") == "similarity_great_britain"
    assert country_score("India (Current national sample)") == (
        "similarity_india_current_national_sample"
    )
    assert Opinions(("Japan",)).scores == ("similarity", "similarity_japan")


def test_a_blocked_generation_has_no_part():
    blocked = Response(finish_reason="content_filter")
    found = outcomes(Opinions(), ITEM, Attempt((Response(text="good"), blocked)))
    assert [o.kind.value for o in found] == ["answered", "blocked"]
