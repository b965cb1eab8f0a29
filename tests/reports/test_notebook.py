"""Pictures and tables for notebooks: whole in themselves, true to the figures, harmless."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

import evalharness
from evalharness.display import Drawing
from evalharness.errors import ConfigError
from evalharness.reports.drawing import Line, drawn
from evalharness.reports.notebook import draw_outcomes
from tests.support import FakeModel, item, write_suite

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</text><script>alert(1)</script><a href="javascript:x">\u202e"'


def answer(request):
    """Right on nine of twelve."""
    number = int(request.slot.sample.removeprefix("q"))
    return f"{'right' if number < 9 else 'wrong'} {number}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown")
    items = [item(n, topic=HOSTILE if n % 2 else "plain") for n in range(12)]
    suite = write_suite(folder, items)
    task = suite / "small" / "task.yaml"
    task.write_text(f"{task.read_text()}slices: [topic]\n")
    model = FakeModel(answer, name=HOSTILE)
    return evalharness.run({"target": model, "suites": [str(suite)]}, out=folder / "results")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    tasks = ["quickstart_toxicity", "quickstart_factuality"]
    config = {"target": "demo", "classifier": "demo_toxicity", "tasks": tasks, "limit": 4}
    return evalharness.run(config, out=tmp_path_factory.mktemp("demo"))


def parsed(drawing: Drawing) -> ET.Element:
    return ET.fromstring(drawing.svg)  # noqa: S314 - our own


def words(drawing: Drawing) -> list[str]:
    return [str(text.text) for text in parsed(drawing).iter(f"{SVG}text")]


def test_a_scorecard_s_headlines_with_value_interval_and_denominator(run):
    drawing = run.scorecard.plot()
    assert drawing.rows == 1
    figure = [word for word in words(drawing) if word[0].isdigit()][:3]
    assert figure == ["75 %", "47\u201391 %", "12 of 12 samples"]
    assert "higher is better" in words(drawing)
    dot = next(c for c in parsed(drawing).iter(f"{SVG}circle") if c.get("class") == "dot")
    assert dot.get("cx") == "75.00%"


def test_a_harm_figure_brings_its_counterpart(demo):
    drawing = demo.scorecard.plot("toxicity/quickstart_toxicity/toxic_fraction")
    assert drawing.rows == 2
    assert "Answered" in words(drawing)
    table = demo.scorecard._repr_html_()
    assert table.index("Toxic fraction") < table.index("Answered")
    assert "<i>demonstration</i>" in table


def test_slices_stand_behind_their_figure(run):
    drawing = run.scorecard.plot("factuality/headline", slices="topic")
    assert drawing.rows == 3
    assert "\u2003topic: plain".strip() in [text.strip() for text in words(drawing)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"figures": "factuality/small/acuracy"}, "no figure 'factuality/small/acuracy'.*did you"),
        ({"figures": "accuracy"}, "no figure 'accuracy'"),
        ({"slices": "colour"}, "no slices by 'colour'; there are: topic"),
    ],
)
def test_what_cannot_be_drawn_is_said(run, options, said):
    with pytest.raises(ConfigError, match=said):
        run.scorecard.plot(**options)


def test_text_of_others_does_nothing_in_a_picture_or_a_table(run):
    drawing = run.scorecard.plot("factuality/headline", slices="topic")
    found = {element.tag.removeprefix(SVG) for element in parsed(drawing).iter()}
    assert found <= {
        "svg", "title", "desc", "style", "defs", "pattern", "rect", "circle", "line", "path",
        "text",
    }  # fmt: skip
    assert "\u202e" not in drawing.svg
    for html in (run._repr_html_(), run.scorecard._repr_html_()):
        assert type(html) is str
        assert "<script" not in html
    attributes = {name for element in parsed(drawing).iter() for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or "href" in name}


def test_a_picture_is_whole_in_itself(demo):
    for drawing in (demo.scorecard.plot(), demo.samples.plot()):
        assert "var(" not in drawing.svg
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", drawing.svg)
        style = parsed(drawing).find(f"{SVG}style").text
        selectors = re.findall(r"^([^{]+)\{", style, re.MULTILINE)
        assert len(selectors) > 10
        for selector in selectors:
            assert all(one.strip().startswith(".evalharness ") for one in selector.split(","))
        for used in re.findall(r"url\(#([\w-]+)\)", drawing.svg):
            assert f'id="{used}"' in drawing.svg
    assert demo.scorecard.plot() == demo.scorecard.plot()


def test_what_is_drawn_has_its_colour(demo):
    for drawing in (demo.scorecard.plot(), demo.samples.plot()):
        shapes = [e for tag in ("rect", "line", "circle") for e in parsed(drawing).iter(SVG + tag)]
        style = parsed(drawing).find(f"{SVG}style").text
        for cls in {shape.get("class") for shape in shapes}:
            assert re.search(rf"\.{cls} \{{ (?:fill|stroke): [#\w]", style), cls


def test_saving(demo, tmp_path):
    path = demo.scorecard.plot().save(tmp_path / "card.svg")
    assert ET.parse(path).getroot().tag == f"{SVG}svg"  # noqa: S314 - our own
    with pytest.raises(ConfigError, match=r"name a file that ends in \.svg"):
        demo.scorecard.plot().save(tmp_path / "card.png")
    assert repr(demo.samples.plot()) == "Drawing('Outcomes by task', rows=2)"


def test_long_and_wide_texts_are_cut_with_the_whole_beside(tmp_path):
    drawing = drawn("t", [Line(("\u4e2d" * 60, "w" * 200), None, ("1", ""))])
    cut = [
        text for text in parsed(drawing).iter(f"{SVG}text") if text.find(f"{SVG}title") is not None
    ]
    assert [len(text.text) for text in cut] == [21, 54]
    assert [len(text.find(f"{SVG}title").text) for text in cut] == [60, 200]


def test_more_bars_than_a_picture_holds_are_counted():
    counted = {f"task {n}": {"answered": 1} for n in range(80)}
    drawing = draw_outcomes(counted, "Outcomes")
    assert (drawing.rows, drawing.title) == (60, "Outcomes (the first 60 of 80)")


def test_a_comparison_s_differences(run, tmp_path):
    model = FakeModel(lambda r: f"wrong {int(r.slot.sample[1:])}", name="other")
    suite = run.path.parents[1] / "suite_small"
    other = evalharness.run({"target": model, "suites": [str(suite)]}, out=tmp_path)
    found = evalharness.compare(run, other)
    drawing = found.plot("small/accuracy")
    assert drawing.rows == 1
    assert "\u221275 percentage points" in words(drawing)
    assert any(text.startswith("worse, 12 of 12 samples") for text in words(drawing))
    assert found.plot().rows == len(found.claims)
    with pytest.raises(ConfigError, match=r"no difference of 'small/acuracy'.*did you mean"):
        found.plot("small/acuracy")
