"""Lint of bare files: each fault that peers shipped, planted and found; clean files stay silent."""

from __future__ import annotations

import csv
import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalharness.errors import ConfigError
from evalharness.lint.items import index_of, inline_options
from evalharness.lint.run import run_lint
from evalharness.lint.table import read_table

MALAY = (
    "Saya tidak tahu di mana mereka akan pergi dengan orang itu pada hari {n}.",
    "Kita boleh makan nasi di sini untuk {n} hari, dan itu adalah baik.",
)
CHINESE = ("第{n}个人今天不在这里吃饭。", "我们有{n}个朋友住在新加坡。")
FRENCH = ("Je ne sais pas dans quelle ville vous êtes avec les {n} amis.",)
ENGLISH = ("The answer to this question is not what you think, for the {n} of them.",)


def texts(patterns, count=40):
    return [patterns[n % len(patterns)].format(n=n) for n in range(count)]


def save(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rows, ensure_ascii=False)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def found(path, check=None):
    """The findings of a file or folder: check -> finding, or all of one check."""
    findings = run_lint([str(path)]).findings
    if check is None:
        return {finding.check for finding in findings}
    return [finding for finding in findings if finding.check == check]


def choices(count=40, **changes):
    """Clean items: four options, the answer anywhere, no pattern."""
    return [
        {
            "id": f"q{n}",
            "question": f"Which of the numbers did box {n} hold, the black one?",
            "options": [f"number {n} {letter * 3}" for letter in "wxyz"],
            "answer": (n * 7 + n // 4) % 4,
            **{name: make(n) for name, make in changes.items()},
        }
        for n in range(count)
    ]


def test_a_clean_file_is_silent(tmp_path):
    assert found(save(tmp_path / "clean.json", choices())) == set()


# --- rows and files -------------------------------------------------------------------------------


def test_rows_that_repeat_are_counted_whatever_their_number_is(tmp_path):
    rows = choices(20)
    again = [{**row, "id": f"r{n}"} for n, row in enumerate(rows[3:10])]
    (finding,) = found(save(tmp_path / "a.json", [*rows, *again]), "duplicate-rows")
    assert (finding.severity, finding.rows[0], len(finding.rows)) == ("fault", "21", 7)
    assert "7 of 27 rows repeat an earlier one (20 differ)" in finding.message


def test_recorded_scores_repeat_without_fault(tmp_path):
    """The id is all that tells numbers apart."""
    rows = [{"id": f"{n:032x}", "score": n % 7} for n in range(60)]
    assert found(save(tmp_path / "scores.json", rows)) == set()


def test_two_names_for_the_same_rows(tmp_path):
    rows = choices(30)
    save(tmp_path / "race.json", rows)
    save(tmp_path / "religion.json.gz", rows)
    save(tmp_path / "other.json", choices(30, question=lambda n: f"What is in jar {n}, said he?"))
    (finding,) = found(tmp_path, "identical-files")
    assert (finding.place, finding.severity) == ("religion.json.gz", "fault")
    assert "30 of its 30 different rows are those of race.json" in finding.message


def test_two_names_for_the_same_rows_where_a_label_was_changed(tmp_path):
    """As when the ambiguous file of a pair was written under both names."""
    for condition in ("ambiguous", "disambiguous"):
        save(tmp_path / f"{condition}.json", choices(30, condition=lambda n, c=condition: c))
    (finding,) = found(tmp_path, "identical-files")
    assert "only labels and numbers differ" in finding.message


def test_the_same_questions_with_other_answers_are_no_fault(tmp_path):
    """Two models' recorded answers: other contents."""
    for model in ("a", "b"):
        rows = [
            {
                "id": n,
                "prompt": f"Tell me a thing of {n}.",
                "completion": f"{model} says {n} things.",
            }
            for n in range(30)
        ]
        save(tmp_path / f"{model}.json", rows)
    assert found(tmp_path) == {"overlapping-files"}


def test_half_of_another_file_is_told(tmp_path):
    save(tmp_path / "all.json", choices(40))
    save(
        tmp_path / "some.json", choices(40)[10:20] + choices(40, question=lambda n: f"Jar {n}?")[:8]
    )
    (finding,) = found(tmp_path, "overlapping-files")
    assert (finding.severity, finding.place) == ("note", "some.json")


def test_a_question_asked_twice_with_two_answers(tmp_path):
    rows = choices(20)
    rows.append({**rows[4], "id": "x", "answer": (rows[4]["answer"] + 1) % 4})
    (finding,) = found(save(tmp_path / "a.json", rows), "contradicting-answers")
    assert finding.rows == ("5", "21")


# --- columns and characters -----------------------------------------------------------------------


def test_columns_that_some_rows_lack(tmp_path):
    rows = choices(20)
    del rows[3]["answer"]
    (finding,) = found(save(tmp_path / "a.json", rows), "missing-column")
    assert (finding.severity, finding.field) == ("note", "answer")
    assert "answer in 19" in finding.message


def test_bbq_without_polarity_and_condition(tmp_path):
    rows = [
        {"input": f"Who of the {n}?\nA. one\nB. two\nC. Unknown", "target": "C. Unknown"}
        for n in range(9)
    ]
    (finding,) = found(save(tmp_path / "bbq-lite-race.json", {"examples": rows}), "missing-column")
    assert (finding.severity, finding.field) == ("fault", "question_polarity, context_condition")


def test_a_byte_order_mark_in_a_name(tmp_path):
    rows = [{"\ufeff" * (name == "id") + name: v for name, v in row.items()} for row in choices(12)]
    (finding,) = found(save(tmp_path / "a.json", rows), "byte-order-mark")
    assert (finding.severity, finding.field) == ("fault", "\\ufeffid")


def test_a_byte_order_mark_at_the_beginning(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\ufeffid,question\n1,What?\n", encoding="utf-8")
    assert [f.severity for f in found(path, "byte-order-mark")] == ["note"]


@pytest.mark.parametrize(
    ("text", "check", "severity"),
    [
        ("half \\ud83d of a face", "lone-surrogate", "fault"),
        ("lost \\ufffd here", "replaced-character", "fault"),
        ("caf\\u00c3\\u00a9", "wrong-encoding", "fault"),
        ("a\\u0007bell", "control-character", "note"),
        ("zero\\u200bwidth", "invisible-character", "note"),
    ],
)
def test_characters_that_are_none(tmp_path, text, check, severity):
    path = tmp_path / "a.jsonl"
    lines = [json.dumps(row) for row in choices(12)]
    lines[2] = lines[2].replace("box 2", text)
    path.write_text("\n".join(lines), encoding="utf-8")
    (finding,) = run_lint([str(path)]).findings
    assert (finding.check, finding.severity, finding.rows) == (check, severity, ("3",))
    assert finding.field == "question"
    json.dumps(finding.to_json()).encode()


def test_a_real_face_is_no_fault(tmp_path):
    rows = choices(12, question=lambda n: f"Is 😀 number {n} glad, or is it café?")
    assert found(save(tmp_path / "a.json", rows)) == set()


def test_what_cannot_be_read_is_a_finding(tmp_path):
    (tmp_path / "a.json").write_text('[{"a": 1', encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"a": 1}\nno\n', encoding="utf-8")
    (tmp_path / "c.csv").write_bytes(b"a,b\n\xff\xfe,2\n")
    (tmp_path / "d.json.gz").write_bytes(b"not packed")
    (tmp_path / "e.json").write_text("[]", encoding="utf-8")
    findings = found(tmp_path, "unreadable")
    assert [f.place for f in findings] == ["a.json", "b.jsonl", "c.csv", "d.json.gz", "e.json"]
    assert "line 2" in findings[1].message


def test_ragged_and_doubled_csv(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("q,q\nWhat?,1\nWho?,2,3\n", encoding="utf-8")
    assert {"doubled-column", "ragged-rows"} <= found(path)


# --- prompts, options, answers --------------------------------------------------------------------


def test_a_question_that_asks_nothing(tmp_path):
    rows = choices(20, question=lambda n: " \n" if n == 6 else f"What is in jar {n}, he said?")
    (finding,) = found(save(tmp_path / "a.json", rows), "empty-prompt")
    assert (finding.rows, finding.field) == (("7",), "question")


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"options": ["a one", "", "a three", "a four"]}, "empty-option"),
        ({"options": ["a one", "a two", "a two", "a four"]}, "repeated-option"),
        ({"answer": 4}, "answer-out-of-range"),
        ({"answer": -1}, "answer-out-of-range"),
        ({"answer": "E"}, "answer-out-of-range"),
        ({"answer": "the fifth"}, "answer-out-of-range"),
        ({"answer": None}, "missing-answer"),
        ({"options": ["a one"]}, "missing-option"),
    ],
)
def test_an_item_that_cannot_be_answered(tmp_path, change, check):
    rows = choices(20)
    rows[7] |= {"answer": 0, **change}
    (finding,) = found(save(tmp_path / "a.json", rows), check)
    assert (finding.severity, finding.rows) == ("fault", ("8",))


def test_fewer_options_than_the_rest_is_told(tmp_path):
    rows = choices(20)
    rows[7] |= {"answer": 0, "options": ["a yes", "a no"]}
    (finding,) = found(save(tmp_path / "a.json", rows), "missing-option")
    assert (finding.severity, finding.rows) == ("note", ("8",))


def test_no_answers_at_all(tmp_path):
    path = save(tmp_path / "a.json", choices(20, answer=lambda n: "None"))
    (finding,) = found(path, "missing-answer")
    assert finding.message == "no row has an answer"


def test_the_options_in_the_prompt_are_read(tmp_path):
    rows = [
        {"input": f"What is {n}?\nA) the {n}a\nB) a {n}b\nC) the {n}c", "target": f"A) the {n}a"}
        for n in range(30)
    ]
    rows[4]["target"] = "B) the 4x"
    path = save(tmp_path / "a.json", {"name": "x", "examples": rows})
    (out,) = found(path, "answer-out-of-range")
    assert out.rows == ("5",)
    (finding,) = found(path, "answer-position")
    assert finding.severity == "fault"  # nobody shuffles what stands in the prompt
    assert "1: 29 of 29" in finding.message


def test_a_template_that_nobody_filled(tmp_path):
    rows = choices(20, question=lambda n: f"Here is the form {{guidance}}: what does {n} say?")
    (finding,) = found(save(tmp_path / "a.json", rows), "unfilled-template")
    assert finding.severity == "note"


@pytest.mark.parametrize(
    ("offered", "label", "severity"),
    [(True, "FALSE", "fault"), (False, "unsafe", "note")],
)
def test_one_label_for_all(tmp_path, offered, label, severity):
    ask = "TRUE or FALSE: " if offered else ""
    rows = [{"input": f"{ask}The sun saw {n} of them.", "target": label} for n in range(30)]
    (finding,) = found(save(tmp_path / "a.json", rows), "unbalanced-labels")
    assert (finding.severity, finding.field) == (severity, "target")
    assert "30 of 30" in finding.message


def test_nearly_one_label_is_told_and_balanced_ones_are_not(tmp_path):
    rows = [
        {"input": f"The sun saw {n} of them.", "target": "yes" if n < 25 else "no"}
        for n in range(30)
    ]
    assert [f.severity for f in found(save(tmp_path / "a.json", rows), "unbalanced-labels")] == [
        "note"
    ]
    rows = [{**row, "target": "yes" if n % 2 else "no"} for n, row in enumerate(rows)]
    assert found(save(tmp_path / "b.json", rows)) == set()


# --- languages ------------------------------------------------------------------------------------


def test_a_malay_file_that_is_chinese(tmp_path):
    rows = [
        {"input": f"Evaluate this: {t}", "target": ["yes", "no"][n % 2]}
        for n, t in enumerate(texts(CHINESE))
    ]
    (finding,) = found(save(tmp_path / "hatecheck-ms.json", rows), "wrong-language")
    assert finding.severity == "fault"
    assert "the file's name says 'ms', 40 of 40 texts look like 'zh'" in finding.message
    assert found(save(tmp_path / "hatecheck-zh.json", rows)) == set()


def test_a_malay_file_that_is_malay(tmp_path):
    rows = [{"input": text, "target": ["yes", "no"][n % 2]} for n, text in enumerate(texts(MALAY))]
    assert found(save(tmp_path / "hatecheck-ms.json", rows)) == set()


def test_a_farsi_label_on_french(tmp_path):
    rows = [{"prompt": text, "locale": "fa_IR"} for text in texts(FRENCH)]
    rows += [{"prompt": text, "locale": "en_US"} for text in texts(ENGLISH)]
    (finding,) = found(save(tmp_path / "prompts.json", rows), "wrong-language")
    assert (finding.severity, len(finding.rows)) == ("fault", 40)
    assert "says 'ar', 40 of 40 texts look like 'fr'" in finding.message


# --- reading --------------------------------------------------------------------------------------


def test_nested_files_become_rows(tmp_path):
    nested = {"crime": {"theft": ["a", "b"], "fraud": ["c"]}, "hate": {"race": ["d"]}}
    table = read_table(save(tmp_path / "a.json", nested), "a")
    assert [dict(row.fields) for row in table.rows] == [
        {"key1": "crime", "key2": "theft", "value": "a"},
        {"key1": "crime", "key2": "theft", "value": "b"},
        {"key1": "crime", "key2": "fraud", "value": "c"},
        {"key1": "hate", "key2": "race", "value": "d"},
    ]
    by_task = {"sst2": [{"s": 1}], "qqp": [{"s": 2}, {"s": 3}]}
    table = read_table(save(tmp_path / "b.json", by_task), "b")
    assert [row.fields["key1"] for row in table.rows] == ["sst2", "qqp", "qqp"]


def test_choices_as_keys_are_no_columns(tmp_path):
    rows = [
        {"question": f"Is it {n}?", "mc0_targets": {f"t{n}": 1, f"f{n}": 0},
         "mc1_targets": {f"t{n}": 1, f"f{n}": 0, f"g{n}": 0, "" if n == 3 else f"h{n}": 0}}
        for n in range(40)
    ]  # fmt: skip
    path = save(tmp_path / "mc.json", rows)
    assert set(read_table(path, "mc").columns) == {"question", "mc0_targets", "mc1_targets"}
    (finding,) = found(path, "empty-option")
    assert (finding.field, finding.rows) == ("mc1_targets", ("4",))


def test_lines_of_a_text_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("1 [The cook] met her.\n2 [The guard] met him.\n", encoding="utf-8")
    assert [row.fields["text"] for row in read_table(path, "a").rows] == [
        "[The cook] met her.", "[The guard] met him.",
    ]  # fmt: skip


def test_tsv(tmp_path):
    path = tmp_path / "a.tsv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([["id", "sentence"], ["1", "He, too."]])
    assert [dict(row.fields) for row in read_table(path, "a").rows] == [
        {"id": "1", "sentence": "He, too."}
    ]


def test_parquet(tmp_path):
    import pandas as pd

    path = tmp_path / "a.parquet"
    pd.DataFrame(choices(20)).to_parquet(path)
    assert found(path) == set()
    path.write_bytes(b"PAR1 no")
    assert found(path) == {"unreadable"}


def test_a_file_nested_without_end_is_a_finding(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[" * 100_000, encoding="utf-8")
    assert found(path) == {"unreadable"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=6) | st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_read_or_refused(tmp_path, data):
    """Whatever stands in a file, lint says something of it and does not break."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    for finding in run_lint([str(path)]).findings:
        json.dumps(finding.to_json())
        assert finding.sentence()


@pytest.mark.parametrize(
    ("label", "index"),
    [
        (0, 0), (2, 2), (3, None), (-1, None), (True, None), (None, None), ("1", 1), ("B", 1),
        ("b)", 1), ("(C)", 2), ("B. green", 1), ("B. red", None), ("2) green", 1), ("GREEN.", 1),
        ("D", None), ("mauve", None),
    ],
)  # fmt: skip
def test_which_option_an_answer_means(label, index):
    assert index_of(label, ("red", "green", "blue")) == index


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ("What?\nA) x\nB) y", ("x", "y")),
        ("What?\n1) x\n2) y\n3) z\n", ("x", "y", "z")),
        ("A. is a letter\nWhat?\nA. x\nB. y", ("x", "y")),
        ("What?\nA) x\nC) y", ()),
        ("What is A) or B)?", ()),
        ("问\nA、甲\nB、乙", ("甲", "乙")),
    ],
)
def test_options_in_a_prompt(prompt, options):
    assert inline_options(prompt) == options


# --- targets --------------------------------------------------------------------------------------


def test_a_target_that_is_nothing():
    with pytest.raises(ConfigError, match="no task 'truthfulqa_mc_1'; did you mean 'truthfulqa_mc"):
        run_lint(["truthfulqa_mc_1"])


def test_a_manifest_says_which_files_of_a_folder_are_data(tmp_path):
    save(tmp_path / "a.json", choices(12))
    save(tmp_path / "notes.json", {"anything": "else"})
    (tmp_path / "MANIFEST.json").write_text('{"files": [{"file": "a.json"}]}', encoding="utf-8")
    assert run_lint([str(tmp_path)]).looked_at == ["a.json"]


def test_a_file_that_is_no_data(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("x = 1", encoding="utf-8")
    assert "no data file" in run_lint([str(path)]).not_linted[str(path)]


def test_the_public_files_known_faults_are_found(data_root):
    """One language's file under another's name, in the data as it was published."""
    folder = data_root / "moonshot" / "toxicity"
    findings = run_lint([str(folder)]).findings
    faults = {(f.check, f.place) for f in findings if f.severity == "fault"}
    assert ("identical-files", "sghatecheck-zh.json.gz") in faults
    assert ("wrong-language", "sghatecheck-ms.json.gz") in faults
    assert not {place for check, place in faults if check == "wrong-language"} - {
        "sghatecheck-ms.json.gz"
    }
