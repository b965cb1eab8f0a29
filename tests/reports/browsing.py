"""A browser for tests of pages: it opens a file, and nothing but the file may be asked for."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["ESCAPED", "OPEN", "OVERFLOW", "browser", "visit"]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
OPEN = "document.querySelectorAll('details').forEach(d => { d.open = true })"
# Everything stays in the column, and what a cell holds in its cell.
ESCAPED = """() => {
  const edge = document.body.getBoundingClientRect().right;
  const out = [...document.querySelectorAll('body *:not(.skip)')]
    .filter(e => e.getClientRects().length && e.getBoundingClientRect().right > edge + 1)
  const cut = [...document.querySelectorAll('td, th, dd, dt, p, li')]
    .filter(e => e.clientWidth && e.scrollWidth > e.clientWidth + 1)
  return [...out, ...cut]
    .filter(e => innerWidth > 704 || !e.closest('.stack thead'))  // there it is hidden from the eye
    .map(e => e.tagName + ': ' + e.textContent.slice(0, 60))
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open a page; at the end nothing but the file was asked for and nothing was logged."""
    asked: list[str] = []
    logged: list[str] = []
    contexts = []

    def open_page(text: str, width: int, scheme: str = "light") -> Any:
        file = tmp_path / "report.html"
        file.write_text(text, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: logged.append(message.text))
        page.on("dialog", lambda dialog: logged.append(f"dialog: {dialog.message}"))
        page.on("pageerror", lambda error: logged.append(str(error)))
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert set(asked) == {(tmp_path / "report.html").as_uri()}
    assert logged == []
