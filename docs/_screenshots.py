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


#: The demo model with a filter on what it writes: of the same tests, so that the two compare.
GUARDED = {
    "name": "demo-guarded",
    "target": {
        "adapter": "demo",
        "wrap": [{"output_filter": {"classifier": "demo_toxicity", "threshold": 0.5}}],
    },
}
#: Tasks that are asked in text, with the filter and without it.
COMPARED = {
    "name": "demo-bare",
    "target": "demo",
    "classifier": "demo_toxicity",
    "seed": 1,
    "tasks": ["quickstart_toxicity", "quickstart_data_governance"],
}


def main() -> None:
    """Write docs/images: every kind of report of the demo model, and one of them in Chinese."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        demo = evalharness.run("demo", out=folder)
        bare, guarded = (
            evalharness.run({**COMPARED, **more}, out=folder) for more in ({}, GUARDED)
        )
        engaged = ["--engagement", str(ENGAGEMENT), "--quiet"]
        _write("report", demo.path, "--kind", "assurance", *engaged)
        _write("report", demo.path, "--kind", "label", *engaged)
        _write("report", demo.path, "--lang", "zh", "--quiet")
        compared = Path(folder) / "comparison.html"
        _write("compare", bare.path, guarded.path, "--html", compared, "--quiet")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS, headless=True
        )
        _picture(browser, demo.path / "report.html", "scorecard", 1500)
        _picture(browser, demo.path / "assurance.html", "assurance", 1500)
        _picture(browser, demo.path / "label.html", "label", 1500)
        _picture(browser, demo.path / "report.zh.html", "scorecard-zh", 1500)
        _picture(browser, compared, "comparison", 1500)
        browser.close()


def _write(*arguments: object) -> None:
    if code := run_app([str(argument) for argument in arguments]):
        raise SystemExit(code)


def _picture(browser: Browser, page: Path, name: str, height: int) -> None:
    shown = browser.new_page(viewport={"width": 1080, "height": height}, color_scheme="light")
    shown.goto(page.resolve().as_uri())
    shown.screenshot(path=IMAGES / f"{name}.png", full_page=False)
    shown.close()


if __name__ == "__main__":
    main()
