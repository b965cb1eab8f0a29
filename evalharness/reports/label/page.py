"""Draws the label: one page of A4, whatever it holds.

What does not fit is cut shorter, then left out and counted; label.json has it in full. In each area
the run's own cells stand first, so that a provider's words never push out what was measured.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from evalharness.reports.engagement import AREAS
from evalharness.reports.label.model import Figure, Label, LabelCell, shortened
from evalharness.reports.language import _, current, day_said, said
from evalharness.reports.numbers import Quantity, best, count
from evalharness.reports.page import environment

__all__ = ["render_label"]

#: Points of the page's height for the areas' rows; of a line, and of what a row adds to its lines.
_HEIGHT, _LINE, _ROW = 570.0, 8.4, 1.8
#: Characters of a line in the columns that wrap, of a wide typeface.
_WHAT, _SAYS = 32, 80
#: The share of that height up to which letters are a fifth larger, and it half as high again.
_ROOMY = 0.55
#: Of a tier: characters of a declared text and declared cells of an area, then of the run's own.
#: From roomy to tight; what the provider says gives way first.
_TIERS = (
    (600, 20, 400, 40), (400, 20, 300, 40), (250, 10, 200, 40), (160, 8, 160, 40),
    (120, 6, 120, 40), (90, 4, 100, 40), (70, 3, 90, 40), (70, 2, 80, 20), (60, 2, 64, 13),
    (50, 2, 64, 10), (40, 1, 40, 8), (30, 1, 30, 5),
)  # fmt: skip
_BROAD = frozenset("mwMW%@\u2026\u2014")
#: Files that the last lines name.
_SOURCES = 5

#: A shape beside each word, so that no state is told by colour.
_SIGNS = {"measured": "\u25cf", "declared": "\u25d0", "absent": "\u25cb"}


@dataclass(frozen=True, slots=True)
class _Row:
    """A cell in words, cut to the page. ``protocol`` is shown by its first digits."""

    state: str
    sign: str
    word: str
    what: str
    figure: str
    says: str
    place: str
    protocol: str

    @property
    def height(self) -> float:
        content = _width(f"{self.figure} {self.says} {self.place}") + 22 * bool(self.protocol)
        lines = max(ceil(_width(self.what) / _WHAT), ceil(content / _SAYS), 1)
        return lines * _LINE + _ROW


@dataclass(frozen=True, slots=True)
class _AreaView:
    number: int
    name: str
    title: str
    rows: tuple[_Row, ...]
    left_out: int


def render_label(label: Label) -> str:
    """Draw the label in the language that is spoken now; the same label gives the same bytes.

    Args:
        label: built in the same language.
    """
    areas = _fitted(label)
    return (
        environment()
        .get_template("label.html.j2")
        .render(
            label=label,
            areas=areas,
            roomy=_height(areas) <= _ROOMY * _HEIGHT,
            states=[(_SIGNS[state], word) for state, word in _words().items()],
            sources=[(shortened(s.name, 60), s.sha256, s.cells) for s in label.sources[:_SOURCES]],
            more_sources=max(len(label.sources) - _SOURCES, 0),
            name=shortened(label.name, 70),
            model=shortened(label.model, 70),
            evaluator=shortened(label.evaluator or _("not stated"), 100),
            demonstration=[shortened(text, 150) for text in label.demonstration[:2]],
            measured=label.measured and day_said(label.measured),
            lang=current().code,
        )
    )


def _words() -> Mapping[str, str]:
    return {
        "measured": _("Measured"),
        "declared": _("Declared, not tested"),
        "absent": _("Absent"),
    }


def _titles() -> Mapping[str, str]:
    """The areas as the framework names them."""
    return {
        "data": _("Data used"),
        "training": _("Training infrastructure and environment"),
        "evaluation": _("Evaluation results"),
        "mitigations": _("Mitigations and safety measures"),
        "risks": _("Risks and limitations"),
        "intended_use": _("Intended use"),
        "user_data": _("User data protection"),
    }


def _fitted(label: Label) -> list[_AreaView]:
    """The areas with the longest texts that one page holds."""
    areas: list[_AreaView] = []
    for tier in _TIERS:
        areas = [_area(label, name, tier) for name in AREAS]
        if _height(areas) <= _HEIGHT:
            break
    return areas


def _height(areas: Sequence[_AreaView]) -> float:
    """Points of the page that the areas' rows take in the small print."""
    rows = sum(row.height for area in areas for row in area.rows)
    return rows + sum(area.left_out > 0 for area in areas) * _LINE


def _area(label: Label, name: str, tier: tuple[int, int, int, int]) -> _AreaView:
    declared, most_declared, other, most_other = tier
    cells = [cell for cell in label.cells if cell.area == name]
    own = [cell for cell in cells if cell.state != "declared"][:most_other]
    theirs = [cell for cell in cells if cell.state == "declared"][:most_declared]
    what = 2 * _WHAT if other > _WHAT else _WHAT
    rows = (*(_row(cell, what, other) for cell in own), *(_row(c, what, declared) for c in theirs))
    return _AreaView(AREAS.index(name) + 1, name, _titles()[name], rows, len(cells) - len(rows))


def _row(cell: LabelCell, what: int, limit: int) -> _Row:
    return _Row(
        state=cell.state,
        sign=_SIGNS[cell.state],
        word=_words()[cell.state],
        what=shortened(cell.what, what),
        figure=_figures(cell),
        says=shortened(cell.says or "", limit),
        # of the run's own cells the last lines name the file, and the protocol the test
        place=shortened(cell.source or "", min(limit, 80)) if cell.state == "declared" else "",
        protocol="" if cell.figure is None else cell.figure.protocol_id,
    )


def _figures(cell: LabelCell) -> str:
    if cell.figure is None:
        return ""
    if cell.without is None:
        return _("; ").join((_figure(cell.figure), _best(cell.figure)))
    return _(
        "on: {on}; off: {off}; {best}",
        on=_figure(cell.figure),
        off=_figure(cell.without),
        best=_best(cell.figure),
    )


def _quantity(figure: Figure) -> Quantity:
    interval = figure.interval
    ends = () if interval is None else (interval.low, interval.high)
    return Quantity(figure.unit, figure.range, figure.n_measured, (figure.value, *ends))


def _figure(figure: Figure) -> str:
    """A value with its interval and its denominator."""
    scale = _quantity(figure)
    interval = (
        _("no interval")
        if figure.interval is None
        else scale.span(figure.interval.low, figure.interval.high)
    )
    return _(
        "{value} ({interval}), {n} of {m} {counted}",
        value=scale.value(figure.value),
        interval=interval,
        n=count(figure.n_measured),
        m=count(figure.n_planned),
        counted=said(figure.counted),
    )


def _best(figure: Figure) -> str:
    return best(figure.direction, _quantity(figure).mark)


def _width(text: str) -> float:
    """Columns that a text takes: Chinese, Japanese, Korean two, capitals and wide letters less."""
    return sum(map(_columns, text))


def _columns(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 2.0
    if character in _BROAD:
        return 1.8
    return 1.4 if character.isupper() else 1.0
