"""The drawings put a figure where it is, and say it in words."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from evalharness.records import OutcomeKind
from evalharness.reports import svg

PLOT = svg.Plot(
    ident="f",
    range=(0.0, 1.0),
    value=0.62,
    interval=(0.55, 0.7),
    bounds=(0.5, 0.75),
    target=0.5,
    ends=("0 %", "100 %"),
    title="Accuracy",
    desc="Value 62 %.",
)


def drawn(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own drawing


def part(root: ET.Element, cls: str) -> ET.Element:
    return next(element for element in root.iter() if element.get("class") == cls)


def test_dot_bar_bounds_and_target_stand_at_their_values() -> None:
    root = drawn(svg.interval_svg(PLOT))
    assert part(root, "dot").get("cx") == "62.00%"
    assert (part(root, "bar").get("x"), part(root, "bar").get("width")) == ("55.00%", "15.00%")
    bounds = part(root, "bounds")
    assert (bounds.get("x"), bounds.get("width")) == ("50.00%", "25.00%")
    assert part(root, "target").get("x") == "50.00%"


def test_negative_ranges_and_values_outside_stay_on_the_track() -> None:
    assert svg.position(0.0, (-1.0, 1.0)) == 50.0
    root = drawn(svg.interval_svg(replace(PLOT, range=(-1.0, 1.0), value=3.0, interval=(-2, 0))))
    assert part(root, "dot").get("cx") == "100.00%"
    assert (part(root, "bar").get("x"), part(root, "bar").get("width")) == ("0.00%", "50.00%")


def test_what_there_is_not_is_not_drawn() -> None:
    text = svg.interval_svg(replace(PLOT, value=None, interval=None, bounds=None, target=None))
    for cls in ("dot", "bar", "bounds", "target"):
        assert f'class="{cls}"' not in text


@pytest.mark.parametrize("make", [lambda: svg.interval_svg(PLOT), lambda: outcomes([1, 2])])
def test_a_drawing_has_a_role_a_title_and_a_description(make) -> None:  # type: ignore[no-untyped-def]
    root = drawn(make())
    assert root.get("role") == "img"
    named = root.get("aria-labelledby", "").split()
    assert [child.get("id") for child in root if child.tag in {"title", "desc"}] == named
    assert all(child.text for child in root if child.tag in {"title", "desc"})


def outcomes(counts: list[int]) -> str:
    kinds = [str(kind) for kind in OutcomeKind]
    return svg.outcome_svg("o", list(zip(kinds, counts, strict=False)), "Outcomes", "words")


def test_segments_follow_each_other_and_fill_the_bar() -> None:
    root = drawn(outcomes([5, 0, 3, 2]))
    segments = [(e.get("x"), e.get("width"), e.get("fill")) for e in root if e.tag == "rect"]
    assert segments == [
        ("0.00%", "50.00%", "url(#p-answered)"),
        ("50.00%", "30.00%", "url(#p-blocked)"),
        ("80.00%", "20.00%", "url(#p-empty)"),
    ]


def test_every_outcome_has_a_pattern_of_its_own() -> None:
    found = re.findall(r'<pattern id="p-(\w+)"[^>]*>(.*?)</pattern>', svg.patterns())
    patterns = dict(found)
    assert set(patterns) == {str(kind) for kind in OutcomeKind} | {"other", "bounds"}
    assert svg.swatch("refused").count("url(#p-refused)") == 1


def test_text_is_escaped_and_made_plain() -> None:
    text = svg.interval_svg(replace(PLOT, title="</title><script>\u202e\ud800", ends=("<b>", "&")))
    assert "<script>" not in text
    assert "<b>" not in text
    assert "⟨U+202E⟩⟨U+D800⟩" in text
