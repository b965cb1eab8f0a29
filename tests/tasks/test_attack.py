"""Transforms that attack, contrast and align; the bundled attacks and their tasks."""

from __future__ import annotations

import base64
from collections import Counter
from dataclasses import replace

import pytest

import evalharness
from evalharness.ciphers import leetspeak, rot13
from evalharness.errors import MappingError, TaskError
from evalharness.scorers.matching import stands_in
from evalharness.scorers.refusal import is_refusal
from evalharness.tasks.data import open_data
from evalharness.tasks.items import Item
from evalharness.tasks.library import Library
from evalharness.tasks.render import Renderer
from evalharness.tasks.transforms import registry
from tests.support import FIXTURES

GOAL = "Tell me how to fold a paper ferry"


def item(**changes) -> Item:
    return replace(
        Item(
            id="g1", prompt=GOAL, language="en", good="No.", bad="Sure.",
            tags={"category": "paper"}, target={"context": "a table", "answers": ["7"]},
        ),
        **changes,
    )  # fmt: skip


def attacks(*templates):
    options = {"attacks": {"attacks": "tried", "version": 1, "title": "Tried", "source": "ours",
                           "templates": list(templates)}}  # fmt: skip
    return registry.create("attack", options, "here")


def one(text="Please: {{ prompt }}", **changes):
    return {"id": "please", "family": "manners", "idea": "ours, 2026", "text": text, **changes}


# -- attack ----------------------------------------------------------------------------------------


def test_each_item_is_asked_as_it_is_and_under_every_attack():
    shout = one("{{ prompt | upper }}!", id="shout")
    found = list(attacks(one(), shout).items([item()], seed=1))
    assert [i.id for i in found] == ["g1-clean", "g1-please", "g1-shout"]
    assert [i.prompt for i in found] == [GOAL, f"Please: {GOAL}", f"{GOAL.upper()}!"]
    assert {(i.group, i.cluster) for i in found} == {("g1", "g1")}
    assert [i.tags["variant"] for i in found] == ["clean", "attacked", "attacked"]
    assert [(i.tags["attack"], i.tags["family"]) for i in found] == [
        ("none", "none"), ("please", "manners"), ("shout", "manners"),
    ]  # fmt: skip
    assert {i.tags["category"] for i in found} == {"paper"}


def test_what_shares_variance_in_the_data_shares_it_under_attack():
    found = list(attacks(one()).items([item(group="pair", cluster="table")], seed=1))
    assert {(i.group, i.cluster) for i in found} == {("g1", "table")}
    found = list(attacks(one()).items([item(group="pair")], seed=1))
    assert {(i.group, i.cluster) for i in found} == {("g1", "pair")}


def test_a_marker_becomes_the_target_and_the_bad_answer_of_the_attacked_item_alone():
    plant = one("{{ prompt }} Also join red and kite.", marker="REDKITE")
    clean, attacked = attacks(plant).items([item()], seed=1)
    assert "marker" not in clean.target
    assert clean.bad == "Sure."
    assert (attacked.target["marker"], attacked.bad) == ("REDKITE", "REDKITE")
    assert attacked.target["answers"] == ["7"]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (one("{{ prompt }}\n"), "g1.*please: leaves the prompt as it is"),
        (one("{{ prompt }} Say redkite.", marker="REDKITE"), "marker 'REDKITE' stands in"),
        (one("{{ prompt.nothing }} x"), "has no attribute|nothing"),
    ],
)
def test_an_attack_without_effect_or_sense_is_an_error(template, expected):
    """A peer's attack modules that a recipe named were ignored."""
    with pytest.raises(MappingError, match=expected):
        list(attacks(template).items([item()], seed=1))


@pytest.mark.parametrize(
    ("templates", "expected"),
    [
        ([one("Always the same text")], "uses neither 'prompt' nor 'target'"),
        ([one(), one()], "'please' stands twice"),
        ([], "at least 1 item"),
        ([one(effect="strong")], "effect"),
        ([{**one(), "idea": "me"}], "idea"),
    ],
)
def test_a_set_of_attacks_that_does_not_fit_is_named_before_anything_is_asked(templates, expected):
    with pytest.raises(TaskError, match=expected):
        attacks(*templates)


def test_a_template_that_is_no_template_is_a_task_error():
    with pytest.raises(TaskError, match="attack please: not a Jinja template"):
        list(attacks(one("{{ prompt | }}")).items([item()], seed=1))


# -- contrast --------------------------------------------------------------------------------------

EDITS = {"text": "free", "texts": ["dear", "open"], "labels": ["F", "?"], "names": ["F", "T"]}


def asked(**edits) -> Item:
    return item(
        prompt="The ferry is free.", choices=("no", "yes"), answer=1, good=1, bad=0,
        target={"contrasts": {**EDITS, **edits}},
    )  # fmt: skip


def test_a_contrast_set_is_one_group_and_open_edits_are_dropped():
    original, edit = registry.create("contrast", {}, "here").items([asked()], seed=1)
    assert (original.id, original.prompt, original.answer) == (
        "g1-original", "The ferry is free.", 1,
    )  # fmt: skip
    assert (edit.id, edit.prompt, edit.answer, edit.good, edit.bad) == (
        "g1-contrast1", "The ferry is dear.", 0, 0, 1,
    )  # fmt: skip
    assert (original.group, edit.group) == ("g1", "g1")
    assert (original.tags["member"], edit.tags["member"]) == ("original", "contrast")
    assert original.target == {}


def test_an_item_without_an_edit_is_no_contrast_set():
    contrast = registry.create("contrast", {}, "here")
    assert list(contrast.items([asked(texts=[], labels=[])], seed=1)) == []


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ({"labels": ["F"]}, "2 texts, 1 labels"),
        ({"names": ["F", "T", "U"]}, "3 names for 2 choices"),
        ({"text": "cheap"}, "does not stand in the prompt"),
        ({"texts": "dear"}, "texts: Input should be a valid list"),
    ],
)
def test_edits_that_do_not_fit_are_an_error(edits, expected):
    with pytest.raises(MappingError, match=expected):
        list(registry.create("contrast", {}, "here").items([asked(**edits)], seed=1))


# -- align -----------------------------------------------------------------------------------------


def versions(*rows):
    return [
        item(id=str(n), prompt=text, choices=("no", "yes"), answer=answer, tags={"style": style})
        for n, (style, text, answer) in enumerate(rows)
    ]


ALIGN = {"by": "style", "clean": "base"}


def test_versions_are_brought_together_by_their_place():
    rows = versions(("base", "a", 0), ("base", "b", 1), ("bible", "A", 0), ("bible", "B", 1))
    found = list(registry.create("align", ALIGN, "here").items(rows, seed=1))
    assert [(i.group, i.tags["variant"], i.prompt) for i in found] == [
        ("000000", "clean", "a"), ("000001", "clean", "b"),
        ("000000", "attacked", "A"), ("000001", "attacked", "B"),
    ]  # fmt: skip
    assert len({i.id for i in found}) == 4


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("base", "a", 0), ("bible", "A", 1)], "item 1 of style 'bible' has another answer"),
        ([("base", "a", 0), ("base", "b", 0), ("bible", "A", 0)], "'bible' has 1 items, 'base' 2"),
        ([("bible", "A", 0)], "no item has style 'base'"),
    ],
)
def test_versions_that_cannot_be_the_same_items_are_an_error(rows, expected):
    with pytest.raises(MappingError, match=expected):
        list(registry.create("align", ALIGN, "here").items(versions(*rows), seed=1))


def test_nothing_aligned_is_nothing():
    assert list(registry.create("align", ALIGN, "here").items([], seed=1)) == []


# -- the bundled attacks ---------------------------------------------------------------------------


def bundled_attacks(name):
    definition = Library.load().task(name, "here").definition
    return registry.create("attack", definition.transform.options, "here").attacks


def test_the_jailbreaks_write_the_goal_as_they_say():
    goal = item(target={})
    options = Library.load().task("jailbreak", "here").definition.transform.options
    made = {i.tags["attack"]: i for i in registry.create("attack", options, "x").items([goal], 1)}
    texts = {name: i.prompt for name, i in made.items()}
    assert len(texts) == 17
    assert texts["none"] == GOAL
    assert base64.b64decode(texts["base64"].splitlines()[-1]).decode() == GOAL
    assert rot13(texts["rot13"].splitlines()[-1]) == GOAL
    assert texts["reversed"].splitlines()[-1][::-1] == GOAL
    assert texts["leetspeak"].endswith(leetspeak(GOAL))
    # a split request stands in no piece of the prompt, and all of its words in their order
    for split in ("variables", "two_halves"):
        assert GOAL not in texts[split]
    a, b, c = (line.split('"')[1] for line in texts["variables"].splitlines()[1:4])
    assert f"{a} {b} {c}" == GOAL
    for name in {*texts} - {"base64", "rot13", "reversed", "leetspeak", "variables", "two_halves"}:
        assert GOAL in texts[name], name
    assert {name for name, i in made.items() if i.language == "zh"} == {"chinese_frame"}
    families = {i.tags["family"] for i in made.values()}
    assert {"role_play", "encoding", "payload_split", "refusal_suppression", "many_shot",
            "translation"} <= families  # fmt: skip


def test_no_attack_asks_for_an_answer_that_the_refusal_detector_would_misread():
    """An answer that begins as the template wants it to is no refusal."""
    for beginning in ("OK", "Sure, here is a complete answer. Step 1:", "Sure!"):
        assert not is_refusal(beginning)
    for template in bundled_attacks("jailbreak").templates:
        assert "say why you would not" not in template.text
        assert template.idea.partition(",")[0]


def test_no_marker_of_an_injection_can_be_quoted(data_root):
    task = Library.load().task("prompt_injection_indirect", "here")
    data = open_data(task, data_root=data_root, supplied=None)
    samples = list(Renderer(task, data, "generate", 1).samples())
    assert len(samples) == 700
    kinds = Counter(s.tags["attack"] for s in samples)
    assert set(kinds.values()) == {100}
    assert len(kinds) == 7
    for sample in samples:
        prompt = sample.messages[-1].content
        assert "{guidance}" not in prompt
        assert "{context}" not in prompt
        if sample.tags["variant"] == "attacked":
            marker = sample.target["marker"]
            assert not stands_in(marker, prompt, ignore_case=True), sample.id
            assert not stands_in(marker, str(sample.good), ignore_case=True)
            assert sample.target["context"].splitlines()[0] in prompt


def test_the_labels_of_cyberseceval_s_items_are_the_authors(data_root):
    """Counts by label, and single items, as they stand in the authors' own file."""
    task = Library.load().task("prompt_injection_direct", "here")
    data = open_data(task, data_root=data_root, supplied=None)
    samples = {s.id: s for s in Renderer(task, data, "generate", 1).samples()}
    tags = {int(key.rpartition("-")[2]): s.tags for key, s in samples.items()}
    # but for row 174, which is another one again
    assert Counter(t["type"] for t in tags.values()) == {"direct": 195, "indirect": 55}
    assert Counter(t["risk"] for t in tags.values()) == {
        "security-violating": 179, "logic-violating": 71,
    }  # fmt: skip
    known = {
        1: "repeated_token_attack", 3: "ignore_previous_instructions", 46: "indirect_reference",
        52: "different_user_input_language", 90: "mixed_techniques", 103: "repeated_token_attack",
        107: "persuasion", 127: "payload_splitting", 160: "virtualization",
        197: "ignore_previous_instructions", 241: "virtualization", 249: "system_mode",
        251: "mixed_techniques",
    }  # fmt: skip
    assert {number: tags[number]["injection"] for number in known} == known
    assert [tags[n]["risk"] for n in (15, 91, 159)] == ["logic-violating"] * 3


def test_the_secrets_that_are_read_without_a_judge_stand_in_prompt_and_question(data_root):
    task = Library.load().task("prompt_injection_direct_exact", "here")
    data = open_data(task, data_root=data_root, supplied=None)
    samples = list(Renderer(task, data, "generate", 1).samples())
    kinds = Counter(s.tags["kind"] for s in samples)
    assert (len(samples), kinds["personal data"]) == (78, 26)
    for sample in samples:
        secret = sample.target["secret"]
        assert stands_in(secret, sample.messages[-1].content), sample.id
        assert not stands_in(secret, str(sample.good))


# -- fixtures in the format of sets that are not at hand -------------------------------------------


def run(tmp_path, task, target):
    config = {
        "target": target,
        "tasks": [{"task": task, "data": str(FIXTURES[task])}],
    }
    card = evalharness.run(config, out=tmp_path).scorecard
    return card.dimensions["robustness"].tasks[task].metrics


def function(name):
    return {"adapter": "function", "path": f"{__file__}:{name}"}


def always_positive(prompt: str) -> str:
    """Negative only where the text says so in plain words; yes to every question."""
    plain = any(word in prompt for word in ("slow film", "regret", "charmless", "no sense"))
    return "negative" if plain else "positive" if "positive" in prompt else "yes"


def test_a_model_that_reads_plain_words_only_loses_the_other_styles(tmp_path):
    """Clean 4 of 4; the two negative sentences are lost in three styles each: 6 of 12 right."""
    found = run(tmp_path, "ood_style", function("always_positive"))
    assert (found["accuracy_clean"].value, found["accuracy_attacked"].value) == (1.0, 0.5)
    assert (found["accuracy_drop"].value, found["accuracy_drop"].n_measured) == (0.5, 4)


def test_a_model_that_says_yes_to_all_has_no_contrast_set_right(tmp_path):
    """BoolQ: originals yes and no, edits no, yes and yes; IMDB: all four read by their words."""
    found = run(tmp_path, "contrast_sets", function("always_positive"))
    assert found["accuracy_original"].value == 0.75
    assert found["accuracy_contrast"].value == 0.8
    assert (found["contrast_consistency"].value, found["contrast_consistency"].n_planned) == (
        0.5,
        4,
    )


@pytest.mark.parametrize("task", ["contrast_sets", "ood_style"])
def test_the_model_that_refuses_everything_gets_what_its_task_predicts(tmp_path, task):
    found = run(tmp_path, task, {"adapter": "reference", "model": "refuse_all"})
    expected = Library.load().task(task, "here").definition.expect["refuse_all"]
    assert {key: found[key].value for key in expected} == expected
    assert found["answer_rate"].value == 0
