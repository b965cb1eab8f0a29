"""What a model, a data set or a config says is text on the page, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from evalharness.reports import text as texts
from evalharness.reports.html import render_html
from evalharness.reports.page import SampleRow
from evalharness.scorecard.model import Scorecard
from tests.hostile import HOSTILE


def replaced(value: Any, text: str) -> Any:
    """``value`` with every free text, key and value, replaced by ``text`` (keys stay distinct)."""
    if isinstance(value, str):
        return text
    if isinstance(value, dict):
        return {f"{text} {n}": replaced(v, text) for n, v in enumerate(value.values())}
    if isinstance(value, list):
        return [replaced(item, text) for item in value]
    return value


def poisoned_cell(cell: dict[str, Any], text: str) -> dict[str, Any]:
    out = cell | {"title": text, "counted": text, "unit": text, "grade": text}
    out["notes"] = [text]
    out["outcomes"] = cell["outcomes"] | {f"{text} kind": 1}
    out["headline_pair"] = None if cell["headline_pair"] is None else text
    for name in ("interval", "claim"):
        if cell[name]:
            out[name] = cell[name] | {"method": text}
    out["slices"] = {
        f"{text} {t}": {
            f"{text} {v}": poisoned_cell(part, text) for v, part in enumerate(parts.values())
        }
        for t, parts in enumerate(cell["slices"].values())
    }
    return out


def poisoned(
    scorecard: Scorecard, run: dict[str, Any], text: str
) -> tuple[Scorecard, dict[str, Any], list[SampleRow]]:
    """What a report is drawn from, every free text of it being ``text``."""
    data = scorecard.model_dump(mode="json")
    data |= {"name": text, "estimand": text, "roles": replaced(data["roles"], text)}
    data["target"] = {key: replaced(value, text) for key, value in data["target"].items()}
    for dimension in data["dimensions"].values():
        tasks = list(dimension["tasks"].values())
        for task in tasks:
            for name in ("construct", "source", "licence", "method", "scorer", "protocol_id"):
                task[name] = text
            for name in ("not_run", "content_warning"):
                task[name] = text
            task["demonstration"] = [text]
            task["reasons"] = {text: {text: 3}}
            task["languages"] = [text]
            task["outcomes"] |= {f"{text} kind": 1}
            task["protocol"] = replaced(task["protocol"], text)
            task["tags"] = replaced(task["tags"], text)
            task["metrics"] = {
                f"{text} {n}": poisoned_cell(cell, text)
                for n, cell in enumerate(task["metrics"].values())
            }
        dimension["tasks"] = {f"{text} {n}": task for n, task in enumerate(tasks)}
        if dimension["headline"]:
            dimension["headline"] = {"task": f"{text} 0", "metric": f"{text} 0"}
    texts = (text,) * 5  # prompt, response, outcome, reason, answer
    rows = [
        SampleRow(
            f"{text} 0", text, 1, n, *texts, {text: 0.5}, {text: text}, text, text, (text, text)
        )
        for n in range(2)
    ]
    bad = {key: replaced(value, text) for key, value in run.items()}
    bad["data"] = {
        f"{text} {n}": {"source": text, "rows": 3, "files": [{"path": text, "sha256": text}]}
        for n in range(2)
    }
    bad["protocols"] = {f"{text} {n}": text for n in range(2)}
    return Scorecard.model_validate(data), bad, rows


def poisoned_page(scorecard: Scorecard, run: dict[str, Any], text: str) -> str:
    """A report whose every free text is ``text``."""
    bad, bad_run, rows = poisoned(scorecard, run, text)
    return render_html(bad, run=bad_run, samples=rows)


def skeleton(elements: list[Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Tags and attribute names in order, but for labels of hidden characters, and line breaks."""
    return [
        (element.tag, tuple(sorted(element.attributes)))
        for element in elements
        if element.tag != "wbr" and not element.classes & {"ctl", "cut"}
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_changes_no_element_and_no_attribute(
    name: str,
    scorecard: Scorecard,
    run: dict[str, Any],
    parse: Callable[[str], list[Any]],
) -> None:
    harmless = poisoned_page(scorecard, run, "harmless")
    page = poisoned_page(scorecard, run, HOSTILE[name])
    assert skeleton(parse(page)) == skeleton(parse(harmless))
    assert page.encode("utf-8").decode("utf-8") == page
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", page
    )
    assert not re.search("[\U000e0000-\U000e0fff\ufffe\uffff\u2028\u2029\u00ad]", page)
    assert len(page) < 3_000_000


@pytest.mark.parametrize("name", ["script", "link", "template", "entity"])
def test_the_reader_sees_the_text_as_it_was(
    name: str, scorecard: Scorecard, run: dict[str, Any], parse: Callable[[str], list[Any]]
) -> None:
    row = SampleRow("truthfulqa_mc1", "x", 1, 1, "ask", HOSTILE[name], "answered")
    page = render_html(scorecard, run=run, samples=[row])
    shown = [e for e in parse(page) if e.tag == "pre" and "text" in e.classes]
    assert "".join(shown[1].parts) == HOSTILE[name]


def test_hidden_characters_are_named_once_a_run() -> None:
    assert texts.visible("a\u202eb") == 'a<span class="ctl">U+202E</span>b'
    assert texts.visible("\u200b" * 3 + "\x00") == (
        '<span class="ctl">U+200B ×3</span><span class="ctl">U+0000</span>'
    )
    assert texts.plain("x\ud800y") == "x⟨U+D800⟩y"
    assert texts.visible("tab\tline\r\nnext") == "tab\tline\nnext"


def test_joiners_stay_within_the_scripts_that_need_them() -> None:
    persian = "می\u200cخواهم"
    assert texts.visible(persian) == persian
    assert "U+200C" in texts.visible("ad\u200cmin")
    assert "U+200D" in texts.visible("\u200dمی")


def test_long_text_is_cut_and_its_length_said() -> None:
    assert texts.visible("x" * 2000) == "x" * 2000
    assert "… cut, 1,000,000 characters in all" in texts.visible("x" * 1_000_000)
    assert len(texts.plain("\u200b<" * 500_000)) < 100_000
