"""Evidence of a finished run: a change is found, even under a new manifest."""

from __future__ import annotations

import json
import sqlite3
import zlib

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
    assert failed == ["aggregating the rows again gives the same scorecard"]


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
