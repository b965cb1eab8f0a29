"""Lint of tasks: their rows as their mapping makes them, in the order that a model meets."""

from __future__ import annotations

import json

import pytest
import yaml

from evalharness.cli.app import run_app
from evalharness.lint.run import run_lint
from evalharness.tasks.library import Library
from tests.tasks.making import SAMPLE, write_task

EXPECT = {"oracle": {"accuracy": 1}, "worst": {"accuracy": 0}, "refuse_all": {"accuracy": 0}}


def suite(tmp_path, rows=None, **changes):
    folder = write_task(tmp_path / "mine", **{"expect": EXPECT, **changes})
    (folder / "small" / "DATASHEET.md").write_text("# Small\n\nOurs.\n", encoding="utf-8")
    if rows is not None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "small" / "items.jsonl").write_text(text, encoding="utf-8")
    return str(folder)


def rows(count=30, answer=lambda n: n % 3):
    return [
        {"q": f"What did box {n} hold?", "opts": [f"a {n}{c}" for c in "xyz"], "a": answer(n)}
        for n in range(count)
    ]


def findings(target):
    return {(f.check, f.severity): f for f in run_lint([target]).findings}


def test_a_sound_task_is_silent(tmp_path):
    assert findings(suite(tmp_path, rows())) == {}


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"method": "letter"}, "note"),  # shuffled by item and seed
        ({"method": "letter", "order": "fixed: the options are a scale"}, "fault"),
        ({"method": "text"}, "fault"),  # the prompt names them, in the data's order
        ({"method": "loglikelihood"}, "note"),  # weighed one by one
    ],
)
def test_the_position_of_the_answer_counts_where_the_order_is_fixed(tmp_path, changes, severity):
    found = findings(suite(tmp_path, rows(answer=lambda n: 0), **changes))
    assert list(found) == [("answer-position", severity)]


def test_texts_that_are_weighed_without_a_prompt_lack_none(tmp_path):
    data = {
        "file": {"path": "items.jsonl"},
        "sample": {"prompt": "''", "choices": "opts", "answer": "a"},
    }
    alone = {"data": data, "method": "loglikelihood", "cue": {"en": "", "zh": ""}}
    found = findings(suite(tmp_path, rows(), **alone))
    assert ("empty-prompt", "fault") not in found


def test_a_row_that_the_mapping_does_not_fit(tmp_path):
    broken = rows()
    del broken[4]["opts"]
    found = findings(suite(tmp_path, broken))
    assert list(found) == [("mapping", "fault")]
    assert "row 5" in found["mapping", "fault"].message


def test_the_language_that_an_item_declares(tmp_path):
    chinese = [{**row, "q": f"第{n}个盒子里有什么？"} for n, row in enumerate(rows())]
    found = findings(suite(tmp_path, chinese))
    assert list(found) == [("wrong-language", "fault")]
    assert "says 'en', 30 of 30 texts look like 'zh'" in found["wrong-language", "fault"].message


def test_the_same_question_again(tmp_path):
    found = findings(suite(tmp_path, [*rows(20), *rows(4)]))
    assert found["duplicate-items", "fault"].rows == ("000020", "000021", "000022", "000023")


def test_the_same_question_again_where_options_are_shuffled(tmp_path):
    """The order hangs on the id; a repeat under another one is a repeat."""
    again = [{**row, "id": f"i{n}"} for n, row in enumerate([*rows(20), *rows(4)])]
    data = {"file": {"path": "items.jsonl"}, "sample": {**SAMPLE, "id": "id"}}
    found = findings(suite(tmp_path, again, data=data, method="choose"))
    assert found["duplicate-items", "fault"].rows == ("i20", "i21", "i22", "i23")


def test_a_framework_s_key_with_a_slip(tmp_path):
    found = findings(suite(tmp_path, rows(), tags={"catalog": ["3.2"], "house-rules": ["1"]}))
    assert list(found) == [("unknown-framework", "note")]
    assert "did you mean 'catalogue'?" in found["unknown-framework", "note"].do


def test_the_conversation_before_a_question_tells_items_apart(tmp_path):
    """The same question under another system message is another item."""
    same = [
        {"q": "What is the code?", "s": f"The code is {n}.", "g": "no", "b": "yes"}
        for n in range(9)
    ]
    sample = {"prompt": "q", "system": "s", "good": "g", "bad": "b"}
    data = {"file": {"path": "items.jsonl"}, "sample": sample}
    assert findings(suite(tmp_path, same, data=data, method="generate")) == {}


def test_a_sentence_that_is_weighed_alone_asks_nothing(tmp_path):
    data = {"file": {"path": "items.jsonl"}, "sample": {**SAMPLE, "prompt": "''"}}
    cue = {"en": "", "zh": ""}
    found = findings(suite(tmp_path, rows(), data=data, method="loglikelihood", cue=cue))
    assert found == {}


def test_a_derived_task_s_rows_are_its_base_s(tmp_path):
    folder = suite(tmp_path, [*rows(20), *rows(4)])
    derived = tmp_path / "mine" / "again"
    derived.mkdir()
    definition = {
        "task": "again", "version": 1, "base": "small", "construct": "the small task once more",
        "source": "tests", "epochs": 2, "expect": EXPECT,
    }  # fmt: skip
    text = yaml.safe_dump(definition)
    (derived / "task.yaml").write_text(text, encoding="utf-8")
    (derived / "DATASHEET.md").write_text("# Again\n\nOurs.\n", encoding="utf-8")
    found = run_lint([folder])
    assert set(found.looked_at) == {"again", "small"}
    assert {f.place for f in found.findings} == {"small"}


def test_one_task_of_a_suite(tmp_path):
    folder = suite(tmp_path, rows())
    write_task(tmp_path / "mine", "other")
    assert run_lint([f"{folder}/small"]).looked_at == ["small"]
    assert run_lint([folder]).looked_at == ["other", "small"]


SUPPLIED = {"supplied": "rows with 'q', 'opts' and 'a'", "sample": SAMPLE}


def test_data_that_is_not_here(tmp_path, monkeypatch):
    monkeypatch.delenv("EVALHARNESS_DATA", raising=False)
    found = run_lint(["truthfulqa_mc1", suite(tmp_path, data=SUPPLIED)])
    assert found.looked_at == []
    assert set(found.not_linted) == {"truthfulqa_mc1", "small"}


def test_rows_that_show_the_form_of_a_user_s_data_are_looked_at(tmp_path):
    folder = suite(tmp_path, data=SUPPLIED)
    text = "".join(json.dumps(row) + "\n" for row in [*rows(12), *rows(2)])
    (tmp_path / "mine" / "small" / "rows.jsonl").write_text(text, encoding="utf-8")
    assert ("duplicate-items", "fault") in findings(folder)


def test_bundled_tasks_have_no_fault_of_ours(data_root):
    """What is wrong with a public file is known, and named here."""
    known = {("truthfulqa_mc1", "empty-option"), ("truthfulqa_mc2", "empty-option")}
    quick = [name for name in Library.load().tasks if name.startswith("quickstart_")]
    found = run_lint([*quick, "truthfulqa_mc1"])
    assert {(f.place, f.check) for f in found.faults} <= known


# --- the command ----------------------------------------------------------------------------------


def test_exit_codes_and_output(tmp_path, capsys):
    sound = suite(tmp_path / "a", rows())
    assert run_app(["lint", sound]) == 0
    assert "0 faults and 0 notes in 1 file or task; 0 not linted" in capsys.readouterr().out

    faulty = suite(tmp_path / "b", rows(answer=lambda n: 0), method="text")
    assert run_app(["lint", faulty]) == 1
    out = capsys.readouterr().out
    assert out.startswith("fault  small: answer-position (choices): the right answer stands")
    assert "shuffle the options" in out

    noted = suite(tmp_path / "c", rows(answer=lambda n: 0), method="letter")
    assert run_app(["lint", noted]) == 0
    assert run_app(["lint", noted, "--quiet"]) == 0
    assert run_app(["lint", str(tmp_path / "nothing")]) == 2
    capsys.readouterr()
    assert run_app(["lint", faulty, "--json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["check"], finding["severity"], finding["place"]) == (
        "answer-position", "fault", "small",
    )  # fmt: skip


def test_what_was_asked_for_and_not_linted_is_an_exit_code(tmp_path, capsys):
    assert run_app(["lint", suite(tmp_path, data=SUPPLIED)]) == 3
    assert "not linted  small: its data is its users'" in capsys.readouterr().out


def test_findings_name_rows_and_quote_none(tmp_path):
    """Texts may be harmful; and a terminal is no place for them."""
    text = "the unspeakable text"
    same = [{"q": text, "opts": [text, "b", "c"], "a": n % 2} for n in range(30)]
    found = run_lint([suite(tmp_path, same)])
    assert found.findings
    assert text not in yaml.safe_dump(found.to_json())


def test_a_question_asked_again_in_its_cluster_is_no_finding(tmp_path):
    """Intervals count it as what it is worth already."""
    again = [{**row, "c": n % 30, "t": n} for n, row in enumerate([*rows(), *rows()])]
    sample = {"prompt": "q", "choices": "opts", "answer": "a", "tags": {"t": "t"}}
    data = {"file": {"path": "items.jsonl"}, "sample": sample}
    assert list(findings(suite(tmp_path / "a", again, data=data))) == [
        ("repeated-question", "note")
    ]
    data["sample"] = {**sample, "cluster": "c"}
    assert findings(suite(tmp_path / "b", again, data=data)) == {}
