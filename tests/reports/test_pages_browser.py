"""Every page in a browser: accessible in both themes, and hostile text neither runs nor sprawls.

So in Chinese, on paper as a browser prints it, and as fragments in a notebook.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pandas as pd
import pytest

from evalharness.reports import notebook
from evalharness.reports.comparison import render_comparison
from evalharness.reports.html import render_html
from evalharness.reports.language import known, speaking
from evalharness.reports.page import SampleRow
from evalharness.scorecard.model import Scorecard
from tests.hostile import STORED
from tests.reports import browsing
from tests.reports import test_handed_over_hostile as handed_over
from tests.reports.assured import assurance_page
from tests.reports.browsing import ESCAPED, OPEN, OVERFLOW
from tests.reports.test_comparison_html import comparison
from tests.reports.test_report_hostile import poisoned, poisoned_page

pytestmark = pytest.mark.full

browser, visit = browsing.browser, browsing.visit

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
FOUND = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
  .filter(v => v.impact !== 'minor')
  .map(v => v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html).join(' | '))"""


audited, cell, drawn = handed_over.audited, handed_over.cell, handed_over.drawn

KINDS = ("scorecard", "assurance", *handed_over.KINDS)
#: Those of a run's own folder, and what is drawn of several runs.
CHINESE = ("scorecard", "assurance", "label", "comparison")
#: A4 less its margins, at 96 dots an inch.
SHEET = 673
#: Words too long for any line.
LONG = "w" * 300 + "Z\u0351" * 200

Draws = Callable[[str, str], str]


@pytest.fixture
def draw(scorecard: Scorecard, run: dict[str, Any], drawn: dict[str, Callable[..., str]]) -> Draws:
    """A page of any kind, every free text of it being the one that is given."""

    def page(which: str, text: str) -> str:
        if which in drawn:
            return drawn[which](text)
        if which == "scorecard":
            return poisoned_page(scorecard, run, text)
        return assurance_page(*poisoned(scorecard, run, text), text)

    return page


@pytest.fixture
def pages(
    page: str,
    scorecard: Scorecard,
    run: dict[str, Any],
    samples: list[SampleRow],
    drawn: dict[str, Callable[..., str]],
) -> dict[str, str]:
    return {
        **{kind: draw("plain words") for kind, draw in drawn.items()},
        "scorecard": page,
        "assurance": assurance_page(scorecard, run, samples),
        "comparison": render_comparison(comparison()),
    }


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "light"), (1280, "dark")])
@pytest.mark.parametrize("which", KINDS)
def test_axe_finds_nothing(
    visit: Callable[..., Any],
    pages: dict[str, str],
    which: str,
    width: int,
    scheme: str,
) -> None:
    shown = visit(pages[which], width, scheme)
    shown.evaluate(OPEN)
    shown.evaluate(AXE)
    assert shown.evaluate(FOUND) == []


@pytest.mark.parametrize("which", KINDS)
@pytest.mark.parametrize("name", STORED)
def test_hostile_text_neither_runs_nor_sprawls(
    visit: Callable[..., Any], draw: Draws, name: str, which: str
) -> None:
    shown = visit(draw(which, STORED[name]), 360)
    shown.evaluate(OPEN)
    assert shown.evaluate(OVERFLOW) <= 0
    assert shown.evaluate(ESCAPED) == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
@pytest.mark.parametrize("which", KINDS)
def test_axe_finds_nothing_in_chinese(
    visit: Callable[..., Any],
    scorecard: Scorecard,
    run: dict[str, Any],
    samples: list[SampleRow],
    drawn: dict[str, Callable[..., str]],
    which: str,
    width: int,
    scheme: str,
) -> None:
    with speaking("zh"):
        if which == "scorecard":
            page = render_html(scorecard, run=run, samples=samples)
        elif which == "assurance":
            page = assurance_page(scorecard, run, samples, "按约定")
        else:
            page = drawn[which]("按约定")
    shown = visit(page, width, scheme)
    assert shown.evaluate("document.documentElement.lang") == "zh"
    shown.evaluate(OPEN)
    assert shown.evaluate(OVERFLOW) <= 0
    assert shown.evaluate(ESCAPED) == []
    shown.evaluate(AXE)
    assert shown.evaluate(FOUND) == []


@pytest.mark.parametrize("which", CHINESE)
@pytest.mark.parametrize("name", STORED)
def test_hostile_text_neither_runs_nor_sprawls_in_chinese(
    visit: Callable[..., Any], draw: Draws, name: str, which: str
) -> None:
    with speaking("zh"):
        page = draw(which, STORED[name])
    shown = visit(page, 360)
    shown.evaluate(OPEN)
    assert shown.evaluate(OVERFLOW) <= 0
    assert shown.evaluate(ESCAPED) == []


@pytest.mark.parametrize("code", known())
@pytest.mark.parametrize("text", ["plain words", LONG], ids=["short", "long"])
@pytest.mark.parametrize("which", KINDS)
def test_print_cuts_nothing_off(
    visit: Callable[..., Any], draw: Draws, which: str, text: str, code: str
) -> None:
    with speaking(code):
        page = draw(which, text)
    sheet = visit(page, SHEET)
    sheet.emulate_media(media="print")
    assert sheet.evaluate(OVERFLOW) <= 0
    assert sheet.evaluate(ESCAPED) == []
    assert sheet.evaluate("document.querySelectorAll('details[open]').length") == 0


@pytest.mark.parametrize("name", STORED)
def test_a_notebook_s_fragments_show_text(
    visit: Callable[..., Any], scorecard: Scorecard, run: dict[str, Any], name: str
) -> None:
    """A notebook has no policy against scripts: what is not escaped here runs."""
    text = STORED[name]
    bad, _run, _rows = poisoned(scorecard, run, text.replace("/", ":"))  # keys are parted by it
    row = {"task": text, "sample_id": text, "outcome": text, "prompt": text, "response": text,
           "answer": text, "score_x": 0.5, "run_id": text}  # fmt: skip
    fragments = [
        bad._repr_html_(),
        notebook.runs_fragment([(text, text, bad)]),
        notebook.samples_fragment(pd.DataFrame([row]), text, several=True),
        comparison(lambda _: text)._repr_html_(),
        notebook.draw_scorecard(bad).svg,
    ]
    body = "".join(fragments)
    shown = visit(f"<!DOCTYPE html><meta charset='utf-8'><title>cells</title>{body}", 1280)
    assert shown.title() == "cells"
    assert shown.evaluate("document.querySelectorAll('table').length") >= len(fragments) - 1
    found = shown.evaluate("[...document.querySelectorAll('*')].map(e => e.tagName.toLowerCase())")
    assert not set(found) & {"script", "img", "iframe", "object", "form", "base"}
    assert shown.evaluate(
        "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes].map(a => a.name))"
        ".filter(n => n.startsWith('on'))"
    ) == []  # fmt: skip


def test_axe_is_awake(visit: Callable[..., Any], pages: dict[str, str]) -> None:
    """What it must find, it finds: pale text."""
    bad = '<p style="color:#ccc">pale</p>'
    shown = visit(pages["comparison"].replace("</main>", f"{bad}</main>"), 1280)
    shown.evaluate(AXE)
    assert {text.split(":")[0] for text in shown.evaluate(FOUND)} == {"color-contrast"}
