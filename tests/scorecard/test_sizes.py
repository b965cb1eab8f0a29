"""What a planned test can show: the sizes of a question, and of gates."""

from __future__ import annotations

import math

import pytest

from evalharness.errors import ConfigError
from evalharness.records import Message, Sample
from evalharness.scorecard.sizes import Question, sizes_of


def samples(*clusters):
    return [
        Sample(id=f"s{n}", messages=(Message("user", "?"),), cluster=cluster)
        for n, cluster in enumerate(clusters)
    ]


def counts(found):
    return [gate["count"] for gate in found["gates"]]


def test_a_thousand_independent_samples():
    found = sizes_of(Question(0.03), samples(*[None] * 1000))
    assert (found["paired"], found["paired_enough"]) == (920, True)
    assert (found["unpaired"], found["unpaired_enough"]) == (1570, False)
    assert (found["clusters"], found["design_effect"]) == (None, None)
    assert counts(found)[0] == 916


def test_three_hundred_samples_and_what_gates_need():
    assert counts(sizes_of(Question(0.03), samples(*[None] * 300))) == [279, 292, 8]
    assert counts(sizes_of(Question(0.03), samples(*[None] * 20))) == [None, None, None]


def test_clusters_ask_for_more():
    planned = samples(*[f"c{n // 10}" for n in range(1000)])
    unknown = sizes_of(Question(0.03), planned)
    assert (unknown["paired"], unknown["paired_enough"]) == (920, None)
    assert unknown["clusters"] == 100
    known = sizes_of(Question(0.03, icc=0.3), planned)
    assert known["design_effect"] == pytest.approx(1 + 9 * 0.3)
    assert (known["paired"], known["paired_enough"]) == (3404, False)
    none = sizes_of(Question(0.03, icc=0.0), planned)
    assert (none["paired"], none["paired_enough"]) == (920, True)


def test_a_margin_beyond_what_is_assumed_of_pairs_assumes_more():
    assert Question.of(0.3, {}).discordant == 0.3
    assert Question.of(0.03, {}).discordant == 0.1
    assert Question.of(None, {}) is None


@pytest.mark.parametrize(
    ("margin", "more"), [(0.0, {}), (0.1, {"power": 1.0}), (0.1, {"rate": 0.0}), (math.nan, {})]
)
def test_a_share_lies_between_0_and_1(margin, more):
    with pytest.raises(ConfigError, match="give a share between 0 and 1"):
        Question(margin, **more)
