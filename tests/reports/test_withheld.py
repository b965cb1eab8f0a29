"""Texts that a scorecard's pages withhold: gone from every format, recorded, and said when back."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import evalharness
from evalharness import pipeline
from evalharness.cli.app import run_app
from evalharness.cli.progress import Progress
from evalharness.records import Failure
from evalharness.reports.drawn import drawn_files
from evalharness.store.directory import RunDirectory
from tests.support import FakeModel, engagement_file, item, write_suite

BOTH = ("--withhold", "prompts", "--withhold", "responses")
SAID = "hush what I said"
#: What belongs to the prompts: the question, an option, its right answer, a tag.
PROMPTS = ("secret question", "first hidden option", "other hidden option", "tagged so")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Items with options, which are asked for by letter, and one tag."""
    items = [
        item(
            n, question=f"A secret question {n}", topic=f"tagged so {n}",
            choices=[f"first hidden option {n}", f"other hidden option {n}"],
        )
        for n in range(3)
    ]  # fmt: skip
    suite = write_suite(tmp_path / "suite", items)
    config = {"target": FakeModel(lambda _: f"A. {SAID}"), "suites": [str(suite)]}
    return evalharness.run(config, out=tmp_path / "results").path


def report(run: Path, *options: str) -> None:
    assert run_app(["report", str(run), *options]) == 0


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def rows(run: Path) -> list[dict[str, object]]:
    import pyarrow.parquet as pq

    return list(pq.read_table(run / "samples.parquet").to_pylist())


def test_withheld_texts_are_in_no_format(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert all(text in page for text in (*PROMPTS, SAID))
    report(run, *BOTH, "--markdown", "--lang", "zh")
    report(run, *BOTH, "--markdown")
    for name in ("report.html", "report.md", "report.zh.html", "report.zh.md"):
        page = (run / name).read_text(encoding="utf-8")
        assert not [text for text in (*PROMPTS, SAID) if text in page], name
        for row in rows(run):
            assert digest(str(row["prompt"])) in page, name
            assert digest(str(row["response"])) in page, name
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Withheld here, and shown by its SHA-256: prompts, responses." in page
    assert run_app(["verify", str(run)]) == 0


def test_one_of_the_two_keeps_the_other(run):
    report(run, "--withhold", "responses")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert SAID not in page
    assert all(text in page for text in PROMPTS)
    report(run, "--withhold", "prompts")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert SAID in page
    assert not [text for text in PROMPTS if text in page]


def test_a_withheld_scorecard_takes_the_full_ones_place_and_is_recorded(run, capsys):
    report(run, "--lang", "zh")
    capsys.readouterr()
    report(run, *BOTH)
    assert json.loads((run / "report.json").read_text()) == {"withheld": ["prompts", "responses"]}
    assert [path.name for path in drawn_files(RunDirectory(run))] == ["report.html", "report.json"]
    said = capsys.readouterr().err
    assert "removed, drawn from an earlier state: report.zh.html" in said
    assert "another now: what is withheld" in said


def test_texts_that_come_back_are_told_of(run, capsys):
    report(run, *BOTH)
    capsys.readouterr()
    report(run, "--withhold", "prompts")
    said = capsys.readouterr().err
    assert (
        "report: shows the responses that were withheld here before; --withhold responses" in said
    )
    report(run)
    assert "shows the prompts that were withheld here before" in capsys.readouterr().err
    assert not (run / "report.json").exists()
    report(run)
    assert "withheld" not in capsys.readouterr().err


def test_a_run_that_goes_on_keeps_its_texts_withheld(run, capsys):
    report(run, *BOTH)
    before = (run / "report.html").read_bytes()
    capsys.readouterr()
    pipeline.finish_run(RunDirectory(run), Progress(enabled=True, live=False))
    assert (run / "report.html").read_bytes() == before
    assert (run / "report.json").is_file()
    assert "removed" not in capsys.readouterr().err


def test_the_other_page_that_still_has_the_texts_is_named(run, tmp_path, capsys):
    engaged = ("--kind", "assurance", "--engagement", str(engagement_file(tmp_path)))
    report(run, *engaged, "--withhold", "prompts")
    said = capsys.readouterr().err
    assert "still there with the prompts: report.html; 'evalharness report" in said
    assert f"{run} --withhold prompts' draws anew without them" in said
    report(run, "--withhold", "prompts")
    assert "still there" not in capsys.readouterr().err
    report(run, *BOTH)
    said = capsys.readouterr().err
    assert "still there with the responses: assurance.html" in said
    assert "--kind assurance --engagement FILE --withhold prompts --withhold responses'" in said


def test_a_damaged_record_is_said(run, capsys):
    report(run, *BOTH)
    (run / "report.json").write_text('{"withheld": ["everything"]}')
    RunDirectory(run).seal()
    with pytest.raises(evalharness.EvalHarnessError, match=r"report\.json: .*damaged"):
        pipeline.finish_run(RunDirectory(run))


def test_reasons_and_the_configuration_may_quote_what_is_withheld(tmp_path):
    fault = "HTTP 400: rejected: A secret question"
    suite = write_suite(tmp_path / "suite", [item(n) for n in range(3)])
    config = {"target": FakeModel(lambda _: Failure(fault)), "suites": [str(suite)], "retries": 0}
    run = evalharness.run(config, out=tmp_path / "results").path
    page = (run / "report.html").read_text(encoding="utf-8")
    assert fault in page
    assert "&#34;suites&#34;" in page
    report(run, "--withhold", "prompts", "--markdown")
    path = engagement_file(tmp_path)
    report(run, "--kind", "assurance", "--engagement", str(path), "--withhold", "responses")
    for name in ("report.html", "report.md", "assurance.html"):
        page = (run / name).read_text(encoding="utf-8")
        assert fault not in page, name
        assert "suites&#34;" not in page, name
    assert "withheld: they may quote the texts" in (run / "report.html").read_text(encoding="utf-8")
    assert run_app(["verify", str(run)]) == 0


def test_a_kill_before_the_page_is_drawn_brings_no_text_back(run, monkeypatch):
    report(run, *BOTH)

    def killed(*_given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("evalharness.reports.write.write_reports", killed)
        with pytest.raises(KeyboardInterrupt):
            pipeline.finish_run(RunDirectory(run))
    pipeline.finish_run(RunDirectory(run))
    page = (run / "report.html").read_text(encoding="utf-8")
    assert not [text for text in (*PROMPTS, SAID) if text in page]


def test_a_later_scoring_withholds_what_the_run_does(run):
    report(run, *BOTH)
    assert run_app(["score", str(run), "--set", "level=0.8", "--quiet"]) == 0
    (page,) = run.glob("scores/*/report.html")
    text = page.read_text(encoding="utf-8")
    assert not [one for one in (*PROMPTS, SAID) if one in text]
    assert run_app(["verify", str(run)]) == 0


def test_a_label_has_no_texts_to_withhold(run, capsys):
    assert run_app(["report", str(run), "--kind", "label", *BOTH]) == 2
    assert "a label shows no prompts or responses" in capsys.readouterr().err


@pytest.mark.full  # Pango is needed
def test_withheld_texts_are_in_no_pdf(run):
    import subprocess

    report(run, *BOTH, "--pdf")
    found = subprocess.run(
        ["pdftotext", str(run / "report.pdf"), "-"], capture_output=True, text=True, check=True
    ).stdout
    assert not [text for text in (*PROMPTS, SAID) if text in found]
    assert "Withheld here, and shown by its SHA-256" in " ".join(found.split())
