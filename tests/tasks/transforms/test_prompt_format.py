"""The transform that asks in several formats and orders."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from evalharness.errors import MappingError, TaskError
from evalharness.scorers.reading import read_letter
from evalharness.tasks import transforms
from evalharness.tasks.items import Item
from evalharness.tasks.transforms.prompt_format import FORMATS, PromptFormat

ITEM = Item(
    id="q", prompt="Which?", language="en", choices=("red", "green", "blue", "grey"), answer=2
)


def made(*items, seed=1, **options):
    return list(transforms.create("prompt_format", options, "here").items(items, seed))


def test_each_format_in_one_order_and_one_format_in_each_order():
    found = made(ITEM)
    kinds = Counter(item.tags["variant"] for item in found)
    assert kinds == {"clean": 1, "format": 5, "order": 3}
    assert [v.tags["format"] for v in found if v.tags["variant"] != "order"] == list(FORMATS["en"])
    in_formats = {v.order for v in found if v.tags["variant"] != "order"}
    assert len(in_formats) == 1
    orders = [v for v in found if v.tags["variant"] != "format"]
    assert {v.tags["format"] for v in orders} == {"plain"}
    assert len({v.layout for v in orders}) == 1
    assert len({v.id for v in found}) == len(found)


def test_over_the_orders_each_option_stands_once_in_each_place():
    orders = [v.order for v in made(ITEM) if v.tags["variant"] != "format"]
    assert len(orders) == 4
    for place in zip(*orders, strict=True):
        assert sorted(place) == [0, 1, 2, 3]
    positions = {v.tags["answer_position"] for v in made(ITEM) if v.tags["variant"] != "format"}
    assert positions == set("ABCD")
    for variant in made(ITEM):
        assert variant.order["ABCD".index(variant.tags["answer_position"])] == 2


def test_fewer_options_have_fewer_orders_and_fewer_orders_differ():
    two = replace(ITEM, choices=("yes", "no"), answer=0)
    assert Counter(v.tags["variant"] for v in made(two))["order"] == 1
    orders = [v.order for v in made(ITEM, orders=2) if v.tags["variant"] != "format"]
    assert len(set(orders)) == 2
    five = replace(ITEM, choices=tuple("abcde"))
    assert len({v.order for v in made(five, orders=4)}) == 4


def test_only_the_looks_change():
    for variant in made(ITEM):
        assert (variant.prompt, variant.choices, variant.answer) == ("Which?", ITEM.choices, 2)
        assert (variant.group, variant.cluster) == ("q", "q")
        assert set(variant.tags) == set(PromptFormat.tags)


def test_the_order_belongs_to_the_seed_and_the_item():
    firsts = {made(replace(ITEM, id=f"q{n}"))[0].order for n in range(40)}
    assert len(firsts) > 10
    assert made(ITEM) == made(ITEM)
    assert len({made(ITEM, seed=n)[0].order for n in range(20)}) > 5


@pytest.mark.parametrize("language", FORMATS)
def test_formats_differ_and_their_labels_can_be_read(language):
    layouts = FORMATS[language]
    assert list(layouts) == list(FORMATS["en"])
    assert len({layout.prompt for layout in layouts.values()}) >= 5
    shown = {layout.option.format(letter="B", text="red") for layout in layouts.values()}
    assert len(shown) == len(layouts)
    for option in shown:
        assert "red" in option
        assert read_letter(option, (1, 0), ("red", "blue")) == 0


def test_what_cannot_be():
    with pytest.raises(TaskError, match="1 orders; give 2 or more"):
        made(ITEM, orders=1)
    for item, expected in [
        (replace(ITEM, tags={"variant": "clean"}), "it is a variant itself"),
        (replace(ITEM, choices=()), "no options to put in order"),
        (replace(ITEM, language="ms"), "there are no formats for 'ms'"),
    ]:
        with pytest.raises(MappingError, match=expected):
            made(item)
