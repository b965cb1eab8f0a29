"""The report's drawings, as inline SVG.

Every position is a percentage of the drawing's width with fixed decimals, so that it fits a phone
and a sheet of paper without being distorted, and the same figure gives the same bytes. Colours come
from the page's style sheet by class; what a colour says, a pattern or a word says too.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup

from evalharness.reports.text import plain

__all__ = [
    "Plot",
    "Point",
    "curve_svg",
    "definitions",
    "interval_svg",
    "on_paper",
    "outcome_svg",
    "patterns",
    "position",
    "rules",
    "strip_svg",
    "swatch",
]

_OPEN = Markup(
    '<svg class="{cls}" role="img" aria-labelledby="{id}-t {id}-d" width="100%" height="{height}">'
    '<title id="{id}-t">{title}</title><desc id="{id}-d">{desc}</desc>'
)
_STRIP = Markup('<svg class="strip" aria-hidden="true" focusable="false" width="100%" height="20">')
_RECT = Markup('<rect class="{cls}" x="{x}%" y="{y}" width="{width}%" height="{height}"/>')
_FILLED = Markup(
    '<rect class="seg" x="{x}%" y="0.5" width="{width}%" height="11" fill="url(#p-{kind})"/>'
)
_LINE = Markup('<line class="{cls}" x1="{x1}%" y1="{y1}" x2="{x2}%" y2="{y2}"/>')
_DOT = Markup('<circle class="dot" cx="{x}%" cy="10" r="4.5"/>')
# A path knows no percentages: it stands in a drawing of its own that does.
_TARGET = Markup(
    '<svg class="target" x="{x}%" y="0" width="1" height="1" overflow="visible">'
    '<path d="M0 -2V22"/><path d="M-4 -4H4L0 2Z"/></svg>'
)
_TICK = Markup('<text class="tick" x="{x}%" y="{y}" text-anchor="{anchor}">{text}</text>')
_POINT = Markup('<circle class="dot" cx="{x}%" cy="{y}" r="4"/>')
_CURVE_HEIGHT = 220
_TEMPLATES = Path(__file__).parent / "templates"
_SWATCH = Markup(
    '<svg class="swatch" aria-hidden="true" focusable="false" width="14" height="12">'
    '<rect class="seg" x="0.5" y="0.5" width="13" height="11" fill="url(#p-{kind})"/></svg>'
)
_PATTERN = Markup(
    '<pattern id="p-{kind}" width="6" height="6" patternUnits="userSpaceOnUse"{turn}>'
    '<rect class="{ground}" width="6" height="6"/>{marks}</pattern>'
)
_TURN = Markup(' patternTransform="rotate({})"')


@dataclass(frozen=True, slots=True)
class Plot:
    """What one interval drawing shows. ``ident`` is unique on the page."""

    ident: str
    range: tuple[float, float]
    value: float | None
    interval: tuple[float, float] | None
    bounds: tuple[float, float] | None
    target: float | None
    ends: tuple[str, str]
    title: str
    desc: str


@dataclass(frozen=True, slots=True)
class Point:
    """One bin of a reliability curve: mean confidence, accuracy, and the interval of that."""

    x: float
    y: float
    interval: tuple[float, float]


def position(value: float, span: tuple[float, float]) -> float:
    """Where ``value`` lies in ``span``, in percent, never outside it."""
    low, high = span
    return min(max((value - low) / (high - low) * 100, 0.0), 100.0)


def _fixed(percent: float) -> str:
    return f"{percent:.2f}"


def _open(cls: str, ident: str, height: int, said: tuple[str, str]) -> Markup:
    title, desc = (plain(text) for text in said)
    return _OPEN.format(cls=cls, id=ident, height=height, title=title, desc=desc)


def _bar(cls: str, ends: tuple[float, float], span: tuple[float, float], y: int) -> Markup:
    low, high = (position(end, span) for end in ends)
    return _RECT.format(cls=cls, x=_fixed(low), y=y, width=_fixed(high - low), height=20 - 2 * y)


def interval_svg(plot: Plot) -> Markup:
    """A track for the range, hatching for the bounds, a bar for the interval, a dot for the value.

    The target, where the direction is one, is a line across with a wedge on top.
    """
    parts = [
        _open("plot", plot.ident, 36, (plot.title, plot.desc)),
        _LINE.format(cls="track", x1="0.00", y1=10, x2="100.00", y2=10),
        _LINE.format(cls="track", x1="0.00", y1=6, x2="0.00", y2=14),
        _LINE.format(cls="track", x1="100.00", y1=6, x2="100.00", y2=14),
    ]
    parts += _marks(plot, 2, 5)
    parts += (
        _TICK.format(x="0.00", y=32, anchor="start", text=plot.ends[0]),
        _TICK.format(x="100.00", y=32, anchor="end", text=plot.ends[1]),
        Markup("</svg>"),
    )
    return Markup("").join(parts)


def _marks(plot: Plot, bounds_at: int, bar_at: int) -> Iterator[Markup]:
    """What a figure has: bounds and interval from these heights, target, value."""
    span = plot.range
    if plot.bounds is not None:
        yield _bar("bounds", plot.bounds, span, bounds_at)
    if plot.interval is not None:
        yield _bar("bar", plot.interval, span, bar_at)
    if plot.target is not None:
        yield _TARGET.format(x=_fixed(position(plot.target, span)))
    if plot.value is not None:
        yield _DOT.format(x=_fixed(position(plot.value, span)))


def strip_svg(plot: Plot, whole: float | None = None) -> Markup:
    """One interval as a line of a table, whose text says the same: low, without ticks, unnamed.

    Args:
        whole: a value to see this one against, as a line across.
    """
    span = plot.range
    parts = [_STRIP, _LINE.format(cls="track", x1="0.00", y1=10, x2="100.00", y2=10)]
    if whole is not None:
        at = _fixed(position(whole, span))
        parts.append(_LINE.format(cls="whole", x1=at, y1=0, x2=at, y2=20))
    parts += _marks(plot, 4, 6)
    return Markup("").join((*parts, Markup("</svg>")))


def outcome_svg(ident: str, counts: Sequence[tuple[str, int]], title: str, desc: str) -> Markup:
    """One bar of all that came back, a segment an outcome, as wide as its share."""
    total = sum(number for _, number in counts)
    parts = [_open("outcomes", ident, 12, (title, desc))]
    before = 0
    for kind, number in counts:
        if number:
            x, width = before / total * 100, number / total * 100
            parts.append(_FILLED.format(kind=kind, x=_fixed(x), width=_fixed(width)))
        before += number
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def curve_svg(ident: str, points: Sequence[Point], title: str, desc: str) -> Markup:
    """Accuracy (upwards) over confidence, both 0 to 1, with the line where both are equal."""
    tall = _CURVE_HEIGHT
    parts = [
        _open("curve", ident, tall + 24, (title, desc)),
        _LINE.format(cls="track", x1="0.00", y1=tall, x2="100.00", y2=tall),
        _LINE.format(cls="track", x1="0.00", y1=0, x2="0.00", y2=tall),
        _LINE.format(cls="whole", x1="0.00", y1=tall, x2="100.00", y2=0),
    ]
    for point in points:
        x = _fixed(position(point.x, (0, 1)))
        low, high = (_fixed((1 - end) * tall) for end in point.interval)
        parts.append(_LINE.format(cls="error", x1=x, y1=low, x2=x, y2=high))
        parts.append(_POINT.format(x=x, y=_fixed((1 - point.y) * tall)))
    for x, anchor, text in (("0.00", "start", "0\u00a0%"), ("100.00", "end", "100\u00a0%")):
        parts.append(_TICK.format(x=x, y=tall + 16, anchor=anchor, text=text))
    return Markup("").join((*parts, Markup("</svg>")))


def swatch(kind: str) -> Markup:
    """The pattern of one outcome, for a legend that says it in words."""
    return _SWATCH.format(kind=kind)


def patterns() -> Markup:
    """The definitions that the other drawings refer to; once a page, before them."""
    return Markup(
        '<svg class="defs" aria-hidden="true" focusable="false" width="0" height="0">{}</svg>'
    ).format(definitions())


def definitions(kinds: Collection[str] | None = None) -> Markup:
    """The patterns of these kinds, or all, to stand within an SVG."""
    bar = Markup('<rect class="{}" width="{}" height="6"/>').format
    across = Markup('<rect class="on" width="6" height="1.6"/>')
    dots = Markup('<circle class="ink" cx="3" cy="3" r="1.5"/>')
    made = (
        ("answered", 0, "on", Markup("")),
        ("refused", 45, "off", bar("on", 2.4)),
        ("blocked", 45, "off", bar("on", 1.6) + across),
        ("empty", 0, "off", Markup("")),
        ("unparsed", 0, "off", dots),
        ("errored", 0, "ink", Markup("")),
        ("not_run", -45, "off", bar("mid", 1)),
        ("other", 90, "off", bar("ink", 2)),
        ("bounds", 45, "none", bar("mid", 1.2)),
    )
    drawn = (
        _PATTERN.format(
            kind=kind, turn=_TURN.format(turn) if turn else "", ground=ground, marks=marks
        )
        for kind, turn, ground, marks in made
        if kinds is None or kind in kinds
    )
    return Markup("<defs>{}</defs>").format(Markup("").join(drawn))


@cache
def rules(rem: float) -> str:
    """The rules of drawings.css for a drawing apart from its page: colours and sizes are in them.

    Args:
        rem: pixels of the page's letters.
    """
    sheet = (_TEMPLATES / "drawings.css").read_text(encoding="utf-8")
    bare = re.sub(r"/\*.*?\*/", "", sheet, flags=re.DOTALL)
    sized = re.sub(r"([\d.]+)rem", lambda found: f"{float(found[1]) * rem:.2f}px", bare)
    return on_paper(sized).strip()


def on_paper(css: str) -> str:
    """CSS with the light palette's colours in the place of their variables."""
    return re.sub(r"var\(--(\w+)\)", lambda found: _palette()[found[1]], css)


@cache
def _palette() -> dict[str, str]:
    sheet = (_TEMPLATES / "style.css").read_text(encoding="utf-8")
    return dict(re.findall(r"--(\w+): (#\w+);", sheet.partition("}")[0]))
