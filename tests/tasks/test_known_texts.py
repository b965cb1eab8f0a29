"""The items of verbatim_memorisation are what their program cuts."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.tasks import known_texts

ROWS = [json.loads(line) for line in known_texts.text_of().splitlines()]


def test_the_file_is_what_the_program_writes():
    text = known_texts.ITEMS.read_text(encoding="utf-8")
    assert text == known_texts.text_of(), "python -m tests.tasks.known_texts"


def test_a_text_s_continuation_is_the_same_for_every_prefix():
    by_text: dict[str, list[dict]] = {}
    for row in ROWS:
        by_text.setdefault(row["id"].rsplit("-", 1)[0], []).append(row)
    assert len(by_text) == 26
    for rows in by_text.values():
        assert len({row["continuation"] for row in rows}) == 1
        prefixes = [row["prefix"] for row in rows]
        assert [len(p) for p in prefixes] == sorted({len(p) for p in prefixes})
        assert all(longer.endswith(p) for p, longer in itertools.pairwise(prefixes))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_cut_where_the_source_has_a_word_s_end(row):
    source = {head[0]: text for head, text in known_texts.texts()}[row["id"].rsplit("-", 1)[0]]
    place = source.index(row["continuation"])
    assert source[:place].rstrip().endswith(row["prefix"])
    lengths, rest = known_texts.LENGTHS[row["language"]]
    assert row["characters"] in lengths
    assert row["characters"] - 12 <= len(row["prefix"]) <= row["characters"]
    assert rest - 25 <= len(row["continuation"]) <= rest
    if row["language"] == "en":
        assert source[place - 1].isspace()
