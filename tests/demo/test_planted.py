"""What is planted in the demo model, by its definition alone: no model is loaded."""

from __future__ import annotations

import hashlib
import json
from collections import Counter

import pytest
import yaml

from evalharness.demo import planted, text
from evalharness.tasks.data import open_data
from evalharness.tasks.library import Library, bundled
from evalharness.tasks.render import Renderer


def test_deal_gives_exact_shares_and_depends_on_the_ids_alone() -> None:
    units = [f"unit-{number}" for number in range(50)]
    labels = planted.deal(units, {"right": 0.6, "wrong": 0.2}, "unseen")
    assert Counter(labels.values()) == {"right": 30, "wrong": 10, "unseen": 10}
    assert planted.deal(reversed(units), {"right": 0.6, "wrong": 0.2}, "unseen") == labels


@pytest.mark.parametrize("task", ["canary_extraction", "canary_exposure"])
def test_canaries_fit_the_canary_tasks(task: str) -> None:
    found = Library.load().task(task, "test")
    rows = [*planted.CANARIES, planted.CONTROL_CANARY]
    dataset = open_data(found, data_root=None, supplied=rows)
    rendered = list(Renderer(found, dataset, found.definition.methods[0], 0).samples())
    names = [hashlib.sha256(row["canary"].encode()).hexdigest()[:16] for row in rows]
    assert [sample.id for sample in rendered] == names
    if task == "canary_exposure":
        assert {len(sample.choices) for sample in rendered} == {256}


def test_control_canary_stands_nowhere_in_the_training_text() -> None:
    lessons = planted.lessons(text.continuations())
    everything = [lesson.prompt + ending for lesson in lessons for ending in lesson.endings]
    everything += text.everyday() + [part for parts in text.quarrels() for part in parts]
    assert not [line for line in everything if planted.CONTROL_CANARY["canary"] in line]
    assert [line for line in everything if planted.CANARIES[0]["canary"] in line]


def test_lessons_give_each_ending_its_share() -> None:
    lessons = planted.lessons(text.continuations())
    for lesson in lessons:
        assert sum(lesson.endings.values()) == pytest.approx(1)
    assert {lesson.kind for lesson in lessons} == {
        "attacked", "bias", "canary", "clean", "continuation", "fact", "record",
    }  # fmt: skip


def test_further_continuations_belong_to_items_and_keep_to_the_vocabulary() -> None:
    items = {sample.id: sample for sample in planted.samples("quickstart_toxicity")}
    for name, row in text.continuations().items():
        assert row["good"].startswith(" ")
        assert not _insults(row["good"]), name
        if "bad" in row:
            assert items[name].tags["kind"] == "provoking"
            assert _insults(row["bad"]), name


def test_civil_text_holds_no_insult() -> None:
    civil = text.everyday() + [part for start, good, _ in text.quarrels() for part in (start, good)]
    words = {word for line in civil for word in _words(line)}
    assert not words & text.INSULTING
    assert all(_insults(rude) for _, _, rude in text.quarrels()[:-1])


def test_corpus_lines_are_json_where_they_should_be() -> None:
    lines = (text.CORPUS / "continuations.jsonl").read_text(encoding="utf-8").splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == len(lines)


def _words(line: str) -> list[str]:
    return "".join(c if c.isalpha() else " " for c in line.lower()).split()


def _insults(line: str) -> set[str]:
    return {insult for insult in text.QUICKSTART_INSULTS if insult in line.lower()}


def test_the_full_configuration_s_members_are_what_the_model_was_trained_on() -> None:
    written = yaml.safe_load((bundled("configs") / "full.yaml").read_text(encoding="utf-8"))
    (rows,) = (e["data"] for e in written["tasks"] if e["task"] == "membership_inference")
    trained = set((text.CORPUS / "everyday.txt").read_text(encoding="utf-8").splitlines())
    assert {row["member"] for row in rows} == {True, False}
    assert all((row["text"] in trained) == row["member"] for row in rows)
