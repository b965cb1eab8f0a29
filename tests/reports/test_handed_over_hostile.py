"""What is handed over beside a run's reports is a whole file, and what others wrote text in it.

Gates (Markdown, JUnit), coverage, labels, comparisons, places among references, audits of a corpus.
Findings, tables and exports have theirs in tests/exports.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from evalharness.banks.rules import rules
from evalharness.corpus.audit import Audit, Settings, audit
from evalharness.corpus.items import open_corpus
from evalharness.corpus.labels import Labels
from evalharness.corpus.measure import Tally
from evalharness.policies import Policy
from evalharness.reports import coverage as coverages
from evalharness.reports import formats, gates
from evalharness.reports.comparison import render_comparison
from evalharness.reports.corpus import render_audit
from evalharness.reports.label.build import build_label
from evalharness.reports.label.given import File, LabelInput, Records
from evalharness.reports.label.page import render_label
from evalharness.reports.page import SCREEN, Medium
from evalharness.reports.placing import render_placement
from evalharness.scorecard.coverage import Answer, Clause, Coverage
from evalharness.scorecard.decisions import Decision
from evalharness.scorecard.gate import Gate
from evalharness.scorecard.model import Cell, Interval, Scorecard
from evalharness.scorecard.placing import Placed, Placement
from evalharness.tasks.frameworks import Framework
from tests.hostile import STORED
from tests.reports.test_comparison_html import comparison
from tests.reports.test_report_hostile import poisoned, skeleton

Draw = Callable[..., str]
PAPER = Medium(paper=True)
WORST = [name for name in STORED if name != "huge"]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    file = tmp_path_factory.mktemp("corpus") / "texts.txt"
    file.write_text("one\ntwo\nthree\n", encoding="utf-8")
    settings = Settings(seed=0, sample=2, share=1.0, near=False)
    return audit(open_corpus([file], {}), rules("gbt-45654"), settings)


def audit_page(found: Audit, text: str, medium: Medium = SCREEN) -> str:
    labels = Labels(Tally(), (text,), (text, text))
    return render_audit(
        replace(
            found,
            rates=tuple(replace(rate, title=text, note=text) for rate in found.rates),
            gates=tuple(replace(gate, name=text, note=text) for gate in found.gates),
            identifiers={text: 3},
            labels=labels,
        ),
        medium,
    )


def poisoned_cell(cell: Cell, text: str) -> Cell:
    return cell.model_copy(update={"title": text, "counted": text, "unit": text})


def covered(cell: Cell, text: str) -> Coverage:
    codes = [{"id": f"{text}{n}", "name": text, "instead": text} for n in range(4)]
    framework = Framework.model_validate(
        {
            "framework": "mine", "title": text, "publisher": text, "version": text,
            "source": text, "certainty": "primary", "note": text, "codes": codes,
        }
    )  # fmt: skip
    bad = poisoned_cell(cell, text)
    states: tuple[Any, ...] = ("measured", "insufficient", "not in this run", "no task")
    answer = Answer(text, text, text, bad, "measured", (text, bad), text, (text,))
    return Coverage(
        framework,
        text,
        tuple(
            Clause(code, "primary", state, (replace(answer, state=state),) * (n < 2), (text,))
            for n, (code, state) in enumerate(zip(framework.codes, states, strict=True))
        ),
    )


def gate(cell: Cell, text: str) -> Gate:
    policy = Policy.model_validate(
        {"policy": "p", "version": 1, "title": text,
         "criteria": [{"metric": "a/b/c", "at_least": 0.5}]}
    )  # fmt: skip
    bad = poisoned_cell(cell, text)
    verdicts: tuple[Any, ...] = ("holds", "fails", "insufficient")
    return Gate(
        text,
        policy,
        False,
        tuple(Decision(text, text, text, text, verdict, text, bad) for verdict in verdicts),
        0.95,
        alone=((text, text),),
        demonstration=(text,),
    )


def placement(text: str) -> Placement:
    figure = Placed(
        text, "factuality", text, text, text, "higher", text, (0.0, 1.0), text, 0.5, 0.4, 9, 8, 0.1,
        Interval(low=-0.1, high=0.3, level=0.95, sides=2, method=text), 1.2, (1.0, None), 0.5, 0.5,
        "no difference shown", (text,),
    )  # fmt: skip
    refused = ((text, text, (text,)),)
    return Placement(text, (text,), 0.95, (figure,), refused, {(text, text): (1, 2, 2)}, note=text)


def label_page(scorecard: Scorecard, run: dict[str, Any], text: str) -> str:
    # a task's name has no slash: keys are parted by it
    bad, bad_run, _rows = poisoned(scorecard, run, text.replace("/", ":"))
    records = Records(File(text, "a" * 64), File(text, "b" * 64), None)
    whole = {**bad_run, "measurement": "c" * 64, "tasks": {}}
    return render_label(build_label(LabelInput(bad, whole, records, {})))


@pytest.fixture
def cell(scorecard: Scorecard) -> Cell:
    return scorecard.dimensions["toxicity"].tasks["toxic_continuations"].metrics["toxic_share"]


@pytest.fixture
def drawn(scorecard: Scorecard, run: dict[str, Any], audited: Audit, cell: Cell) -> dict[str, Draw]:
    """Kind of page -> draws it, every free text of it being the one that is given."""
    return {
        "comparison": lambda text, medium=SCREEN: render_comparison(
            comparison(lambda _: text), medium, [placement(text)]
        ),
        "placement": lambda text, medium=SCREEN: render_placement(placement(text), text, medium),
        "coverage": lambda text, medium=SCREEN: coverages.render_coverage(
            covered(cell, text), medium
        ),
        "audit": lambda text, medium=SCREEN: audit_page(audited, text, medium),
        "label": lambda text, _medium=SCREEN: label_page(scorecard, run, text),
    }


KINDS = ("comparison", "placement", "coverage", "audit", "label")


def parsed(markdown: str) -> list[Any]:
    """As GitHub reads it: with tables and raw HTML."""
    blocks = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
    return [*blocks, *(child for block in blocks for child in block.children or ())]


def shape(tokens: list[Any]) -> list[str]:
    """Blocks in order: headings, tables with their cells, lists."""
    return [token.type for token in tokens if token.block and token.type != "inline"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WORST)
def test_a_page_keeps_its_elements(
    kind: str, name: str, drawn: dict[str, Draw], parse: Callable[[str], list[Any]]
) -> None:
    def elements(text: str) -> list[Any]:
        return [e for e in skeleton(parse(drawn[kind](text))) if e[0] != "bdi"]

    page = drawn[kind](STORED[name])
    hostile, harmless = elements(STORED[name]), elements("harmless")
    if kind == "label":  # one sheet: where texts are long it leaves cells out, and says so
        assert set(hostile) <= {*harmless, ("p", ("class",))}
    else:
        assert hostile == harmless
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", page)
    page.encode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_huge_text_is_cut(kind: str, drawn: dict[str, Draw]) -> None:
    assert len(drawn[kind](STORED["huge"])) < 2_000_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WORST)
def test_its_markdown_shows_text(kind: str, name: str, drawn: dict[str, Draw]) -> None:
    tokens = parsed(formats.as_markdown(drawn[kind](STORED[name], PAPER)))
    assert not {token.type for token in tokens} & {
        "html_block",
        "html_inline",
        "image",
        "link_open",
    }
    hostile = shape(tokens)
    harmless = shape(parsed(formats.as_markdown(drawn[kind]("harmless", PAPER))))
    if kind == "label":
        assert set(hostile) <= set(harmless)
        assert hostile.count("heading_open") == harmless.count("heading_open")
    else:
        assert hostile == harmless


@pytest.mark.parametrize("kind", ["gate", "coverage"])
@pytest.mark.parametrize("name", WORST)
def test_markdown_that_is_written_as_such_shows_text(kind: str, name: str, cell: Cell) -> None:
    def written(text: str) -> list[Any]:
        if kind == "gate":
            return parsed(gates.as_markdown(gate(cell, text)))
        return parsed(coverages.markdown(covered(cell, text)))

    tokens = written(STORED[name])
    raw = [token.content for token in tokens if token.type in {"html_block", "html_inline"}]
    assert set(raw) <= {"<br>"}
    assert not {token.type for token in tokens} & {"image", "link_open"}
    assert shape(tokens) == shape(written("harmless"))


@pytest.mark.parametrize("name", STORED)
def test_junit_is_xml_with_the_text_in_it(name: str, cell: Cell) -> None:
    text = gates.as_junit(gate(cell, STORED[name]))
    suite = ET.fromstring(text.encode())  # noqa: S314 - our own text
    assert [case.tag for case in suite.iter("testcase")] == ["testcase"] * 3
    assert {child.tag for case in suite for child in case} == {
        "property", "system-out", "failure", "error"
    }  # fmt: skip
    assert len(text) < 200_000
    if name == "script":
        (failure,) = suite.iter("failure")
        assert failure.get("message") == STORED[name]


@pytest.mark.full  # Pango is needed
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["script", "style", "control", "cjk", "rtl"])
def test_its_pdf_is_made_and_read(
    kind: str, name: str, drawn: dict[str, Draw], tmp_path: Path
) -> None:
    made = formats.as_pdf(drawn[kind](STORED[name], PAPER))
    path = tmp_path / "page.pdf"
    path.write_bytes(made)
    read = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True)
    for forbidden in (b"/JavaScript", b"/JS ", b"/Launch", b"/EmbeddedFile"):
        assert forbidden not in made
    wanted = {"script": "<script>alert(1)</script>", "cjk": "模型的回答", "style": "</style>"}
    found = "".join(read.stdout.split())
    assert wanted.get(name, "") in found
