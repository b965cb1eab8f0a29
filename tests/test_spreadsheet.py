"""Sheets that people fill in: no cell is a formula, and what comes back is what was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import ConfigError, DataError
from evalharness.spreadsheet import guarded, read_sheet, unguarded, write_sheet


@given(st.text(st.characters(exclude_characters="\x00"), max_size=40))
def test_a_cell_is_no_formula_and_comes_back(text):
    assert guarded(text)[:1] not in set("=+-@\t\r")
    assert unguarded(guarded(text)) == text


def test_a_cell_is_cut_to_what_a_spreadsheet_holds():
    assert guarded("x" * 40_000).endswith("[cut: 40000 characters in all]")
    assert guarded("a\x00b") == "a\ufffdb"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_delimiter_is_read_and_lines_are_counted(delimiter, tmp_path):
    path = tmp_path / "s.csv"
    rows = ["a", "B "], ['"two\nlines"', "1"], ["", ""], ["x", "'=2"]
    path.write_text("\n".join(delimiter.join(row) for row in rows), encoding="utf-8")
    found = list(read_sheet(path, ["a", "b"], DataError))
    assert [(row.line, row["a"], row["b"]) for row in found] == [
        (2, "two\nlines", "1"), (5, "x", "=2"),
    ]  # fmt: skip
    assert found[0]["c"] == ""


def test_what_is_no_sheet(tmp_path):
    path = tmp_path / "s.csv"
    for content, expected in (
        (b"a,a\n", "must stand once: a, b"),
        (b"a,b\n1,2,3\n", r"s\.csv:2: 3 cells under 2 columns"),
        (b"a,b\n\xff", "not UTF-8"),
        (b'a,b\n"x', "not valid CSV"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=expected):
            list(read_sheet(path, ["a", "b"], DataError))
    with pytest.raises(DataError, match="no such file"):
        list(read_sheet(tmp_path / "none.csv", ["a"], DataError))
    with pytest.raises(ConfigError, match="may be filled in"):
        write_sheet(path, ["a"], [])
