"""Recorded outputs: every format, every kind, ids as text, and faults with file and line."""

from __future__ import annotations

import asyncio
import csv
import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalharness.adapters.base import Adapter
from evalharness.adapters.replay import ReplayAdapter, ReplayOptions
from evalharness.errors import ConfigError, DataError, UnavailableError
from evalharness.records import Decoding, Failure, Message, Request, RequestKind, Response, Slot


def slot(sample: str, *, task: str = "t", epoch: int = 0, ordinal: int = 0) -> Slot:
    return Slot(task, sample, epoch, "target", ordinal)


def request(kind: RequestKind, sample: str, **place: Any) -> Request:
    return Request(kind, slot=slot(sample, **place))


def answer(adapter: ReplayAdapter, *requests: Request) -> list[Response | Failure]:
    return list(asyncio.run(_respond(adapter, requests)))


async def _respond(
    adapter: ReplayAdapter, requests: Sequence[Request]
) -> Sequence[Response | Failure]:
    return await adapter.respond(requests)


def generated(adapter: ReplayAdapter, sample: str, **place: Any) -> Response | Failure:
    return answer(adapter, request("generate", sample, **place))[0]


def reason(found: Response | Failure) -> str:
    assert isinstance(found, Failure)
    assert found.outcome == "not_run"
    assert not found.retryable
    return found.reason


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Writes text or bytes to a file, or records as one object a line; gives its path."""

    def _write(content: str | bytes | list[Any], name: str = "out.jsonl") -> Path:
        path = tmp_path / name
        if isinstance(content, list):
            content = "".join(json.dumps(record) + "\n" for record in content)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path

    return _write


def load(path: Path, **options: Any) -> ReplayAdapter:
    return ReplayAdapter(ReplayOptions(path=path.name, base_dir=path.parent, **options))


# -- looking up ----------------------------------------------------------------------------------


def test_an_answer_is_found_by_task_sample_epoch_and_generation(write: Any) -> None:
    adapter = load(
        write(
            [
                {"task": "t", "sample": "a", "response": "0.0"},
                {"task": "t", "sample": "a", "generation": 1, "response": "0.1"},
                {"task": "t", "sample": "a", "epoch": 1, "response": "1.0"},
                {"task": "u", "sample": "a", "response": "u"},
            ]
        )
    )
    assert isinstance(adapter, Adapter)
    assert generated(adapter, "a") == Response("0.0")
    assert generated(adapter, "a", ordinal=1) == Response("0.1")
    assert generated(adapter, "a", epoch=1) == Response("1.0")
    assert generated(adapter, "a", task="u") == Response("u")


def test_a_record_without_a_task_fits_any_task_and_yields_to_its_own(write: Any) -> None:
    adapter = load(
        write([{"sample": "a", "response": "any"}, {"task": "u", "sample": "a", "response": "u"}])
    )
    assert generated(adapter, "a", task="t") == Response("any")
    assert generated(adapter, "a", task="u") == Response("u")


def test_what_was_not_recorded_is_not_run(write: Any) -> None:
    adapter = load(write([{"sample": "a", "response": "x"}]))
    found = answer(
        adapter,
        request("generate", "b"),
        request("generate", "a", ordinal=2),
        request("generate", "a", epoch=1),
        request("classify", "a"),
        request("embed", "a"),
        Request("generate"),
    )
    assert [reason(item) for item in found] == [
        "no recorded output for t/b (generate, epoch 0, generation 0)",
        "no recorded output for t/a (generate, epoch 0, generation 2)",
        "no recorded output for t/a (generate, epoch 1, generation 0)",
        "no recorded output for t/a (classify, epoch 0, text 0)",
        "no recorded output for t/a (embed, epoch 0, text 0)",
        "no recorded output for a request without a place in a run",
    ]


def test_null_is_an_empty_answer(write: Any) -> None:
    adapter = load(write([{"sample": "a", "response": None}, {"sample": "b", "response": ""}]))
    assert generated(adapter, "a") == generated(adapter, "b") == Response("")


def test_log_likelihoods_in_the_order_of_the_choices(write: Any) -> None:
    adapter = load(write([{"sample": "a", "loglikelihoods": [-1.5, 0, -3]}]))
    assert adapter.capabilities.kinds == {"loglikelihood"}
    asked = [request("loglikelihood", "a", ordinal=i) for i in range(4)]
    found = answer(adapter, *asked)
    assert found[:3] == [Response(loglikelihood=value) for value in (-1.5, 0.0, -3.0)]
    assert "the record has 3 log-likelihoods" in reason(found[3])
    assert "t/b (loglikelihood, epoch 0, choice 0)" in reason(
        answer(adapter, request("loglikelihood", "b"))[0]
    )


def test_log_likelihoods_one_record_a_choice(write: Any) -> None:
    records = [{"sample": "a", "ordinal": i, "loglikelihood": -float(i)} for i in range(3)]
    adapter = load(write(records))
    found = answer(adapter, *(request("loglikelihood", "a", ordinal=i) for i in range(3)))
    assert found == [Response(loglikelihood=-float(i)) for i in range(3)]


def test_scores_by_which_a_recording_ranks_choices(write: Any) -> None:
    adapter = load(write([{"sample": "a", "choice_scores": [0.25, -7, 1e3]}]))
    assert adapter.capabilities.kinds == {"loglikelihood"}
    found = answer(adapter, *(request("loglikelihood", "a", ordinal=i) for i in range(4)))
    assert found[:3] == [Response(choice_score=value) for value in (0.25, -7.0, 1000.0)]
    assert "the record has 3 scores" in reason(found[3])
    one_each = [{"sample": "a", "ordinal": i, "choice_score": i} for i in range(2)]
    found = answer(
        load(write(one_each)), *(request("loglikelihood", "a", ordinal=i) for i in range(2))
    )
    assert found == [Response(choice_score=0.0), Response(choice_score=1.0)]


def of_choice(choice: str, **place: Any) -> Request:
    return Request("loglikelihood", choice=choice, slot=slot("a", **place))


def test_a_choice_is_found_by_its_own_id(write: Any) -> None:
    adapter = load(
        write(
            [
                {"choice": "x1", "choice_score": 0.5},
                {"choice": "x2", "loglikelihood": -2},
                {"choice": "x3", "epoch": 1, "choice_score": 0.75},
                {"choice": 4, "task": "u", "choice_score": 4},
            ]
        )
    )
    found = answer(adapter, of_choice("x1"), of_choice("x2", ordinal=1), of_choice("4", task="u"))
    assert found == [
        Response(choice_score=0.5),
        Response(loglikelihood=-2.0),
        Response(choice_score=4.0),
    ]
    assert answer(adapter, of_choice("x3", epoch=1)) == [Response(choice_score=0.75)]
    for request_ in (of_choice("x3"), of_choice("x1", epoch=1), of_choice("4"), of_choice("a")):
        assert "no recorded output" in reason(answer(adapter, request_)[0])
    assert adapter.not_planned([("t", "a")]) == []


def test_scores_of_a_classifier(write: Any) -> None:
    scores = {"toxicity": 0.25, "insult": 1}
    adapter = load(write([{"sample": "a", "scores": scores}]))
    assert adapter.capabilities.kinds == {"classify"}
    assert answer(adapter, request("classify", "a")) == [Response(scores=scores)]


def test_verdict_and_finish_reason_come_along(write: Any) -> None:
    adapter = load(
        write(
            [
                {"sample": "a", "response": "x", "verdict": {"correct": 1}},
                {"sample": "b", "response": "y", "finish_reason": "length"},
                {"sample": "c", "verdict": {"outcome": "refused"}},
            ]
        )
    )
    assert generated(adapter, "a") == Response("x", recorded={"correct": 1})
    assert generated(adapter, "b") == Response("y", finish_reason="length")
    assert generated(adapter, "c") == Response("", recorded={"outcome": "refused"})


def test_kinds_are_those_of_the_records(write: Any) -> None:
    adapter = load(
        write(
            [
                {"sample": "a", "response": None, "loglikelihoods": [-1], "scores": {"x": 0}},
                {"sample": "b", "response": "b"},
            ]
        )
    )
    assert adapter.capabilities.kinds == {"generate", "loglikelihood", "classify"}
    assert (adapter.capabilities.batch_size, adapter.capabilities.concurrency) == (1, 1024)
    assert isinstance(generated(adapter, "a"), Failure)  # null beside other outputs: none recorded


def test_answers_by_content(write: Any) -> None:
    asked = Request("generate", messages=(Message("user", "Why?"),), decoding=Decoding())
    other = Request("loglikelihood", messages=asked.messages, continuation=" so")
    adapter = load(
        write(
            [
                {"digest": asked.content_digest, "response": "Because."},
                {"digest": other.content_digest.upper(), "loglikelihood": -2},
            ]
        ),
        key="digest",
    )
    assert answer(adapter, asked, other) == [Response("Because."), Response(loglikelihood=-2.0)]
    assert reason(answer(adapter, Request("generate", seed=1))[0]).startswith(
        "no recorded output for this generate request (digest "
    )
    assert adapter.not_planned([]) == []
    assert adapter.identity.extra == {"key": "digest"}


# -- formats -------------------------------------------------------------------------------------

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
    with pytest.raises(ValueError, match="is no Jinja expression"):
        ReplayOptions(path="x", columns={"sample": "{{ 1 + }}"})


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


def test_samples_beyond_the_plan_are_named_once(write: Any) -> None:
    adapter = load(
        write(
            [
                {"task": "t", "sample": "a", "response": "x"},
                {"task": "t", "sample": "b", "response": "x"},
                {"task": "t", "sample": "b", "generation": 1, "response": "x"},
                {"task": "u", "sample": "a", "response": "x"},
                {"sample": "c", "response": "x"},
                {"sample": "d", "response": "x", "scores": {"y": 0}},
            ]
        )
    )
    assert adapter.not_planned([("t", "a"), ("t", "c"), ("t", "d")]) == ["t/b", "u/a"]
    assert adapter.not_planned(iter([])) == ["t/a", "t/b", "u/a", "c", "d"]


# -- faults --------------------------------------------------------------------------------------

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


def test_a_hundred_thousand_records_load_quickly(write: Any) -> None:
    lines = "".join(f'{{"sample": "{i}", "response": "answer {i}"}}\n' for i in range(100_000))
    adapter = load(write(lines))
    assert generated(adapter, "99999") == Response("answer 99999")
