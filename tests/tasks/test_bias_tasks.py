"""The bias suite's own items: pairs are pairs, and nothing but the group tells them apart."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from itertools import takewhile

import pytest

from evalharness.scorers.mentions import Mentions, WordLists
from evalharness.tasks.data import open_data
from evalharness.tasks.library import Library, bundled
from evalharness.tasks.render import Renderer
from tests.scorers.driving import outcome, said, sample

SUITE = bundled("suites") / "bias"


def items(task):
    lines = (SUITE / task / "items.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def shared(texts):
    """How many characters all begin with."""
    return sum(1 for _ in takewhile(lambda column: len({*column}) == 1, zip(*texts, strict=False)))


@pytest.mark.parametrize(("task", "requests"), [("counterfactual", 44), ("counterfactual_zh", 40)])
def test_counterfactual_requests_differ_in_the_person_alone(task, requests):
    """What is left between the common beginning and end of a request names the group."""
    by_request = defaultdict(list)
    for item in items(task):
        by_request[item["request"]].append(item)
    assert len(by_request) == requests
    words = defaultdict(set)
    for members in by_request.values():
        keys = [(item["attribute"], item["group"]) for item in members]
        assert len(set(keys)) == len(keys) == 23
        prompts = [item["prompt"] for item in members]
        begin = shared(prompts)
        end = shared([text[::-1] for text in prompts])
        for key, text in zip(keys, prompts, strict=True):
            words[key].add(text[begin : len(text) - end])
    assert len(words) == 23
    for (attribute, _), forms in words.items():
        assert len(forms) == (6 if attribute == "ethnicity" else 1)
    assert len({form for forms in words.values() for form in forms}) == 4 * 6 + 19


def numbers(prompt, field):
    return int(re.search(rf"^{field}: ([\d,]+)", prompt, re.MULTILINE)[1].replace(",", ""))


def deserves(item):
    """The rule of the item's scenario, applied to the figures in its prompt."""
    prompt = item["prompt"]
    if item["scenario"] == "loan":
        share = numbers(prompt, "Monthly repayment") / numbers(prompt, "Monthly income")
        return share <= 0.3 and numbers(prompt, "Payments missed.*") == 0
    if item["scenario"] == "hiring":
        return numbers(prompt, "Experience.*") >= 3 and numbers(prompt, "Skills test") >= 60
    share = numbers(prompt, "Monthly rent") / numbers(prompt, "Monthly income")
    return share <= 0.4 and numbers(prompt, "Months of unpaid rent.*") == 0


def test_an_applicant_s_merit_follows_from_the_prompt_and_not_from_the_group():
    """A peer loads the true labels as the sensitive attribute; here they are independent."""
    found = items("decision_fairness")
    groups = defaultdict(Counter)
    for item in found:
        assert deserves(item) == item["qualified"], item["id"]
        groups[item["attribute"], item["group"]][item["qualified"]] += 1
    assert len(groups) == 9
    assert set(map(str, groups.values())) == {str(Counter({True: 24, False: 24}))}


def test_a_profile_s_applicants_differ_in_one_line():
    profiles = defaultdict(list)
    for item in items("decision_fairness"):
        profiles[item["profile"]].append(item["prompt"].splitlines())
    assert len(profiles) == 48
    for prompts in profiles.values():
        assert len(prompts) == 9
        assert len({(*lines[:2], *lines[3:]) for lines in prompts}) == 1
        assert len({lines[2] for lines in prompts}) == 9


def test_a_question_has_the_same_options_in_each_dialect_and_another_wording():
    questions = defaultdict(dict)
    for item in items("dialect_fairness"):
        questions[item["question"]][item["dialect"]] = item
    assert len(questions) == 44
    places = Counter()
    for versions in questions.values():
        assert set(versions) == {"standard", "AAE", "Singlish"}
        assert len({(*v["choices"], v["answer"]) for v in versions.values()}) == 1
        assert len({v["prompt"] for v in versions.values()}) == 3
        places[versions["AAE"]["answer"]] += 1
    assert set(places.values()) == {11}


def test_political_statements_point_each_way_equally_often_in_each_language():
    found = Counter((i["axis"], i["language"], i["sign"]) for i in items("political_orientation"))
    assert len(found) == 8
    assert set(found.values()) == {10}


def test_a_request_for_a_text_names_its_word_and_no_group():
    definition = Library.load().task("representation", "here").definition
    lists = WordLists.model_validate(definition.scorer.options["words"])
    counted = Mentions(lists)
    for item in items("representation"):
        found = outcome(counted, sample(), said(item["prompt"])).scores
        assert [name for name, count in found.items() if count] == [
            f"{item['kind']}:{item['word']}"
        ]
    named = {(item["kind"], item["word"]) for item in items("representation")}
    assert named == {(kind, word) for kind, words in lists.targets.items() for word in words}
    sizes = {len(words) for groups in lists.axes.values() for words in groups.values()}
    assert max(sizes) - min(sizes) < 20


def test_things_in_a_story_are_no_people():
    """Malay names with "bin" count by their other words: a cleaner empties a bin."""
    definition = Library.load().task("representation", "here").definition
    counted = Mentions(WordLists.model_validate(definition.scorer.options["words"]))
    text = "The cleaner emptied the bin, locked the gate and took a long rest by the hall window."
    found = outcome(counted, sample(), said(text)).scores
    assert [name for name, count in found.items() if count] == ["profession:cleaner"]
    found = outcome(counted, sample(), said("Ahmad bin Osman met his granddaughter.")).scores
    assert (found["ethnicity:malay"], found["gender:female"], found["gender:male"]) == (2, 1, 1)


def test_bold_s_groups_are_the_paper_s(data_root):
    task = Library.load().task("bold", "here")
    dataset = open_data(task, data_root=data_root, supplied=None)
    groups = defaultdict(set)
    for found in Renderer(task, dataset, "generate", 1).samples():
        groups[found.tags["domain"]].add(found.tags["group"])
    assert {domain: len(names) for domain, names in groups.items()} == {
        "gender": 2, "political_ideology": 12, "profession": 18, "race": 4,
        "religious_ideology": 7,
    }  # fmt: skip


def test_only_the_targeted_system_prompt_names_the_group(data_root):
    task = Library.load().task("stereotype_agreement", "here")
    dataset = open_data(task, data_root=data_root, supplied=None)
    kinds = Counter()
    for found in Renderer(task, dataset, "generate", 1).samples():
        system, user = found.messages
        kind, group = found.tags["system"], found.tags["target_group"]
        assert "[target_group]" not in system.content
        assert (group in system.content) == (kind == "targeted")
        assert group.casefold() in user.content.casefold()
        kinds[kind] += 1
    assert kinds == {"benign": 1152, "untargeted": 1152, "targeted": 1152}


OPINION = {
    "question": "Which?", "options": "['Yes', \"Don't know\"]", "source": "WVS",
    "selections": "defaultdict(<class 'list'>, {'Peru': [0.75, 0.25], \"d'Oc\": [0.5, 0.5]})",
}  # fmt: skip


def opinions(*rows):
    task = Library.load().task("subjective_opinions", "here")
    dataset = open_data(task, data_root=None, supplied=[{**OPINION, **row} for row in rows])
    return list(Renderer(task, dataset, "letter", 1).samples())


def test_columns_that_hold_python_s_notation_are_read():
    (found,) = opinions({})
    assert found.choices == ("Yes", "Don't know")
    assert found.target["countries"] == {"Peru": [0.75, 0.25], "d'Oc": [0.5, 0.5]}
    assert (found.good, found.bad) == (0, 1)


def test_questions_whose_columns_do_not_fit_are_left_out():
    nothing = "defaultdict(<class 'list'>, {})"
    unfit = [
        {"question": ""}, {"question": None}, {"options": "['Yes', 'Yes']"},
        {"options": "['Yes', 'No', 'Never']"}, {"selections": nothing},
    ]  # fmt: skip
    assert len(opinions(*unfit, {})) == 1
