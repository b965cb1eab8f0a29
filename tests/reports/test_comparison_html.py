"""The page of a comparison: self-contained, the same bytes, hostile names as text, every width."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from evalharness.comparison import Claim, Comparison, Ranked, Ranking, Refused
from evalharness.comparison.rankings import Unranked
from evalharness.comparison.sides import Beside
from evalharness.reports.comparison import comparison_fragment, render_comparison
from evalharness.reports.language import speaking
from evalharness.scorecard.pairing import Paired
from evalharness.scorecard.ranking import Place
from evalharness.stats import Estimate, Interval
from tests.hostile import HOSTILE
from tests.reports.conftest import cell, interval

Parse = Callable[[str], list[Any]]


def claim(run: str, name: str, value: float | None, **more: Any) -> Claim:
    interval = None
    if value is not None and more.pop("interval", True):
        interval = Interval(value - 0.05, value + 0.05, 0.95, 2, "agresti-min")
    paired = Paired(
        a=0.5, b=None if value is None else 0.5 + value,
        difference=Estimate(value, interval, None, 200, 20, notes=more.pop("notes", ())),
        p_value=0.01, test="McNemar, exact", wins=30, ties=150, losses=20, n_planned=210,
        n_compared=200, detectable=0.07, not_worse_by=0.02,
    )  # fmt: skip
    made = Claim(
        run=run, dimension="factuality", task="facts", metric=name, title=f"Title of {name}",
        direction="higher", unit="proportion", range=(0.0, 1.0), counted="samples",
        baseline="base-1", paired=paired, p_adjusted=0.02, verdict="better",
    )  # fmt: skip
    return replace(made, **more)


def comparison(text: Callable[[str], str] = str) -> Comparison:
    """Every kind of thing that a comparison can hold; ``text`` is applied to every name."""
    base, later, third = text("base-1"), text("later-2"), text("third-3")
    claims = [
        claim(later, text("accuracy"), 0.08),
        claim(later, text("leaks"), -0.3, verdict="worse", direction="lower"),
        claim(later, text("bias"), 0.01, verdict="no difference shown", direction=0.5),
        claim(later, text("flat"), 0.0, interval=False, verdict="not tested", p_adjusted=None,
              notes=(text("the statistic is the same on every replicate"),)),
        claim(later, text("none"), None, verdict="not tested", p_adjusted=None),
        claim(third, text("accuracy"), 0.02, verdict="no difference shown"),
    ]  # fmt: skip
    claims = [
        replace(
            c, title=text(c.title), task=text(c.task), unit=text(c.unit), counted=text("samples")
        )
        for c in claims
    ]
    slices = [replace(claims[0], slice=(text("topic"), text("law")))]
    ranking = Ranking(
        dimension="factuality", task=text("facts"), metric=text("accuracy"), title=text("Accuracy"),
        direction="higher", unit="proportion", range=(0.0, 1.0), counted="samples", n_planned=210,
        n_compared=200,
        runs=(Ranked(later, text("model b"), 0.58, Place(1, 1, 1, ("a",)),
                     Beside(text("answered"), 0.75)),
              Ranked(base, text("model a"), 0.5, Place(0, 2, 3, ("b",)),
                     Beside(text("answered"), None)),
              Ranked(third, text("model c"), 0.49, Place(2, 2, 3, ("b",)))),
        pairs=(claims[0],), left_out=(Refused(third, text("facts"), (text("items differ"),)),),
    )  # fmt: skip
    return Comparison(
        runs=(base, later, third),
        targets=(text("model a"), text("model b"), text("model c")),
        level=0.95,
        claims=tuple(claims),
        slices=tuple(slices),
        refused=(Refused(later, text("other"), (text("method: choose against letter"),)),),
        not_paired=(text("facts/ece"),),
        notes=(text("a note"),),
        rankings=(ranking,),
        unranked=(Unranked(text("harm/rate"), (text("method: letter against choose"),)),),
        demonstrations={third: frozenset({text("facts")})},
    )


def test_the_page_says_what_was_found() -> None:
    page = render_comparison(comparison())
    assert render_comparison(comparison()) == page
    for said in (
        "beside it <bdi>answered</bdi> 0.75",
        "not to be read without <bdi>answered</bdi>, which is not measured",
        "Not ranked by <bdi>harm/rate</bdi>: method: letter against choose",
        '<span class="small">demonstration</span>',
        "1 better, 1 worse, 1 no difference shown, 2 not tested.",
        "+8.0\u00a0percentage points",
        "+3.0 to +13.0\u00a0percentage points",
        "50.0\u00a0% to 58.0\u00a0%",
        "30 won, 150 tied, 20 lost",
        "200 of 210 samples in 20 clusters",
        "p 0.02, McNemar, exact",
        "one of +7.0\u00a0percentage points would be found four times of five",
        "Note: the statistic is the same on every replicate",
        "<b>Not comparable:</b> <bdi>other</bdi> is another test.",
        "<li>method: choose against letter</li>",
        "2\u20133",
        "Not ranked: <bdi>third-3</bdi>: items differ",
        "Figures without an interval",
    ):
        assert said in page, said


def test_a_difference_is_drawn_with_its_interval_and_the_line_of_no_difference(
    parse: Parse,
) -> None:
    page = render_comparison(comparison())
    plots = [e for e in parse(page) if e.tag == "svg" and "plot" in e.classes]
    assert len(plots) == 5  # one a claim with a value; none for what was not measured
    assert page.count('class="target" x="50.00%"') == 5
    assert page.count('class="bar"') == 4  # and no bar without an interval
    # .08 on a scale to .5, which the widest interval of its unit asks for
    assert 'class="dot" cx="58.00%"' in page
    assert "Difference +8.0\u00a0percentage points, +3.0 to +13.0" in page


def test_no_script_nothing_loaded_and_the_report_s_policy(parse: Parse) -> None:
    page = render_comparison(comparison())
    assert not {e.tag for e in parse(page)} & {"script", "link", "img", "iframe", "object", "form"}
    assert "Content-Security-Policy" in page
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|@import|\bon\w+=", page)
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "huge"])
def test_hostile_names_are_text(name: str, parse: Parse) -> None:
    plain, text = render_comparison(comparison()), HOSTILE[name]
    page = render_comparison(comparison(lambda _: text))
    tags = {"script", "img", "style", "svg", "title", "a", "iframe"}

    def shape(markup: str) -> dict[str, int]:
        found = [e.tag for e in parse(markup) if e.tag in tags]
        return {tag: found.count(tag) for tag in tags}

    both = shape(page)
    expected = shape(plain)
    for tag in ("script", "img", "style", "a", "iframe"):
        assert both[tag] == expected[tag], tag
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\u200b]", page)
    page.encode()
    comparison_fragment(comparison(lambda _: text)).encode()


def test_a_huge_name_is_cut() -> None:
    assert len(render_comparison(comparison(lambda _: HOSTILE["huge"]))) < 1_000_000


def test_a_notebook_gets_the_tables_alone() -> None:
    fragment = comparison_fragment(comparison())
    assert "<style" not in fragment
    assert "<svg" not in fragment
    assert "30 won, 150 tied, 20 lost" in fragment
    assert fragment in comparison()._repr_html_()


def test_a_corrected_p_value_says_so_and_what_it_is_alone(parse: Parse) -> None:
    """An interval above 0 stood beside "no difference shown, p 0.16" without a word of why."""
    found = comparison()
    page = render_comparison(found)
    assert found.tested == 4
    assert "after Holm over 4 figures; 0.01 alone" in page
    assert "Each interval stands on its own, p-values and verdicts are corrected" in page
    assert "Benjamini-Hochberg over" not in page, "one slice alone has nothing beside it"
    two = replace(found, slices=(*found.slices, *found.slices))
    assert "after Benjamini-Hochberg over 2 slices; 0.01 alone" in render_comparison(two)
    one = render_comparison(replace(found, claims=found.claims[:1]))
    assert "after Holm" not in one
    with speaking("zh"):
        assert "4 项指标经 Holm 法校正；未校正 p：0.01" in render_comparison(found)


def test_each_run_s_own_interval_stands_below_the_pair() -> None:
    key, found = "factuality/facts/accuracy", comparison()
    first = cell(0.5, 50, 49, interval=interval(0.364, 0.636))
    cells = {"base-1": {key: first}, "later-2": {key: cell(0.9, 210, 200)}}
    page = render_comparison(replace(found, cells=cells))
    assert page.count("each run’s own: 36–64\u00a0%, n 49; no interval, n 200") == 1
    del cells["later-2"]
    assert "each run’s own" not in render_comparison(replace(found, cells=cells))


def test_the_title_of_a_task_stands_in_its_row() -> None:
    page = render_comparison(replace(comparison(), titles={"facts": "Bank <facts>"}))
    assert page.count('<span class="small"><bdi>Bank &lt;facts&gt;</bdi></span>') == 7


def test_the_page_is_called_by_what_it_compares() -> None:
    found = comparison()
    assert "<title>Comparison: model a against 2 others</title>" in render_comparison(found)
    two = replace(found, runs=found.runs[:2], targets=found.targets[:2])
    page = render_comparison(two)
    assert "<title>Comparison: model a against model b</title>" in page
    assert '<bdi class="model">model a against model b</bdi></h1>' in page
    again = render_comparison(replace(two, targets=("model a", "model a")))
    assert "<title>Comparison: base-1 against later-2</title>" in again, "one model, two runs"
    with speaking("zh"):
        assert "<title>比较：model a 对比 model b</title>" in render_comparison(two)
