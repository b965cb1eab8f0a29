"""Evidence of a finished run: a change is found, even under a new manifest."""

from __future__ import annotations

import json
import sqlite3
import zlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalharness import pipeline
from evalharness.store.directory import RunDirectory
from evalharness.verification import verify_run


def test_verify_holds_and_changes_nothing(finished):
    before = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in finished.path.iterdir()}
    assert [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults] == []
    after = {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in finished.path.iterdir()}
    assert after == before


@pytest.mark.parametrize(
    "name", ["run.json", "scorecard.json", "samples.parquet", "responses.sqlite", "report.html",
             "summary.json"]
)  # fmt: skip
def test_a_changed_byte_in_any_file_is_found(finished, name):
    path = finished.path / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert any(c.faults for c in verify_run(RunDirectory(finished.path)))


def test_a_polished_figure_is_found_even_under_a_new_manifest(finished):
    path = finished.path / "scorecard.json"
    data = json.loads(path.read_text())
    data["dimensions"]["factuality"]["tasks"]["small"]["metrics"]["accuracy"]["n_measured"] = 40
    finished._directory.write_json(path, data)
    finished._directory.seal()
    failed = [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults]
    assert failed == [
        "aggregating the rows again gives the same scorecard",
        "report.html is what the records give",
    ]  # fmt: skip


def test_a_polished_answer_is_found_even_under_a_new_manifest(finished):
    with sqlite3.connect(finished.path / "responses.sqlite") as database:
        database.execute("UPDATE responses SET body='{\"text\":\"A\"}' WHERE sample='q001'")
    database.close()
    finished._directory.seal()
    failed = [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults]
    assert failed == ["scoring the recorded answers again gives the same rows"]


def test_polished_settings_are_found_even_under_a_new_manifest(finished):
    path = finished.path / "run.json"
    info = json.loads(path.read_text())
    info["settings"]["floor"] = 0.1
    finished._directory.write_json(path, info)
    pipeline.finish_run(finished._directory)
    failed = [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults]
    assert failed == ["models and settings are those of the measurement"]


def test_a_dropped_sample_is_found(finished):
    with sqlite3.connect(finished.path / "responses.sqlite") as database:
        ((body,),) = database.execute("SELECT body FROM plan")
        lines = [line for line in zlib.decompress(body).split(b"\n") if b'"q001"' not in line]
        database.execute("UPDATE plan SET body=?", (zlib.compress(b"\n".join(lines)),))
    database.close()
    finished._directory.seal()
    failed = [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults]
    assert "the planned items have the recorded digests" in failed


# counts


def rows_changed(finished, change):
    """Other rows under a new manifest; what the check of the counts says of them."""
    path = finished.path / "samples.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    finished._directory.seal()
    return said_of_counts(finished)


def said_of_counts(finished):
    checks = {check.name: check.faults for check in verify_run(RunDirectory(finished.path))}
    return checks["each sample stands once for each epoch and generation"]


def test_a_row_that_stands_twice_is_found(finished):
    found = rows_changed(finished, lambda rows: pa.concat_tables([rows, rows.slice(3, 1)]))
    assert found == ["small/q003/0/0: stands twice"]


def test_a_row_that_takes_the_place_of_another_is_found(finished):
    found = rows_changed(
        finished,
        lambda rows: pa.concat_tables([rows.slice(0, 4), rows.slice(3, 1), rows.slice(5)]),
    )
    assert found == ["small/q003/0/0: stands twice", "small/q004/0/0: missing"]


def test_a_row_that_is_missing_is_found(finished):
    found = rows_changed(finished, lambda rows: pa.concat_tables([rows.slice(0, 3), rows.slice(4)]))
    assert found == ["small/q003/0/0: missing"]


def test_a_row_of_a_sample_that_was_never_planned_is_found(finished):
    def renamed(rows):
        names = [name.replace("q003", "q777") for name in rows["sample_id"].to_pylist()]
        column = pa.array(names, rows.schema.field("sample_id").type)
        return rows.set_column(rows.schema.get_field_index("sample_id"), "sample_id", column)

    assert rows_changed(finished, renamed) == [
        "small/q003/0/0: missing", "small/q777/0/0: not planned",
    ]  # fmt: skip


def test_an_answer_that_was_never_planned_is_found(finished):
    with sqlite3.connect(finished.path / "responses.sqlite") as database:
        database.execute(
            "INSERT INTO responses (task, sample, epoch, role, ordinal, digest, status, body, "
            "latency_s, attempts) SELECT task, 'q777', epoch, role, ordinal, digest, status, body, "
            "latency_s, attempts FROM responses WHERE sample='q003'"
        )
    database.close()
    finished._directory.seal()
    checks = {check.name: check.faults for check in verify_run(RunDirectory(finished.path))}
    assert checks["every answer belongs to a planned sample"] == [
        "small/q777: answered, but never planned"
    ]


def test_a_planned_sample_without_a_row_is_found(finished):
    with sqlite3.connect(finished.path / "responses.sqlite") as database:
        ((body,),) = database.execute("SELECT body FROM plan")
        lines = zlib.decompress(body)
        last = [line for line in lines.split(b"\n") if b'"q039"' in line]
        more = b"\n".join(line.replace(b'"q039"', b'"q777"') for line in last)
        database.execute(
            "UPDATE plan SET body=?", (zlib.compress(lines.rstrip(b"\n") + b"\n" + more),)
        )
    database.close()
    finished._directory.seal()
    assert said_of_counts(finished) == ["small/q777/0/0: missing"]
