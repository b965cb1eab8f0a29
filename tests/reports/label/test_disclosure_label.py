"""The disclosure label: seven areas, three states, one page; nothing claimed that is not so."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml

import evalharness
from evalharness.cli.app import run_app
from evalharness.records import Failure
from evalharness.reports import language
from evalharness.reports.engagement import AREAS
from evalharness.reports.label.model import Label
from tests import support
from tests.support import TASK, FakeModel, item, write_suite

PACKAGE = Path(evalharness.__file__).parent
SCHEMA = PACKAGE / "reports" / "label" / "label.schema.json"

DECLARED = {"area": "user_data", "says": "Deleted after 30 days.", "source": "notice, p. 2"}
ENGAGEMENT = {**support.ENGAGEMENT, "declared": [DECLARED]}

HOSTILE = "</bdi></title><script>alert(1)</script><img src=x onerror=alert(1)> \u202eevil {{ 7*7 }}"


def make_run(folder: Path, *, wrong: int = 0, fails: int = 0, topics: int = 1) -> Path:
    """A finished run over 30 questions, of which some are answered wrongly, and some not."""
    rows = [item(n, topic=f"topic {n * topics // 30}") for n in range(30)]
    suite = write_suite(folder / "suite", rows, task=TASK + "slices: [topic]\n")

    def answer(request):
        number = int(re.search(r"number (\d+)", str(request.messages))[1])
        if number < fails:
            return Failure("server", "HTTP 500")
        letter = re.search(rf"([A-C])\W+{'wrong' if number < wrong else 'right'}", str(request))
        return letter[1]

    config = {"target": FakeModel(answer), "suites": [str(suite)]}
    return evalharness.run(config, out=folder / "results").path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("labelled"), wrong=6, topics=2)


@pytest.fixture
def run(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "run"))


@pytest.fixture
def labelled(run, tmp_path, capsys):
    """Writes the label, with a card and changes of the engagement; gives label.json."""

    def label(*options, card=None, **changes):
        arguments = ["report", str(run), "--kind", "label", *options]
        if changes:
            path = tmp_path / "engagement.yaml"
            given = ENGAGEMENT if changes == {"plain": True} else {**ENGAGEMENT, **changes}
            path.write_text(yaml.safe_dump(given), encoding="utf-8")
            arguments += ["--engagement", str(path)]
        if card is not None:
            path = tmp_path / "README.md"
            path.write_text(card, encoding="utf-8")
            arguments += ["--card", str(path)]
        assert run_app(arguments) == 0, capsys.readouterr().err
        return json.loads((run / "label.json").read_text(encoding="utf-8"))

    return label


def page_of(run: Path) -> str:
    return (run / "label.html").read_text(encoding="utf-8")


def pages(run: Path) -> int:
    from weasyprint import HTML

    return len(HTML(string=page_of(run)).render().pages)


def cells(label, area, state=None):
    return [c for c in label["cells"] if c["area"] == area and state in {None, c["state"]}]


def test_without_a_word_of_the_provider_all_but_the_results_is_absent(labelled):
    label = labelled()
    for area in set(AREAS) - {"evaluation", "risks"}:
        assert {c["state"] for c in cells(label, area)} == {"absent"}, area
    assert "evaluator" not in label
    measured = [c["what"] for c in cells(label, "evaluation", "measured")]
    assert measured == ["Factuality: Accuracy", "Footprint of this evaluation"]
    absent = {c["what"]: c["says"] for c in cells(label, "evaluation", "absent")}
    assert absent.pop("Energy of this evaluation") == "Not metered, and not estimated"
    assert set(absent.values()) == {"Not tested in this run"}
    assert len(absent) == 4


def test_a_measured_cell_has_value_interval_denominator_and_protocol(labelled, run):
    (cell, footprint) = cells(labelled(), "evaluation", "measured")
    scorecard = json.loads((run / "scorecard.json").read_text())
    metric = scorecard["dimensions"]["factuality"]["tasks"]["small"]["metrics"]["accuracy"]
    assert cell["figure"]["value"] == metric["value"] == 0.8
    assert cell["figure"]["interval"] == metric["interval"]
    assert (cell["figure"]["n_measured"], cell["figure"]["n_planned"]) == (30, 30)
    assert cell["figure"]["protocol_id"] == metric["protocol_id"]
    assert cell["source"] == "scorecard.json: factuality/small/accuracy"
    assert re.fullmatch(
        r"30 requests, [\d,]+ tokens read, [\d,]+ written, .+ s; .+", footprint["says"]
    )
    assert f'<code title="{metric["protocol_id"]}">' in page_of(run)
    assert "80\u00a0% (63\u201390\u00a0%), 30 of 30 samples; higher is better" in page_of(run)


def test_the_worst_slice_is_a_risk(labelled):
    (worst,) = cells(labelled(), "risks", "measured")
    assert worst["what"].startswith("Worst slice, Accuracy: topic topic ")
    assert worst["figure"]["n_measured"] == 15


def test_what_is_insufficient_has_no_value(tmp_path):
    run = make_run(tmp_path, fails=10)
    assert run_app(["report", str(run), "--kind", "label"]) == 0
    label = json.loads((run / "label.json").read_text())
    (cell,) = [c for c in cells(label, "evaluation") if c["what"] == "Factuality: Accuracy"]
    assert cell["state"] == "absent"
    assert "figure" not in cell
    assert cell["says"].startswith("Insufficient: 20 of 30 samples measured. 66.7 % measured")
    lacking = {c["what"]: c["says"] for c in cells(label, "risks", "absent")}
    assert "factuality/small/accuracy" in lacking["Metrics without a sufficient value"]


def test_what_is_declared_names_its_file_and_digest(labelled, run):
    card = "---\ndatasets: [wiki]\n---\n## Limitations\nInvents doses.\n"
    label = labelled(card=card, plain=True)
    (data,) = cells(label, "data")
    assert (data["state"], data["says"], data["source"]) == (
        "declared", "wiki", "README.md: field datasets",
    )  # fmt: skip
    files = {source["name"]: source for source in label["sources"]}
    assert data["sha256"] == files["README.md"]["sha256"]
    assert files["README.md"]["cells"] == 2
    (user,) = cells(label, "user_data")
    assert user["source"] == "notice, p. 2 (in engagement.yaml)"
    assert user["sha256"] == files["engagement.yaml"]["sha256"]
    assert label["evaluator"] == "Example Labs (third party), paid by the customer"
    assert "Declared, not tested" in page_of(run)


def test_a_card_with_nothing_in_it_is_named_all_the_same(labelled):
    label = labelled(card="# A model\n")
    assert {s["name"]: s["cells"] for s in label["sources"]}["README.md"] == 0
    assert {c["state"] for c in cells(label, "data")} == {"absent"}


def test_a_licence_says_nothing_of_the_intended_use(labelled):
    label = labelled(card="---\nlicense: mit\n---\n")
    assert [(c["state"], c["what"]) for c in cells(label, "intended_use")] == [
        ("declared", "Licence"), ("absent", "Intended use"),
    ]  # fmt: skip


def test_a_part_is_measured_where_a_run_had_it_off(labelled, run, tmp_path):
    make_run(tmp_path / "off", wrong=15, topics=2).rename(tmp_path / "without")
    parts = [{"name": "filter", "does": "stops doses", "switched_off_in": "without"}]
    item_ = {**ENGAGEMENT["item"], "parts": parts}
    (cell,) = cells(labelled(item=item_), "mitigations", "measured")
    assert (cell["figure"]["value"], cell["without"]["value"]) == (0.8, 0.5)
    assert cell["source"] == "scorecard.json of run without: factuality/small/accuracy"
    assert "on: 80\u00a0%" in page_of(run)
    assert "off: 50\u00a0%" in page_of(run)


def test_a_part_is_not_measured_by_another_test(labelled, tmp_path):
    other = make_run(tmp_path / "off", topics=3)
    parts = [{"name": "filter", "does": "x", "switched_off_in": str(other)}]
    found = cells(labelled(item={**ENGAGEMENT["item"], "parts": parts}), "mitigations")
    assert [c["state"] for c in found] == ["absent", "declared"]
    assert found[0]["says"].endswith("or too little: Accuracy")


@pytest.mark.parametrize(
    ("where", "words", "code"),
    [
        ("run", "in the very run of this report", 2),
        ("changed", "so it is no evidence of what 'filter' does", 1),
        ("nowhere", "there is no such run folder", 2),
    ],
)
def test_a_run_that_shows_nothing_of_a_part_is_refused(run, tmp_path, capsys, where, words, code):
    changed = shutil.copytree(run, tmp_path / "changed")
    (changed / "scorecard.json").write_text("{}")
    parts = [{"name": "filter", "does": "x", "switched_off_in": where}]
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump({**ENGAGEMENT, "item": {**ENGAGEMENT["item"], "parts": parts}}))
    command = ["report", str(run), "--kind", "label", "--engagement", str(path)]
    assert run_app(command) == code
    assert words in capsys.readouterr().err
    assert not (run / "label.json").exists()


@pytest.mark.full  # Pango is needed
def test_the_same_records_give_the_same_bytes_and_the_run_stays_verified(labelled, run):
    names = ["label.json", "label.html", "label.pdf", "label.md"]
    labelled("--pdf", "--markdown", card="## Privacy\nNone kept.\n")
    first = [(run / name).read_bytes() for name in names]
    labelled("--pdf", "--markdown", card="## Privacy\nNone kept.\n")
    assert first == [(run / name).read_bytes() for name in names]
    assert first[2].startswith(b"%PDF-1.")
    assert first[2].count(b"/Type /Page\n") <= 1
    assert "## 7\\. User data protection" in first[3].decode()
    assert set(names) <= set(json.loads((run / "manifest.json").read_text())["files"])
    assert run_app(["verify", str(run)]) == 0


def test_a_state_is_told_by_word_and_sign(labelled, run):
    labelled(card="## Privacy\nNone kept.\n")
    rows = re.findall(r'<tr role="row" class="(\w+)">.*?</span> ([^<]+)</span></td>', page_of(run))
    assert dict(rows) == {
        "measured": "Measured", "declared": "Declared, not tested", "absent": "Absent",
    }  # fmt: skip
    for sign in "●◐○":
        assert f'<span aria-hidden="true">{sign}</span>' in page_of(run)


def test_it_claims_nothing(labelled, run):
    labelled(plain=True)
    page = page_of(run)
    assert "no certification, and no statement that the item is safe or meets any framework" in page
    text = page.split("</style>")[1]
    assert not re.search(r"complian|conform|endorsed|\bcertified", text, re.IGNORECASE)


def test_a_hostile_provider_writes_text_and_nothing_else(labelled, run):
    harmless = "harmless words"
    sizes = []
    for text in (harmless, HOSTILE):
        card = f"---\ndatasets: [{json.dumps(text)}]\n---\n## Risks of {text}\n{text}\n"
        declared = [{"area": "training", "says": text, "source": text}]
        label = labelled(card=card, declared=declared, customer="c")
        sizes.append([re.findall(r"<(\w+)", page_of(run))])
    assert sizes[0] == sizes[1]
    assert "<script" not in page_of(run)
    assert "49" not in "".join(c.get("says", "") for c in label["cells"])
    assert "\u202e" not in page_of(run) + json.dumps(label, ensure_ascii=False)


@pytest.mark.full  # Pango is needed
@pytest.mark.parametrize("letters", ["word ", "W", "界"])
def test_it_is_one_page_whatever_the_provider_says(labelled, run, letters):
    text = letters * 200
    area_texts = [{"area": area, "says": text, "source": text} for area in AREAS for _ in range(12)]
    parts = [{"name": text, "does": text} for _ in range(9)]
    card = f"---\ndatasets: [{json.dumps(text)}]\n---\n" + f"## Risks\n{text}\n" * 30
    label = labelled(
        card=card, declared=area_texts, item={**ENGAGEMENT["item"], "name": text, "parts": parts},
        laboratory={"name": text, "address": text},
    )  # fmt: skip
    assert pages(run) == 1
    assert "More cells in label.json: " in page_of(run)
    assert len(label["cells"]) > 100


def test_a_blank_statement_is_no_traceback(labelled):
    label = labelled(declared=[{"area": "data", "says": "  ", "source": "\t"}])
    assert cells(label, "data")[0]["says"] == "\u2014"


def test_the_schema_is_the_one_in_the_repository_and_a_label_fits_it(labelled):
    recorded = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert recorded == Label.model_json_schema()
    jsonschema.validate(labelled(card="## Uses\nChat.\n", plain=True), recorded)


def test_the_areas_stand_in_order_each_with_a_cell(labelled):
    label = labelled()
    assert list(dict.fromkeys(c["area"] for c in label["cells"])) == list(AREAS)
    with pytest.raises(ValueError, match="the seven areas"):
        Label.model_validate({**label, "cells": label["cells"][1:]})


def test_another_language_changes_the_page_and_not_the_record(labelled, run, monkeypatch, tmp_path):
    english = labelled()
    (tmp_path / "fr.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Intended use"\nmsgstr "Usage prévu"\n\nmsgid "Not declared"\nmsgstr "Non déclaré"\n'
    )
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    assert labelled("--lang", "fr") == english
    page = (run / "label.fr.html").read_text(encoding="utf-8")
    assert '<html lang="fr">' in page
    assert "6. Usage prévu" in page
    assert "Non déclaré" in page


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--card", "README.md"], "--card belongs to --kind label"),
        (["--kind", "label", "--withhold", "prompts"], "--withhold belongs to --kind assurance"),
        (["--kind", "label", "--card", "missing.md"], "there is no such file"),
    ],
)
def test_wrong_options_are_a_sentence(run, capsys, options, words):
    assert run_app(["report", str(run), *options]) == 2
    assert words in capsys.readouterr().err
