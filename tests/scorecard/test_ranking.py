"""Rank intervals and tie groups from pairs that a test separates."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.scorecard.ranking import places_of


def test_nothing_shown_is_one_group_and_every_rank() -> None:
    places = places_of([0.3, 0.2, 0.4], "higher", {})
    assert [place.run for place in places] == [2, 0, 1]
    assert {(place.best, place.worst, place.groups) for place in places} == {(1, 3, ("a",))}


def test_a_run_between_two_belongs_to_both_groups() -> None:
    places = places_of([3, 2, 1], "higher", {(0, 1): None, (0, 2): 0, (1, 2): None})
    assert [place.groups for place in places] == [("a",), ("a", "b"), ("b",)]
    assert [(place.best, place.worst) for place in places] == [(1, 2), (1, 3), (2, 3)]


@pytest.mark.parametrize(
    ("direction", "order"), [("higher", [2, 1, 0]), ("lower", [0, 1, 2]), (0.5, [1, 0, 2])]
)
def test_the_order_is_the_metric_s_own(direction, order) -> None:
    assert [p.run for p in places_of([0.2, 0.4, 0.9], direction, {})] == order


@given(st.data())
def test_groups_hold_the_untold_pairs_and_no_others(data) -> None:
    n = data.draw(st.integers(1, 7))
    pairs = list(combinations(range(n), 2))
    # the better figure wins, where anything is shown
    better = {pair: data.draw(st.sampled_from([None, pair[0]])) for pair in pairs}
    places = places_of([-float(run) for run in range(n)], "higher", better)
    assert [place.run for place in places] == list(range(n))
    for i, j in pairs:
        shared = set(places[i].groups) & set(places[j].groups)
        assert bool(shared) == (better[i, j] is None)
    for place in places:
        assert place.groups
        assert 1 <= place.best <= place.run + 1 <= place.worst <= n
