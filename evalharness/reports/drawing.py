"""Whole pictures for notebooks, papers and slides: the report's drawings with words beside them.

A page lays its drawings out itself; here rows of label, drawing and figure are put into one SVG
that needs no page. Colours and lines are those of the report's style sheets, read from them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup

from evalharness.display import Drawing
from evalharness.reports import svg
from evalharness.reports.text import plain

__all__ = ["Line", "drawn"]

#: Pixels: the picture, the columns of labels, drawings and figures, and a row.
_WIDTH = 900
_LABEL, _PLOT, _FIGURE = 8, 320, 590
_PLOT_WIDTH = 250
_ROW, _LINE = 64, 16
_TOP, _LEGEND = 40, 22
#: Of a browser's letters.
_REM = 16
#: Columns of a text that fit, one for a letter and two for a Chinese character.
_FIT_FIRST, _FIT_MORE = 43, 54

_SHEET = Path(__file__).parent / "templates" / "style.css"
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")

_SVG = Markup(
    '<svg xmlns="http://www.w3.org/2000/svg" class="evalharness" width="{width}" '
    'height="{height}" viewBox="0 0 {width} {height}" role="img">'
    "<title>{title}</title><style>{style}</style>"
    '<rect class="ground" width="{width}" height="{height}"/>{parts}</svg>'
)
_TEXT = Markup('<text class="{cls}" x="{x}" y="{y}">{text}</text>')
_FULL = Markup('<text class="{cls}" x="{x}" y="{y}">{text}<title>{full}</title></text>')
_PLACED = Markup('<svg x="{x}" y="{y}" width="{width}" height="40" overflow="visible">{part}</svg>')
_OWN = """
.ground { fill: #ffffff; }
text { font: 12px -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, "Noto Sans", \
"Noto Sans CJK SC", sans-serif; fill: var(--ink); }
.head { font-size: 15px; font-weight: 600; }
.first { font-weight: 600; }
.more { font-size: 11px; fill: var(--muted); }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: what it is, its drawing, its figure.

    Args:
        left: up to three lines before the drawing, of which the first says what it is.
        part: the drawing, as `evalharness.reports.svg` makes it; None: nothing is drawn.
        right: up to three lines behind it, of which the first is the figure.
    """

    left: tuple[str, ...]
    part: Markup | None
    right: tuple[str, ...]


def drawn(title: str, lines: Sequence[Line], legend: Iterable[tuple[str, str]] = ()) -> Drawing:
    """The rows under each other.

    Args:
        legend: kind of outcome and the word for it, for bars of outcomes.
    """
    parts = [svg.patterns(), _text("head", _LABEL, 24, title, 90)]
    top = _TOP
    legend = list(legend)
    if legend:
        parts.append(_legend(legend, top))
        top += _LEGEND
    for number, line in enumerate(lines):
        y = top + number * _ROW
        parts += [*_column(_LABEL, y, line.left), *_column(_FIGURE, y, line.right)]
        if line.part is not None:
            placed = _PLACED.format(x=_PLOT, y=y + 2, width=_PLOT_WIDTH, part=line.part)
            parts.append(placed)
    made = _SVG.format(
        width=_WIDTH,
        height=top + len(lines) * _ROW + 6,
        title=plain(title),
        style=Markup(_style()),  # noqa: S704 - our own style sheet
        parts=Markup("").join(parts),
    )
    return Drawing(str(made), title, len(lines))


def _column(x: int, y: int, texts: Sequence[str]) -> Iterator[Markup]:
    """Lines under each other, the first in bold."""
    for number, text in enumerate(texts):
        cls, fits = ("more", _FIT_MORE) if number else ("first", _FIT_FIRST)
        yield _text(cls, x, y + 14 + number * _LINE, text, fits)


def _text(cls: str, x: int, y: int, text: str, columns: int) -> Markup:
    whole = " ".join(plain(text).split())
    short = _fitted(whole, columns)
    if short == whole:
        return _TEXT.format(cls=cls, x=x, y=y, text=whole)
    return _FULL.format(cls=cls, x=x, y=y, text=short, full=whole)


def _fitted(text: str, columns: int) -> str:
    """As much of a text as fits into so many columns."""
    used = 0
    for place, letter in enumerate(text):
        used += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used > columns:
            return f"{text[: max(place - 1, 0)].rstrip()}\u2026"
    return text


def _legend(kinds: Iterable[tuple[str, str]], y: int) -> Markup:
    parts, x = [], _LABEL
    for kind, word in kinds:
        parts.append(_PLACED.format(x=x, y=y, width=16, part=svg.swatch(kind)))
        parts.append(_text("more", x + 20, y + 10, word, 20))
        x += 34 + 7 * len(word)
    return Markup("").join(parts)


@cache
def _style() -> str:
    """The rules for drawings, with the colours of paper in them, for this picture alone.

    A notebook may put the picture into its own page, so every rule names the picture; some readers
    of SVG know neither variables nor nesting, so there are none.
    """
    sheet = _SHEET.read_text(encoding="utf-8")
    laid_out = sheet.partition("/* Drawings */")[2].partition("/*")[0]
    rules = laid_out + svg.rules(_REM) + svg.on_paper(_OWN)
    made = []
    for selectors, body in _RULE.findall(rules):
        own = ", ".join(f".evalharness {one.strip()}" for one in selectors.split(","))
        made.append(f"{own} {{{body}}}")
    return "\n".join(made)
