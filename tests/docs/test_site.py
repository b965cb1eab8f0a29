"""The documentation builds as a site: every page in the menu, every link and anchor there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built strictly: a warning fails."""
    folder = tmp_path_factory.mktemp("site")
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert build.returncode == 0, build.stderr
    assert "WARNING" not in build.stderr
    return folder


def test_every_page_and_every_data_sheet_is_there(site):
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    for page in pages:
        where = page.parent if page.name == "index.md" else page.with_suffix("")
        assert (site / where / "index.html").is_file(), page
    sheets = {path.parent.name for path in ROOT.glob("suites/*/*/DATASHEET.md")}
    assert sheets == {path.name for path in (site / "data-sheets").iterdir()}


def test_no_page_loads_anything_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]+src="https?://', text), page
        assert not re.findall(r'<link[^>]+rel="stylesheet"[^>]+href="https?://', text), page
