"""The blind baseline: what the texts alone tell, without the model."""

from __future__ import annotations

import random

import pytest
from sklearn.metrics import roc_auc_score

from evalharness.errors import MappingError
from evalharness.tasks.items import Item
from evalharness.tasks.transforms.blind import BlindBaseline, out_of_fold


def item(number: int, text: str, member: object) -> Item:
    return Item(f"t{number:03d}", "", "en", choices=(text,), target={"member": member})


def sentences(count: int, *marks: str, seed: int = 3) -> list[str]:
    """Random words; with ``marks``, one of them in every second sentence."""
    draw = random.Random(seed)
    words = [f"word{n}" for n in range(60)]
    return [
        " ".join([*draw.choices(words, k=12), *([draw.choice(marks)] if marks and n % 2 else [])])
        for n in range(count)
    ]


def rated(texts: list[str], **options) -> list[float]:
    items = [item(n, text, n % 2 == 1) for n, text in enumerate(texts)]
    return [made.target["blind"] for made in BlindBaseline(**options).items(items, 7)]


def test_texts_that_differ_in_themselves_are_told_apart():
    """A newer year in every member is enough, without any model."""
    scores = rated(sentences(120, "2025", "2026"))
    assert roc_auc_score([n % 2 for n in range(120)], scores) > 0.95


def test_texts_that_do_not_differ_are_not():
    scores = rated(sentences(200))
    assert 0.35 < roc_auc_score([n % 2 for n in range(200)], scores) < 0.65


def test_no_text_is_rated_by_a_classifier_that_saw_it():
    """Words that stand in one text each: learning them by heart would tell all apart."""
    scores = rated([f"own{n} own{n}a" for n in range(60)])
    assert roc_auc_score([n % 2 for n in range(60)], scores) <= 0.6


def test_neither_the_order_of_rows_nor_the_run_s_seed_changes_a_rating():
    items = [item(n, text, n % 2 == 1) for n, text in enumerate(sentences(40))]
    first = {made.id: made.target["blind"] for made in BlindBaseline().items(items, 1)}
    second = {made.id: made.target["blind"] for made in BlindBaseline().items(items[::-1], 2)}
    assert first == second


def test_chinese_characters_are_words():
    members = [n % 2 == 1 for n in range(40)]
    texts = [("雨" if m else "晴") + "天甲乙丙"[n % 4] for n, m in enumerate(members)]
    assert roc_auc_score(members, out_of_fold(texts, members, 5)) == 1


def test_the_rest_of_an_item_is_kept():
    (made, *_) = BlindBaseline(folds=2).items([item(n, f"text {n}", n < 2) for n in range(4)], 0)
    assert (made.choices, made.target["member"]) == (("text 0",), True)
    assert isinstance(made.target["blind"], float)


@pytest.mark.parametrize(
    ("items", "fault"),
    [
        ([item(1, "a", True), item(2, "b", False)], "1 members and 1 non-members"),
        ([item(n, "a b", True) for n in range(9)], "9 members and 0 non-members"),
        ([item(1, "a", "yes")], r"item t001: .*target.member, true or false"),
        ([Item("t1", "", "en", choices=("a", "b"), target={"member": True})], "one choice"),
        ([item(n, "…!", n % 2 == 1) for n in range(8)], "no text holds a word"),
    ],
)
def test_what_cannot_be_rated_is_a_fault_of_the_rows(items, fault):
    with pytest.raises(MappingError, match=fault):
        list(BlindBaseline().items(items, 0))
