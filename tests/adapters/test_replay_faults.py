"""Recordings that cannot be used: what is wrong, with file and line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalharness.adapters.replay import ReplayOptions
from evalharness.errors import DataError, UnavailableError
from evalharness.records import Response
from tests.adapters.replaying import generated, load

# -- records -------------------------------------------------------------------------------------


GOOD = '{"sample": "good", "response": "x"}\n'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", r"expected an object a line, found \[1\]"),
        ('{"sample": "a", "loglikelihood": NaN, "ordinal": 0}', "NaN is no JSON number"),
        ('{"sample": "a", "response": "x", "other": -Infinity}', "-Infinity is no JSON number"),
        ('{"sample": "a", "loglikelihood": -1e999, "ordinal": 0}', "must be a finite number"),
        ('{"sample": "a", "response": "x", "verdict": {"y": 1e999}}', "cannot be written as JSON"),
        ('{"sample": "a", "response": 3}', "'response' must be text or null, found 3"),
        ('{"sample": "a", "response": "x", "finish_reason": "eos"}', "one of stop, length, cont"),
        ('{"sample": "a", "response": "x", "verdict": [1]}', "'verdict' must be an object"),
        ('{"sample": "a", "scores": {}}', "numbers from 0 to 1 by class"),
        ('{"sample": "a", "scores": {"x": 1.5}}', "numbers from 0 to 1 by class"),
        ('{"sample": "a", "scores": {"x": "high"}}', "'scores' must be a number, found 'high'"),
        ('{"sample": "a", "scores": {"x": true}}', "'scores' must be a number, found True"),
        ('{"sample": "a", "loglikelihoods": "[-1]"}', "'loglikelihoods' must be a list"),
        ('{"sample": "a", "loglikelihoods": []}', "'loglikelihoods' must be a list"),
        ('{"sample": "a", "loglikelihoods": [2.5]}', "is at most 0, found 2.5; is it a loss"),
        ('{"sample": "a", "loglikelihood": -1}', "needs 'ordinal'"),
        ('{"sample": "a", "prediction": "x"}', "its fields are sample, prediction; name the right"),
        ("{}", "its fields are none"),
        ('{"nr": 1, "response": "x"}', "no 'sample' in it; its fields are nr, response; name the"),
        (
            '{"sampel": 1, "response": "x"}',
            "sampel, response; did you mean 'sampel'; name the right",
        ),
        ('{"sample": "", "response": "x"}', "'sample' is empty: a record needs the sample's id"),
        ('{"sample": null, "response": "x"}', "'sample' is empty: a record needs the sample's id"),
        ('{"sample": true, "response": "x"}', "'sample' must be the sample's id, found True"),
        ('{"sample": 1.5, "response": "x"}', "'sample' must be the sample's id, found 1.5"),
        ('{"sample": "a", "task": 1, "response": "x"}', "'task' must be text, found 1"),
        ('{"sample": "a", "epoch": -1, "response": "x"}', "'epoch' must be a whole number from 0"),
        ('{"sample": "a", "epoch": 0.5, "response": "x"}', "'epoch' must be a whole number"),
        ('{"sample": "a", "epoch": "1", "response": "x"}', "'epoch' must be a number, found '1'"),
    ],
)
def test_a_broken_record_is_named_with_its_line(write: Any, line: str, message: str) -> None:
    path = write(f"{GOOD}\n{line}\n")
    with pytest.raises(DataError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:3: ")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"choice": "x", "choice_scores": [1]}, "'choice' is of one choice: record 'choice_score'"),
        ({"sample": "a", "choice_score": 1}, "choice_score needs 'ordinal', the choice that it is"),
        ({"sample": "a", "choice_scores": []}, "'choice_scores' must be a list, found []"),
        ({"sample": "a", "choice_scores": [True]}, "'choice_score' must be a number, found True"),
        ({"choice": "x", "loglikelihood": 0.5}, "a log-likelihood is at most 0, found 0.5"),
        ({"choice": [], "choice_score": 1}, "'choice' must be the choice's id, found []"),
    ],
)
def test_what_is_wrong_with_a_score_of_a_choice(
    write: Any, record: dict[str, Any], expected: str
) -> None:
    with pytest.raises(DataError, match=re.escape(f"out.jsonl:1: {expected}")):
        load(write([record]))


def test_a_contradiction_names_both_lines(write: Any) -> None:
    same = {"task": "t", "sample": "a", "response": "x"}
    assert generated(load(write([same, same])), "a") == Response("x")
    path = write([{"sample": "b", "response": "y"}, same, {**same, "response": "z"}])
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value).startswith(
        f"{path}:3: a record for t/a (generate) that differs from line 2's; keep one of them"
    )


def test_contradicting_lists_and_scores(write: Any) -> None:
    for field, one, other in (
        ("loglikelihoods", [-1, -2], [-1, -3]),
        ("scores", {"x": 0.1}, {"x": 0.2}),
    ):
        records = [{"sample": "a", "epoch": 1, field: value} for value in (one, one, other)]
        with pytest.raises(DataError, match=r":3: a record for a .* differs from line 1's"):
            load(write(records))


def test_a_contradiction_in_parquet_names_rows(tmp_path: Path) -> None:
    rows = [{"sample": "a", "response": "x"}, {"sample": "a", "response": "y"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "out.parquet")
    with pytest.raises(DataError, match=r"out.parquet: row 2: .* differs from row 1's"):
        load(tmp_path / "out.parquet")


def test_digests_are_digests(write: Any) -> None:
    with pytest.raises(DataError, match=r":1: there is no 'digest' in it; its fields are sample, "):
        load(write([{"sample": "a", "response": "x"}]), key="digest")
    with pytest.raises(DataError, match=r":1: 'digest' must be a request's content digest"):
        load(write([{"digest": "a", "response": "x"}]), key="digest")
    with pytest.raises(DataError, match="a digest is of one choice"):
        load(write([{"digest": "0" * 64, "loglikelihoods": [-1]}]), key="digest")


# -- columns -------------------------------------------------------------------------------------


def test_a_renamed_column_must_be_there(write: Any) -> None:
    with pytest.raises(DataError, match="no record has 'run', which 'columns' names for epoch"):
        load(write([{"sample": "a", "response": "x"}]), columns={"epoch": "run"})
    with pytest.raises(ValueError, match="there is no field 'respons'; did you mean 'response'"):
        ReplayOptions(path="x", columns={"respons": "y"})


def test_a_name_under_columns_that_no_row_has_is_told_with_the_names_there_are(write: Any) -> None:
    path = write("编号,回答\na,b\n", "t.csv")
    with pytest.raises(DataError) as caught:
        load(path, columns={"sample": "编号ID", "response": "回答"})
    assert str(caught.value) == (
        f"{path}:2: there is no '编号ID' in it, which 'columns' names for sample; its fields are "
        "编号, 回答; did you mean '编号'; name the right one under 'columns'"
    )


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{{ missing }}", "the expression for 'sample': there is no 'missing'; its fields are id"),
        (
            "{{ row['The id'] }}",
            "the expression for 'sample': there is no 'The id'; its fields are",
        ),
        ("{{ [id] | map('upper') }}", "the expression for 'sample' gives no data"),
        ("{{ id | int / 0 }}", "the expression for 'sample': division by zero"),
    ],
)
def test_an_expression_that_gives_nothing_names_its_line(
    write: Any, expression: str, expected: str
) -> None:
    with pytest.raises(DataError, match=re.escape(f"out.jsonl:1: {expected}")):
        load(write([{"id": "1", "response": "x"}]), columns={"sample": expression})


def test_an_expression_that_cannot_be_parsed_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(
        ValueError, match=r"sample: '{{ 1 \+ }}' is no Jinja expression: unexpected"
    ):
        ReplayOptions(path="x", columns={"sample": "{{ 1 + }}"})


@pytest.mark.parametrize("text", ["{{ a +", "a }}", "nr {{ a }}", "{% if a %}x{% endif %}"])
def test_braces_around_no_whole_expression_are_no_name(text: str) -> None:
    """Taken as a column's name, every row lacked it, and the row was blamed."""
    expected = f"response: {text!r} is no Jinja expression: one stands whole between '{{{{' and"
    with pytest.raises(ValueError, match=re.escape(expected)):
        ReplayOptions(path="x", columns={"response": text})


def test_a_column_of_the_output_that_no_row_has_is_named(write: Any) -> None:
    path = write([{"sample": "a", "answer": "x"}])
    with pytest.raises(DataError) as caught:
        load(path, columns={"response": "answerr"})
    assert str(caught.value) == (
        f"{path}:1: columns.response: no field 'answerr'; its fields are sample, answer; did you "
        "mean 'answer'"
    )


# -- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "out.json: expected a list of objects, or lists by name; found {}"),
        ('{"a": [1]}', "out.json: row 1: expected an object, found 1"),
        ("[NaN]", "out.json: not valid JSON: NaN is no JSON number"),
        ('[{"sample": "a", "response": "x"}, {"sample": "a", "response": "y"}]',
         "out.json: row 2: a record for a (generate) that differs from row 1's"),
    ],
)  # fmt: skip
def test_a_fault_in_one_json_value(write: Any, text: str, expected: str) -> None:
    with pytest.raises(DataError, match=re.escape(expected)):
        load(write(text, "out.json"))


def test_bytes_that_are_no_text(write: Any) -> None:
    with pytest.raises(DataError, match=r"out.jsonl:2: not UTF-8 text \(byte 12 of the line\)"):
        load(write(GOOD.encode() + b'{"sample": "\xff"}'))
    with pytest.raises(DataError, match=r"t.csv:\d: not UTF-8 text"):
        load(write(b"sample,response\na,\xff\n", "t.csv"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("sample,response\na,b,c\n", "t.csv:2: the row has 3 cells and the header 2"),
        ("sample,response\nx,y\na\n", "t.csv:3: the row has 1 cells and the header 2"),
        ("sample,sample\na,b\n", "t.csv:1: two columns have the same name"),
        ('sample,response\na,"b\nc\n', "t.csv:2: not valid CSV: unexpected end of data"),
        ("sample,scores\na,{\n", "t.csv:2: not valid JSON"),
        ("sample,ordinal,loglikelihood\na,0,nan\n", "t.csv:2: 'loglikelihood' must be a finite"),
        ("sample,ordinal,loglikelihood\na,0,low\n", "t.csv:2: 'loglikelihood' must be a number"),
        ("sample,scores\na,\n", "t.csv:2: there is no output in it"),
        ("sample,response\n", "t.csv: there are no records in it"),
        ("", "t.csv: there are no records in it"),
        ("id;response\na;b\n", "its fields are id;response; ';' stands in its only one: separate"),
        ("id\tresponse\na\tb\n", "a tab stands in its only one: separate cells by commas, or by"),
        ("sample,response\n,b\n", "t.csv:2: 'sample' is empty"),
    ],
)
def test_a_broken_table(write: Any, table: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        load(write(table, "t.csv"))
    assert message in str(caught.value)


def test_another_encoding_is_refused_with_what_to_do(write: Any) -> None:
    text = "sample,response\na,回答\n"
    for data in (text.encode("gbk"), "\ufeff".encode("utf-16-le") + text.encode("utf-16-le")[:-1]):
        with pytest.raises(DataError, match="save the file as UTF-8"):
            load(write(data, "t.csv"))


def test_a_file_that_cannot_be_read(tmp_path: Path, write: Any) -> None:
    with pytest.raises(UnavailableError, match=r"gone.jsonl cannot be read \(No such file"):
        load(tmp_path / "gone.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(UnavailableError, match="Is a directory"):
        load(tmp_path / "folder.jsonl")
    for name, data in (("no.jsonl.gz", b"not gzip"), ("cut.jsonl.gz", b"\x1f\x8b\x08\x00")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match="broken compression"):
            load(tmp_path / name)
    with pytest.raises(DataError, match="not a readable parquet file"):
        load(write("no parquet", "no.parquet"))
