"""Recorded outputs in every format and encoding, with ids as text."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalharness.adapters.replay import ReplayAdapter
from evalharness.errors import ConfigError
from evalharness.records import Failure, Response
from tests.adapters.replaying import answer, generated, load, request

TABLE = [
    ["sample", "response", "epoch", "scores", "verdict"],
    ["1", "plain", "", "", ""],
    ["01", 'with, "quotes"\nand a line', "", "", ""],
    ["1.0", "", "", "", ""],
    ["NA", "None", "1", "", '{"correct": 1}'],
    ["x", "", "", '{"toxicity": 0.5}', ""],
]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".tsv.gz", ".CSV"])
def test_tables_of_text(tmp_path: Path, write: Any, suffix: str) -> None:
    path = tmp_path / "plain"
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, delimiter="\t" if "tsv" in suffix else ",").writerows(TABLE)
    adapter = load(write(path.read_bytes(), f"table{suffix}"))
    assert generated(adapter, "1") == Response("plain")
    assert generated(adapter, "01") == Response('with, "quotes"\nand a line')
    assert generated(adapter, "1.0") == Response("")  # an empty cell is an empty answer
    assert generated(adapter, "NA", epoch=1) == Response("None", recorded={"correct": 1})
    assert isinstance(generated(adapter, "x"), Failure)
    assert answer(adapter, request("classify", "x")) == [Response(scores={"toxicity": 0.5})]
    assert adapter.identity.model == "table"


def test_structured_cells_are_json(write: Any) -> None:
    adapter = load(write('sample,loglikelihoods\na,"[-1, -2.5]"\n', "t.csv"))
    found = answer(adapter, request("loglikelihood", "a", ordinal=1))
    assert found == [Response(loglikelihood=-2.5)]
    adapter = load(write("sample,ordinal,loglikelihood\na,1.0,-3\n", "u.csv"))
    found = answer(adapter, request("loglikelihood", "a", ordinal=1))
    assert found == [Response(loglikelihood=-3.0)]


def test_parquet(tmp_path: Path) -> None:
    rows = [
        {"id": 1.0, "response": "one", "epoch": None, "verdict": {"correct": 1, "reason": None}},
        {"id": 2.0, "response": None, "epoch": 1.0, "verdict": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "out.parquet")
    adapter = load(tmp_path / "out.parquet", columns={"sample": "id"})
    assert generated(adapter, "1") == Response("one", recorded={"correct": 1})
    assert generated(adapter, "2", epoch=1) == Response("")
    data = (tmp_path / "out.parquet").read_bytes()
    assert adapter.identity.digest == hashlib.sha256(data).hexdigest()


def test_parquet_with_lists_and_json_text(tmp_path: Path) -> None:
    rows = [{"sample": "a", "loglikelihoods": [-1.0, -2.0], "scores": '{"x": 0.5}'}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "out.parquet")
    adapter = load(tmp_path / "out.parquet")
    assert answer(adapter, request("loglikelihood", "a", ordinal=1), request("classify", "a")) == [
        Response(loglikelihood=-2.0),
        Response(scores={"x": 0.5}),
    ]


@pytest.mark.parametrize(
    ("given", "read"), [("a", "a"), ("1", "1"), (1, "1"), (1.0, "1"), ("1.0", "1.0"), ("é", "é")]
)
def test_ids_are_text(write: Any, given: Any, read: str) -> None:
    assert generated(load(write([{"sample": given, "response": "x"}])), read) == Response("x")


def test_a_field_may_be_an_expression_over_the_row(write: Any) -> None:
    """As a file of another tool has it: two columns of text, and no id."""
    text = "sent_more,more_score,less_score\na,-58.06,-59.5\nb,-43.6,-42.4\n"
    adapter = load(
        write(text, "scores.csv"),
        columns={
            "sample": "{{ row_index }}",
            "loglikelihoods": "{{ [more_score | float, less_score | float] }}",
        },
    )
    found = answer(adapter, *(request("loglikelihood", "1", ordinal=i) for i in range(2)))
    assert found == [Response(loglikelihood=-43.6), Response(loglikelihood=-42.4)]
    names = write([{"row": "mine", "the id": "a", "response": "x"}])
    whole = {"sample": "{{ row['the id'] }}"}
    assert generated(load(names, columns=whole), "a") == Response("x")


@pytest.mark.parametrize(
    "content",
    [
        [{"sample": "a", "response": "x"}, {"sample": "b", "response": "y"}],
        {"licence": "none", "one": [{"sample": "a", "response": "x"}],
         "two": [{"sample": "b", "response": "y"}]},
    ],
    ids=["a list", "lists by name"],
)  # fmt: skip
def test_one_json_value(write: Any, content: Any) -> None:
    adapter = load(write(json.dumps(content), "out.json.gz"))
    assert generated(adapter, "a") == Response("x")
    assert generated(adapter, "b") == Response("y")


def test_columns_are_renamed(write: Any) -> None:
    adapter = load(
        write([{"example_id": 7, "prediction": "x", "response": "not this", "sample": "nor this"}]),
        columns={"sample": "example_id", "response": "prediction"},
    )
    assert generated(adapter, "7") == Response("x")
    assert adapter.identity.extra["columns"]["sample"] == "example_id"


def test_a_byte_order_mark_and_blank_lines_are_no_records(write: Any) -> None:
    adapter = load(write(b'\xef\xbb\xbf{"sample": "a", "response": "x"}\r\n\r\n  \n'))
    assert generated(adapter, "a") == Response("x")


def test_a_format_can_be_named(write: Any) -> None:
    adapter = load(write([{"sample": "a", "response": "x"}], "records.txt"), format="jsonl")
    assert generated(adapter, "a") == Response("x")
    with pytest.raises(ConfigError, match=r"the format of other.txt cannot be told"):
        load(write("", "other.txt"))


def test_a_lone_surrogate_is_played_back(write: Any) -> None:
    assert generated(load(write([{"sample": "a", "response": "\ud800"}])), "a") == Response(
        "\ud800"
    )


def test_a_long_cell_is_read_and_the_csv_module_left_as_it_was(write: Any) -> None:
    before = csv.field_size_limit()
    adapter = load(write(f"sample,response\na,{'x' * 300_000}\n", "t.csv"))
    assert generated(adapter, "a") == Response("x" * 300_000)
    assert csv.field_size_limit() == before


def test_identity_is_the_content_not_the_place(tmp_path: Path, write: Any) -> None:
    path = write([{"sample": "a", "response": "x"}], "gpt-9.jsonl.gz")
    identity = load(path).identity
    assert (identity.provider, identity.model) == ("replay", "gpt-9")
    assert identity.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(tmp_path) not in str(identity.to_json())
    assert load(path, model="GPT 9").identity.model == "GPT 9"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_with_its_mark_is_read_as_it_is(write: Any, encoding: str) -> None:
    """As spreadsheets write "Unicode text", and PowerShell every file."""
    answers = {f"编号{number}": f"回答 😀 {number}\n第二行" * 50 for number in range(999)}
    mark = "" if encoding == "utf-16" else "\ufeff"

    def loaded(text: str, name: str) -> ReplayAdapter:
        return load(write((mark + text).encode(encoding), name))

    lines = [{"sample": sample, "response": text} for sample, text in answers.items()]
    cells = "".join(f'{sample}\t"{text}"\r\n' for sample, text in answers.items())
    for adapter in (
        loaded("sample\tresponse\r\n" + cells, "t.tsv"),
        loaded("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "t.jsonl"),
        loaded(json.dumps(lines, ensure_ascii=False), "t.json.gz"),
    ):
        for sample in ("编号0", "编号998"):
            assert generated(adapter, sample) == Response(answers[sample])


def test_a_hundred_thousand_records_load_quickly(write: Any) -> None:
    lines = "".join(f'{{"sample": "{i}", "response": "answer {i}"}}\n' for i in range(100_000))
    adapter = load(write(lines))
    assert generated(adapter, "99999") == Response("answer 99999")
