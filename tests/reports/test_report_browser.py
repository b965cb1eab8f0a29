"""The report in a browser: it fits every width, asks for nothing and complains of nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalharness.reports.comparison import render_comparison
from evalharness.reports.html import render_html
from evalharness.reports.language import speaking
from evalharness.reports.page import SampleRow
from evalharness.scorecard.model import Scorecard
from tests.reports import browsing
from tests.reports.browsing import ESCAPED, OPEN, OVERFLOW
from tests.reports.conftest import make_samples
from tests.reports.test_comparison_html import comparison

pytestmark = pytest.mark.full

browser, visit = browsing.browser, browsing.visit

LONG = "w" * 300 + " \u202e</pre><script>document.title='owned'</script>" + "Z\u0351" * 200


@pytest.fixture
def long_page(scorecard: Scorecard, run: dict[str, Any]) -> str:
    """A report whose names and texts are too long for any screen."""
    data = scorecard.model_dump(mode="json")
    data["target"]["model"] = LONG
    for dimension in data["dimensions"].values():
        dimension["headline"] = None
        for task in dimension["tasks"].values():
            task |= {"source": LONG, "scorer": LONG, "not_run": LONG}
            for cell in task["metrics"].values():
                cell |= {
                    "title": LONG,
                    "unit": LONG,
                    "counted": LONG,
                    "notes": [LONG],
                    "grade": LONG,
                }
        dimension["tasks"] = {f"{LONG} {n}": t for n, t in enumerate(dimension["tasks"].values())}
    first = next(iter(data["dimensions"].values()))
    task = next(iter(first["tasks"]))
    first["headline"] = {"task": task, "metric": next(iter(first["tasks"][task]["metrics"]))}
    rows = [SampleRow(task, LONG, 1, 1, LONG, LONG, "answered", LONG, LONG, {LONG: 1.0})]
    return render_html(Scorecard.model_validate(data), run=run, samples=rows)


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("which", ["page", "long_page"])
def test_nothing_overflows(
    visit: Callable[..., Any], request: pytest.FixtureRequest, which: str, width: int
) -> None:
    page = visit(request.getfixturevalue(which), width)
    assert page.evaluate(OVERFLOW) <= 0
    page.evaluate(OPEN)
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(ESCAPED) == []
    assert page.title().startswith("Safety scorecard: ")


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("name", ["short", LONG])
def test_a_comparison_does_not_overflow(visit: Callable[..., Any], name: str, width: int) -> None:
    page = visit(render_comparison(comparison(str if name == "short" else lambda _: LONG)), width)
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(ESCAPED) == []
    assert page.title().startswith("Comparison: ")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_a_chinese_report_does_not_overflow(
    visit: Callable[..., Any], scorecard: Scorecard, run: dict[str, Any], width: int
) -> None:
    with speaking("zh"):
        page = visit(render_html(scorecard, run=run, samples=make_samples()), width)
    page.evaluate(OPEN)
    assert page.evaluate(OVERFLOW) <= 0
    assert page.evaluate(ESCAPED) == []
    assert page.evaluate("document.documentElement.lang") == "zh"


def test_print_fits_the_sheet_and_opens_nothing(visit: Callable[..., Any], page: str) -> None:
    sheet = visit(page, 673)  # A4 less its margins, at 96 dots an inch
    sheet.emulate_media(media="print")
    assert sheet.evaluate(OVERFLOW) <= 0
    assert sheet.evaluate(ESCAPED) == []
    assert sheet.evaluate("document.querySelectorAll('details[open]').length") == 0
    assert sheet.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def test_dark_follows_the_reader_and_paper_stays_light(
    visit: Callable[..., Any], page: str
) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = visit(page, 1280, "dark")
    assert dark.evaluate(ground) == "rgb(18, 23, 27)"
    dark.emulate_media(media="print", color_scheme="dark")
    assert dark.evaluate(ground) == "rgb(255, 255, 255)"


def test_the_keyboard_reaches_the_content_first_and_the_focus_shows(
    visit: Callable[..., Any], page: str
) -> None:
    shown = visit(page, 1280)
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.className") == "skip"
    box = shown.locator(".skip").bounding_box()
    assert box["x"] >= 0
    assert shown.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    shown.keyboard.press("Enter")
    assert shown.evaluate("document.activeElement.id") == "content"


def test_the_policy_stops_what_escaping_would_have_missed(
    browser: Any, tmp_path: Path, page: str
) -> None:
    """The second lock: markup put into the file by hand neither runs nor loads."""
    smuggled = (
        "<script>document.title = 'owned'</script>"
        "<img src=x onerror=\"document.title = 'owned'\">"
        "<img src='https://example.invalid/x.png'><form action='https://example.invalid'></form>"
    )
    file = tmp_path / "report.html"
    file.write_text(page.replace("</main>", smuggled + "</main>"), encoding="utf-8")
    shown = browser.new_page()
    sent: list[str] = []
    blocked: list[str] = []
    shown.on("requestfinished", lambda request: sent.append(request.url))
    shown.on("console", lambda message: blocked.append(message.text))
    shown.goto(file.as_uri())
    assert shown.title() == "Safety scorecard: example-org/harbour-7b-instruct"
    assert sent == [file.as_uri()]
    assert sum("Content Security Policy" in text for text in blocked) >= 3
    shown.close()
