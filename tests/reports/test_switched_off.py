"""A part of the application on and off: whole figures, runs on record, no two tests mixed."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import evalharness
from evalharness.cli.app import run_app
from evalharness.store.directory import RunDirectory
from evalharness.verification import verify_run
from tests.support import ENGAGEMENT, TASK, FakeModel, engagement_file, item, words, write_suite

OFF = {"name": "filter", "does": "stops doses", "switched_off_in": "./off"}


def make_run(folder: Path, *, wrong: int, samples: int = 30, topics: int = 1) -> Path:
    """A finished run over questions of which the first are answered wrongly."""
    rows = [item(n, topic=f"topic {n % topics}") for n in range(samples)]
    suite = write_suite(folder / "suite", rows, task=TASK + "slices: [topic]\n")

    def answer(request):
        number = int(re.search(r"number (\d+)", str(request.messages))[1])
        return re.search(rf"([A-C])\W+{'wrong' if number < wrong else 'right'}", str(request))[1]

    config = {"target": FakeModel(answer), "suites": [str(suite)]}
    return evalharness.run(config, out=folder / "results").path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("on"), wrong=6)


@pytest.fixture
def run(made, tmp_path):
    return shutil.copytree(made, tmp_path / "run")


@pytest.fixture
def reported(run, tmp_path, capsys):
    """Draws the report beside a run with the part off; gives the page."""

    def report(off: Path, *options):
        shutil.rmtree(tmp_path / "off", ignore_errors=True)
        shutil.copytree(off, tmp_path / "off")
        path = engagement_file(tmp_path, item={**ENGAGEMENT["item"], "parts": [OFF]})
        command = ["report", str(run), "--kind", "assurance", "--engagement", str(path), *options]
        assert run_app(command) == 0, capsys.readouterr().err
        return (run / "assurance.html").read_text(encoding="utf-8")

    return report


def of_parts(page: str) -> str:
    """The table of figures with the part on and off, in words."""
    return words(
        page.partition("filter</bdi> on and off</h3>")[2].partition("Independence of the")[0]
    )


def test_each_figure_has_its_interval_and_its_denominator(reported, tmp_path):
    page = reported(make_run(tmp_path / "a", wrong=15))
    text = of_parts(page)
    row = text[text.index("Accuracy factuality/") :]
    on, off = re.findall(
        r"(\d+) % (\d+–\d+ %) 95 % interval, Wilson (30 of 30 samples measured)",
        row.replace("\u00a0", " "),
    )[:2]
    assert on == ("80", "63–90 %", "30 of 30 samples measured")
    assert off == ("50", "33–67 %", "30 of 30 samples measured")


def test_the_run_with_the_part_off_is_on_record_and_makes_the_id_another(reported, run, tmp_path):
    runs = [make_run(tmp_path / name, wrong=wrong) for name, wrong in (("a", 15), ("b", 16))]
    records = []
    for off in runs:
        page = reported(off)
        record = json.loads((run / "assurance.json").read_text())
        (part,) = record["switched_off"].values()
        manifest = json.loads((off / "manifest.json").read_text())["files"]
        its_run = json.loads((off / "run.json").read_text())
        assert part["scorecard"] == manifest["scorecard.json"]
        assert (part["run_id"], part["measurement"]) == (its_run["run_id"], its_run["measurement"])
        close = words(page.partition('id="close"')[2])
        assert "Figures with filter off are not among these" in close
        assert part["scorecard"] in close
        assert part["figures"]["factuality/small/accuracy"]["n_measured"] == 30
        records.append(record)
        assert run_app(["verify", str(run)]) == 0
    assert records[0]["report"] != records[1]["report"]


@pytest.mark.parametrize("samples", [30, 31])
def test_pages_are_drawn_again_without_the_other_runs_folder(reported, run, tmp_path, samples):
    """Of the same test, and of another."""
    reported(make_run(tmp_path / "a", wrong=15, samples=samples), "--markdown")
    label = ["report", str(run), "--kind", "label", "--engagement"]
    assert run_app([*label, str(tmp_path / "engagement.yaml")]) == 0
    shutil.rmtree(tmp_path / "off")
    checks = {check.name: check for check in verify_run(RunDirectory(run))}
    for name in ("assurance.html", "assurance.md", "label.html", "label.json", "report.html"):
        check = checks[f"{name} is what the records give"]
        assert (check.checked, check.faults) == (True, [])


def test_another_run_takes_the_place_of_the_first_and_says_why(reported, run, tmp_path, capsys):
    reported(make_run(tmp_path / "a", wrong=15), "--markdown")
    reported(make_run(tmp_path / "b", wrong=16))
    assert "assurance.md" in (said := capsys.readouterr().err)
    assert "the run with a part off" in said
    assert not (run / "assurance.md").exists()


def test_a_changed_figure_of_the_other_run_is_not_that_report(reported, run, tmp_path, capsys):
    reported(make_run(tmp_path / "a", wrong=15))
    record = run / "assurance.json"
    content = json.loads(record.read_text())
    content["switched_off"]["filter"]["figures"]["factuality/small/accuracy"]["value"] = 0.1
    record.write_text(json.dumps(content))
    assert run_app(["verify", str(run)]) == 1
    assert f"assurance.json: {content['report']}, but the records give EH-" in (
        capsys.readouterr().out
    )


def test_figures_of_another_test_are_replaced_by_the_reason(reported, run, tmp_path):
    text = of_parts(reported(make_run(tmp_path / "a", wrong=15, samples=31)))
    assert "With filter on, and with it off" not in text
    assert (
        "factuality/ small/ accuracy , factuality/ small/ answer_ rate : not the same test with "
        "the part off, so not set against each other; of the protocol differ: items" in text
    )
    assert "%" not in text
    record = json.loads((run / "assurance.json").read_text())["switched_off"]["filter"]
    assert record["figures"] == {}


def test_a_figure_that_the_other_run_has_not_is_said(reported, tmp_path):
    folder = tmp_path / "a"
    suite = write_suite(folder / "suite", [item(n) for n in range(30)], name="other")
    config = {"target": FakeModel(lambda _: "A"), "suites": [str(suite)]}
    text = of_parts(reported(evalharness.run(config, out=folder / "results").path))
    assert "answer_ rate : not measured in the run with the part off" in text
