"""A bank held against the rules: totals, floors, duplicates, languages, aspects, age."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.banks.checks import Settings, validate
from evalharness.banks.reading import Bank, Question, read_bank
from evalharness.banks.rules import rules
from evalharness.cli.app import run_app
from tests.banks.making import ASPECTS, RISKS, rows, text, write_csv

RULES = rules("gbt-45654")
TODAY = date(2026, 1, 20)


def bank(items, tmp_path=None):
    return Bank(tmp_path, "0" * 64, tuple(items), {})


def question(row, said=None, **more):
    return Question(row=row, text=said or text(row), kind="refuse", **more)


def checked(items, kind="refuse", **settings):
    found = validate(bank(items), kind, RULES, Settings(**{"today": TODAY, **settings}))
    return {check.name: check for check in found.checks}


def full(count=510, **more):
    return [
        question(n, risk=RISKS[n % 17], stated=RISKS[n % 17], updated=TODAY, **more)
        for n in range(count)
    ]


def test_a_bank_that_has_all_holds():
    found = checked(full())
    assert {check.state for check in found.values()} == {"holds"}
    assert found["total"].found == "510"


def test_a_total_counts_different_items_and_a_repeat_is_a_fault():
    items = full(499)
    items += [question(1000 + n, items[0].text.upper() + " ?!", risk="A1-a") for n in range(20)]
    found = checked(items)
    assert (found["total"].state, found["total"].found) == ("fails", "499")
    assert found["duplicates"].state == "fails"
    assert found["duplicates"].rows == tuple(range(1000, 1020))


def test_what_is_nearly_the_same_is_a_note_and_fails_nothing():
    items = [*full(), question(900, items_text(full()[3].text), risk="A1-a")]
    found = checked(items)
    assert found["near duplicates"].state == "note"
    assert found["near duplicates"].rows == (900,)
    assert checked(items, near=1.0)["near duplicates"].state == "holds"


def items_text(said):
    return said.replace("What is", "What was")


@pytest.mark.parametrize("least", [19, 20])
def test_a_floor_is_for_each_risk(least):
    items = full(520)
    of_one = [item for item in items if item.risk == "A2-c"]
    kept = [item for item in items if item.risk != "A2-c"] + of_one[:least]
    found = checked(kept)
    assert found["risks A1"].state == "holds"
    assert found["risks A2"].state == ("holds" if least == 20 else "fails")
    if least == 19:
        assert "1 of 9: A2-c 19" in found["risks A2"].found


def test_a_risk_that_nobody_knows_is_told_with_its_rows():
    found = checked([*full(), question(777, stated="A9-z")])
    assert found["unknown risk"].state == "fails"
    assert found["unknown risk"].rows == (777,)
    assert "A9-z" in found["unknown risk"].found


def test_the_unverified_number_is_a_setting_and_said_to_be_one():
    items = [
        Question(row=n, text=text(n), kind="answer", aspect=ASPECTS[n % 13], updated=TODAY)
        for n in range(130)
    ]
    found = checked(items, "answer")
    assert "items an aspect" not in found
    assert found["aspects"].state == "holds"
    found = checked(items, "answer", per_aspect=20)
    assert (found["items an aspect"].state, found["items an aspect"].certainty) == (
        "fails", "unverified",
    )  # fmt: skip
    found = checked(items, "answer", per_aspect=10)
    assert (found["items an aspect"].state, found["items an aspect"].certainty) == (
        "holds", "setting",
    )  # fmt: skip
    found = checked([i for i in items if i.aspect != "heroes"], "answer")
    assert "heroes" in found["aspects"].found
    nameless = [Question(row=1, text="x?", kind="answer", updated=TODAY)]
    assert checked(nameless, "answer")["aspects"].state == "unknown"


@pytest.mark.parametrize(
    ("updated", "state"),
    [
        (date(2025, 12, 20), "holds"),
        (date(2025, 12, 19), "fails"),
        (date(2026, 1, 21), "fails"),  # not yet
        (None, "unknown"),
    ],
)
def test_the_age_of_the_last_update(updated, state):
    items = [question(n, risk="A1-a") for n in range(3)]
    assert checked(items, updated=updated)["age"].state == state


def test_languages_are_counted_and_those_named_must_be_there():
    items = [
        question(1, "这个茶壶放在哪里比较好？", risk="A1-a"),
        question(2, "Where should the tea pot of this house be?", risk="A1-a"),
        question(3, "kopi", language="ms", risk="A1-a"),
    ]
    found = validate(bank(items), "refuse", RULES, Settings(TODAY))
    assert found.languages == {"zh": 1, "en": 1, "ms": 1}
    asked = checked(items, languages=("zh-CN", "ta"))
    assert asked["language zh-CN"].state == "holds"
    assert asked["language ta"].state == "fails"


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(RISKS)), max_size=60))
def test_every_item_is_counted_once(pairs):
    items = [question(n, text(which), risk=risk) for n, (which, risk) in enumerate(pairs)]
    found = validate(bank(items), "refuse", RULES, Settings(TODAY))
    distinct = {which for which, _ in pairs}
    assert found.n_rows == len(pairs)
    assert found.n_distinct == len(distinct) == sum(found.risks.values())
    (doubled,) = [check for check in found.checks if check.name == "duplicates"]
    assert len(doubled.rows) == len(pairs) - len(distinct)
    assert json.dumps(found.to_json())


def test_the_command_holds_a_whole_bank_against_the_rule(tmp_path, capsys):
    file = write_csv(tmp_path / "bank.csv", rows(2000))
    arguments = ["bank", "validate", str(file), "--kind", "generated", "--today", "2026-01-20"]
    assert run_app(arguments) == 0
    out = capsys.readouterr().out
    assert "secondary source" in out
    assert "The standard's text was not opened" in out
    assert "holds   risks A5: at least 20 items in each of its 2 risks: least 64" in out
    assert run_app([*arguments[:-1], "2026-03-01", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["banks"]
    assert [c["name"] for c in found["checks"] if c["state"] == "fails"] == ["age"]
    assert found["n_distinct"] == 2000


def test_a_bank_that_does_not_say_its_age_is_not_wholly_checked(tmp_path, capsys):
    items = [{k: v for k, v in row.items() if k != "updated"} for row in rows(510, "refuse")]
    file = write_csv(tmp_path / "bank.csv", items)
    arguments = ["bank", "validate", str(file), "--kind", "refuse", "--today", "2026-01-20"]
    assert run_app(arguments) == 3
    assert "nothing says when; give --updated" in capsys.readouterr().out
    assert run_app([*arguments, "--updated", "2026-01-01"]) == 0


def test_one_file_may_hold_several_banks(tmp_path, capsys):
    items = [{"aspect": "", **row, "kind": "refuse"} for row in rows(4, "refuse")]
    items += [
        {"aspect": "age", "question": "How old is this tree?", "risk": "", "updated": "2026-01-10",
         "kind": "answer"}
    ]  # fmt: skip
    file = write_csv(tmp_path / "bank.csv", items)
    assert run_app(["bank", "validate", str(file), "--today", "2026-01-20", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["banks"]
    assert [(one["kind"], one["n_rows"]) for one in found] == [("refuse", 4), ("answer", 1)]
    again = ["bank", "validate", str(file), "--kind", "keywords", "--today", "2026-01-20"]
    assert run_app(again) == 2
    assert "no items of kind 'keywords'" in capsys.readouterr().err


def test_every_form_of_file_gives_the_same_bank(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    items = rows(5, "refuse")
    files = [write_csv(tmp_path / "bank.csv", items), tmp_path / "b.jsonl", tmp_path / "b.parquet"]
    files[1].write_text("".join(json.dumps(row) + "\n" for row in items), encoding="utf-8")
    pq.write_table(pa.Table.from_pylist(items), files[2])
    banks = [read_bank(file, RULES, "refuse") for file in files]
    assert [(found.place, found.items[0].row) for found in banks] == [
        ("line", 2), ("line", 1), ("row", 1)
    ]  # fmt: skip
    first, *others = [[replace(item, row=0) for item in found.items] for found in banks]
    assert first == others[0] == others[1]
    assert first[0].updated == date(2026, 1, 10)


def test_a_risk_may_be_written_in_many_ways(tmp_path):
    written = [
        "A1-a",
        "A.1 a",
        "a1a",
        "Subverting state power",
        "煽动颠覆国家政权、推翻社会主义制度",
    ]
    items = [{"question": text(n), "risk": risk} for n, risk in enumerate(written)]
    found = read_bank(write_csv(tmp_path / "bank.csv", items), RULES, "refuse")
    assert {item.risk for item in found.items} == {"A1-a"}


@pytest.mark.parametrize(
    ("content", "options", "expected"),
    [
        ("q\nx\n", [], "no column holds the items' text; name it: --column text=COLUMN"),
        ("q\nx\n", ["--column", "text=r"], "has no column 'r'"),
        ("q\nx\n", ["--column", "txt=q"], "no field 'txt'; did you mean 'text'?"),
        ("q\nx\n", ["--column", "text"], "write FIELD=COLUMN"),
        ("text\nx\n", ["--today", "soon"], "--today: 'soon' is no date"),
        ("text,updated\nx,soon\n", [], "line 2: 'soon' is no date"),
        ("text\n", [], "the bank has no rows"),
        ("text\nx\n", ["--framework", "mine"], "no bank rules 'mine'"),
    ],
)
def test_a_file_that_is_no_bank(content, options, expected, tmp_path, capsys):
    file = tmp_path / "bank.csv"
    file.write_text(content, encoding="utf-8")
    assert run_app(["bank", "validate", str(file), "--kind", "refuse", *options]) == 2
    assert expected in capsys.readouterr().err


def test_what_nothing_says_is_asked_for(tmp_path, capsys):
    file = tmp_path / "bank.csv"
    file.write_text("text\nx\n", encoding="utf-8")
    assert run_app(["bank", "validate", str(file)]) == 2
    assert "give --kind (generated, refuse, answer, keywords)" in capsys.readouterr().err
    file = tmp_path / "bank.jsonl"
    file.write_text('{"text": "a\\ud800"}\n', encoding="utf-8")
    assert run_app(["bank", "validate", str(file), "--kind", "refuse"]) == 2
    assert "half of a character" in capsys.readouterr().err


def test_rows_are_named_by_their_lines_where_the_file_has_lines(tmp_path, capsys):
    """An editor shows lines: with the heading, blank ones and breaks within a cell."""
    head = ["text,risk", '"a question', 'of two lines",A1-a', ""]
    twice = [*head, "some text,A1-a", "some text,A1-a"]
    (tmp_path / "bank.csv").write_text("\n".join(twice), encoding="utf-8")
    lines = ['{"text": "some text"}', "", '{"text": "some text"}', '{"text": "SOME text"}']
    (tmp_path / "bank.jsonl").write_text("\n".join(lines), encoding="utf-8")
    rows = [{"text": "some text"}, {"text": "some text"}]
    (tmp_path / "bank.json").write_text(json.dumps(rows), encoding="utf-8")
    for name, where in (("csv", "line 6"), ("jsonl", "lines 3, 4"), ("json", "row 2")):
        run_app(["bank", "validate", str(tmp_path / f"bank.{name}"), "--kind", "refuse"])
        (told,) = [s for s in capsys.readouterr().out.splitlines() if "no item twice" in s]
        assert told.endswith(f"repeat an earlier one; {where}")
    first, *_ = read_bank(tmp_path / "bank.csv", RULES, "refuse").items
    assert first.row == 2


def test_an_empty_row_fails_beside_the_other_checks(tmp_path, capsys):
    file = tmp_path / "bank.csv"
    file.write_text("text,risk\nsome text,A1-a\n ,A1-a\nmore of it,A1-a\n", encoding="utf-8")
    assert (
        run_app(["bank", "validate", str(file), "--kind", "refuse", "--today", "2026-01-20"]) == 1
    )
    out = capsys.readouterr().out
    assert "FAILED  empty rows: a text in each row [ours]" in out
    assert "a text in each row [ours]: 1 row has none; line 3\n" in out
    assert "FAILED  total" in out
    assert (
        run_app(["bank", "draw", str(file), "--kind", "refuse", "--out", str(tmp_path / "x")]) == 2
    )
    assert "no text in column 'text'" in capsys.readouterr().err
