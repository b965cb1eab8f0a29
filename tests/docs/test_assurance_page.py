"""docs/assurance.md, followed to the letter: its files written, its commands run in order."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from evalharness.cli.app import run_app
from tests.adapters.openai_server import serving

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = DOCS / "assurance.md"

_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"`([\w.-]+\.yaml)`(?::| is [^`]*`[^`]*`[^`]*)\s*$")


def steps() -> list[tuple[str, str, str]]:
    """(kind, name of the file, text) of each block, in the page's order."""
    page, found, end = PAGE.read_text(encoding="utf-8"), [], 0
    for match in _BLOCK.finditer(page):
        named = _NAMED.search(page[end : match.start()])
        found.append((match["kind"], named[1] if named else "", match["text"]))
        end = match.end()
    return found


def done(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run one line of the page, as a shell would; it must succeed."""
    program, *words = shlex.split(command)
    arguments = [name for word in words for name in (sorted(map(str, Path().glob(word))) or [word])]
    if program == "cp":
        assert arguments[0] == "-r"
        shutil.copytree(*arguments[1:])
        return ""
    assert program == "evalharness"
    assert run_app(arguments) == 0, (command, capsys.readouterr())
    if arguments[:2] == ["new", "engagement"]:  # and filled in by hand
        shutil.copy(DOCS / "examples" / "engagement.yaml", tmp_path / "engagement.yaml")
    return capsys.readouterr().out


def test_the_page_works_as_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(DOCS / "examples" / "outputs.csv", tmp_path)
    commands, printed, ids = [], "", []
    with serving(lambda asked: "A") as server:
        for kind, name, text in steps():
            if kind == "csv":
                assert (tmp_path / "outputs.csv").read_text().startswith(text)
            elif kind == "yaml" and name == "corrected.yaml":
                (run,) = tmp_path.glob("results/assistant-*")
                ids.append(json.loads((run / "assurance.json").read_text())["report"])
                engagement = (tmp_path / "engagement.yaml").read_text()
                corrected = engagement.replace("Example Clinic", "Exemplary Clinic")
                block = text.replace("EH-0123456789abcdef", ids[0])
                (tmp_path / name).write_text(corrected + block)
            elif kind == "yaml":
                assert name, text
                (tmp_path / name).write_text(text.replace("http://127.0.0.1:8000/v1", server.url))
            elif kind == "sh":
                for command in text.strip().splitlines():
                    commands.append(command)
                    printed = done(command, tmp_path, capsys)
    assert "holds   superseded reports are what they were" in printed
    assert "the signature proves" in printed
    first = commands[: next(n for n, line in enumerate(commands) if "verify" in line) + 1]
    assert len(first) == 8  # "That is eight commands"
    (run,) = tmp_path.glob("results/assistant-*")
    page = (run / "assurance.html").read_text(encoding="utf-8")
    assert f"Supersedes report {ids[0]}" in page
    assert "chosen, not drawn" in (tmp_path / "handed-over/assurance.html").read_text()
    assert len(server.asked) == 70
    assert list(tmp_path.glob("results/live-*/report.html"))


def test_the_page_names_every_file_that_a_signed_report_leaves(tmp_path, monkeypatch, capsys):
    """The table of section 3 beside a folder that the page's commands leave."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(DOCS / "examples" / "outputs.csv", tmp_path)
    texts = [(kind, name, text) for kind, name, text in steps() if name != "corrected.yaml"]
    for kind, name, text in texts[: next(n for n, s in enumerate(texts) if s[1] == "live.yaml")]:
        if kind == "yaml":
            (tmp_path / name).write_text(text)
        elif kind == "sh":
            for command in text.strip().splitlines():
                done(command, tmp_path, capsys)
    (run,) = tmp_path.glob("results/assistant-*")
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition("## 3.")[2].partition("## 4.")[0]
    named = set(re.findall(r"`([\w.]+\.(?:json|jsonl|html|parquet|sqlite))`", table))
    assert named - {".zh.html"} == {path.name for path in run.iterdir()}
