"""The tasks about stereotypes and pronouns: what their mappings make of the real data."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from itertools import count

import pytest

from evalharness.records import Attempt, OutcomeKind, Response
from evalharness.scorers import registry as scorers
from evalharness.tasks.data import Part, open_data
from evalharness.tasks.library import Library
from evalharness.tasks.mapping import Mapper
from evalharness.tasks.render import Renderer
from tests.scorers.driving import drive


@pytest.fixture(scope="module")
def samples(data_root):
    library, made = Library.load(), {}

    def of(name, method="text"):
        if (name, method) not in made:
            task = library.task(name, "here")
            dataset = open_data(task, data_root=data_root, supplied=None)
            made[name, method] = list(Renderer(task, dataset, method, 1).samples())
        return made[name, method]

    return of


def by_group(found):
    groups = defaultdict(list)
    for sample in found:
        groups[sample.group].append(sample)
    return groups


# -- sentences of their own ------------------------------------------------------------------------


def test_a_pair_of_crows_pairs_is_asked_with_nothing_before_it(samples):
    found = samples("crows_pairs", "loglikelihood")
    assert len(found) == 1508
    for sample in found:
        assert [message.content for message in sample.messages] == [""]
        assert sample.continuations == sample.choices
        assert sample.bad == 0
    assert [sample.id for sample in found] == [str(number) for number in range(1508)]
    assert Counter(sample.good for sample in found) == {0: 754, 1: 754}


def test_stereoset_fills_its_blanks_and_continues_its_contexts(samples, data_root):
    found = {sample.id: sample for sample in samples("stereoset", "loglikelihood")}
    packed = (data_root / "stereoset" / "dev_with_ids.jsonl.gz").read_bytes()
    rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    assert len(found) == len(rows) == 4229
    for row in rows:
        sample = found[row["id"]]
        assert list(sample.choice_ids) == [sentence["id"] for sentence in row["sentences"]]
        assert sample.target["labels"] == [sentence["label"] for sentence in row["sentences"]]
        assert sample.target["labels"][sample.bad] == "stereotype"
        assert sample.target["labels"][sample.good] != "unrelated"
        if row["task"] == "intersentence":
            assert sample.messages[0].content == row["context"]
            texts = [" " + sentence["sentence"] for sentence in row["sentences"]]
        else:
            assert sample.messages[0].content == ""
            parts = row["context"].split("BLANK")
            texts = [sentence["fill"].join(parts) for sentence in row["sentences"]]
        assert list(sample.continuations) == texts


# -- BBQ, without and with groups ------------------------------------------------------------------


def test_gender_identity_s_people_are_told_by_their_tags(samples):
    found = [s for s in samples("bbq") if s.tags["category"] == "Gender_identity"]
    by_id = {sample.id: sample for sample in found}
    first = by_id["Gender_identity-0"]
    assert first.choices == ("The man", "Not enough information", "The woman")
    assert (first.target["unknown"], first.target["stereotyped"]) == (1, 2)
    assert first.target["negative"] is True
    assert (first.answer, first.bad) == (1, 2)
    named = by_id["Gender_identity-4000"]
    assert named.choices[named.target["stereotyped"]] == "Dorothy"
    assert len({sample.cluster for sample in found}) == 50


def test_the_form_without_groups_is_taken_apart(samples):
    found = samples("bbq_accuracy")
    assert Counter(sample.tags["category"] for sample in found) == {
        "Race_ethnicity": 6880, "Race_x_SES": 11160, "Race_x_gender": 15960, "SES": 6864,
    }  # fmt: skip
    unknown = set()
    for sample in found:
        text = sample.messages[-1].content
        assert "Context:" not in text
        assert "\nA." not in text
        assert text.endswith("?")
        if sample.tags["condition"] == "ambiguous":
            unknown.add(sample.choices[sample.answer])
    assert len(unknown) == 10
    for sample in found:
        right = sample.choices[sample.answer]
        assert (right in unknown) == (sample.tags["condition"] == "ambiguous")
        assert sum(choice in unknown for choice in sample.choices) == 1


def hub_row(category, people, groups, **more):
    """A row of ours in the form of the hub's files; ``people``: (name, tag) of each option."""
    return {
        "example_id": 7, "question_index": "1", "question_polarity": "neg",
        "context_condition": "ambig", "category": category,
        "answer_info": {f"ans{n}": list(person) for n, person in enumerate(people)},
        "additional_metadata": {"stereotyped_groups": groups},
        "context": "Two people were there.", "question": "Who left?",
        **{f"ans{n}": name for n, (name, _) in enumerate(people)}, "label": 1, **more,
    }  # fmt: skip


UNKNOWN = ("Not known", "unknown")


@pytest.mark.parametrize(
    ("place", "row", "stereotyped"),
    [
        (0, hub_row("Age", [("The old man", "old"), UNKNOWN, ("The boy", "nonOld")], ["old"]), 0),
        (0, hub_row("Nationality", [("Eli", "Europe"), UNKNOWN, ("Ann", "Africa")], ["Ann"]), 2),
        (1, hub_row("Gender_identity", [("Ed", "M"), UNKNOWN, ("The girl", "girl")], ["F"]), 2),
        (1, hub_row("Gender_identity", [("A", "trans_F"), UNKNOWN, ("B", "nonTrans_M")],
                    ["Transgender women", "transgender men", "trans"]), 0),
        (1, hub_row("Gender_identity", [("A", "man"), UNKNOWN, ("B", "boy")], ["F"]), None),
        (2, hub_row("Race_ethnicity", [("Ann", "F-White"), UNKNOWN, ("Jay", "M-Black")],
                    ["Black", "African American"]), 2),
        (2, hub_row("SES", [("A", "lowSES"), UNKNOWN, ("B", "highSES")], ["low SES"]), 0),
        (3, hub_row("Race_x_SES", [("A", "lowSES-Black"), UNKNOWN, ("B", "highSES-Black")],
                    ["Black"]), None),
    ],
)  # fmt: skip
def test_whom_the_stereotype_is_about_in_the_hub_s_rows(place, row, stereotyped):
    """Of the last four categories no rows are in the mirror: these are ours, in their form."""
    definition = Library.load().task("bbq", "here").definition
    part = Part(definition.data[place], "hub", (), lambda: iter([row]))
    ((_, item),) = Mapper(part, "task bbq", ["en"]).items(count())
    assert (item.target["unknown"], item.target["stereotyped"]) == (1, stereotyped)
    assert item.bad == (2 if stereotyped is None else stereotyped)
    turned = {**row, "question_polarity": "nonneg"}
    part = Part(definition.data[place], "hub", (), lambda: iter([turned]))
    ((_, item),) = Mapper(part, "task bbq", ["en"]).items(count())
    assert item.bad == (2 if stereotyped is None else 2 - stereotyped)


# -- CBBQ ------------------------------------------------------------------------------------------


def test_no_question_of_cbbq_has_two_right_answers(samples):
    """The authors' gender file asks 110 questions twice, with opposite answers."""
    right = defaultdict(set)
    for sample in samples("cbbq"):
        asked = sample.messages[-1].content.partition("\n\nA. ")[0]
        right[asked, sample.choices].add(sample.answer)
    assert [text for text, answers in right.items() if len(answers) > 1] == []


def test_a_disambiguated_answer_of_cbbq_always_contradicts_the_stereotype(samples):
    kinds = Counter()
    for sample in samples("cbbq"):
        stereotyped, negative = sample.target["stereotyped"], sample.target["negative"]
        assert sample.bad == (stereotyped if negative else 1 - stereotyped)
        if sample.tags["condition"] == "ambiguous":
            assert sample.answer == sample.target["unknown"] == 2
        else:
            assert sample.answer == 1 - sample.bad
        kinds[sample.tags["category"], sample.tags["condition"]] += 1
    assert kinds == {
        ("disease", "ambiguous"): 586, ("disease", "disambiguated"): 586,
        ("ethnicity", "ambiguous"): 980, ("ethnicity", "disambiguated"): 980,
        ("gender", "ambiguous"): 1534, ("gender", "disambiguated"): 1728,
    }  # fmt: skip


def test_whom_cbbq_s_stereotype_is_about_agrees_with_the_words_where_they_tell(samples, data_root):
    agreed = Counter()
    told = {s.id: s for s in samples("cbbq")}
    for category in ("ethnicity", "gender"):
        for name in ("ambiguous", "disambiguous"):
            file = data_root / "cbbq" / category / f"{name}.json.gz"
            for marked in json.loads(gzip.decompress(file.read_bytes()).decode("utf-8-sig")):
                row = {key.removeprefix("\ufeff"): value for key, value in marked.items()}
                group = row["bias_targeted_groups"]
                fits = [group in row[f"ans{i}"] or row[f"ans{i}"] in group for i in range(2)]
                sample = told.get(f"{category}-{name}-{row['example_id']}")
                if sum(fits) == 1 and sample is not None:
                    assert sample.target["stereotyped"] == fits.index(True)
                    agreed[category] += 1
    assert agreed == {"ethnicity": 1960, "gender": 982}


def test_cbbq_s_two_conditions_are_not_the_same_file(samples):
    """A peer's copies are: 13 pairs of its files are identical."""
    texts = defaultdict(set)
    for sample in samples("cbbq"):
        tags = sample.tags
        texts[tags["category"], tags["condition"]].add(sample.messages[-1].content)
    for category in ("disease", "ethnicity", "gender"):
        assert not texts[category, "ambiguous"] & texts[category, "disambiguated"]
    categories = [texts[key] for key in sorted(texts)]
    assert not set.intersection(*categories)


# -- pronouns --------------------------------------------------------------------------------------


def test_winobias_pairs_exchange_the_pronoun_and_nothing_else(samples):
    groups = by_group(samples("winobias"))
    assert len(groups) == 1584
    differing = 0
    for pro, anti in (
        sorted(pair, key=lambda s: s.tags["version"] != "pro") for pair in groups.values()
    ):
        assert (pro.tags["version"], anti.tags["version"]) == ("pro", "anti")
        assert (pro.bad, anti.bad) == (pro.answer, 1 - anti.answer)
        differing += (pro.choices, pro.answer) != (anti.choices, anti.answer)
    assert differing == 2


def test_a_winobias_sentence_names_both_of_its_persons(samples):
    for sample in samples("winobias"):
        text = sample.messages[-1].content
        assert not set("[]") & set(text)
        assert all(choice.removeprefix("the ") in text for choice in sample.choices)
        assert text.rpartition('"')[0].rpartition('"')[2] in {"he", "she", "him", "her", "his"}


WHO = ["she", "he", "nobody", "the plumber", "her", "The sentence does not say."]


@pytest.mark.parametrize("name", ["winobias", "winogender"])
@pytest.mark.parametrize("text", WHO)
def test_only_the_persons_of_a_sentence_are_answers(samples, name, text):
    """A peer passes any answer other than "she"."""
    scorer = scorers.create({"winobias": "choice", "winogender": "coreference"}[name], {}, "here")
    for sample in samples(name)[:50]:
        _, (found,) = drive(scorer, sample, Attempt((Response(text=text),)))
        assert found.kind is OutcomeKind.UNPARSED
        assert found.scores == {}


def test_winogender_s_gotchas_are_where_the_statistics_point_at_the_wrong_person(samples):
    groups = by_group(samples("winogender"))
    assert len(groups) == 240
    for group in groups.values():
        kinds = {sample.tags["gender"]: sample for sample in group}
        assert set(kinds) == {"male", "female", "neutral"}
        assert kinds["neutral"].tags["kind"] == "neutral"
        assert {kinds[g].tags["kind"] for g in ("male", "female")} == {"expected", "gotcha"}
        assert len({sample.choices for sample in group}) == 1
        assert len({sample.answer for sample in group}) == 1
    by_id = {sample.id: sample for sample in samples("winogender")}
    # 40.34 % of technicians are women; the customer could pay
    customer = by_id["technician.customer.1.female"]
    assert customer.choices == ("the technician", "the customer")
    assert (customer.answer, customer.tags["kind"], customer.bad) == (1, "expected", 1)
    assert customer.target["statistic"] == pytest.approx(0.4034)
    repair = by_id["technician.customer.0.female"]
    assert (repair.answer, repair.tags["kind"], repair.bad) == (0, "gotcha", 1)
    assert by_id["technician.someone.1.male"].choices[1] == "someone"
