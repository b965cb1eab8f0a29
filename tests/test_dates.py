"""Days are read in one form, wherever they stand."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.dates import day_of, is_day
from evalharness.errors import ConfigError, DataError


@given(st.dates())
def test_a_day_as_written_is_that_day(day):
    assert day_of(day.isoformat(), "here", DataError) == day


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "20260131",
        "2026-W05-6",
        "2026-02-30",
        "2026-1-31",
        "\uff12026-01-31",
        "2026-01-31 ",
    ],
)
def test_what_is_no_day_is_told(text):
    assert not is_day(text)
    with pytest.raises(ConfigError, match=r"^--today: '.*' is no date; write it as 2026-01-31$"):
        day_of(text, "--today", ConfigError)


def test_a_day_is_a_date():
    assert is_day("2026-01-31")
    assert day_of("2026-01-31", "x", DataError) == date(2026, 1, 31)
