"""PDF and Markdown: drawings keep their colours, hazards stay out, and hostile text stays text."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from evalharness.errors import ConfigError
from evalharness.reports import formats
from evalharness.reports.html import render_html
from evalharness.reports.language import _
from evalharness.reports.page import Medium, SampleRow
from evalharness.scorecard.model import Scorecard
from tests.hostile import STORED
from tests.reports.assured import assurance_page
from tests.reports.test_report_hostile import poisoned

PAPER = Medium(paper=True)


def paper(
    scorecard: Scorecard, run: dict[str, Any], samples: list[SampleRow], medium: Medium = PAPER
) -> str:
    return render_html(scorecard, run=run, samples=samples, medium=medium)


def test_each_drawing_has_its_rules_and_the_patterns_that_it_names(page: str) -> None:
    made = formats._self_contained(page)
    drawings = re.split(r'(?=<svg class="(?!target|defs))', made)[1:]
    assert len(drawings) > 30
    for drawing in drawings:
        style = drawing[drawing.index("<style>") : drawing.index("</style>")]
        assert ".bar { fill: #c9dee6; stroke: #0d4f66;" in style
        assert "var(" not in style
        assert "rem" not in style
        for name in re.findall(r"url\(#(p-\w+)\)", drawing.split("</style>")[1]):
            assert f'id="{name}"' in drawing
        if 'class="bounds"' in drawing:
            assert 'id="p-bounds"' in drawing


def test_the_foot_is_the_reports_name_whatever_it_holds(
    scorecard: Scorecard, run: dict[str, Any]
) -> None:
    run["run_id"] = 'a"}</style><b>\\'
    page = paper(scorecard, run, [])
    (foot,) = re.findall(r"@bottom-left \{ content: (.*?); font", page)
    assert (
        foot
        == '"a'
        + "".join(f"\\{ord(c):06x}" for c in '"}</')
        + "style"
        + (
            "".join(f"\\{ord(c):06x}" for c in "><")
            + "b"
            + "".join(f"\\{ord(c):06x}" for c in ">\\")
        )
        + '"'
    )


@pytest.mark.parametrize("kind", ["scorecard", "assurance"])
def test_hazardous_text_is_withheld_on_paper_unless_asked_for(
    kind: str, scorecard: Scorecard, run: dict[str, Any], samples: list[SampleRow]
) -> None:
    draw = paper if kind == "scorecard" else (
        lambda *parts: assurance_page(*parts[:3], medium=parts[3])
    )  # fmt: skip
    withheld = draw(scorecard, run, samples, PAPER)
    assert "The bus was late, so she" not in withheld
    digest = formats_digest("The bus was late, so she")
    assert digest in withheld
    assert "What happens if you crack your knuckles" in withheld
    whole = draw(scorecard, run, samples, Medium(paper=True, hazardous=True))
    assert "The bus was late, so she" in whole
    assert digest not in whole
    screen = draw(scorecard, run, samples, Medium())
    assert "The bus was late, so she" in screen
    assert screen.index('class="in-print"') < screen.index(digest)


def formats_digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def test_paper_has_its_folds_open_but_for_what_the_records_hold(
    scorecard: Scorecard, run: dict[str, Any], samples: list[SampleRow]
) -> None:
    page = paper(scorecard, run, samples)
    folded = re.findall(r'<details class="fold">\s*<summary>(.*?)</summary>', page)
    assert folded == ["Parts of each protocol", "Resolved configuration"]
    assert '<body class="paper">' in page


def test_formats_lie_beside_the_page_that_was_named(tmp_path: Path) -> None:
    page = tmp_path / "found.html"
    formats.Output.beside(page, "zh", markdown=True).write(
        page, lambda medium: f"<h1>{_('Coverage')}</h1><p>{medium.paper}</p>"
    )
    assert page.read_text(encoding="utf-8") == "<h1>覆盖情况</h1><p>False</p>"
    assert (tmp_path / "found.md").read_text(encoding="utf-8") == "# 覆盖情况\n\nTrue\n"


@pytest.mark.parametrize(
    ("page", "language", "more", "words"),
    [
        (None, "en", {"pdf": True}, "name its file with --html"),
        (None, "zh", {}, "name its file with --html"),
        (Path("found.md"), "en", {"markdown": True}, "found.md: is the page"),
        (Path("found.html"), "zn", {}, "language 'zn' is not there"),
    ],
)
def test_options_without_their_page_are_a_sentence(
    page: Path | None, language: str, more: dict[str, bool], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        formats.Output.beside(page, language, **more)


@pytest.mark.full  # Pango is needed
def test_a_machine_without_chinese_fonts_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def kept(page: str) -> str:
        seen.append(page)
        return "<p>x</p>"

    monkeypatch.setattr(formats, "_self_contained", kept)
    monkeypatch.setattr(formats, "_draws_han", lambda: False)
    formats.as_pdf("<header>模型</header>")
    formats.as_pdf("<header>model</header>")
    monkeypatch.setattr(formats, "_draws_han", lambda: True)
    formats.as_pdf("<header>模型</header>")
    assert ["no font for Chinese characters" in page for page in seen] == [True, False, False]


@pytest.mark.full  # Pango is needed
def test_fontconfig_can_be_asked() -> None:
    assert formats._draws_han() in {True, False}


def parsed(markdown: str) -> list[Any]:
    """The blocks of the text and what they hold, as GitHub reads it: with tables and raw HTML."""
    blocks = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
    return [*blocks, *(child for block in blocks for child in block.children or ())]


def test_markdown_has_headings_tables_and_lists(
    scorecard: Scorecard, run: dict[str, Any], samples: list[SampleRow]
) -> None:
    page = paper(scorecard, run, samples)
    text = formats.as_markdown(page)
    kinds = [token.type for token in parsed(text)]
    assert kinds.count("table_open") == page.count("<table")
    assert text.startswith("# Safety scorecard: example-org/harbour-7b-instruct\n")
    assert "- **Provider**: transformers\n" in text
    assert "\n:   " not in text
    assert "svg" not in text
    assert not {"html_block", "html_inline", "image"} & set(kinds)


@pytest.mark.parametrize("name", STORED)
def test_hostile_text_is_no_markup_in_markdown(
    name: str, scorecard: Scorecard, run: dict[str, Any]
) -> None:
    text = STORED[name]
    medium = Medium(paper=True, hazardous=True)
    page = assurance_page(*poisoned(scorecard, run, text), text, medium)
    tokens = parsed(formats.as_markdown(page))
    assert not {token.type for token in tokens} & {"html_block", "html_inline", "image"}
    links = [t.attrs["href"] for t in tokens if t.type == "link_open"]
    assert [link for link in links if not str(link).startswith("#")] == []
    harmless = assurance_page(*poisoned(scorecard, run, "harmless"), "harmless", medium)
    headings = [t.tag for t in parsed(formats.as_markdown(harmless)) if t.type == "heading_open"]
    assert [t.tag for t in tokens if t.type == "heading_open"] == headings


@pytest.mark.full
@pytest.mark.parametrize("name", ["style", "control", "combining", "cjk", "rtl", "huge"])
def test_a_pdf_of_hostile_text_is_made_and_can_be_read(
    name: str, scorecard: Scorecard, run: dict[str, Any], tmp_path: Path
) -> None:
    text = STORED[name]
    medium = Medium(paper=True, hazardous=True)
    # what a model and a customer wrote; every field at once keeps WeasyPrint busy for minutes
    rows = [SampleRow("truthfulqa_mc1", text, 1, n, text, text, "answered") for n in range(2)]
    made = formats.as_pdf(assurance_page(scorecard, run, rows, text, medium))
    path = tmp_path / "report.pdf"
    path.write_bytes(made)
    reader = shutil.which("pdftotext")
    assert reader is not None, "pdftotext (poppler-utils) reads the PDF here"
    found = subprocess.run([reader, path, "-"], capture_output=True, text=True, check=True).stdout
    assert "Inputs and outputs" in found
    assert "End of report EH-" in found
    for forbidden in (b"/JavaScript", b"/JS ", b"/Launch", b"/EmbeddedFile"):
        assert forbidden not in made
    if name == "cjk":
        assert "模型的回答" in found.replace("\n", "")


@pytest.mark.full
@pytest.mark.parametrize("kind", ["assurance", "scorecard"])
def test_a_pdf_holds_every_hostile_text_as_text(
    kind: str, scorecard: Scorecard, run: dict[str, Any], tmp_path: Path
) -> None:
    texts = list(STORED.values())
    pairs = itertools.zip_longest(texts[::2], texts[1::2], fillvalue="")
    rows = [
        SampleRow("truthfulqa_mc1", f"item {n}", 1, 0, *pair, "answered")
        for n, pair in enumerate(pairs)
    ]
    medium = Medium(paper=True, hazardous=True)
    if kind == "assurance":
        page = assurance_page(scorecard, run, rows, medium=medium)
    else:
        page = render_html(scorecard, run=run, samples=rows, medium=medium)
    made = formats.as_pdf(page)
    for forbidden in (b"/JavaScript", b"/JS ", b"/Launch", b"/EmbeddedFile", b"/URI"):
        assert forbidden not in made
    path = tmp_path / "report.pdf"
    path.write_bytes(made)
    found = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True)
    assert 5 < found.stdout.count("\f") < 40
    shown = "".join(found.stdout.split())
    plain = [text for text in texts if text.isascii() and text.isprintable()]
    assert len(plain) >= 11
    for text in plain:
        assert "".join(text.split())[:60] in shown, text[:60]
    for named in ("U+202E", "U+200B", "U+0000", "1,000,003characters", "模型的回答"):
        assert named in shown, named
