"""The transform that sets a data set's order against shuffled ones."""

from __future__ import annotations

import pytest

from evalharness.errors import TaskError
from evalharness.tasks import transforms
from evalharness.tasks.items import Item


def questions(count, language="en"):
    return [
        Item(id=f"{language}{n}", prompt=f"question {n}?", language=language, choices=("yes", "no"),
             answer=n % 2)
        for n in range(count)
    ]  # fmt: skip


def made(items, seed=1, **options):
    return list(transforms.create("dataset_order", options, "here").items(items, seed))


def test_a_shard_is_its_text_in_its_own_order_and_in_shuffled_ones():
    (shard,) = made(questions(4), shuffles=5)
    own = "\n\n".join(f"question {n}?\n{'yes' if n % 2 == 0 else 'no'}" for n in range(4))
    assert shard.choices[0] == own
    assert len(shard.choices) == len(set(shard.choices)) == 6
    for other in shard.choices[1:]:
        assert sorted(other.split("\n\n")) == sorted(own.split("\n\n"))
    assert shard.prompt == ""
    assert (shard.good, shard.bad) == (1, 0)


def test_every_item_is_in_one_shard_and_shards_are_of_like_length():
    found = made(questions(37), shard=5, shuffles=1)
    sizes = [len(shard.choices[0].split("\n\n")) for shard in found]
    assert sum(sizes) == 37
    assert len(sizes) == 7
    assert set(sizes) == {5, 6}
    own = "\n\n".join(shard.choices[0] for shard in found)
    assert [t.split("\n")[0] for t in own.split("\n\n")] == [f"question {n}?" for n in range(37)]


def test_languages_do_not_share_a_shard():
    mixed = [item for pair in zip(questions(4), questions(4, "zh"), strict=True) for item in pair]
    assert [(s.language, s.id) for s in made(mixed)] == [
        ("en", "en-000001-000004"), ("zh", "zh-000001-000004")
    ]  # fmt: skip


def test_answers_can_be_left_out():
    (shard,) = made(questions(3), answers=False)
    assert shard.choices[0] == "question 0?\n\nquestion 1?\n\nquestion 2?"
    assert len(shard.choices) == 6, "three items have five other orders"


def test_orders_depend_on_the_seed():
    assert made(questions(9)) == made(questions(9))
    assert made(questions(9)) != made(questions(9), seed=2)


def test_two_items_have_no_order_to_test():
    assert made(questions(2)) == []
    with pytest.raises(TaskError, match="give a shard of 3 items or more"):
        made(questions(9), shard=2)
    with pytest.raises(TaskError, match="1 to 1000 shuffles"):
        made(questions(9), shuffles=0)
