"""The vocabularies of the frameworks, and the tags that are checked against them."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from pydantic import ValidationError

from evalharness.cli.app import run_app
from evalharness.errors import TaskError
from evalharness.tasks import frameworks
from evalharness.tasks.frameworks import Framework, framework, known, touched
from evalharness.tasks.library import Library, load_suite
from tests.tasks.making import write_task

#: How many codes each must have, and how many of them are no part of another.
SIZES = {
    "catalogue": (46, 21),
    "starter-kit": (5, 5),
    "gbt-45654": (36, 5),
    "nist-600-1": (12, 12),
    "ailuminate": (17, 12),
    "owasp-llm-2025": (10, 10),
    "owasp-llm-2026": (10, 10),
    "atlas-5.6.0": (40, 29),
    "ai-verify-genai": (11, 11),
    "compl-ai": (19, 6),
    "eu-gpai-code": (7, 3),
    "gbt-45654-tests": (4, 4),
}


def made(*codes, **changes):
    return Framework.model_validate(
        {
            "framework": "mine",
            "title": "Mine",
            "publisher": "us",
            "version": "1",
            "source": "ours",
            "certainty": "primary",
            "codes": list(codes) or [{"id": "a", "name": "A"}],
            **changes,
        }
    )


def test_there_is_a_vocabulary_for_every_framework():
    assert known() == sorted(SIZES)


@pytest.mark.parametrize("key", SIZES)
def test_a_vocabulary_is_whole_and_says_how_sure_it_is(key):
    found = framework(key)
    assert (len(found.codes), sum(code.part_of is None for code in found.codes)) == SIZES[key]
    assert found.version
    assert found.source
    assert {found.certainty_of(code) for code in found.codes} <= {"primary", "secondary"}
    assert len({code.name for code in found.codes}) == len(found.codes)


def test_the_chinese_standard_has_8_9_5_7_2_risks_with_both_names():
    codes = framework("gbt-45654").codes
    parts = Counter(code.part_of for code in codes if code.part_of is not None)
    assert len(framework("gbt-45654").counted) == 31
    assert parts == {"A1": 8, "A2": 9, "A3": 5, "A4": 7, "A5": 2}
    assert all(code.name_zh for code in codes)
    for group, count in parts.items():
        letters = [code.id for code in codes if code.part_of == group]
        assert letters == [f"{group}-{letter}" for letter in "abcdefghi"[:count]]


def test_the_catalogue_has_every_row():
    rows = [code.id for code in framework("catalogue").codes if code.part_of is None]
    chapters = {1: 7, 2: 3, 3: 6, 4: 1, 5: 4}
    assert rows == [f"imda-cat:{c}.{n}" for c, last in chapters.items() for n in range(1, last + 1)]


def test_editions_of_one_list_keep_their_own_numbers():
    names = {
        year: {code.name: code.id for code in framework(f"owasp-llm-{year}").codes}
        for year in (2025, 2026)
    }
    assert (names[2025]["Misinformation"], names[2026]["Misinformation"]) == ("LLM09", "LLM07")
    assert "System Prompt Leakage" not in names[2026]


@pytest.mark.parametrize(
    ("codes", "changes", "expected"),
    [
        ([{"id": "a", "name": "A"}, {"id": "a", "name": "B"}], {}, "'a' stands twice"),
        ([{"id": "a", "name": "A", "part_of": "b"}], {}, "part of 'b', which must stand above"),
        ([], {"certainty": "unverified"}, "nobody has read"),
        ([], {"certainty": "sure"}, "Input should be"),
        ([], {"colour": "red"}, "not permitted"),
    ],
)
def test_a_wrong_vocabulary_is_refused(codes, changes, expected):
    with pytest.raises(ValidationError, match=expected):
        made(*codes, **changes)


def test_a_framework_that_is_not_there():
    with pytest.raises(TaskError, match="no framework 'catalog'; did you mean 'catalogue'"):
        framework("catalog")


def test_a_code_that_is_not_in_its_vocabulary_is_an_error_of_the_task(tmp_path):
    suite = write_task(tmp_path / "mine", tags={"catalogue": ["imda-cat:1.4", "imda-cat:3.9"]})
    file = suite / "small" / "task.yaml"
    line = 1 + file.read_text(encoding="utf-8").splitlines().index("  - imda-cat:3.9")
    with pytest.raises(TaskError) as caught:
        Library.load([suite])
    message = str(caught.value)
    assert message.startswith(f"{file}:{line}: tags.catalogue: 'imda-cat:3.9' is no code of")
    assert "did you mean 'imda-cat:3." in message


def test_a_key_of_one_s_own_is_free(tmp_path):
    suite = write_task(tmp_path / "mine", tags={"house-rules": ["7"], "nist-600-1": [2.4]})
    assert load_suite(suite, "tests").tasks["small"].definition.tags["house-rules"] == ["7"]


def test_a_task_touches_what_its_code_is_a_part_of():
    vocabulary = made(
        {"id": "a", "name": "A"},
        {"id": "a/b", "name": "B", "part_of": "a"},
        {"id": "a/b/c", "name": "C", "part_of": "a/b"},
        {"id": "d", "name": "D"},
    )
    tags = {"two": {"mine": ["a/b/c"]}, "one": {"mine": ["a"], "other": ["d"]}, "none": {}}
    assert touched(vocabulary, tags) == {
        "a": ["one", "two"],
        "a/b": ["two"],
        "a/b/c": ["two"],
        "d": [],
    }


def test_built_in_tasks_use_only_known_frameworks():
    for task in Library.load().tasks.values():
        assert set(task.definition.tags) <= set(known()), task.name


def test_the_list_names_the_tasks_and_what_is_not_covered(capsys):
    assert run_app(["list", "frameworks"]) == 0
    text = capsys.readouterr().out
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("  imda-cat")}
    assert lines["imda-cat:3.4"].endswith("Psychological traits: not covered")
    assert "quickstart_bias" in lines["imda-cat:3.2"]
    assert "quickstart_bias" in lines["imda-cat:3.2/stereotype"]
    assert "Bias in decision-making" in text
    assert "Hallucination [primary]" in text  # where it differs from the framework's own

    assert run_app(["list", "frameworks", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == known()
    codes = {code["id"]: code for code in rows["catalogue"]["codes"]}
    assert codes["imda-cat:3.4"]["tasks"] == []
    assert "quickstart_bias" in codes["imda-cat:3.2"]["tasks"]
    assert rows["gbt-45654"]["certainty"] == "secondary"
    for row in rows.values():
        # of the banks and the corpus, which are the assessor's own, no built-in task is a test
        assert (0 if row["name"] == "gbt-45654-tests" else 1) <= row["n_touched"] <= row["n_codes"]
    assert rows["catalogue"]["n_codes"] == 21


def test_a_whole_does_not_hide_that_its_parts_are_not_touched():
    codes = (
        {"id": "a", "name": "A"},
        {"id": "a/b", "name": "B", "part_of": "a"},
        {"id": "a/c", "name": "C", "part_of": "a"},
        {"id": "d", "name": "D"},
    )
    assert made(*codes).tally(["a", "d"]) == "2 of 2 (0 of 2 parts)"
    assert made(*codes, counts="parts").tally(["a", "a/b"]) == "1 of 3 (1 of 1 groups)"
    assert made({"id": "a", "name": "A"}).tally([]) == "0 of 1"


def test_where_no_task_can_answer_the_list_says_what_does(capsys):
    assert run_app(["coverage", "--framework", "compl-ai"]) == 0
    text = capsys.readouterr().out
    assert "Human agency: not covered by a task; not measurable on the model alone" in text


def test_what_a_vocabulary_s_file_is_called(tmp_path, monkeypatch):
    folder = tmp_path / "frameworks"
    folder.mkdir()
    (folder / "yours.yaml").write_text(made().model_dump_json(), encoding="utf-8")
    monkeypatch.setattr(frameworks, "bundled", lambda name: tmp_path)
    framework.cache_clear()
    with pytest.raises(TaskError, match=r"lies in a file called 'yours\.yaml'"):
        framework("yours")
    framework.cache_clear()
