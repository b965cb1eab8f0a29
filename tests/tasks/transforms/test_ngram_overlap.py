"""The transform that finds items in a corpus, and the rate over its tags."""

from __future__ import annotations

import gzip

import pytest

from evalharness.errors import DataError, TaskError
from evalharness.scorecard.metrics.contamination import OverlapRate
from evalharness.tasks import transforms
from evalharness.tasks.items import Item
from tests.scorecard.test_metrics import rows


def item(name, prompt, **fields):
    return Item(id=name, prompt=prompt, language="en", **fields)


ITEMS = [
    item("over a line's end", "The quick brown fox jumps over the dog"),
    item("not there", "The quick brown fox sleeps under the dog"),
    item("short", "The quick brown"),
    item("by its answer", "What do foxes say?", choices=("Nothing at all", "Much"), answer=0),
    item("in Chinese", "新加坡的首都"),
]
TEXT = 'A "Quick, BROWN fox\njumps over" it; what do foxes say? Nothing at all. 新加坡的首都很小。'


def found(tmp_path, text=TEXT, name="corpus.txt", **options):
    path = tmp_path / name
    with gzip.open(path, "wb") if name.endswith(".gz") else path.open("wb") as handle:
        handle.write(text.encode() if isinstance(text, str) else text)
    made = transforms.create("ngram_overlap", {"corpus": [str(path)], **options}, "here")
    return {made.id: made.tags["overlap"] for made in made.items(ITEMS, 1)}


@pytest.mark.parametrize("name", ["corpus.txt", "corpus.txt.gz"])
def test_which_items_stand_in_a_corpus(tmp_path, name):
    assert found(tmp_path, name=name, n=5) == {
        "over a line's end": "yes",
        "not there": "no",
        "short": "short",
        "by its answer": "yes",
        "in Chinese": "yes",
    }


def test_without_answers_and_with_longer_stretches(tmp_path):
    assert found(tmp_path, n=5, answers=False)["by its answer"] == "short"
    assert found(tmp_path, n=6)["over a line's end"] == "no"
    assert set(found(tmp_path).values()) == {"short"}, "13 words by default"


def test_a_stretch_does_not_go_from_one_file_to_the_next(tmp_path):
    for number, text in enumerate(["quick brown fox", "jumps over"]):
        (tmp_path / f"{number}.txt").write_text(text)
    corpus = [str(tmp_path / f"{number}.txt") for number in range(2)]
    made = transforms.create("ngram_overlap", {"corpus": corpus, "n": 5}, "here")
    assert next(iter(made.items(ITEMS, 1))).tags["overlap"] == "no"


def test_what_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match=r"corpus.txt: not UTF-8 text \(byte 0\)"):
        found(tmp_path, text=b"\xff\xfe")
    with pytest.raises(DataError, match="the corpus cannot be read"):
        list(transforms.create("ngram_overlap", {"corpus": ["nowhere"]}, "here").items(ITEMS, 1))
    with pytest.raises(TaskError, match="name your corpus"):
        list(transforms.create("ngram_overlap", {}, "here").items(ITEMS, 1))
    with pytest.raises(TaskError, match="n is 1; give 2 or more"):
        transforms.create("ngram_overlap", {"n": 1}, "here")


def test_the_rate_is_over_items_that_are_long_enough_whatever_came_back():
    table = rows(
        ("a", "answered", {}, {"overlap": "yes"}), ("b", "empty", {}, {"overlap": "no"}),
        ("c", "errored", {}, {"overlap": "no"}), ("d", "answered", {}, {"overlap": "short"}),
    )  # fmt: skip
    got = OverlapRate().compute(table, 0.95)
    assert got.value == pytest.approx(1 / 3)
    assert (got.n_planned, got.n_measured, got.n_excluded) == (4, 3, 1)
