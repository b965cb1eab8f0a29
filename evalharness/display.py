"""How results look in a notebook: a picture, and the seam to whoever draws it.

A scorecard holds figures and knows no report. What draws it is therefore found by name at first
use, as adapters are; the folders of the road still point one way.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Drawing", "artist"]

_STUDIO = "evalharness.reports.notebook"


@dataclass(frozen=True, repr=False)
class Drawing:
    """A picture as SVG: a notebook shows it, ``save`` writes it.

    It is whole in itself: its colours are in it, it loads nothing, and the same figures give the
    same bytes. It has a white ground, because pictures end up in papers and slides.

    >>> run.samples.plot()
    Drawing('Outcomes by task', rows=1)

    Args:
        svg: one ``<svg>`` element with its width and height in pixels.
        title: what it shows, in words.
        rows: how many figures or bars it shows.
    """

    svg: str
    title: str
    rows: int

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"Drawing({self.title!r}, rows={self.rows})"

    def save(self, path: str | Path) -> Path:
        """Write it to a file; returns the file.

        Raises:
            ConfigError: the name does not end in ``.svg``.
        """
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise ConfigError(
                f"{path}: a drawing is SVG; name a file that ends in .svg (a browser prints it, "
                "Inkscape and rsvg-convert make it a PNG or PDF)"
            )
        path.write_text(self.svg, encoding="utf-8")
        return path


def artist(name: str) -> Callable[..., Any]:
    """The function of that name among those that draw for notebooks."""
    found: Callable[..., Any] = getattr(importlib.import_module(_STUDIO), name)
    return found
