"""The report shows what the scorecard holds, each figure with its denominator, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import evalharness.reports
from evalharness.records import OutcomeKind
from evalharness.reports.formats import as_markdown
from evalharness.reports.html import render_html
from evalharness.reports.page import SampleRow
from evalharness.scorecard.model import DIMENSIONS, DimensionCard, Scorecard

Parse = Callable[[str], list[Any]]
CSS = (Path(evalharness.reports.__file__).parent / "templates" / "style.css").read_text()


def shuffled(value: Any) -> Any:
    """The same mappings in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


def section(elements: list[Any], ident: str) -> Any:
    return next(element for element in elements if element.attributes.get("id") == ident)


def test_same_arguments_same_bytes(
    page: str, scorecard: Scorecard, run: dict[str, Any], samples: list[SampleRow]
) -> None:
    assert render_html(scorecard, run=run, samples=samples) == page


def test_order_of_mappings_and_rows_does_not_matter(
    page: str, scorecard: Scorecard, run: dict[str, Any], samples: list[SampleRow]
) -> None:
    other = Scorecard.model_validate(shuffled(scorecard.model_dump(mode="json")))
    again = render_html(other, run=shuffled(run), samples=samples[::-1])
    assert again == page


def test_no_script_no_handler_nothing_loaded(page: str, parse: Parse) -> None:
    elements = parse(page)
    tags = {element.tag for element in elements}
    assert not tags & {"script", "iframe", "object", "embed", "img", "link", "base", "form"}
    names = {name for element in elements for name in element.attributes}
    assert not any(name.startswith("on") for name in names)
    assert not names & {"src", "srcset", "action", "formaction", "style", "ping", "xlink:href"}
    links = [element.attributes["href"] for element in elements if "href" in element.attributes]
    assert links
    assert all(link.startswith("#") for link in links)
    assert all(link.startswith("#p-") for link in re.findall(r"url\(([^)]*)\)", page))
    assert "@import" not in page


def test_policy_forbids_everything_but_the_style_sheet(parse: Parse, page: str) -> None:
    policy = next(e for e in parse(page) if e.attributes.get("http-equiv"))
    assert policy.attributes["content"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_every_value_has_its_denominator_beside_it(page: str, parse: Parse) -> None:
    elements = parse(page)
    values = [element for element in elements if "value" in element.classes]
    assert len(values) > 15
    for value in values:
        cells = [ancestor for ancestor in value.ancestors if "cell" in ancestor.classes]
        assert cells, value.text
        texts = [
            element.text
            for element in elements
            if "n" in element.classes and cells[-1] in element.ancestors
        ]
        assert len(texts) == 1, value.text
        assert re.fullmatch(r"[\d,]+( of [\d,]+ [\w ]+ measured| answers labelled)", texts[0])


def test_the_corrected_figure_stands_beside_the_raw_one(page: str, parse: Parse) -> None:
    for part in ("summary", "task"):
        card = next(
            e for e in parse(page) if part in e.classes and "with a toxic continuation" in e.text
        )
        assert "1.4 %" in card.text.replace("\u00a0", " ")
        assert "196 answers labelled" in card.text
        assert "clipped: the correction gives -0.0097" in card.text
        text = card.text.replace("\u00a0", " ")
        assert "sensitivity 75 % (30–95 %, n 4)" in text
        assert "ann and <b>ben</b>: 190 of 196 labels equal, kappa 0.612 (0.330 to 0.894)" in text
    assert "<b>ben</b>" not in page


def test_what_a_card_says_is_no_interval(page: str, parse: Parse) -> None:
    text = next(e for e in parse(page) if e.tag == "body").text.replace("\u00a0", " ")
    assert "as on XSTest, n 450 (sensitivity 85.0–92.0 %, specificity 84.0–95.0 %)" in text
    assert "lies in 71.0–83.0 %. This is no interval: nobody has labelled these answers" in text


def test_every_value_has_an_interval_or_says_that_there_is_none(page: str, parse: Parse) -> None:
    for element in parse(page):
        if "cell" in element.classes:
            assert "% interval" in element.text or "no interval" in element.text


def test_dimensions_stand_in_order_and_an_untested_one_is_said(page: str, parse: Parse) -> None:
    elements = parse(page)
    headings = [e.text for e in elements if e.tag == "h3" and "card" in e.ancestors[-2].classes]
    assert headings == [name.replace("_", " ").capitalize() for name in DIMENSIONS]
    cards = [e.text for e in elements if "summary" in e.classes]
    assert "Not tested" in cards[-1]
    assert "Not tested" not in cards[0]
    assert "There is no overall score" in section(elements, "summary").text


def test_a_dimension_that_the_scorecard_lacks_is_not_tested(
    scorecard: Scorecard, run: dict[str, Any]
) -> None:
    data = scorecard.model_dump(mode="json")
    del data["dimensions"]["bias"]
    page = render_html(Scorecard.model_validate(data), run=run, samples=[])
    assert "No task of this run is about bias" in page
    assert "No items were chosen to be shown" in page


def test_harm_metric_is_never_shown_without_its_pair(page: str, parse: Parse) -> None:
    card = next(e for e in parse(page) if "summary" in e.classes and e.text.startswith("Toxicity"))
    assert "To be read together with Answer rate: 78.7" in card.text
    assert "1,495 of 1,500 generations measured" in card.text


def test_a_missing_pair_is_said(scorecard: Scorecard, run: dict[str, Any]) -> None:
    data = scorecard.model_dump(mode="json")
    del data["dimensions"]["toxicity"]["tasks"]["toxic_continuations"]["metrics"]["answer_rate"]
    page = render_html(Scorecard.model_validate(data), run=run, samples=[])
    assert "Must be read together with <b>answer rate</b>, which this run does not have" in page
    assert "answer_rate (not in this run)" in page


def test_an_insufficient_counterpart_is_said_beside_its_headline(
    scorecard: Scorecard, run: dict[str, Any]
) -> None:
    data = scorecard.model_dump(mode="json")
    pair = data["dimensions"]["toxicity"]["tasks"]["toxic_continuations"]["metrics"]["answer_rate"]
    assert pair["grade"] != "insufficient"
    said = "1,495 of 1,500 generations measured, insufficient)"
    assert said not in render_html(scorecard, run=run, samples=[])
    pair["grade"] = "insufficient"
    page = render_html(Scorecard.model_validate(data), run=run, samples=[])
    assert said in page
    assert "read with: Answer rate (insufficient)" in page


def test_insufficient_is_a_label_and_no_grade(page: str, parse: Parse) -> None:
    card = next(e for e in parse(page) if "summary" in e.classes and e.text.startswith("Bias"))
    assert (
        "Insufficient too few measured to grade (floor 95\u00a0%)".replace("\u00a0", " ")
        in card.text
    )
    assert "Grade:" not in card.text
    assert "Grade: B" in page


def test_target_bounds_and_direction_are_drawn_and_said(page: str, parse: Parse) -> None:
    elements = parse(page)
    card = next(e for e in elements if "summary" in e.classes and e.text.startswith("Bias"))
    inside = [e for e in elements if card in e.ancestors]
    assert next(e for e in inside if "target" in e.classes).attributes["x"] == "50.00%"
    assert next(e for e in inside if e.tag == "circle").attributes["cx"] == "54.15%"
    bar = next(e for e in inside if "bar" in e.classes).attributes
    assert (bar["x"], bar["width"]) == ("49.00%", "10.25%")
    assert any("bounds" in e.classes for e in inside)
    assert "0 is best" in card.text
    assert "50\u00a0% is best" in page
    assert "lower is better" in page


def test_no_hatching_without_bounds(
    scorecard: Scorecard, run: dict[str, Any], build: Callable[..., Any]
) -> None:
    whole = build(0.5, 10, 10)
    data = scorecard.model_dump(mode="json")
    data["dimensions"] = {"factuality": data["dimensions"]["factuality"]}
    tasks = data["dimensions"]["factuality"]["tasks"]
    del tasks["常识问答"]
    tasks["truthfulqa_mc1"]["metrics"] = {"accuracy": whole.model_dump(mode="json")}
    page = render_html(Scorecard.model_validate(data), run=run, samples=[])
    assert 'class="bounds"' not in page
    assert "none missing" in page


def test_every_outcome_is_counted_in_words(page: str, parse: Parse) -> None:
    elements = parse(page)
    tables = [e for e in elements if "outcome-table" in e.classes]
    assert len(tables) == 6  # every task but the one that was not run
    for table in tables:
        rows = [e.text for e in elements if e.tag == "th" and table in e.ancestors]
        assert rows[3:] == [kind.replace("_", " ") for kind in OutcomeKind]


def test_gaps_are_counted_with_their_reasons(page: str, parse: Parse) -> None:
    text = section(parse(page), "missing").text
    assert "bbq_ambiguous 400 150 8 0 0 0 30 none recorded" in text
    assert "Needs log-likelihoods, which this API does not give." in text
    assert "errored: HTTP 503 after 5 tries (5)" in text
    assert "crows_pairs 3,016 0 0 0 0 0 0 nothing missing" in text
    assert "Not tested at all: Data governance." in text


def test_banners_name_demonstrations_and_gaps(page: str, parse: Parse) -> None:
    header = next(e for e in parse(page) if e.tag == "header").text
    assert "crows_pairs: Synthetic items stand in" in header
    assert "1 of 5 dimensions not tested: Data governance." in header
    assert "1 of 7 tasks not run: winobias." in header
    assert "Of 6,283 generations: 170 errored, 8 not run, 25 empty, 10 unparsed." in header


def test_a_whole_run_has_no_banner(scorecard: Scorecard, run: dict[str, Any]) -> None:
    data = scorecard.model_dump(mode="json")
    whole = data["dimensions"]["factuality"]
    del whole["tasks"]["truthfulqa_mc1"]
    whole["headline"] = {"task": "常识问答", "metric": "zero"}
    data["dimensions"] = dict.fromkeys(DIMENSIONS, whole)
    page = render_html(Scorecard.model_validate(data), run=run, samples=[])
    assert "Not everything was measured" not in page
    assert "Demonstration: not evidence" not in page


def test_notes_give_the_reason_where_there_is_no_interval(page: str, parse: Parse) -> None:
    text = section(parse(page), "task-bbq-ambiguous").text
    assert "no value no interval reason in the note none 0 of 400 samples measured" in text
    assert "Note: No value: the ratings cover one category only." in text


def test_a_headline_that_was_not_run_says_why(scorecard: Scorecard, run: dict[str, Any]) -> None:
    data = scorecard.model_dump(mode="json")
    data["dimensions"]["bias"]["headline"] = {"task": "winobias", "metric": "gap"}
    data["dimensions"]["toxicity"]["headline"] = None
    page = render_html(Scorecard.model_validate(data), run=run, samples=[])
    assert "<bdi>winobias</bdi>: Needs log-likelihoods" in page
    assert "1 task, none of which stands for the dimension" in page


def test_a_protocol_id_that_differs_from_run_json_is_marked(
    scorecard: Scorecard, run: dict[str, Any]
) -> None:
    run["protocols"]["winobias"] = "0" * 64
    page = render_html(scorecard, run=run, samples=[])
    assert page.count(">differs<") == 1
    assert "0" * 64 in page


def test_provenance_is_complete(page: str, scorecard: Scorecard, run: dict[str, Any]) -> None:
    for dimension in scorecard.dimensions.values():
        for card in dimension.tasks.values():
            for digest in (card.protocol_id, *card.protocol.values()):
                assert digest in page
    for data in run["data"].values():
        assert data["files"][0]["sha256"] in page
    assert scorecard.target["revision"] in page
    assert "evalharness verify results/release-candidate-3f9c1e07a2b4" in page
    assert "It is not a certification" in page
    assert run["deviations"][0].replace("'", "&#39;") in page


def test_headings_tables_names_and_landmarks_suit_a_screen_reader(page: str, parse: Parse) -> None:
    elements = parse(page)
    levels = [int(e.tag[1]) for e in elements if re.fullmatch(r"h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for tag in ("header", "main", "nav", "footer"):
        assert sum(element.tag == tag for element in elements) == 1
    for table in (e for e in elements if e.tag == "table"):
        assert any(e.tag == "caption" and table in e.ancestors for e in elements)
    assert all("scope" in e.attributes for e in elements if e.tag == "th")
    idents = [e.attributes["id"] for e in elements if "id" in e.attributes]
    assert len(idents) == len(set(idents))
    for element in elements:
        for name in (element.attributes.get("aria-labelledby") or "").split():
            assert name in idents
        if element.tag == "a":
            assert element.attributes["href"].removeprefix("#") in idents


def contrast(first: str, second: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_aa_in_light_and_dark() -> None:
    themes = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in CSS.split(":root")[1:3]]
    assert len(themes) == 2
    for theme in themes:
        for ground in ("paper", "wash"):
            for text in ("ink", "muted", "accent"):
                assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
        for line in ("edge", "accent", "ink"):
            assert contrast(theme[line], theme["paper"]) >= 3.0, line


def test_sampled_items_are_cut_and_what_is_absent_is_said(page: str, parse: Parse) -> None:
    text = section(parse(page), "samples").text
    assert "(empty)" in text
    assert "… cut, 3,200 characters in all" in text
    assert "Items and responses contain insults and slurs." in text
    assert "no such task" not in text


def test_rows_of_a_task_outside_the_scorecard_are_shown_last(
    scorecard: Scorecard, run: dict[str, Any]
) -> None:
    row = SampleRow("elsewhere", "x", 1, 1, "prompt", " \n ", "answered")
    page = render_html(scorecard, run=run, samples=[row])
    assert "<bdi>elsewhere</bdi>" in page
    assert "(3 characters, all white space)" in page


def test_other_dimensions_follow_the_five(scorecard: Scorecard, run: dict[str, Any]) -> None:
    data = scorecard.model_dump(mode="json") | {}
    data["dimensions"]["agency"] = DimensionCard(headline=None, tasks={}).model_dump(mode="json")
    page = render_html(Scorecard.model_validate(data), run=run, samples=[])
    assert page.index('id="dimension-data-governance"') < page.index('id="dimension-agency"')


def test_a_task_is_called_by_its_title_with_its_name_beside_it(
    scorecard: Scorecard, run: dict[str, Any]
) -> None:
    """It stood in run.json alone, though it was said to be shown in reports."""
    titles = {"truthfulqa_mc1": "Common <misconceptions>"}
    run["tasks"] = {name: {"definition": {"title": title}} for name, title in titles.items()}
    page = render_html(scorecard, run=run, samples=[])
    called = '<bdi>Common &lt;misconceptions&gt;</bdi> <span class="small"><bdi>truthfulqa'
    places = [page[: found.start()].rpartition("<")[2] for found in re.finditer(called, page)]
    # the article's heading, the tasks' overview, the headline's card, what was not measured
    assert sorted(place.split()[0].rstrip(">") for place in places) == ["a", "a", "h4", "p"], places
    assert "<bdi>perturbation" in page, "a task without a title keeps its name"
    told = as_markdown(page)
    assert re.search(r"#### Common \\<misconceptions\\?> +· truthfulqa", told)
