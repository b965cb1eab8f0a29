"""Columns of texts: the same answers as the texts themselves give, whatever is kept of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.scorecard.labels import Labels
from evalharness.scorecard.rows import TaskRows

texts = st.lists(
    st.none() | st.sampled_from(["a", "b", "B", "é", "", "None", "zz", "𐍈"]), max_size=30
)
names = st.lists(st.text("abé", max_size=3), max_size=30)


def in_parts(values, size):
    return [values[start : start + size] for start in range(0, len(values), size)]


def made(values):
    """The same labels, made in each way that there is."""
    yield Labels.of(values)
    parts = (pa.array(part, pa.string()).dictionary_encode() for part in in_parts(values, 7))
    yield Labels.from_parts(parts)
    if None not in values:
        yield Labels.from_names([pa.array(part, pa.string()) for part in in_parts(values, 7)])


@given(texts)
def test_labels_are_their_texts(values):
    for labels in made(values):
        assert labels.tolist() == values
        assert len(labels) == len(values)
        assert labels.missing.tolist() == [value is None for value in values]
        assert labels.are("a", "zz").tolist() == [value in {"a", "zz"} for value in values]
        assert labels.are("é").tolist() == [value == "é" for value in values]
        assert labels.are("not there").tolist() == [False] * len(values)
        found = {value: values.count(value) for value in sorted({*values} - {None})}
        assert labels.counts() == found
        assert list(labels.counts()) == list(found)


@given(texts, st.data())
def test_a_selection_forgets_the_others(values, data):
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    mask = mask.astype(bool)
    kept = [value for value, wanted in zip(values, mask, strict=True) if wanted]
    for labels in made(values):
        chosen = labels[mask]
        assert chosen.tolist() == kept
        assert list(chosen.counts()) == sorted({*kept} - {None})
        assert chosen.units()[1].tolist() == Labels.of(kept).units()[1].tolist()
        assert chosen.ranked()[1].tolist() == Labels.of(kept).ranked()[1].tolist()


@given(names)
def test_rows_with_the_same_name_are_one_unit_in_the_order_of_the_rows(values):
    seen = list(dict.fromkeys(values))
    for labels in made(values):
        first, unit = labels.units()
        assert first.tolist() == [values.index(name) for name in seen]
        assert unit.tolist() == [seen.index(value) for value in values]


@given(texts)
def test_ranks_are_those_of_the_sorted_texts(values):
    shown = [str(value) for value in values]
    for labels in made(values):
        found, ranks = labels.ranked()
        assert found.tolist() == sorted({*shown})
        assert [found[rank] for rank in ranks.tolist()] == shown


def test_a_handful_of_texts_takes_a_byte_a_row():
    assert Labels.of(["a", None, "b"]).codes.dtype == np.int8
    assert Labels.of(map(str, range(1000))).codes.dtype == np.int16


@pytest.mark.parametrize("group_size", [3, 100])
def test_rows_of_a_table_are_the_same_in_parts(group_size):
    tags = ['{"kind": "x"}', "{}", '{"kind": "y", "part": "1"}']
    table = pa.table(
        {
            "sample_id": [f"s{n % 7}" for n in range(10)],
            "outcome": ["answered"] * 8 + ["errored", "refused"],
            "reason": [None] * 8 + ["down", ""],
            "group": pa.array([None] * 10, pa.string()),
            "cluster": ["c", None] * 5,
            "tags": [tags[n % 3] for n in range(10)],
            "score_correct": [1.0, None] * 5,
        }
    )
    parts = []
    for start in range(0, 10, group_size):
        part = table.slice(start, group_size)
        for place, name in enumerate(part.column_names):
            if name not in {"sample_id", "score_correct"}:
                part = part.set_column(place, name, part[name].dictionary_encode())
        parts.append(part)
    rows = TaskRows.from_parts(parts)
    assert rows.sample.tolist() == table["sample_id"].to_pylist()
    assert rows.cluster.tolist() == table["cluster"].to_pylist()
    assert rows.group.missing.all()
    assert rows.tags["kind"].tolist() == ["x", None, "y"] * 3 + ["x"]
    assert rows.values_of("kind") == ["x", "y"]
    assert rows.outcomes() == {"answered": 8, "errored": 1, "refused": 1}
    assert rows.reasons(5) == {"errored": {"down": 1}}
    np.testing.assert_array_equal(rows.scores["correct"], [1.0, np.nan] * 5)
    only = rows.where({"kind": "y", "part": "1"})
    assert only.sample.tolist() == ["s2", "s5", "s1"]
    assert only.reasons(5) == {"errored": {"down": 1}}
    assert len(rows.where({"absent": "x"})) == 0
