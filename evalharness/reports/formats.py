"""A page in other formats: PDF to hand over, Markdown for wikis and pull requests."""

from __future__ import annotations

import ctypes
import ctypes.util
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError, MissingExtraError
from evalharness.outfile import write_file
from evalharness.reports import svg
from evalharness.reports.language import ENGLISH, _, speaking
from evalharness.reports.page import SCREEN, Medium

__all__ = ["Output", "as_markdown", "as_pdf"]

_TEMPLATES = Path(__file__).parent / "templates"
#: One drawing: its opening tag, and what follows up to the next one. Drawings within are left out.
_DRAWING = re.compile(
    r'(<svg class="(?!target|defs)[^>]*>)(.*?)(?=<svg class="(?!target|defs)|\Z)', re.DOTALL
)
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
_NO_FONT = (
    '<p class="box">This machine has no font for Chinese characters: some texts below are drawn as '
    "boxes. Install one (Noto Sans CJK), and write the PDF again.</p>"
)


@dataclass(frozen=True)
class Output:
    """In which language and formats a report is written.

    Args:
        pdf, markdown: beside the page.
        hazardous: they have the texts of tasks with a content warning, not their digests.
    """

    language: str = "en"
    pdf: bool = False
    markdown: bool = False
    hazardous: bool = False

    @classmethod
    def beside(
        cls, page: Path | None, language: str, *, pdf: bool = False, markdown: bool = False
    ) -> Output:
        """Of a page in a file that the user named.

        Raises:
            ConfigError: there is no page, its name is another format's, or there is no such
                language.
        """
        if page is None and (pdf or markdown or language != ENGLISH.code):
            raise ConfigError(
                "--pdf, --markdown and --lang belong to a page: name its file with --html"
            )
        if page is not None and page.suffix in {".pdf", ".md"}:
            raise ConfigError(
                f"--html {page}: is the page; a PDF or Markdown is written beside it "
                "(--pdf, --markdown)"
            )
        with speaking(language):  # a language that is not there is said before anything is done
            return cls(language, pdf=pdf, markdown=markdown)

    def write(self, page: Path, draw: Callable[[Medium], str]) -> None:
        """Write the page to its file, and each other format beside it under the same name."""
        for suffix, content in self.drawn(draw).items():
            path = page if suffix == ".html" else page.with_suffix(suffix)
            write_file(path, content, "--html")

    def drawn(self, draw: Callable[[Medium], str]) -> dict[str, bytes]:
        """The page in the language, then each other format: its suffix -> its bytes.

        All of it is drawn before anything is written: a missing library leaves no half of it.

        Raises:
            MissingExtraError: a library for the language or a format is not there.
        """
        with speaking(self.language):
            drawn = {".html": draw(SCREEN).encode("utf-8")}
            if self.pdf or self.markdown:
                paper = draw(Medium(paper=True, hazardous=self.hazardous))
            if self.pdf:
                drawn[".pdf"] = as_pdf(paper)
            if self.markdown:
                drawn[".md"] = as_markdown(paper).encode("utf-8")
        return drawn


def as_pdf(page: str) -> bytes:
    """The page as PDF, by its own rules for print. The same page gives the same bytes.

    Nothing is fetched: whatever the page names is refused. Where the page has Chinese characters
    and the machine no font for them, the first page says so.

    Raises:
        MissingExtraError: WeasyPrint (or the Pango that it needs) is not there.
    """
    try:
        from weasyprint import HTML
    except (ImportError, OSError):  # OSError: Pango is missing
        raise MissingExtraError(
            "PDF (WeasyPrint, which needs the system's Pango)", "report"
        ) from None
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # of CSS for screens
    if _HAN.search(page) and not _draws_han():
        page = page.replace("<header>", f"<header>{_NO_FONT}", 1)
    document = HTML(string=_self_contained(page), url_fetcher=_nothing)
    return bytes(document.write_pdf(pdf_identifier=b"evalharness", pdf_variant="pdf/ua-1"))


def _nothing(url: str, *_: Any, **__: Any) -> dict[str, Any]:
    raise ValueError(f"a report fetches nothing: {url[:80]}")


def _self_contained(page: str) -> str:
    """The page with the rules and patterns of each drawing inside of it.

    WeasyPrint draws an SVG apart from its page: it sees neither the page's style sheet and
    variables nor another SVG's patterns. Texts are escaped, so every ``<svg`` is our own.
    """
    style = f"<style>{_drawing_rules()}</style>"

    def filled(found: re.Match[str]) -> str:
        used = set(re.findall(r"url\(#p-(\w+)\)", found[2]))
        used |= {"bounds"} if 'class="bounds"' in found[2] else set()
        return f"{found[1]}{style}{svg.definitions(used) if used else ''}{found[2]}"

    return _DRAWING.sub(filled, page)


@cache
def _drawing_rules() -> str:
    """The rules of drawings, with the size of print in its place."""
    printed = (_TEMPLATES / "print.css").read_text(encoding="utf-8")
    (points,) = re.findall(r"html \{ font-size: ([\d.]+)pt; \}", printed)
    # a point is 4/3 of the unit that drawings are measured in
    return svg.rules(float(points) * 4 / 3)


@cache
def _draws_han() -> bool:
    """Whether fontconfig, whose fonts WeasyPrint draws with, knows one for Chinese characters."""
    name = ctypes.util.find_library("fontconfig")
    if name is None:
        return True  # it cannot be asked: no claim
    library = ctypes.CDLL(name)
    for call in ("FcInitLoadConfigAndFonts", "FcNameParse", "FcObjectSetCreate", "FcFontList"):
        getattr(library, call).restype = ctypes.c_void_p
    pattern = ctypes.c_void_p(library.FcNameParse(b":charset=4e2d"))
    config = ctypes.c_void_p(library.FcInitLoadConfigAndFonts())
    wanted = ctypes.c_void_p(library.FcObjectSetCreate())
    found = library.FcFontList(config, pattern, wanted)
    # FcFontSet begins with the number of its fonts
    return found is not None and ctypes.cast(found, ctypes.POINTER(ctypes.c_int))[0] > 0


def as_markdown(page: str) -> str:
    """The page as Markdown that GitHub shows well: headings, tables, lists; no drawings.

    What others wrote stays text: it is escaped, or stands in a fence longer than any in it.

    Raises:
        MissingExtraError: markdownify is not there.
    """
    try:
        from bs4 import BeautifulSoup
    except ImportError:
        raise MissingExtraError("Markdown", "report") from None
    soup = BeautifulSoup(page, "html.parser")
    for gone in soup.select("head, svg, .skip, nav, .in-print, .drawn"):
        gone.decompose()
    for link in soup.select('a[href^="#"]'):  # such names are the page's, not Markdown's
        link.unwrap()
    for remark in soup.select("td .small, th .small, h4 .small, p.small > .small"):
        remark.insert_before(" \u00b7 ")
    for eyebrow in soup.select(".eyebrow"):
        if eyebrow.next_sibling is not None and not str(eyebrow.next_sibling).strip():
            eyebrow.next_sibling.extract()
        eyebrow.append(_(": "))
    for summary in soup.select("summary"):
        summary.name = "p"
        summary.wrap(soup.new_tag("strong"))
    for terms in soup.select("dl"):
        _as_list(terms)
    lines = [line.rstrip() for line in _converter().convert_soup(soup).splitlines()]
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip() + "\n"


def _as_list(terms: Any) -> None:
    """A list of terms as a plain list: Markdown has no other."""
    terms.name = "ul"
    for row in terms.find_all("div", recursive=False):
        row.name = "li"
        for term in row.find_all("dt"):
            term.name = "strong"
            term.insert_after(_(": "))
        for text in row.find_all("dd"):
            text.unwrap()


def _converter() -> Any:
    try:
        from markdownify import MarkdownConverter
    except ImportError:
        raise MissingExtraError("Markdown", "report") from None

    class Converter(MarkdownConverter):
        def convert_pre(self, el: Any, text: str, parent_tags: Any) -> str:  # noqa: ARG002 - theirs
            body = el.get_text()
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", body)), default=0))
            return f"\n\n{fence}text\n{body}\n{fence}\n\n"

        def convert_code(self, el: Any, text: str, parent_tags: Any) -> str:  # noqa: ARG002 - theirs
            # a bar ends the cell of a table even in a span of code, and what follows is no code
            converter: Any = self
            body = " ".join(el.get_text().split())
            plain = re.fullmatch(r"[\w .:/-]+", body) is not None
            return f"`{body}`" if plain else str(converter.escape(body, set()))

    return Converter(heading_style="ATX", bullets="-", escape_misc=True)
