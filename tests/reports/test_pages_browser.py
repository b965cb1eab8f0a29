"""Every page in a browser: accessible in both themes, and hostile text neither runs nor sprawls."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

from evalharness.reports.comparison import render_comparison
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
    visit: Callable[..., Any],
    scorecard: Scorecard,
    run: dict[str, Any],
    drawn: dict[str, Callable[..., str]],
    name: str,
    which: str,
) -> None:
    text = STORED[name]
    if which in drawn:
        page = drawn[which](text)
    elif which == "scorecard":
        page = poisoned_page(scorecard, run, text)
    else:
        page = assurance_page(*poisoned(scorecard, run, text), text)
    shown = visit(page, 360)
    shown.evaluate(OPEN)
    assert shown.evaluate(OVERFLOW) <= 0
    assert shown.evaluate(ESCAPED) == []


def test_axe_is_awake(visit: Callable[..., Any], pages: dict[str, str]) -> None:
    """What it must find, it finds: pale text."""
    bad = '<p style="color:#ccc">pale</p>'
    shown = visit(pages["comparison"].replace("</main>", f"{bad}</main>"), 1280)
    shown.evaluate(AXE)
    assert {text.split(":")[0] for text in shown.evaluate(FOUND)} == {"color-contrast"}
