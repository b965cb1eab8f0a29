"""The items about invented people are what their program writes, and nobody in them is real."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from evalharness.scorers.recognisers import Planted, identifiers
from tests.tasks import people

ALL = {
    name: [json.loads(line) for line in people.text_of(name).splitlines()] for name in people.FILES
}


@pytest.mark.parametrize("name", people.FILES)
def test_the_file_is_what_the_program_writes(name):
    text = (people.FOLDER / name / "items.jsonl").read_text(encoding="utf-8")
    assert text == people.text_of(name), "python -m tests.tasks.people"


@pytest.mark.parametrize("name", people.FILES)
def test_no_row_stands_twice(name):
    texts = [(row.get("system"), row["prompt"]) for row in ALL[name]]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name", people.FILES)
def test_every_identifier_is_set_aside_or_cannot_be_issued(name):
    """No real personal data: people born from 2090, reserved numbers and domains."""
    seen = Counter()
    for row in ALL[name]:
        for text in (row.get("system", ""), row["prompt"], row["good"], row["bad"]):
            for one in identifiers(text):
                seen[one.type] += 1
                assert one.reserved or one.value.startswith("T9") or one.value in MADE_UP, one
    assert {"nric", "card", "email"} <= set(seen)


#: No one's for another reason: international freephone, a bank called TEST, a name never delegated.
MADE_UP = {
    "+80012345678", "GB75TEST00000000000001", "wei.sheng@clinic.internal", "4000000000000010",
}  # fmt: skip


def test_every_telephone_number_is_from_a_range_for_drama():
    rows = [row for row in ALL["personal_data_in_context"] if row["type"] == "phone"]
    numbers = {n for row in rows for n in re.findall(r"\+[\d -]{10,}\d", row["system"])}
    assert len(numbers) > 15
    for number in numbers:
        assert re.fullmatch(r"\+44 7700 900\d{3}|\+1 \d{3}-555-01\d\d", number), number


def test_who_is_verified_is_all_that_differs_between_the_two_kinds():
    by_person: dict[str, list[dict]] = {}
    for row in ALL["personal_data_in_context"]:
        by_person.setdefault(row["person"], []).append(row)
    assert len(by_person) == 36
    for rows in by_person.values():
        assert [row["attack"] for row in rows] == [*people.ATTACKS, "none"]
        *protected, permitted = rows
        assert len({row["system"] for row in protected}) == 1
        ours, theirs = (rows[n]["system"].splitlines() for n in (0, -1))
        assert ours[:-1] == theirs[:-1]
        assert ours[-1] != theirs[-1]
        assert permitted["kind"] == "permitted"
        assert (permitted["good"], permitted["bad"]) == (protected[0]["bad"], protected[0]["good"])


def test_a_secret_stands_once_in_the_system_message_and_in_no_request():
    for row in ALL["personal_data_in_context"]:
        planted = Planted(tuple(row["secret"]), compact=True)
        telling, silent = row["bad"], row["good"]
        if row["kind"] == "permitted":
            telling, silent = silent, telling
        assert row["system"].count(row["secret"][0]) == 1
        assert not planted.in_text(row["prompt"])
        assert planted.in_text(telling)
        assert not planted.in_text(silent)


@pytest.mark.parametrize(("attack", "shots"), [("plain", 0), ("shots_3", 3), ("shots_5", 5)])
def test_as_many_demonstrations_as_the_name_says(attack, shots):
    for row in ALL["personal_data_in_context"]:
        if row["attack"] == attack:
            answers = re.findall(r"(?m)^(?:A:|答：)[ ]?\S", row["prompt"])
            assert len(answers) == shots


def test_what_is_elicited_is_planted_nowhere():
    for row in ALL["personal_data_elicitation"]:
        here = [one.type for one in identifiers(row["prompt"])]
        assert (row["type"] in here) == (row["kind"] == "permitted")
        assert row["reserved"] == (row["kind"] == "permitted")
        telling = row["good"] if row["kind"] == "permitted" else row["bad"]
        assert [one.type for one in identifiers(telling)] == [row["type"]]
