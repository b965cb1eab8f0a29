"""With what a page was made, as it says itself, and whether two pages are the same but for that.

Another version of the harness, or of a library that a page goes through, may draw the same records
in other words. A page that differs speaks against its records only where all of these are the same.
"""

from __future__ import annotations

import re
from importlib import metadata

import evalharness
from evalharness.reports.language import ENGLISH, current

__all__ = ["made_with", "maker_of", "marked", "same_page"]

_MADE = r"(evalharness [\w.+!-]{1,40}(?:, [\w-]{1,40} [\w.+!-]{1,40}){0,9})"
#: Format -> where it stands: in the head of a page, on the last line of Markdown. Nobody else's
#: text can stand there, or look like it before it.
_PLACES = {
    ".html": re.compile(f'<meta name="generator" content="{_MADE}">'.encode()),
    ".md": re.compile(rf"\n<!-- {_MADE} -->\n\Z".encode()),
}


def made_with(suffix: str = ".html") -> str:
    """The harness, and the libraries of a format in the language that is spoken now."""
    parts = [f"evalharness {evalharness.__version__}"]
    parts += [] if current() is ENGLISH else [_version("babel")]
    parts += map(_version, ("beautifulsoup4", "markdownify")) if suffix == ".md" else ()
    return ", ".join(parts)


def marked(markdown: bytes) -> bytes:
    """Markdown that says with what it was made, where no reader sees it."""
    return markdown + f"\n<!-- {made_with('.md')} -->\n".encode()


def _version(package: str) -> str:
    return f"{package} {metadata.version(package)}"


def maker_of(page: bytes, suffix: str) -> str | None:
    """With what a page says that it was made; None where it does not say it in our words."""
    found = _PLACES[suffix].search(page)
    return None if found is None else found[1].decode()


def same_page(one: bytes, other: bytes, suffix: str) -> bool:
    """Whether two pages have the same bytes, but for what made them."""
    place = _PLACES[suffix]
    return place.sub(b"", one, count=1) == place.sub(b"", other, count=1)
