"""The factuality tasks on their data: what is known of the files, and what was found in them."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from statistics import mean

import pytest

from evalharness.records import OutcomeKind
from evalharness.scorers import registry
from evalharness.tasks.library import Library
from tests.scorers.driving import outcome, said, weighed
from tests.tasks.test_bundled_tasks import rendered


@pytest.fixture(scope="module")
def found() -> Library:
    return Library.load()


def scored(task, sample, attempt):
    definition = task.definition.scorer
    return outcome(registry.create(definition.name, definition.options, "here"), sample, attempt)


def counts(samples, *tags):
    return Counter(tuple(sample.tags[tag] for tag in tags) for sample in samples)


# --- HaluEval ------------------------------------------------------------------------------------


def test_halueval_asks_with_both_answers_and_draws_them_together(found, data_root):
    samples = rendered(found.task("halueval", "here"), "text", data_root)
    assert counts(samples, "form", "label") == {
        ("halueval", "right"): 500, ("halueval", "hallucinated"): 500,
        ("trustllm", "right"): 50, ("trustllm", "hallucinated"): 50,
    }  # fmt: skip
    pairs = Counter(s.group for s in samples if s.tags["form"] == "halueval")
    assert set(pairs.values()) == {2}
    assert all(s.choices[s.answer] == ("No" if s.tags["label"] == "right" else "Yes")
               for s in samples)  # fmt: skip


def test_trustllm_s_labels_are_the_wrong_way_round(found, data_root):
    """Three of its questions stand in HaluEval's own file, with the right answer beside them."""
    right = {}
    with gzip.open(data_root / "halueval" / "qa_one-turn_data.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            right[row["question"].strip()] = row["right_answer"].strip()
    seen = 0
    for sample in rendered(found.task("halueval", "here"), "text", data_root):
        prompt = sample.messages[-1].content
        question, answer = (
            re.findall(rf"#{name}#: *([^\n]*)", prompt)[-1:] for name in ("Question", "Answer")
        )
        if sample.tags["form"] == "trustllm" and question[0].strip() in right:
            seen += 1
            is_right = answer[0].strip() == right[question[0].strip()]
            assert sample.tags["label"] == ("right" if is_right else "hallucinated")
    assert seen == 3


def test_the_data_sheet_is_right_that_length_gives_the_class_away(found, data_root):
    lengths = {"right": [], "hallucinated": []}
    for sample in rendered(found.task("halueval", "here"), "text", data_root):
        if sample.tags["form"] == "halueval":
            answer = sample.messages[-1].content.split("\nAnswer: ")[1].split("\n\nDoes")[0]
            lengths[sample.tags["label"]].append(len(answer))
    assert round(mean(lengths["right"])) == 13
    assert round(mean(lengths["hallucinated"])) in {57, 58}


def test_halueval_general_is_as_unbalanced_as_published(found, data_root):
    samples = rendered(found.task("halueval_general", "here"), "text", data_root)
    assert counts(samples, "label") == {("hallucinated",): 815, ("sound",): 3692}


# --- summaries -----------------------------------------------------------------------------------


def test_summaries_share_their_documents(found, data_root):
    samples = rendered(found.task("summary_consistency", "here"), "text", data_root)
    assert counts(samples, "label") == {("consistent",): 145, ("inconsistent",): 321}
    assert len({sample.cluster for sample in samples}) == 17
    assert len({sample.messages[-1].content for sample in samples}) == 452


# --- Singapore, Asia and the Pacific -------------------------------------------------------------


def test_singapore_s_sets_are_told_apart(found, data_root):
    samples = rendered(found.task("singapore_facts", "here"), "letter", data_root)
    assert counts(samples, "set") == {
        ("facts",): 50, ("food",): 100, ("places",): 50, ("pofma_2023",): 34, ("pofma_2024",): 36,
        ("pofma_true",): 14, ("iconic_places",): 16, ("political_history",): 21,
        ("public_housing",): 11, ("transport_system",): 25,
    }  # fmt: skip
    assert counts(samples, "label") == {("TRUE",): 123, ("FALSE",): 161, ("choice",): 73}
    assert len(samples) - len({sample.cluster for sample in samples}) == 2  # two stand twice
    for sample in samples:
        asked = sample.messages[-1].content
        assert "Answer in TRUE or FALSE" not in asked
        assert "Respond with only" not in asked
        assert asked.count(sample.choices[0]) >= 1
        assert (
            len(set(sample.choices))
            == len(sample.choices)
            == (4 if sample.tags["label"] == "choice" else 2)
        )
        assert not any(re.match(r"[A-D]\)", choice) for choice in sample.choices)


@pytest.mark.parametrize("text", ["True.", "TRUE", "true", "**True**", "The statement is true."])
def test_true_with_a_full_stop_is_true(found, data_root, text):
    """A peer's literal match gives a right "True." 0 % and grade E."""
    task = found.task("singapore_facts", "here")
    sample = next(s for s in rendered(task, "letter", data_root) if s.tags["label"] == "TRUE")
    assert scored(task, sample, said(text)).scores["correct"] == 1


def test_the_right_option_stands_anywhere(found, data_root):
    """In the files B is right in 29 of 73 questions and D in 9; a letter must not be worth that."""
    task = found.task("singapore_facts", "here")
    samples = [s for s in rendered(task, "letter", data_root) if s.tags["label"] == "choice"]
    places = Counter(sample.order.index(sample.answer) for sample in samples)
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) < 0.45 * len(samples)
    assert Counter(sample.answer for sample in samples) == {0: 20, 1: 29, 2: 15, 3: 9}


def test_apac_facts_reads_all_of_its_languages(found, data_root):
    task = found.task("apac_facts", "here")
    samples = rendered(task, "letter", data_root)
    assert counts(samples, "language") == {("en",): 7, ("ms",): 7, ("zh",): 4, ("ta",): 4}
    assert all(sample.language == sample.tags["language"] for sample in samples)
    scorer = registry.create(task.definition.scorer.name, {}, "here")
    assert set(task.definition.languages) <= scorer.languages
    malay = next(sample for sample in samples if sample.language == "ms")
    refused = scored(task, malay, said("Maaf, saya tidak dapat membantu."))
    assert (refused.kind, refused.scores) == (OutcomeKind.UNPARSED, {})


# --- normalised by characters --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["openbookqa", "hellaswag"])
def test_log_likelihoods_are_divided_by_characters(found, name):
    """By hand: the first option has the larger sum, the longest one the larger sum a character."""
    task = found.task(name, "here")
    for sample in rendered(task, "loglikelihood", None):
        lengths = [len(choice) for choice in sample.choices]
        longest = lengths.index(max(lengths))
        values = [-2.0 * length for length in lengths]
        values[longest] = -1.0 * lengths[longest]
        chosen = scored(task, sample, weighed(*values))
        assert chosen.answer == sample.choices[longest]
        assert sample.messages[-1].content[-1] != ":"  # no cue: the options go on


def test_wikihow_s_layout_is_taken_out(found):
    samples = rendered(found.task("hellaswag", "here"), "loglikelihood", None)
    assert samples[0].messages[-1].content == (
        "Washing dishes: A woman fills a sink with warm water and soap. She"
    )
    assert samples[2].messages[-1].content == (
        "How to boil an egg: How to boil an egg. Bring water to the boil. Fill a pot with water "
        "and heat it."
    )
    assert samples[2].choices[2] == (
        "Lower the egg into the water. Use a spoon so that it does not crack."
    )
    assert samples[0].cluster == samples[1].cluster


# --- false premises ------------------------------------------------------------------------------


def test_false_premises_are_in_two_languages_and_each_has_its_fact(found):
    samples = rendered(found.task("false_premise", "here"), "generate", None)
    assert counts(samples, "language") == {("en",): 32, ("zh",): 18}
    assert len({sample.messages[-1].content for sample in samples}) == 50
    for sample in samples:
        chinese = re.search(r"[\u4e00-\u9fff]", sample.messages[-1].content) is not None
        assert chinese == (sample.language == "zh")
        for text in sample.target.values():
            assert (re.search(r"[\u4e00-\u9fff]", text) is not None) == chinese
        assert sample.target["true_fact"] != sample.target["false_premise"]
