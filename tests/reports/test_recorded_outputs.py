"""A report about recorded outputs says that nothing was asked, wherever it could seem so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup, Tag

import evalharness
from evalharness.cli.app import run_app
from evalharness.reports.language import said, speaking
from evalharness.reports.page import SampleRow
from tests.reports.test_report_languages import chinese_engagement
from tests.support import ENGAGEMENT

TASK = "quickstart_factuality"
LACKING = 4


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """All items of a task, of which the first four lack an output; some answers are wrong."""
    folder = tmp_path_factory.mktemp("recorded")
    asked = evalharness.run(
        {"name": "asked", "target": {"adapter": "reference", "model": "random"}, "tasks": [TASK]},
        out=folder,
    )
    import pyarrow.parquet as pq

    rows = pq.read_table(asked.path / "samples.parquet").to_pylist()
    records = [{"sample": row["sample_id"], "response": row["response"]} for row in rows[LACKING:]]
    path = folder / "outputs.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    target = {
        "adapter": "replay", "path": str(path), "model": "helper", "columns": {"sample": "sample"},
    }  # fmt: skip
    return evalharness.run({"name": "bank", "target": target, "tasks": [TASK]}, out=folder).path


@pytest.fixture(scope="module")
def pages(run, tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("engaged")
    english = folder / "e.yaml"
    english.write_text(yaml.safe_dump(ENGAGEMENT), encoding="utf-8")
    found = {}
    for code, engagement in (("en", english), ("zh", chinese_engagement(folder / "z.yaml"))):
        suffix = ".html" if code == "en" else f".{code}.html"
        for kind in ("assurance", "label"):
            call = ["report", str(run), "--kind", kind, "--engagement", str(engagement)]
            assert run_app([*call, "--lang", code, "-q"]) == 0
            found[f"{kind} {code}"] = (run / f"{kind}{suffix}").read_text(encoding="utf-8")
    found["report en"] = (run / "report.html").read_text(encoding="utf-8")
    return found


def words(page: str) -> str:
    return re.sub(r"\s+", " ", BeautifulSoup(page, "html.parser").get_text())


def test_what_a_recording_lacks_is_one_deviation_with_its_count(run, pages):
    recorded = json.loads((run / "run.json").read_text())["deviations"]
    assert recorded == ["target: 4 samples not run, or not in full: no recorded output"]
    assert "1 of the run, 0 of the laboratory" in words(pages["assurance en"])
    assert "有 4 个样本未运行或未完整运行：没有已记录的输出" in words(pages["assurance zh"])


def test_every_part_says_that_nothing_was_asked(pages):
    page = words(pages["assurance en"])
    for part in (
        "The item was not asked: its outputs were recorded before",
        "whoever recorded them vouches that they are the item’s",
        "The laboratory put no questions to the item",
        "Input, as this evaluation would ask it",
        "Output, as it was recorded",
        "That the item gave them, and to these inputs, is the word of whoever recorded them",
        "recorded outputs (replay)",
    ):
        assert part in page, part
    assert '{"columns"' not in page
    assert "recorded outputs (replay)" in words(pages["report en"])


def test_a_label_measures_no_footprint_of_what_was_not_asked(pages):
    page = words(pages["label en"])
    assert "Its outputs were recorded before: this run asked it nothing" in page
    assert "tokens read" not in page


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        (
            "no recorded output for quick/fact-en-054 (generate, epoch 0, generation 0)",
            "quick/fact-en-054 没有已记录的输出（生成，第 0 轮，第 0 次）",
        ),
        (
            (
                "no recorded output for t/a (loglikelihood, epoch 1, choice 2)"
                "; the record has 3 scores"
            ),
            "t/a 没有已记录的输出（对数似然，第 1 轮，选项 2）；该记录有 3 个分值",
        ),
        (
            "session 2: target: 12 samples not run, or not in full: no recorded output",
            "第 2 次会话：被测模型：有 12 个样本未运行或未完整运行：没有已记录的输出",
        ),
        ("70 % measured, below the floor of 95 %", "实测 70%，低于下限 95%"),
    ],
)
def test_a_reason_is_never_cut_within_a_name(english, chinese):
    with speaking("zh"):
        assert said(english) == chinese


def test_shares_show_their_counts_and_outcomes_are_all_listed(run, pages):
    cells = evalharness.load_run(run).scorecard.cells()
    cell = cells[f"factuality/{TASK}/accuracy"]
    right = round(cell.value * cell.n_measured)
    for kind in ("assurance en", "report en"):
        soup = BeautifulSoup(pages[kind], "html.parser")
        values = [td.get_text(" ") for td in soup.select('.metrics td[data-label="Value"]')]
        assert any(f"{right} of {cell.n_measured}" in text for text in values), kind
    assert re.search(r"Of 70 generations: \d+ answered", words(pages["assurance en"]))


def test_one_evaluation_taken_whole_is_said_so(pages):
    page = words(pages["assurance en"])
    assert "1 evaluation, under a protocol id" in page
    assert "No items were drawn: each evaluation has all of its own, 70 in all." in page
    assert "drawn at random" not in page.split("2. Statement of conformity")[0]


def test_a_chosen_option_is_named_by_the_letter_that_the_page_shows(pages):
    soup = BeautifulSoup(pages["assurance en"], "html.parser")
    for sample in soup.select("article.sample"):
        shown = {dt.get_text(): dt.find_next("dd").get_text() for dt in sample.select("dt")}
        assert "chosen" not in shown
        if "Chosen" in shown:
            assert re.fullmatch("[A-Z]", shown["Chosen"])
            same = shown["Chosen"] == shown["Right answer"]
            assert same == (shown["correct"] == "1.00")
        assert not re.search(r"</dt><dd>", str(sample))


def test_an_option_without_a_letter_of_its_own_has_none():
    row = SampleRow("t", "a", 0, 0, "Q?\n\nA. two\nB. one", "B", "answered", choices=("one", "two"))
    assert (row.letter("one"), row.letter("two"), row.letter("three")) == ("B", "A", None)


@pytest.mark.parametrize("kind", ["assurance en", "assurance zh", "report en"])
def test_a_cell_holds_one_piece_beside_its_label_on_a_phone(pages, kind):
    """Each piece is laid into a column of its own, and the second one's is the label's."""
    for cell in BeautifulSoup(pages[kind], "html.parser").select(".stack td[data-label]"):
        pieces = [
            part
            for part in cell.children
            if str(part).strip()
            and not (isinstance(part, Tag) and {"small", "plot"} & {*part.get("class", ())})
        ]
        assert len(pieces) <= 1 or cell.find(class_="ends"), str(cell)[:300]


def test_no_half_width_bracket_holds_chinese(pages):
    for kind in ("assurance zh", "label zh"):
        soup = BeautifulSoup(pages[kind], "html.parser")
        for gone in soup.select("pre, style, dl.identity"):
            gone.decompose()
        assert not re.search(r"\([^()]*[\u4e00-\u9fff][^()]*\)", soup.get_text()), kind
