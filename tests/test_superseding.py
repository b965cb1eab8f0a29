"""What lies in a run's folder beside its records: never of an earlier state, and in which chain."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import evalharness
from evalharness import pipeline
from evalharness.cli.app import run_app
from evalharness.errors import ConfigError
from evalharness.records import Failure
from evalharness.reports.drawn import drawn_files
from evalharness.reports.engagement import Engagement
from evalharness.reports.issued import issued_of
from evalharness.reports.shown import MOST_CHOSEN, chosen_samples
from evalharness.store.directory import RunDirectory
from evalharness.verification import verify_run
from tests.support import (
    ENGAGEMENT,
    FakeModel,
    engagement_file,
    finished_run,
    item,
    words,
    write_suite,
)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return finished_run(tmp_path_factory.mktemp("issued"), 12)


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / "results" / original.name)


@pytest.fixture
def report(tmp_path):
    """Writes a report of a run, with changes of the engagement; gives its id."""

    def write(run: Path, *options: str, code: int = 0, **changes: object) -> str:
        path = engagement_file(tmp_path, **changes)
        asked = ["report", str(run), "--kind", "assurance", "--engagement", str(path), *options]
        assert run_app(asked) == code
        issued = issued_of(RunDirectory(run))
        return "" if issued is None else issued.report

    return write


@pytest.fixture
def chain(run, report, tmp_path):
    """Three reports, each of which supersedes the one before: their folders, latest first."""
    folders, more = [], {}
    for number in range(3):
        found = report(run, customer=f"Clinic {number}", **more)
        copy = shutil.copytree(run, tmp_path / "handed" / f"{number}")
        folders.insert(0, copy)
        more = {
            "supersedes": {
                "report": found, "run": str(copy), "changed": "the customer", "reason": "a typo",
            }
        }  # fmt: skip
    return folders


def faults(run: Path, *superseded: Path) -> list[str]:
    checks = verify_run(RunDirectory(run), None, superseded)
    return [fault for check in checks for fault in check.faults]


def names(run: Path) -> set[str]:
    return {path.name for path in drawn_files(RunDirectory(run))}


# what is drawn from an earlier state


def test_a_resumed_run_keeps_no_report_of_the_figures_before(tmp_path, report, capsys):
    suite = write_suite(tmp_path / "suite", [item(n) for n in range(6)])
    broken = FakeModel(lambda r: Failure("down") if r.slot.sample == "q001" else "A")
    out = tmp_path / "results"
    config = {"target": broken, "suites": [str(suite)], "retries": 0}
    path = evalharness.run(config, out=out).path
    report(path)
    report(path, "--lang", "zh")
    assert run_app(["report", str(path), "--lang", "zh"]) == 0
    assert run_app(["report", str(path), "--kind", "label"]) == 0
    assert names(path) == {
        "report.html", "report.zh.html", "assurance.html", "assurance.zh.html", "assurance.json",
        "engagement.json", "label.html", "label.json",
    }  # fmt: skip
    (path / "notes.md").write_text("mine")
    capsys.readouterr()
    from evalharness.cli.progress import Progress

    whole = FakeModel(lambda _: "A")
    evalharness.run(
        {**config, "target": whole}, out=out, retry_errored=True,
        observer=Progress(enabled=True, live=False),
    )  # fmt: skip
    assert len(whole.asked) == 1
    assert names(path) == {"report.html"}
    assert (path / "notes.md").is_file()
    said = capsys.readouterr().err
    assert "removed, drawn from an earlier state: assurance.html, assurance.json" in said
    assert "report.html," not in said
    assert not faults(path)


def test_a_run_without_other_reports_says_nothing_of_removal(run, capsys):
    from evalharness.cli.progress import Progress

    pipeline.finish_run(RunDirectory(run), Progress(enabled=True, live=False))
    assert "removed" not in capsys.readouterr().err


def test_another_engagement_takes_the_other_languages_pages_away(run, report, capsys):
    report(run)
    report(run, "--lang", "zh")
    assert {"assurance.html", "assurance.zh.html"} <= names(run)
    capsys.readouterr()
    report(run, customer="Another Clinic")
    assert "assurance.zh.html" not in names(run)
    assert "removed, drawn from an earlier state: assurance.zh.html" in capsys.readouterr().err


def test_more_shown_items_take_the_scorecards_other_pages_and_the_label_away(run, report, capsys):
    report(run)
    for options in (["--lang", "zh"], ["--kind", "label"]):
        assert run_app(["report", str(run), *options]) == 0
    capsys.readouterr()
    assert run_app(["report", str(run), "--set", "report_samples=7"]) == 0
    assert names(run) == {"report.html", "assurance.html", "assurance.json", "engagement.json"}
    assert "label.html, label.json, report.zh.html" in capsys.readouterr().err
    assert not faults(run)
    asked = ["report", str(run), "--kind", "label", "--set", "report_samples=9"]
    assert run_app(asked) == 2
    assert "--set belongs to --kind scorecard" in capsys.readouterr().err


def test_what_cannot_be_drawn_changes_nothing(run, report, monkeypatch, capsys):
    from evalharness.reports import formats

    report(run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}

    def fails(_paper: str) -> bytes:
        raise ConfigError("no Pango here")

    monkeypatch.setattr(formats, "as_pdf", fails)
    report(run, "--pdf", code=2, customer="Another Clinic")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


# samples that are named


def shown(run: Path) -> str:
    return words((run / "assurance.html").read_text(encoding="utf-8"))


def test_named_samples_stand_apart_and_are_marked(run, report):
    plain = report(run)
    drawn = shown(run)
    assert "chosen, not drawn" not in drawn
    named = report(run, "--sample", "q003", samples=["small/q007"])
    text = shown(run)
    before, _, after = text.partition("items that the laboratory chose to show")
    assert "small chosen, not drawn q003" in after
    assert "Question number 7?" in after
    assert before.count("Question number") == drawn.count("Question number") == 5
    assert named != plain
    assert json.loads((run / "engagement.json").read_text())["samples"] == ["small/q007", "q003"]
    assert not faults(run)


def test_a_named_sample_is_shown_with_all_its_answers(tmp_path, report):
    path = finished_run(tmp_path, 4, epochs=3)
    report(path, "--sample", "q002")
    assert [f"q002 answered epoch {n}, generation 1" in shown(path) for n in range(5)] == [
        False, True, True, True, False,
    ]  # fmt: skip
    rows = chosen_samples(RunDirectory(path), ["q002"])
    assert [(row.sample_id, row.epoch) for row in rows] == [("q002", n) for n in range(3)]


def test_an_unknown_sample_is_a_sentence_and_changes_nothing(run, report, capsys):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    report(run, "--sample", "q03", code=2)
    said = capsys.readouterr().err
    assert "has no sample 'q03'; did you mean 'q" in said
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert run_app(["report", str(run), "--sample", "q003"]) == 2
    assert "--sample belongs to --kind assurance" in capsys.readouterr().err


def test_more_named_answers_than_a_report_shows_are_refused(tmp_path):
    path = finished_run(tmp_path, 1, epochs=MOST_CHOSEN + 1)
    with pytest.raises(ConfigError, match="name fewer"):
        chosen_samples(RunDirectory(path), ["q000"])


# reports that supersede others


def test_a_chain_of_reports_is_followed_from_the_files_alone(chain, capsys):
    latest, middle, first = chain
    assert not faults(latest, middle)
    assert not faults(latest, first, middle)
    assert run_app(["verify", str(latest)]) == 0
    assert "not checked: that it supersedes EH-" in capsys.readouterr().out
    asked = ["verify", str(latest), "--supersedes", str(middle), "--supersedes", str(first)]
    assert run_app(asked) == 0
    assert "holds   superseded reports are what they were" in capsys.readouterr().out
    assert "The files of the earlier report are on record by their SHA-256" in shown(latest)


def test_a_folder_of_another_chain_is_named(chain, run, report):
    latest, middle, first = chain
    (fault,) = faults(latest, first)[:1]
    assert "lies in none of the folders" in fault
    other = report(run, customer="Somebody else")
    assert any(f"report {other} is superseded by none" in f for f in faults(latest, middle, run))
    assert faults(first, middle) == ["the run has no assurance report that supersedes another"]


def test_the_report_says_how_a_customer_checks_who_signed(run, report, tmp_path):
    report(run)
    assert f"evalharness verify {run.name} --key FILE.pub" in shown(run)
    assert run_app(["new", "engagement", str(tmp_path / "begun.yaml")]) == 0
    docs = Path(__file__).parents[1] / "docs" / "assurance.md"
    for page in (tmp_path / "begun.yaml", docs):  # `cp -r RUN handed-over` makes the run's folder
        assert re.search(r"^#? +run: \./handed-over +#", page.read_text("utf-8"), re.MULTILINE)


def test_a_superseded_folder_that_is_not_there_is_a_sentence(chain, tmp_path, capsys):
    assert run_app(["verify", str(chain[0]), "--supersedes", str(tmp_path / "nix")]) == 2
    done = capsys.readouterr()
    assert "nix: there is no such run folder" in done.err
    assert done.out == ""


def test_a_report_whose_page_was_changed_is_not_about_these_records(run, report):
    found = report(run)
    page = run / "assurance.html"
    page.write_bytes(page.read_bytes().replace(b"Example Clinic", b"Example clinic"))
    (check,) = [c for c in verify_run(RunDirectory(run)) if found in c.name]
    assert check.faults == ["assurance.html: was changed since it was drawn"]


def test_an_earlier_report_that_was_changed_is_found(chain):
    latest, middle, _ = chain
    page = middle / "assurance.html"
    page.write_bytes(page.read_bytes().replace(b"Clinic 1", b"Clinic 9"))
    assert any("assurance.html: SHA-256 differs" in fault for fault in faults(latest, middle))
    RunDirectory(middle).seal()  # a new manifest hides nothing
    found = faults(latest, middle)
    assert any("assurance.html is not the file that was superseded" in fault for fault in found)


def test_an_earlier_engagement_that_was_changed_gives_another_id(chain):
    latest, middle, _ = chain
    path = middle / "engagement.json"
    path.write_text(path.read_text().replace("Clinic 1", "Clinic 9"))
    assert any("lies in none of the folders" in fault for fault in faults(latest, middle))


def test_a_circle_is_found(chain):
    latest, middle, _ = chain
    record = middle / "assurance.json"
    content = json.loads(record.read_text())
    mine = issued_of(RunDirectory(latest)).report
    record.write_text(json.dumps({**content, "supersedes": {"report": mine}}))
    assert any(fault.startswith(f"a circle: {mine} supersedes") for fault in faults(latest, middle))


def test_a_report_of_other_records_is_found(run, report):
    report(run)
    directory = RunDirectory(run)
    content = directory.read_json(run / "engagement.json")
    directory.write_json(run / "engagement.json", {**content, "customer": "Somebody else"})
    directory.seal()
    assert any("but the records give EH-" in fault for fault in faults(run))


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"run": "nowhere"}, "report: supersedes.run of the engagement: "),
        ({"run": "nowhere"}, "there is no such run folder"),
        ({"report": "EH-0000000000000000"}, "not EH-0000000000000000"),
        ({"run": "here"}, "into which the new report is written"),
        ({"run": None}, "would be overwritten"),
    ],
)
def test_a_wrong_earlier_report_is_a_sentence(run, report, tmp_path, capsys, named, said):
    found = report(run)
    copy = shutil.copytree(run, tmp_path / "handed")
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    supersedes = {"report": found, "run": str(copy), "changed": "a name", "reason": "a typo"}
    if named.get("run") == "here":
        named = {"run": str(run)}
    report(run, code=2, supersedes={**supersedes, **named})
    assert said in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_a_damaged_earlier_report_is_not_superseded(run, report, tmp_path, capsys):
    found = report(run)
    copy = shutil.copytree(run, tmp_path / "handed")
    (copy / "assurance.html").write_text("all is well")
    report(run, code=1, supersedes={
        "report": found, "run": str(copy), "changed": "a name", "reason": "a typo"})  # fmt: skip
    assert "not the report that was handed over" in capsys.readouterr().err


def test_a_field_that_is_not_used_changes_no_id():
    known = Engagement.model_validate(ENGAGEMENT)
    assert '"samples"' not in known.model_dump_json(exclude_defaults=True)
    assert known.model_dump_json(exclude_defaults=True) != known.showing(["q1"]).model_dump_json(
        exclude_defaults=True
    )


def test_withholding_takes_the_pages_with_the_texts_away(run, report):
    report(run, "--lang", "zh")
    report(run)
    assert (run / "assurance.zh.html").is_file()
    report(run, "--withhold", "prompts")
    assert not (run / "assurance.zh.html").exists()
    assert json.loads((run / "assurance.json").read_text())["withheld"] == ["prompts"]


def test_files_of_ones_own_stay(run, report):
    report(run)
    own = run / "assurance.signed.pdf"
    own.write_bytes(b"scanned")
    assert own not in drawn_files(RunDirectory(run))
    (run / "assurance.zh.pdf").write_bytes(b"drawn")
    assert run / "assurance.zh.pdf" in drawn_files(RunDirectory(run))
