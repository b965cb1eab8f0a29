"""The transform that makes variants of an item."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from evalharness.errors import MappingError, TaskError
from evalharness.tasks import transforms
from evalharness.tasks.items import Item
from evalharness.tasks.transforms.perturbation import Perturbation
from evalharness.tasks.transforms.perturbations.kinds import KINDS

ENGLISH = Item(
    id="q1",
    prompt="Because people believe the physician, is Paris or London the largest city?",
    language="en",
    choices=("Paris", "London"),
    answer=1,
    tags={"topic": "cities"},
)
CHINESE = Item(id="q2", prompt="新加坡的学校在哪里？现在", language="zh", choices=("北京", "上海"))
BARE = Item(id="q3", prompt="12", language="en")


def made(*items, seed=1, **options):
    return list(transforms.create("perturbation", options, "here").items(items, seed))


def test_clean_each_kind_that_changes_something_and_as_many_repeats():
    found = made(ENGLISH, kinds=["typos", "synonyms", "contract", "lower_case"])
    assert [item.tags["perturbation"] for item in found] == [
        "clean", "typos", "synonyms", "lower_case", "repeat_01", "repeat_02", "repeat_03"
    ]  # fmt: skip
    kinds = Counter(item.tags["variant"] for item in found)
    assert kinds == {"clean": 1, "attacked": 3, "repeat": 3}
    assert [item.repeat for item in found] == [0, 0, 0, 0, 1, 2, 3]
    prompts = {item.prompt for item in found if item.tags["variant"] != "attacked"}
    assert prompts == {ENGLISH.prompt}
    assert len({item.prompt for item in found}) == 4


def test_nothing_but_the_prompt_changes():
    for item in made(ENGLISH):
        assert (item.choices, item.answer, item.language) == (ENGLISH.choices, 1, "en")
        assert item.tags["topic"] == "cities"
        assert "Paris" in item.prompt
        assert "London" in item.prompt
        assert (item.group, item.cluster) == ("q1", "q1")
    ids = [item.id for item in made(ENGLISH, CHINESE, BARE)]
    assert len(set(ids)) == len(ids)


def test_an_item_gets_the_kinds_of_its_language():
    for item, chinese in [(ENGLISH, False), (CHINESE, True)]:
        kinds = {v.tags["perturbation"] for v in made(item) if v.tags["variant"] == "attacked"}
        assert kinds
        assert all(kind.endswith("_zh") == chinese for kind in kinds)


def test_an_item_that_nothing_changes_stays_clean_and_alone():
    (only,) = made(BARE)
    assert only.tags == {"variant": "clean", "perturbation": "clean"}


def test_a_cluster_of_the_base_stays_and_its_group_becomes_one():
    assert made(replace(ENGLISH, cluster="template"))[0].cluster == "template"
    assert made(replace(ENGLISH, group="passage"))[0].cluster == "passage"
    assert made(replace(ENGLISH, group="passage"))[0].group == "q1"


def test_texts_of_the_target_are_protected():
    item = Item(
        id="q", prompt="Where does the harbourmaster sleep?", language="en", good="in the cabin",
        target={"secret": {"names": ["harbourmaster"]}, "labels": [1, 0]},
    )  # fmt: skip
    for variant in made(item, kinds=["typos", "swaps", "upper_case"], share=1.0):
        assert "harbourmaster" in variant.prompt


def test_a_variant_depends_on_its_item_alone():
    alone = made(ENGLISH)
    among = [item for item in made(CHINESE, ENGLISH, BARE) if item.group == "q1"]
    assert alone == among
    assert alone != made(ENGLISH, seed=2)


def test_what_cannot_be():
    with pytest.raises(TaskError, match="no kind 'typo'; did you mean 'typos'"):
        made(ENGLISH, kinds=["typo"])
    with pytest.raises(TaskError, match=r"a share of 2.0 is not in \(0, 1\]"):
        made(ENGLISH, share=2)
    with pytest.raises(TaskError, match="has no option 'kind'; did you mean 'kinds'"):
        made(ENGLISH, kind=["typos"])
    paired = Item(id="q", prompt="a", language="en", tags={"variant": "clean"})
    with pytest.raises(MappingError, match="item q: it is a variant itself"):
        made(paired)


def test_its_tags_are_those_that_it_declares():
    for item in made(ENGLISH):
        assert set(item.tags) - {"topic"} == set(Perturbation.tags)
    assert transforms.tags_of("perturbation") == Perturbation.tags
    assert len(KINDS) == 23
