"""docs/library.md and the examples in docstrings run in order, and print what they say."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
from pathlib import Path

import pytest

import evalharness
from evalharness import api, display, runs, samples
from evalharness.scorecard import frame, model
from evalharness.scorecard.frame import COLUMNS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "library.md"
_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


def steps() -> list[tuple[str, str]]:
    return [(m["kind"], m["text"]) for m in _BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]


def test_the_page_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    printed = ""
    blocks = [step for step in steps() if step[0] != "sh"]
    assert [kind for kind, _ in blocks] == ["python", "text"] * (len(blocks) // 2)
    for kind, text in blocks:
        if kind == "text":
            assert printed == text
            continue
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(text, str(PAGE), "exec"), names)  # noqa: S102 - our own page
        printed = said.getvalue()


def test_the_page_names_every_column():
    page = PAGE.read_text(encoding="utf-8").partition("### Columns")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", page))
    assert set(COLUMNS) | {"run_id", "name", "model", "provider", "measurement", "path"} <= named


@pytest.mark.parametrize("module", [api, display, frame, model, runs, samples])
def test_examples_in_docstrings(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = evalharness.run(
        {
            "name": "first",
            "target": {"adapter": "reference", "model": "always_a"},
            "tasks": [{"task": "quickstart_factuality", "limit": 10}],
        }
    )
    found = doctest.testmod(
        module, extraglobs={"run": run, "evalharness": evalharness}, optionflags=doctest.ELLIPSIS
    )
    assert found.failed == 0
    assert found.attempted > 0
