"""docs/domain-suite.md, followed to the letter: its files written, its commands run in order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evalharness.cli.app import run_app

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "domain-suite.md"

_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
#: The file that a block holds is the last one named before it.
_NAMED = re.compile(r"`([\w./-]+\.(?:csv|yaml|py|md))`[^`]*$")


def steps() -> list[tuple[str, str, str]]:
    """(kind, name of the file, text) of each block, in the page's order."""
    page = PAGE.read_text(encoding="utf-8")
    found, end = [], 0
    for match in _BLOCK.finditer(page):
        named = _NAMED.search(page[end : match.start()])
        found.append((match["kind"], named[1] if named else "", match["text"]))
        end = match.end()
    return found


def test_the_page_has_files_commands_and_what_they_print():
    kinds = [kind for kind, _, _ in steps()]
    assert kinds == [
        "sh", "csv", "yaml", "markdown", "sh", "text", "python", "yaml", "yaml", "sh", "text",
        "sh", "text",
    ]  # fmt: skip


def test_the_page_works_as_it_says(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    printed = ""
    for kind, name, text in steps():
        if kind == "sh":
            printed = ""
            for command in text.strip().splitlines():
                printed += done(command, capfd)
        elif kind == "text":
            lines = {" ".join(line.split()) for line in printed.splitlines()}
            for line in text.strip().splitlines():
                assert " ".join(line.split()) in lines, printed
        else:
            path = tmp_path / name
            assert path.parent.is_dir(), name
            path.write_text(text, encoding="utf-8")
    report = next(tmp_path.glob("results/clinic-*/report.html")).read_text(encoding="utf-8")
    assert "Clinic assistant" in report
    assert "imda-cat:2.2" in report


def done(command: str, capfd: pytest.CaptureFixture[str]) -> str:
    """Run one line of the page; it must succeed."""
    program, *arguments = [
        path for word in command.split() for path in sorted(map(str, Path().glob(word))) or [word]
    ]
    assert program == "evalharness"
    capfd.readouterr()
    code = run_app(arguments)
    printed = capfd.readouterr().out
    assert code == 0, (command, printed)
    return printed


@pytest.mark.parametrize(
    ("right", "of", "low"), [(29, 30, 0.8514), (30, 30, 0.905), (31, 31, 0.91), (32, 32, 0.91)]
)
def test_the_page_s_arithmetic(right, of, low):
    """Clopper-Pearson by its definition: the share at which so many or more are 5 % likely."""
    from math import comb

    def tail(share):
        return sum(comb(of, k) * share**k * (1 - share) ** (of - k) for k in range(right, of + 1))

    if low == 0.91:  # with 32 of 32 it is reached, with 31 of 31 it is not
        assert (tail(0.91) <= 0.05) == (right == 32)
    else:
        assert tail(low - 0.0005) < 0.05 < tail(low + 0.0005)
