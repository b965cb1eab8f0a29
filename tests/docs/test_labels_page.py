"""docs/labels.md, followed to the letter: its files written, its commands run in order."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from evalharness.cli.app import run_app

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "labels.md"

_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"`([\w./-]+\.(?:yaml|py))`[^`]*$")


def example() -> str:
    page = PAGE.read_text(encoding="utf-8")
    return page.partition("## A worked example")[2].partition("\n## ")[0]


def steps() -> list[tuple[str, str, str]]:
    """(kind, name of the file, text) of each block, in the page's order."""
    page, found, end = example(), [], 0
    for match in _BLOCK.finditer(page):
        named = _NAMED.search(page[end : match.start()])
        found.append((match["kind"], named[1] if named else "", match["text"]))
        end = match.end()
    return found


def expanded(word: str) -> list[str]:
    """What a shell makes of a word with an asterisk."""
    return sorted(map(str, Path().glob(word))) if "*" in word else [word]


def done(command: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Run one line of the page, as a shell would; it must succeed."""
    program, *words = shlex.split(command)
    arguments = [name for word in words for name in expanded(word)]
    if program == "evalharness":
        capfd.readouterr()
        code = run_app(arguments)
        printed = capfd.readouterr().out
    else:
        run = subprocess.run(
            [sys.executable, *arguments],
            capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        code, printed = run.returncode, run.stdout + run.stderr
    assert code == 0, (command, printed)
    return printed


def test_the_page_works_as_it_says(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    printed = ""
    for kind, name, text in steps():
        if kind == "sh":
            printed = "".join(done(command, capfd) for command in text.strip().splitlines())
        elif kind == "text":
            lines = {" ".join(line.split()) for line in printed.splitlines()}
            for line in text.strip().splitlines():
                assert " ".join(line.split()) in lines, printed
        else:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    (report,) = tmp_path.glob("results/audit-*/scores/*/report.html")
    assert "corrected" in report.read_text(encoding="utf-8")
    (scorecard,) = tmp_path.glob("results/audit-*/scores/*/scorecard.json")
    figures(scorecard)


def figures(path: Path) -> None:
    """What the page says in words."""
    card = json.loads(path.read_text(encoding="utf-8"))
    cell = card["dimensions"]["toxicity"]["tasks"]["help"]["metrics"]["harm_rate"]
    found = cell["corrected"]
    truth = sum(random.Random(f"truth request number {n}").random() < 0.1 for n in range(600))
    assert truth == 59
    assert found["interval"]["low"] < truth / 600 < cell["interval"]["low"]
    for name, right, n in (("sensitivity", 13, 15), ("specificity", 165, 179)):
        assert found[name]["value"] == pytest.approx(right / n)
        assert found[name]["n"] == n
    (pair,) = found["agreement"]
    assert (round(pair["kappa"], 2), found["n_unresolved"]) == (0.82, 6)
