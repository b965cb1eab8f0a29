"""The report of a finished run, rendered again."""

from __future__ import annotations

from evalharness.store.directory import RunDirectory
from evalharness.verification import verify_run


def test_a_report_is_rendered_again_to_the_same_bytes(finished):
    from evalharness.cli.app import run_app

    before = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    assert run_app(["report", str(finished.path)]) == 0
    assert {p.name: p.read_bytes() for p in finished.path.iterdir()} == before


def test_a_finished_run_can_show_more_items(finished):
    from evalharness.cli.app import run_app

    before = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    assert run_app(["report", str(finished.path), "--set", "report_samples=9"]) == 0
    after = {p.name: p.read_bytes() for p in finished.path.iterdir()}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"run.json", "report.html", "manifest.json"}
    assert len(after["report.html"]) > len(before["report.html"])
    assert [c.name for c in verify_run(RunDirectory(finished.path)) if c.faults] == []
    assert run_app(["report", str(finished.path), "--set", "seed=9"]) == 2
    assert {p.name: p.read_bytes() for p in finished.path.iterdir()} == after


def test_a_report_is_not_written_while_another_process_works_on_the_run(finished):
    from evalharness.cli.app import run_app

    with finished._directory.locked():
        assert run_app(["report", str(finished.path)]) == 2
