"""Makes the pictures of the docs from the demo run: ``python docs/_screenshots.py``.

Needs a Chromium (``chromium`` on the path) and the [dev] dependencies.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import evalharness
from evalharness.cli.app import run_app

IMAGES = Path(__file__).parent / "images"
ENGAGEMENT = Path(__file__).parent / "examples" / "engagement.yaml"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def main() -> None:
    """Write docs/images: the scorecard, the assurance report and a comparison of the demo model."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        first = evalharness.run("demo", out=folder)
        other = evalharness.run("quickstart", out=folder)
        assured = ["--kind", "assurance", "--engagement", str(ENGAGEMENT), "--quiet"]
        run_app(["report", str(first.path), *assured])
        compared = Path(folder) / "comparison.html"
        run_app(["compare", str(other.path), str(first.path), "--html", str(compared)])
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS, headless=True
        )
        _picture(browser, first.report.resolve(), "scorecard", 1500)
        _picture(browser, (first.path / "assurance.html").resolve(), "assurance", 1500)
        _picture(browser, compared.resolve(), "comparison", 1200)
        browser.close()


def _picture(browser: Browser, page: Path, name: str, height: int) -> None:
    shown = browser.new_page(viewport={"width": 1080, "height": height}, color_scheme="light")
    shown.goto(page.as_uri())
    shown.screenshot(path=IMAGES / f"{name}.png", full_page=False)
    shown.close()


if __name__ == "__main__":
    main()
