"""An audit from files to gates: what is planted is found, over the right denominators."""

from __future__ import annotations

import csv
import json

import pytest

from evalharness.adapters import registry
from evalharness.adapters.base import Capabilities, ModelIdentity
from evalharness.cli.app import run_app
from evalharness.records import Failure, Response
from tests.corpus.making import text, write_jsonl

INSULT = "You stupid idiot, shut up."


def corpus(tmp_path, clean=60, insulting=4):
    """Two sources: one clean, one with insults, an address, a repeat and a near repeat."""
    good = [text(n) for n in range(clean)]
    bad = [f"{text(1000 + n)} {INSULT}" for n in range(insulting)]
    some = [text(2000 + n) for n in range(20)]
    bad += [*some, some[0], f"{some[1]}!x", "Write to jo.tan@placeholder-mail.sg today."]
    return [
        str(write_jsonl(tmp_path / "clean.jsonl", good)),
        str(write_jsonl(tmp_path / "mixed.jsonl", bad)),
    ]


def audited(*arguments, capsys):
    code = run_app(["corpus", "audit", *map(str, arguments), "--json"])
    captured = capsys.readouterr()
    assert captured.err == ""
    return code, json.loads(captured.out)


def rates(found):
    return {rate["name"]: rate for rate in found["rates"]}


def gates(found):
    return {gate["name"]: gate for gate in found["gates"]}


def words(tmp_path, *found):
    path = tmp_path / "words.txt"
    path.write_text("".join(f"{word}\n" for word in found), encoding="utf-8")
    return path


def test_what_is_planted_is_found(tmp_path, capsys):
    code, found = audited(
        *corpus(tmp_path), "--share", 1, "--keywords", words(tmp_path, "idiot"), "--classifier",
        "demo_toxicity", capsys=capsys,
    )  # fmt: skip
    counted = {name: (rate["n_bad"], rate["n_measured"]) for name, rate in rates(found).items()}
    assert counted["keywords"] == counted["automatic"] == (4, 87)
    assert counted["classifier"] == counted["toxicity"]
    assert counted["personal data"] == (1, 87)
    assert found["identifiers"] == {"email": 1}
    assert counted["repeats"] == (1, 87)
    assert counted["near repeats"] == (4, 87)  # both of each pair
    assert rates(found)["repeats"]["interval"] is None
    assert "no sampling error" in rates(found)["repeats"]["note"]
    assert rates(found)["manual"]["value"] is None
    # 83 of 87 is 95.4 %; a source with 4 of 27 bad is rejected, the clean one is shown to be clean
    assert code == 1
    gate = gates(found)
    assert gate["automatic: qualified"]["state"] == "fails"
    assert gate["source mixed.jsonl, automatic: bad"]["state"] == "fails"
    clean = gate["source clean.jsonl, automatic: bad"]
    assert (clean["state"], clean["demonstrated"]) == ("holds", True)
    assert clean["bound"] == pytest.approx(0.0487, abs=1e-4)  # 0 of 60, one-sided
    assert gate["manual: qualified"]["state"] == "not measured"


def test_nothing_measured_is_no_pass(tmp_path, capsys):
    code, found = audited(*corpus(tmp_path), capsys=capsys)
    assert code == 3
    assert {gate["state"] for gate in found["gates"]} == {"not measured"}
    assert rates(found)["keywords"]["note"] == "no list: give --keywords"


def fill(sheet, label):
    """Fill a sheet in as a spreadsheet would save it: semicolons, no byte order mark."""
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        said = label(number, row)
        row.update({"label": said, "rater": "R. Tan", "date": "2026-01-05"} if said else {})
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_the_sheet_comes_back(tmp_path, capsys):
    files = corpus(tmp_path)
    assert run_app(["corpus", "audit", *files, "--seed", "4", "--out", str(tmp_path / "o")]) == 3
    assert "To be labelled:" in capsys.readouterr().out
    sheet = tmp_path / "o" / "labels.csv"
    fill(sheet, lambda n, row: "bad" if "idiot" in row["text"] else "合格")
    code, found = audited(*files, "--seed", 4, "--labels", sheet, "--out", tmp_path / "o",
                          capsys=capsys)  # fmt: skip
    gate = gates(found)["manual: qualified"]
    assert (gate["n_measured"], gate["n_required"], gate["value"]) == (87, 87, 83 / 87)
    assert (code, gate["state"]) == (1, "fails")
    assert found["labels"] == {"raters": ["R. Tan"], "dates": ["2026-01-05", "2026-01-05"]}
    assert gates(found)["source clean.jsonl, manual: bad"]["state"] == "holds"
    page = tmp_path / "page.html"
    shown = ["corpus", "audit", *files, "--seed", "4", "--labels", str(sheet), "--html", str(page)]
    assert run_app(shown) == 1
    assert "labels by R. Tan, 2026-01-05\n" in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert "<title>Audit of a corpus: " in text
    assert "Labels by <bdi>R. Tan</bdi>, 5 January 2026." in text
    assert run_app([*shown, "-q", "--lang", "zh"]) == 1
    assert "标注员：<bdi>R. Tan</bdi>；日期：2026年1月5日。" in page.read_text(encoding="utf-8")
    assert json.loads((tmp_path / "o" / "audit.json").read_text(encoding="utf-8")) == found
    # a filled sheet is never written over
    assert run_app(["corpus", "audit", *files, "--seed", "4", "--out", str(tmp_path / "o")]) == 2
    assert "may be filled in; give it with --labels" in capsys.readouterr().err


@pytest.mark.parametrize("said", ["", "unsure"])
def test_an_item_that_nobody_decided_is_not_a_good_one(said, tmp_path, capsys):
    files = corpus(tmp_path)
    run_app(["corpus", "audit", *files, "--out", str(tmp_path / "o")])
    capsys.readouterr()
    sheet = tmp_path / "o" / "labels.csv"
    fill(sheet, lambda n, row: said if n < 3 else "ok")
    code, found = audited(*files, "--labels", sheet, capsys=capsys)
    gate = gates(found)["manual: qualified"]
    assert (code, gate["state"], gate["n_measured"]) == (3, "insufficient", 84)
    assert gate["value"] == 1
    assert rates(found)["manual"]["n_planned"] == 87


def test_fewer_than_the_rule_asks_for_decide_nothing(tmp_path, capsys):
    files = corpus(tmp_path, insulting=0)
    run_app(["corpus", "audit", *files, "--sample", "20", "--out", str(tmp_path / "o")])
    capsys.readouterr()
    sheet = tmp_path / "o" / "labels.csv"
    assert len(fill(sheet, lambda n, row: "ok")) == 20
    code, found = audited(*files, "--sample", 20, "--labels", sheet, capsys=capsys)
    gate = gates(found)["manual: qualified"]
    assert (code, gate["state"], gate["note"]) == (3, "insufficient", "83 are asked for")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda row: row.update(label="fine"), "'fine' is no label"),
        (lambda row: row.update(label="ok", rater=""), "a label without a rater"),
        (lambda row: row.update(label="ok", date="soon"), "'soon' is no date"),
        (lambda row: row.update(item="clean.jsonl:999"), "is no item of this draw (seed 0"),
        (lambda row: row.update(digest="0" * 16), "has another text now"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(change, expected, tmp_path, capsys):
    files = corpus(tmp_path)
    run_app(["corpus", "audit", *files, "--out", str(tmp_path / "o")])
    capsys.readouterr()
    sheet = tmp_path / "o" / "labels.csv"
    rows = fill(sheet, lambda n, row: "ok")
    change(rows[2])
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert run_app(["corpus", "audit", *files, "--labels", str(sheet)]) == 2
    error = capsys.readouterr().err
    assert "labels.csv:4: " in error
    assert expected in error


def test_a_sheet_without_labels_or_columns(tmp_path, capsys):
    files = corpus(tmp_path)
    run_app(["corpus", "audit", *files, "--out", str(tmp_path / "o")])
    sheet = tmp_path / "o" / "labels.csv"
    capsys.readouterr()
    assert run_app(["corpus", "audit", *files, "--labels", str(sheet)]) == 2
    assert "no row has a label" in capsys.readouterr().err
    sheet.write_text("item,label\n", encoding="utf-8")
    assert run_app(["corpus", "audit", *files, "--labels", str(sheet)]) == 2
    assert "labels.csv:1: each of these columns must stand once: source, digest" in (
        capsys.readouterr().err
    )


class Flaky:
    """A classifier that fails on some texts and gives no number on others."""

    identity = ModelIdentity(provider="tests", model="flaky")

    def __init__(self, fails):
        self.fails = fails
        self.capabilities = Capabilities(frozenset({"classify"}), frozenset({"en"}), concurrency=4)
        self.closed = False

    async def respond(self, requests):
        return [
            Failure("server", "down")
            if self.fails in request.text
            else Response(scores={"toxicity": float("idiot" in request.text)})
            for request in requests
        ]

    async def aclose(self):
        self.closed = True


@pytest.fixture
def flaky(monkeypatch):
    made = Flaky("kite")
    monkeypatch.setattr(registry, "create", lambda spec, base_dir, where: made)
    return made


def test_an_outage_is_no_clean_item(tmp_path, flaky, capsys):
    texts = [f"kite {n}" for n in range(10)] + [f"the stone of the house {n}" for n in range(88)]
    file = write_jsonl(tmp_path / "a.jsonl", [*texts, "这是一个很好的句子，关于茶壶", "idiot"])
    code, found = audited(file, "--share", 1, "--classifier", "x", "--no-near", capsys=capsys)
    rate = rates(found)["classifier"]
    assert (rate["n_bad"], rate["n_measured"], rate["n_planned"]) == (1, 89, 100)
    assert "the classifier failed (10)" in rate["note"]
    assert "the classifier does not read 'zh' (1)" in rate["note"]
    assert gates(found)["automatic: qualified"]["state"] == "insufficient"
    assert code == 3
    assert flaky.closed
    assert rates(found)["near repeats"]["note"] == "not looked for (--no-near)"


def test_what_keywords_found_is_bad_though_the_classifier_failed(tmp_path, flaky, capsys):
    file = write_jsonl(tmp_path / "a.jsonl", ["kite flimflam", "kite", "tea"])
    _, found = audited(
        file, "--share", 1, "--classifier", "x", "--keywords", words(tmp_path, "flimflam"),
        capsys=capsys,
    )  # fmt: skip
    rate = rates(found)["automatic"]
    assert (rate["n_bad"], rate["n_measured"], rate["n_planned"]) == (1, 2, 3)


def test_a_gate_may_follow_what_is_demonstrated(tmp_path, capsys):
    file = write_jsonl(tmp_path / "a.jsonl", [text(n) for n in range(30)])
    arguments = [str(file), "--share", "1", "--keywords", str(words(tmp_path, "flimflam"))]
    assert run_app(["corpus", "audit", *arguments]) == 0
    out = capsys.readouterr().out
    assert "holds   automatic: qualified at least 98 % [secondary]: 100 % of 30" in out
    assert "demonstrated: no (90 %; 30 items are too few to demonstrate 98 %)" in out
    assert run_app(["corpus", "audit", *arguments, "--demonstrated", "--quiet"]) == 1


def test_the_published_counts(tmp_path, capsys):
    """3,840 of 4,000 pass by the point estimate; 3,861 demonstrate it."""
    from evalharness.banks.rules import rules
    from evalharness.corpus.audit import _gate
    from evalharness.corpus.measure import Tally

    asked = rules("gbt-45654")

    def gate(bad):
        tally = Tally()
        for n in range(4000):
            tally.add("a", n < bad)
        return _gate("m", "at_least", asked.corpus.manual_qualified, asked, tally, 4000)

    assert [(gate(b).state, gate(b).demonstrated) for b in (161, 160, 140, 139)] == [
        ("fails", False), ("holds", False), ("holds", False), ("holds", True),
    ]  # fmt: skip
    assert gate(0).needed == 3861


def test_formulas_stay_texts(tmp_path, capsys):
    texts = ["=1+1 and so on", "'=quoted", "@mention", "-5 degrees", "plain"]
    file = write_jsonl(tmp_path / "a.jsonl", texts)
    run_app(["corpus", "audit", str(file), "--out", str(tmp_path / "o")])
    capsys.readouterr()
    with (tmp_path / "o" / "labels.csv").open(encoding="utf-8-sig", newline="") as sheet:
        written = {row["text"] for row in csv.DictReader(sheet)}
    assert written == {"'=1+1 and so on", "''=quoted", "'@mention", "'-5 degrees", "plain"}
    fill(tmp_path / "o" / "labels.csv", lambda n, row: "ok")
    code, _ = audited(file, "--labels", tmp_path / "o" / "labels.csv", capsys=capsys)
    assert code == 0


def test_the_same_corpus_and_seed_give_the_same_bytes(tmp_path, capsys):
    files = corpus(tmp_path)
    keywords = ["--keywords", str(words(tmp_path, "idiot"))]
    for folder in ("one", "two"):
        run_app(["corpus", "audit", *files, *keywords, "--out", str(tmp_path / folder), "--quiet"])
    for name in ("audit.json", "labels.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert str(tmp_path) not in (tmp_path / "one" / "audit.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--classifier", "demo"], "it classifies no texts"),
        (["--classifier", "demo_toxic"], "did you mean 'demo_toxicity'"),
        (["--classifier", "nowhere.yaml"], "there is no such file"),
        (["--share", "2"], "give a share above 0"),
        (["--column", "name=x"], "there is no field 'name'"),
        (["--labels", "nowhere.csv"], "there is no such file"),
    ],
)
def test_what_cannot_be_done_is_said(options, expected, tmp_path, capsys):
    file = write_jsonl(tmp_path / "a.jsonl", [text(1)])
    assert run_app(["corpus", "audit", str(file), *options]) == 2
    assert expected in capsys.readouterr().err


def test_a_classifier_from_a_file(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text("adapter: demo_toxicity\n", encoding="utf-8")
    file = write_jsonl(tmp_path / "a.jsonl", [INSULT, text(1)])
    _, found = audited(file, "--share", 1, "--classifier", tmp_path / "c.yaml", capsys=capsys)
    assert found["classifier"]["attribute"] == "toxicity"
    assert rates(found)["classifier"]["n_bad"] == 1
