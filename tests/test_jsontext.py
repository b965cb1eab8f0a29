"""The fast reader and writer of JSON mean what Python's mean."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness import jsontext

TEXT = st.text(st.characters(codec=None))  # with lone surrogates
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_reading_gives_what_python_gives(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    data = text.encode("utf-8", "surrogatepass")
    assert repr(jsontext.read(data)) == repr(json.loads(text)) == repr(value)


@given(VALUES)
def test_what_is_written_is_read_again(value):
    data = jsontext.written(value)
    assert repr(json.loads(data)) == repr(value)
    assert b"\n" not in data


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_digit_of_a_number_is_lost(number):
    assert repr(jsontext.read(repr(number).encode())) == repr(number)
    assert repr(json.loads(jsontext.written(number))) == repr(number)


@pytest.mark.parametrize("data", [b"", b"{", b"[1,", b'{"a": 1}}', b"\xff\xfe\xff", b"nul"])
def test_what_is_no_json_is_told(data):
    with pytest.raises(ValueError):  # noqa: PT011 - a subclass for each kind of fault
        jsontext.read(data)


def test_depth_and_odd_numbers_are_as_in_python():
    assert jsontext.read(b"[" * 400 + b"]" * 400) == json.loads("[" * 400 + "]" * 400)
    assert math.isnan(jsontext.read(b"NaN"))
    assert jsontext.read(b"1" * 400) == int("1" * 400)
    with pytest.raises(RecursionError):
        jsontext.read(b"[" * 100_000 + b"]" * 100_000)


def test_what_is_no_plain_data_is_not_written():
    with pytest.raises(TypeError):
        jsontext.written({"a": object()})
