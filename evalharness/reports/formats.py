"""A page in other formats: PDF to hand over, Markdown for wikis and pull requests."""

from __future__ import annotations

import logging
from typing import Any

from evalharness.errors import MissingExtraError

__all__ = ["as_markdown", "as_pdf"]


def as_pdf(page: str) -> bytes:
    """The page as PDF, by its own rules for print. The same page gives the same bytes.

    Nothing is fetched: whatever the page names is refused.

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
    document = HTML(string=page, url_fetcher=_nothing)
    return bytes(document.write_pdf(pdf_identifier=b"evalharness", pdf_variant="pdf/ua-1"))


def _nothing(url: str, *_: Any, **__: Any) -> dict[str, Any]:
    raise ValueError(f"a report fetches nothing: {url[:80]}")


def as_markdown(page: str) -> str:
    """The page as Markdown: headings, tables and texts; drawings are left out.

    Raises:
        MissingExtraError: markdownify is not there.
    """
    try:
        from bs4 import BeautifulSoup
        from markdownify import MarkdownConverter
    except ImportError:
        raise MissingExtraError("Markdown", "report") from None
    soup = BeautifulSoup(page, "html.parser")
    for gone in soup.select("head, svg, .skip, nav"):
        gone.decompose()
    converter = MarkdownConverter(heading_style="ATX", bullets="-", escape_misc=True)
    lines = [line.rstrip() for line in converter.convert_soup(soup).splitlines()]
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip() + "\n"
