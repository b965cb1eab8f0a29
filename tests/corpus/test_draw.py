"""The draw from a corpus: random, with a seed, the same everywhere, in little memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.corpus.draw import count, draw, items_of
from evalharness.corpus.items import Corpus, Item, open_corpus
from evalharness.errors import ConfigError, DataError
from tests.corpus.making import text, write_jsonl


class Made(Corpus):
    """A corpus that is no file."""

    def __init__(self, parts):
        super().__init__({}, {})
        object.__setattr__(self, "made", parts)

    def items(self):
        for part, texts in self.made.items():
            row = 0
            for one in texts:
                if not one:
                    yield None
                    continue
                row += 1
                yield Item(part, row, part, one)


corpora = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.lists(st.sampled_from(["", *map(text, range(6))]), max_size=12),
    min_size=1,
).map(Made)


@given(corpora, st.integers(0, 3), st.integers(1, 40), st.floats(0.01, 1))
def test_the_counts_add_up_and_the_draws_have_their_sizes(corpus, seed, manual, share):
    items = [item for item in corpus.items() if item is not None]
    if not items:
        with pytest.raises(DataError, match="no texts"):
            count(corpus, seed)
        return
    census = count(corpus, seed)
    assert census.n_items == len(items) == sum(census.sources.values())
    assert census.n_empty == sum(item is None for item in corpus.items())
    assert census.n_repeats == len(items) - len({item.text for item in items})
    drawing = draw(census, manual, share)
    drawn = list(drawing.items(corpus))
    assert sum(by_hand for _, by_hand, _ in drawn) == min(manual, len(items))
    assert sum(by_machine for _, _, by_machine in drawn) == items_of(share, len(items))
    # one order: the smaller draw is a part of the larger
    both = sum(by_hand and by_machine for _, by_hand, by_machine in drawn)
    assert both == min(drawing.n_manual, drawing.n_automatic)


@pytest.mark.parametrize(("n", "expected"), [(30, 3), (31, 4), (1, 1), (10_000, 1_000)])
def test_a_tenth_is_at_least_a_tenth_and_no_more(n, expected):
    assert items_of(0.1, n) == expected


def test_another_seed_is_another_draw_and_every_item_is_as_likely():
    corpus = Made({"a": map_texts(20)})
    hits = dict.fromkeys(range(1, 21), 0)
    for seed in range(400):
        for item, by_hand, _ in draw(count(corpus, seed), 5, 0.05).items(corpus):
            hits[item.row] += by_hand
    # 400 draws of 5 of 20: 100 expected, 8.7 their standard deviation
    assert max(abs(found - 100) for found in hits.values()) < 4 * 8.7


def map_texts(number):
    return [text(n) for n in range(number)]


def test_a_corpus_that_changes_while_it_is_read_is_an_error():
    corpus = Made({"a": map_texts(10)})
    drawing = draw(count(corpus, 1), 5, 0.1)
    with pytest.raises(DataError, match="changed while it was read"):
        list(drawing.items(Made({"b": map_texts(10)})))
    with pytest.raises(DataError, match="changed while it was read"):
        list(drawing.items(Made({"a": map_texts(9)})))


def test_files_folders_and_columns(tmp_path):
    (tmp_path / "web").mkdir()
    write_jsonl(tmp_path / "web" / "1.jsonl", [text(1), "", text(2)])
    (tmp_path / "web" / "2.txt").write_text("one line\n\nanother\n", encoding="utf-8")
    (tmp_path / "web" / "notes.md").write_text("no data", encoding="utf-8")
    (tmp_path / "books.csv").write_text("body,origin\nhello there,shelf\n", encoding="utf-8")
    corpus = open_corpus([tmp_path / "web", tmp_path / "books.csv"], {})
    found = [item and item.id for item in corpus.items()]
    assert found == ["web:1", None, "web:2", "web:3", "web:4", "books.csv:1"]
    assert [one["file"] for one in corpus.digests()] == ["1.jsonl", "2.txt", "books.csv"]
    named = open_corpus([tmp_path / "books.csv"], {"text": "body", "source": "origin"})
    assert [item.source for item in named.items() if item] == ["shelf"]


def test_two_parts_of_one_name_are_told_apart_by_their_folders(tmp_path):
    paths = []
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        paths.append(write_jsonl(tmp_path / folder / "a.jsonl", [text(1)]))
    assert list(open_corpus(paths, {}).parts) == ["a.jsonl", "y/a.jsonl"]
    with pytest.raises(ConfigError, match="rename one of them"):
        open_corpus([*paths, paths[1]], {})


@pytest.mark.parametrize(
    ("columns", "expected"),
    [({"text": "bdy"}, "no such column; did you mean 'body'"), ({}, "no column holds the texts")],
)
def test_a_column_that_is_not_there(columns, expected, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(("body" if columns else "x") + "\nhello\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=expected):
        list(open_corpus([path], columns).items())


def test_what_is_not_there(tmp_path):
    with pytest.raises(DataError, match="no such file or folder"):
        open_corpus([Path("nowhere.jsonl")], {})
    with pytest.raises(DataError, match="holds no data files"):
        open_corpus([tmp_path], {})
    with pytest.raises(ConfigError, match="name at least one"):
        open_corpus([], {})
