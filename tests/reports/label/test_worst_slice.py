"""Which slice of a metric is named as the worst."""

from __future__ import annotations

import pytest

from evalharness.reports.label.slices import FEWEST, worst_slice
from evalharness.scorecard.model import Cell


def cell(value, n=50, *, direction="higher", slices=None, **more):
    fields = {
        "value": value, "interval": None, "n_planned": n, "n_measured": n, "n_missing": 0,
        "outcomes": {"answered": n}, "direction": direction, "unit": "proportion",
        "range": (0.0, 1.0), "title": "Accuracy", "protocol_id": "p", "slices": slices or {},
    }  # fmt: skip
    return Cell(**fields | more)


@pytest.mark.parametrize(
    ("direction", "values", "whole", "worst"),
    [
        ("higher", {"a": 0.9, "b": 0.4, "c": 0.6}, 0.7, "b"),
        ("lower", {"a": 0.9, "b": 0.4, "c": 0.6}, 0.5, "a"),
        (0.5, {"a": 0.45, "b": 0.7, "c": 0.5}, 0.55, "b"),
    ],
)
def test_it_follows_the_direction(direction, values, whole, worst):
    parts = {name: cell(value, direction=direction) for name, value in values.items()}
    found = worst_slice(cell(whole, direction=direction, slices={"topic": parts}))
    assert (found.tag, found.value, found.of) == ("topic", worst, 3)


def test_few_units_and_insufficient_ones_take_no_part():
    parts = {
        "few": cell(0.0, FEWEST - 1),
        "lost": cell(0.1, grade="insufficient"),
        "bad": cell(0.6),
        "good": cell(0.9),
    }
    assert worst_slice(cell(0.8, slices={"topic": parts})).value == "bad"


@pytest.mark.parametrize(
    "whole",
    [
        cell(0.5),
        cell(0.5, slices={"language": {"en": cell(0.4)}}),
        cell(0.5, slices={"topic": {"a": cell(0.6), "b": cell(0.1, 3)}}),
        cell(None, slices={"topic": {"a": cell(0.6), "b": cell(0.1)}}),
    ],
    ids=["no slices", "a single one", "none worse than the whole", "no value"],
)
def test_there_may_be_none(whole):
    assert worst_slice(whole) is None
