"""What was not tested: dimensions, tasks and parts of which nothing was measured, and why."""

from __future__ import annotations

import pytest

import evalharness
from evalharness.cli.app import run_app
from evalharness.records import Failure
from tests.support import ENGAGEMENT, SUITE, FakeModel, engagement_file, item, words, write_suite


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Of two dimensions and three tasks one answered."""
    folder = tmp_path_factory.mktemp("untested")
    suites = [write_suite(folder / name, [item(n, question=f"{name} {n}?") for n in range(6)],
                          name=name) for name in ("small", "mute", "deaf")]  # fmt: skip
    for name, suite in zip(("small", "mute", "deaf"), suites, strict=True):
        if name != "small":
            text = SUITE.format(suite=f"suite_{name}", name=name)
            text = text.replace("dimension: factuality", "dimension: bias")
            (suite / "suite.yaml").write_text(text)

    def answer(request):
        asked = str(request.messages)
        if "mute" in asked:
            return Failure("HTTP 500")
        return Failure("HTTP 502") if "deaf" in asked else "A"

    config = {"target": FakeModel(answer), "suites": list(map(str, suites)), "retries": 0}
    return evalharness.run(config, out=folder / "results").path


@pytest.fixture
def assured(run, tmp_path):
    def report(**changes):
        path = engagement_file(tmp_path, **changes)
        command = ["report", str(run), "--kind", "assurance", "--engagement", str(path)]
        assert run_app(command) == 0
        return (run / "assurance.html").read_text(encoding="utf-8")

    return report


def section(page, ident):
    return words(page.partition(f'<section id="{ident}"')[2].partition("</section>")[0])


def test_what_was_planned_and_not_measured_is_named_with_its_reason(assured):
    text = section(assured(), "gaps")
    assert "Planned, and nothing measured: Bias." in text
    assert "Nothing measured of mute : 6 errored; most often: HTTP 500 (6)" in text
    assert "Nothing measured of deaf : 6 errored" in text
    assert "Nothing measured of small" not in text
    assert "Planned, and nothing measured: Factuality" not in text


def test_the_scorecards_first_page_names_it_too(run):
    page = words((run / "report.html").read_text(encoding="utf-8").partition("<main")[0])
    assert "1 of 5 dimensions planned, and nothing of them measured: Bias." in page
    assert "Nothing measured of mute : 6 errored; most often: HTTP 500 (6)" in page
    assert "Nothing measured of small" not in page


def test_what_was_not_tested_stands_once(assured):
    page = assured()
    assert page.count("Not tested at all: Robustness, Toxicity, Data governance.") == 1
    assert "Not tested at all" in section(page, "gaps")
    assert 'What was not tested: <a href="#gaps">section 5</a>.' in page


def test_a_part_that_was_not_tested_is_named(assured):
    how = {"retrieval": "not tested", "filter": "on its own"}
    parts = [{"name": name, "does": "x", "tested": tested} for name, tested in how.items()]
    text = section(assured(item={**ENGAGEMENT["item"], "parts": parts}), "gaps")
    assert "Not tested, of the application: retrieval ." in text
    assert "filter" not in text


def test_the_languages_of_each_evaluation_stand_in_section_4(assured):
    assert "small version 1 languages: en, zh" in section(assured(), "method")
    assert "other languages than section 4 names" in section(assured(), "gaps")


def test_a_full_run_has_no_line_about_missing_values(tmp_path):
    suite = write_suite(tmp_path, [item(n) for n in range(6)])
    config = {"target": FakeModel(lambda _: "A"), "suites": [str(suite)]}
    run = evalharness.run(config, out=tmp_path / "results").path
    path = engagement_file(tmp_path)
    assert run_app(["report", str(run), "--kind", "assurance", "--engagement", str(path)]) == 0
    text = section((run / "assurance.html").read_text(encoding="utf-8"), "gaps")
    assert "metrics lack a value" not in text
    assert "nothing measured" not in text.lower()
