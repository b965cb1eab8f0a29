"""docs/suites.md is what the definitions of the built-in tasks say.

Every item of every task is counted for it, so it is compared in the full stage.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalharness.tasks.library import Library

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "_generate_suites.py"
PAGE = ROOT / "docs" / "suites.md"


def checked(folder: Path, data_root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / SCRIPT.name), "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "EVALHARNESS_DATA": str(data_root)},
    )


@pytest.mark.full
def test_the_page_is_up_to_date(data_root):
    found = checked(SCRIPT.parent, data_root)
    assert found.returncode == 0, found.stderr


@pytest.mark.full
def test_every_task_has_its_row_and_its_sheet():
    page = PAGE.read_text(encoding="utf-8")
    for task in Library.load().tasks.values():
        folder = task.folder
        assert f"[`{task.name}`](../suites/{folder.parent.name}/{folder.name}/DATASHEET.md)" in page


def test_what_is_not_covered_is_said():
    page = PAGE.read_text(encoding="utf-8")
    row = next(line for line in page.splitlines() if line.startswith("| `catalogue`"))
    assert "3.4 Psychological traits" in row
    assert "4.1 Dangerous capabilities" in row


@pytest.mark.full
def test_a_stale_page_fails_the_check(tmp_path, data_root):
    (tmp_path / SCRIPT.name).write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    (tmp_path / PAGE.name).write_text(page.replace("| 790 |", "| 791 |", 1), encoding="utf-8")
    found = checked(tmp_path, data_root)
    assert found.returncode == 1
    assert "Run: python docs/_generate_suites.py" in found.stderr
