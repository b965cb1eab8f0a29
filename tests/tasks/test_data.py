"""Data: every format, every fault with its place, and no path that leads out."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from evalharness.errors import DataError
from evalharness.tasks.data import DATA_ROOT_VARIABLE, open_data
from evalharness.tasks.files import numbered_rows, read_rows
from evalharness.tasks.sources import FileRef
from tests.tasks.making import SAMPLE, task

TEXT_ROWS = [{"q": 'one, "two"', "a": "1"}, {"q": "dög 狗\nline", "a": "2"}]
ROWS = [{"q": "a", "n": 1, "x": [1, None, {"b": True}]}, {"q": "狗", "n": 2.5, "x": []}]
CSV = 'q,a\n"one, ""two""",1\n"dög 狗\nline",2\n'
JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
BOM = "\ufeff"


def rows_of(path):
    return [dict(row) for row in read_rows(path)]


@pytest.fixture
def write(tmp_path):
    """Write a file; ``.gz`` is packed."""

    def to_file(name: str, content: str | bytes):
        data = content.encode() if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return path

    return to_file


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("d.json", json.dumps(ROWS), ROWS),
        ("d.json", json.dumps({"name": "set", "examples": ROWS}), ROWS),
        ("d.json", BOM + json.dumps(ROWS), ROWS),
        ("d.json", "[]", []),
        ("d.jsonl", JSONL, ROWS),
        ("d.jsonl", BOM + JSONL.replace("\n", "\r\n") + "\n  \n", ROWS),
        ("d.jsonl", JSONL.rstrip("\n"), ROWS),
        ("d.jsonl", "", []),
        ("d.csv", CSV, TEXT_ROWS),
        ("d.csv", BOM + CSV, TEXT_ROWS),
        ("d.CSV", CSV, TEXT_ROWS),
        ("d.tsv", CSV.replace(",1", "\t1").replace(",2", "\t2").replace("q,a", "q\ta"), TEXT_ROWS),
        ("d.csv", "q,a\r\nx,1\r\n", [{"q": "x", "a": "1"}]),
        ("d.csv", "q,a\nx,\n", [{"q": "x", "a": ""}]),
        ("d.v2.csv", "q\nx\n", [{"q": "x"}]),
        ("d.csv", "q\n" + "x" * 200_000 + "\n", [{"q": "x" * 200_000}]),
    ],
)  # fmt: skip
def test_text_formats_as_they_are_and_packed(write, packed, name, content, expected):
    assert rows_of(write(name + packed, content)) == expected


def test_parquet(tmp_path):
    pq.write_table(pa.Table.from_pylist([{"q": "a", "n": [1, 2]}, {"q": None, "n": []}]),
                   tmp_path / "d.parquet")  # fmt: skip
    assert rows_of(tmp_path / "d.parquet") == [{"q": "a", "n": [1, 2]}, {"q": None, "n": []}]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("d.json", '[{"a": NaN}]', "not valid JSON: NaN is no JSON number"),
        ("d.json", '[{"a": -Infinity}]', "-Infinity is no JSON number"),
        ("d.json", '[{"a": 1}', "not valid JSON"),
        ("d.json", "", "not valid JSON"),
        ("d.json", '[{"a": 1},\n{"a" 2}]', "d.json:2: not valid JSON: Expecting ':' delimiter"),
        ("d.json", '{"rows": []}', "expected a list of objects"),
        ("d.json", '[{"a": 1}, 2]', "expected a list of objects"),
        ("d.jsonl", '{"a": 1}\n{"a": }\n', "d.jsonl:2: not valid JSON"),
        ("d.jsonl", '{"a": 1}\n\n{"a": NaN}\n', "d.jsonl:3: not valid JSON: NaN is no JSON number"),
        ("d.jsonl", '{"a": 1}\n[1]\n', "d.jsonl:2: expected an object, found list"),
        ("d.csv", "q,a\nx,1\ny\n", "d.csv:3: the number of cells differs from the heading's"),
        ("d.csv", "q,a\nx,1,2\n", "d.csv:2: the number of cells differs from the heading's"),
        ("d.csv", 'q,a\n"x"y,1\n', "d.csv:2: not valid CSV"),
        ("d.csv", 'q,a\n"x,1\n', "not valid CSV"),
        ("d.csv", "q,a,q\n1,2,3\n", "d.csv:1: two columns have the same name: q, a, q"),
        ("d.csv", b"q\n\xff\n", "not UTF-8 text"),
        ("d.json", b'[{"a": "\xe9"}]', "not UTF-8 text"),
        ("d.parquet", "no parquet", "not a readable parquet file"),
        (
            "d.xlsx",
            "x",
            "use one of .json, .jsonl, .csv, .tsv, .txt, .parquet (or .gz",
        ),
        ("d", "x", "unknown kind of data file"),
        ("d.gz", "x", "unknown kind of data file"),
        ("d.pkl", "x", "unknown kind of data file"),
        ("d.py", "x", "unknown kind of data file"),
    ],
)
def test_a_fault_names_the_file_and_the_line(write, name, content, expected):
    with pytest.raises(DataError, match=re.escape(expected)) as caught:
        rows_of(write(name, content))
    assert name in str(caught.value)


@pytest.mark.parametrize("kind", [".jsonl", ".jsonl.gz", ".txt", ".txt.gz"])
def test_a_line_without_end_is_refused(tmp_path, kind):
    """A few kilobytes of gzip can hold gigabytes of one line."""
    path = tmp_path / f"d{kind}"
    content = b'{"q": "x"}\n{"q": "' + b"a" * (17 * 2**20) + b'"}\n'
    path.write_bytes(gzip.compress(content) if kind.endswith(".gz") else content)
    with pytest.raises(DataError, match=r"d\..*:2: the line is longer than 16 MiB"):
        rows_of(path)


def test_the_error_of_a_line_has_one_line_number(write):
    with pytest.raises(DataError) as caught:
        rows_of(write("d.jsonl", '{"a": 1}\n{"a": }\n'))
    assert str(caught.value).endswith("d.jsonl:2: not valid JSON: Expecting value (column 7)")


@pytest.mark.parametrize("damage", ["plain", "cut", "flipped"])
def test_damaged_gzip_is_an_error(tmp_path, damage):
    packed = bytearray(gzip.compress(json.dumps(list(range(5000))).encode(), mtime=0))
    if damage == "plain":
        packed = bytearray(b'[{"a": 1}]')
    elif damage == "cut":
        del packed[-200:]
    else:
        packed[60:90] = b"\xff" * 30
    (tmp_path / "d.json.gz").write_bytes(packed)
    with pytest.raises(DataError, match=r"damaged gzip file|not valid JSON|not UTF-8"):
        rows_of(tmp_path / "d.json.gz")


@pytest.mark.parametrize("name", ["d.csv", "d.jsonl.gz", "d.parquet"])
def test_a_missing_file_is_a_sentence(tmp_path, name):
    with pytest.raises(DataError, match="there is no such data file"):
        rows_of(tmp_path / name)


# --- where rows come from ------------------------------------------------------------------------


def local(path: str, sha256: str | None = None, key: str = "file") -> dict:
    ref = {"path": path} | ({"sha256": sha256} if sha256 else {})
    return {key: [ref] if key == "files" else ref, "sample": SAMPLE}


HUB = {"hub": {"path": "someone/something"}, "sample": SAMPLE}


def test_a_task_s_own_file_with_its_digest(write, tmp_path):
    write("items.jsonl", JSONL)
    sha256 = hashlib.sha256(JSONL.encode()).hexdigest()
    dataset = open_data(
        task(tmp_path, data=local("items.jsonl", sha256)), data_root=None, supplied=None
    )
    assert list(dataset.rows()) == ROWS
    assert list(dataset.rows()) == ROWS, "rows can be read again"
    assert dataset.to_json() == {
        "source": "file",
        "files": [{"path": "items.jsonl", "sha256": sha256}],
    }


def test_several_files_follow_each_other(write, tmp_path):
    write("a.csv", "q\n1\n")
    write("b.csv", "q\n2\n")
    data = {"files": [{"path": "b.csv"}, {"path": "a.csv"}], "sample": SAMPLE}
    dataset = open_data(task(tmp_path, data=data), data_root=None, supplied=None)
    assert list(dataset.rows()) == [{"q": "2"}, {"q": "1"}]


def test_a_file_that_is_not_what_its_digest_promises_is_refused(write, tmp_path):
    write("items.jsonl", JSONL)
    made = task(tmp_path, data=local("items.jsonl", "0" * 64))
    with pytest.raises(DataError, match="damaged or another version") as caught:
        open_data(made, data_root=None, supplied=None)
    assert hashlib.sha256(JSONL.encode()).hexdigest() in str(caught.value)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "~/x.csv", "../x.csv", "a/../../x.csv", "a\\..\\x.csv", ".."]
)
def test_a_path_may_not_leave_its_folder(path):
    with pytest.raises(ValidationError, match="stays in its folder"):
        FileRef(path=path)


def test_a_link_may_not_lead_out(write, tmp_path):
    write("secret.jsonl", JSONL)
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "items.jsonl").symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(DataError, match=r"items\.jsonl: leads out of the task's folder"):
        open_data(task(folder, data=local("items.jsonl")), data_root=None, supplied=None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("none.csv", r"none\.csv: the data file is missing; put it there"), ("sub", "is a folder")],
)
def test_a_missing_data_file_says_where_to_put_it(tmp_path, name, expected):
    (tmp_path / "sub").mkdir()
    with pytest.raises(DataError, match=expected):
        open_data(task(tmp_path, data=local(name)), data_root=None, supplied=None)


def test_the_data_root_comes_from_the_caller_or_the_environment(write, tmp_path, monkeypatch):
    write("m.jsonl", JSONL)
    made = task(data=HUB, mirror=local("m.jsonl"))
    given = open_data(made, data_root=tmp_path, supplied=None)
    monkeypatch.setenv(DATA_ROOT_VARIABLE, str(tmp_path))
    found = open_data(made, data_root=None, supplied=None)
    assert given.to_json() == found.to_json()
    assert found.origin == "mirror"
    assert list(found.rows()) == ROWS
    monkeypatch.setenv(DATA_ROOT_VARIABLE, str(tmp_path / "elsewhere"))
    assert list(open_data(made, data_root=tmp_path, supplied=None).rows()) == ROWS
    with pytest.raises(DataError, match=r"elsewhere: the data root is no folder; set data_root"):
        open_data(made, data_root=None, supplied=None)


def test_without_a_data_root_the_hub_is_meant_and_a_failure_says_what_to_do(monkeypatch):
    import datasets

    def offline(*args, **options):
        raise ConnectionError("no route\nto host")

    monkeypatch.delenv(DATA_ROOT_VARIABLE, raising=False)
    monkeypatch.setattr(datasets, "load_dataset", offline)
    dataset = open_data(task(data=HUB, mirror=local("m.jsonl")), data_root=None, supplied=None)
    assert dataset.to_json() == {
        "source": "hub",
        "files": [{"path": "hub:someone/something", "revision": "not pinned"}],
    }
    with pytest.raises(DataError) as caught:
        next(dataset.rows())
    assert "someone/something (revision main) cannot be had from the hub: no route." in str(
        caught.value
    )
    assert "set data_root (or EVALHARNESS_DATA)" in str(caught.value)


def test_the_hub_is_asked_for_the_pinned_revision(monkeypatch):
    import datasets

    asked = {}

    def load(path, **options):
        asked.update(options, path=path)
        return [{"q": 1}]

    monkeypatch.delenv(DATA_ROOT_VARIABLE, raising=False)
    monkeypatch.setattr(datasets, "load_dataset", load)
    hub = {"path": "a/b", "revision": "1" * 40, "split": "test", "name": "c", "data_files": ["x"]}
    made = task(data={"hub": hub, "sample": SAMPLE})
    assert list(open_data(made, data_root=None, supplied=None).rows()) == [{"q": 1}]
    assert asked == hub


def test_supplied_rows_and_files_win_over_the_task_s_own_data(write, tmp_path):
    write("items.jsonl", JSONL)
    made = task(tmp_path, data=local("items.jsonl"))
    rows = open_data(made, data_root=None, supplied=[{"q": "mine"}])
    assert list(rows.rows()) == [{"q": "mine"}]
    assert rows.origin == "supplied rows"
    path = write("mine.csv", "q\nyours\n")
    file = open_data(made, data_root=None, supplied=path)
    assert list(file.rows()) == [{"q": "yours"}]
    sha256 = hashlib.sha256(b"q\nyours\n").hexdigest()
    assert file.to_json() == {
        "source": "supplied file",
        "files": [{"path": "mine.csv", "sha256": sha256}],
    }


def test_the_digest_of_supplied_rows_tells_rows_apart(tmp_path):
    made = task()

    def sha256(rows):
        return open_data(made, data_root=None, supplied=rows).parts[0].files[0]["sha256"]

    assert sha256([{"a": 1, "b": 2}]) == sha256([{"b": 2, "a": 1}])
    assert len({sha256(rows) for rows in ([{"a": 1}], [{"a": "1"}], [{"a": True}], [])}) == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", "\ud800"])
def test_supplied_rows_that_json_cannot_hold_are_refused(value):
    with pytest.raises(DataError, match="supplied rows: not what JSON can hold"):
        open_data(task(), data_root=None, supplied=[{"q": value}])


def test_a_task_that_needs_supplied_data_says_what_to_supply():
    with pytest.raises(DataError, match=r"task small tests data of yours: rows\. Name it in the"):
        open_data(task(), data_root=None, supplied=None)
    with pytest.raises(DataError, match="the data file is missing"):
        open_data(task(), data_root=None, supplied=Path("no.csv"))


def test_no_path_of_this_machine_stands_in_the_record(write, tmp_path):
    write("items.jsonl", JSONL)
    made = task(tmp_path, data=local("items.jsonl", key="files"))
    dataset = open_data(made, data_root=None, supplied=None)
    assert str(tmp_path) not in json.dumps(dataset.to_json())


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r", "\n\r"])
def test_a_row_of_csv_begins_on_its_line_whatever_breaks_its_cells(tmp_path, line_break):
    path = tmp_path / "d.csv"
    path.write_text(f'q,a\n"x{line_break}y",1\nz,2\n', newline="")
    after = 3 + (2 if line_break == "\n\r" else 1)
    assert [number for number, _ in numbered_rows(path)] == [2, after]
