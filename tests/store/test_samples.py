"""The table of samples: written whole or not at all; which rows a report reads."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

import evalharness
from evalharness.reports.shown import drawn_samples
from evalharness.scorecard.rows import task_parts
from evalharness.store import samples
from evalharness.store.directory import RunDirectory
from evalharness.store.samples import SamplesWriter
from tests.support import FakeModel, item, write_suite


@pytest.fixture
def directory(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(60)])
    run = evalharness.run(
        {"target": FakeModel(lambda r: "A"), "suites": [str(suite)]}, out=tmp_path / "out"
    )
    found = RunDirectory(run.path)
    pq.write_table(pq.read_table(found.samples), found.samples, row_group_size=7)
    return found


def test_the_drawn_rows_do_not_depend_on_row_groups(directory):
    drawn = [row.sample_id for row in drawn_samples(directory, 1, 5)]
    pq.write_table(pq.read_table(directory.samples), directory.samples)
    assert [row.sample_id for row in drawn_samples(directory, 1, 5)] == drawn
    assert drawn == sorted(drawn)
    assert len(drawn) == 5


def test_only_row_groups_with_a_drawn_row_are_read(directory, monkeypatch):
    read = []
    whole = pq.ParquetFile.read_row_group

    def counting(self, number, *arguments, **options):
        read.append(number)
        return whole(self, number, *arguments, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counting)
    (row,) = drawn_samples(directory, 1, 1)
    assert read == [int(row.sample_id[1:]) // 7]


def test_an_error_leaves_no_table_and_no_half_of_one(tmp_path):
    row = {"task": "small", "sample_id": "q1", "score_correct": 1.0}
    with pytest.raises(KeyError), SamplesWriter(tmp_path / "t", ["correct"]) as table:
        table.write([row, {}["no row"]])
    assert list(tmp_path.iterdir()) == []
    with SamplesWriter(tmp_path / "t", ["correct"]) as table:
        table.write([row])
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def table_of(path):
    return pq.read_table(path).to_pylist()


def test_few_and_large_row_groups_are_written_whatever_comes_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "_GROUP_ROWS", 10)
    with SamplesWriter(tmp_path / "t", ["correct"]) as table:
        for number in range(0, 25, 4):
            ids = range(number, min(number + 4, 25))
            table.write([{"task": "small", "sample_id": f"q{n}"} for n in ids])
    with pq.ParquetFile(tmp_path / "t") as file:
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [12, 12, 1]
    assert [row["sample_id"] for row in table_of(tmp_path / "t")] == [f"q{n}" for n in range(25)]


def test_long_texts_do_not_wait_for_many_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "_GROUP_BYTES", 1000)
    with SamplesWriter(tmp_path / "t", []) as table:
        for _ in range(3):
            table.write([{"task": "small", "response": "x" * 2000}])
    with pq.ParquetFile(tmp_path / "t") as file:
        assert file.num_row_groups == 3


def test_rows_come_back_as_they_were_written(tmp_path):
    rows = [
        {"task": "t", "response": "", "epoch": 0, "score_x": 0.1, "latency_s": 1 / 3},
        {"task": "t", "response": None, "epoch": None, "score_x": None, "latency_s": None},
        {"task": "t", "response": "é𐍈\x00", "epoch": -(2**31), "score_x": -0.0, "latency_s": 2e9},
    ]
    with SamplesWriter(tmp_path / "t", ["x"]) as table:
        table.write(rows)
    found = [{name: row[name] for name in rows[0]} for row in table_of(tmp_path / "t")]
    assert found == rows
    with pytest.raises(OverflowError), SamplesWriter(tmp_path / "u", []) as table:
        table.write([{"task": "t", "epoch": 2**31}])
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


@pytest.mark.parametrize("group_size", [4, 5, 100])
def test_a_task_is_read_from_the_row_groups_that_hold_it(tmp_path, monkeypatch, group_size):
    monkeypatch.setattr(samples, "_GROUP_ROWS", group_size)
    with SamplesWriter(tmp_path / "t", ["correct"]) as table:
        for n in range(30):
            name = ("a", "b", "c")[n // 10]
            table.write([{"task": name, "sample_id": f"q{n}", "score_correct": float(n)}])
    read = []
    whole = pq.ParquetFile.read_row_group

    def counting(self, number, *arguments, **options):
        if options["columns"] != ["task"]:  # by which the others are left out
            read.append(number)
        return whole(self, number, *arguments, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counting)
    parts = list(task_parts(tmp_path / "t", "b", {"sample_id", "score_correct"}.__contains__))
    ids = [name for part in parts for name in part["sample_id"].to_pylist()]
    assert ids == [f"q{n}" for n in range(10, 20)]
    assert read == {4: [2, 3, 4], 5: [2, 3], 100: [0]}[group_size]
    assert not list(task_parts(tmp_path / "t", "zz", {"sample_id"}.__contains__))
