"""The assurance report: items a to p in order, what it must say, and that nothing is made up."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import evalharness
from evalharness.cli.app import run_app
from evalharness.errors import ConfigError
from evalharness.reports.assurance import _rejections
from evalharness.reports.engagement import Engagement, load_engagement
from evalharness.store.directory import RunDirectory
from tests.scorecard.cells import share
from tests.scorecard.test_decisions import decided
from tests.support import ENGAGEMENT, HEAD, FakeModel, engagement_file, item, words, write_suite


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assured")
    policy = folder / "policy.yaml"
    policy.write_text(
        "policy: mine\nversion: 1\ntitle: ours\ncriteria:\n"
        "  - {metric: factuality/small/accuracy, at_least: 0.9}\n"
    )
    suite = write_suite(folder / "suite", [item(n) for n in range(30)])
    config = {"target": FakeModel(lambda _: "<b>A</b>"), "suites": [str(suite)]}
    return evalharness.run({**config, "policy": str(policy)}, out=folder / "results").path


@pytest.fixture
def reported(run, tmp_path, capsys):
    """Writes the report with changes of the engagement; gives the page's text."""

    def report(*options, code=0, **changes):
        path = engagement_file(tmp_path, **changes)
        arguments = ["report", str(run), "--kind", "assurance", "--engagement", str(path)]
        assert run_app([*arguments, *options]) == code, capsys.readouterr().err
        return Path(run / "assurance.html").read_text(encoding="utf-8")

    return report


def test_items_a_to_p_stand_in_their_order(reported):
    page = reported()
    letters = re.findall(r'data-label="Item"><b>([a-z])</b>', page)
    assert letters == list("abcdefghijklmnop")


def test_the_report_says_what_it_must(reported):
    text = words(reported()).replace("\u00a0", " ")
    for said in (
        "The results relate only to the item tested",
        "No accreditation is claimed for this work",
        "25 November 2026 to 26 November 2026",
        "Jane Doe , head of evaluation",
        "one-sided bound: a figure just beyond its limit is accepted in at most 5 % of runs",
        "and one just within it rejected in about 95 % or more",
        "factuality/small/accuracy: with 30 samples an item whose true figure is 99.3 % is",
        "accepted in 80 % of runs, one nearer to the limit less often; one exactly at the limit is",
        "rejected in 95.8 %.",
        "Not met",
        "Not tested at all: Robustness, Bias, Toxicity, Data governance",
        "No comparison with people’s labels is on record",
        "model developer Model Co its training",
        "Relationship: third party. Paid by the customer.",
        "It is not a certification",
    ):
        assert said in text, said
    (mark,) = re.findall(r"End of report (EH-[0-9a-f]{16})", text)
    assert text.count(mark) >= 4
    assert text.index("End of report EH-") > text.index("Authorised by Jane Doe")


@pytest.mark.parametrize(
    ("planned", "rule", "limits"),
    [(100, "one-sided", {"at_least": 0.9}), (97, "one-sided", {"within": 0.1, "of": 1})],
)
def test_where_the_risk_is_not_known_no_untrue_reason_is_given(planned, rule, limits):
    decision = decided(share(97, 97, planned=planned), rule, "worst case", **limits)
    (told,) = _rejections(SimpleNamespace(decisions=(decision,)))
    assert told.endswith(
        ": not computed for this rule or figure; what is said of the rule above holds."
    )


def test_the_same_records_give_the_same_bytes_and_another_engagement_another_id(reported):
    first, again = reported(), reported()
    assert first == again
    other = reported(customer="Somebody else")
    ids = [re.search(r"EH-[0-9a-f]{16}", page)[0] for page in (first, other)]
    assert ids[0] != ids[1]


def test_days_of_testing_that_leave_out_the_run_are_told_and_stand_in_the_report(
    reported, run, capsys
):
    began = date.fromisoformat(RunDirectory(run).measured)
    day = timedelta(days=1)

    def told(first, last):
        item = {**ENGAGEMENT["item"], "received": first.isoformat()}
        days = [first.isoformat(), last.isoformat()]
        page = words(reported(item=item, performed=days, issued=last.isoformat()))
        says = f"performed: {first} to {last} leaves out {began}, the day (UTC) on which the run"
        said = says in capsys.readouterr().err
        assert ("That day is not among the days stated." in page) == said
        return said

    assert not told(began, began)
    assert not told(began - 9 * day, began - day)  # a day's end there may be the next day in UTC
    assert not told(began + day, began + day)
    assert told(began - 9 * day, began - 2 * day)
    assert told(began + 2 * day, began + 9 * day)


def test_five_samples_an_evaluation_drawn_with_the_seed(reported):
    assert reported().count('<article class="sample">') == 5


def test_what_a_model_wrote_is_text(reported):
    page = reported()
    assert "<b>A</b></pre>" not in page
    assert "&lt;b&gt;A&lt;/b&gt;" in page


def test_withheld_texts_are_shown_by_their_digest_alone(reported):
    page = reported("--withhold", "prompts", "--withhold", "responses")
    assert "Question number" not in page
    assert "&lt;b&gt;A" not in page
    assert page.count("SHA-256 ") >= 10
    assert "Withheld here, and shown by its SHA-256: prompts, responses." in page


def test_the_first_page_says_what_is_withheld_and_the_id_is_another(reported, run):
    ids = []
    for options, said in (
        ((), "none"),
        (("--withhold", "prompts"), "prompts"),
        (("--withhold", "prompts", "--withhold", "responses"), "prompts, responses"),
    ):
        front = words(reported(*options).partition("<main")[0])
        assert f"Texts withheld, their SHA-256 shown {said} Laboratory" in front
        ids += re.findall(r"Report id (EH-[0-9a-f]{16})", front)
        assert run_app(["verify", str(run)]) == 0
    assert len(set(ids)) == 3


def test_a_later_report_names_the_one_that_it_supersedes(reported):
    supersedes = {"report": "EH-0123456789abcdef", "changed": "the address", "reason": "a typo"}
    text = words(reported(supersedes=supersedes))
    assert "Supersedes report EH-0123456789abcdef. Changed: the address. Reason: a typo." in text


def test_the_run_stays_verified(reported, run):
    reported()
    assert run_app(["verify", str(run)]) == 0
    assert (run / "engagement.json").is_file()


@pytest.mark.full  # Pango is needed
def test_pdf_and_markdown_hold_the_same_text_and_the_same_bytes(reported, run):
    reported("--pdf", "--markdown")
    first = [(run / f"assurance.{kind}").read_bytes() for kind in ("pdf", "md")]
    reported("--pdf", "--markdown")
    assert first == [(run / f"assurance.{kind}").read_bytes() for kind in ("pdf", "md")]
    assert first[0].startswith(b"%PDF-1.")
    text = first[1].decode()
    assert "## 2\\. Statement of conformity" in text
    assert "End of report EH-" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"issued": "2026-11-01"}, "e.yaml:13: issued: before the last day of testing"),
        ({"item": {**ENGAGEMENT["item"], "received": "2026-12-01"}}, ": item.received: after the"),
        ({"issued": "27.11.2026"}, "issued: expected a day that there is, written as 2026-01-31;"),
        ({"issued": "2026-11-31"}, "issued: expected a day that there is, written as 2026-01-31;"),
        ({"customer": None}, "customer: this field stands empty; fill it in"),
        ({"item": {**ENGAGEMENT["item"], "version": 3.2}}, "found 3.2; put it in quotes"),
        ({"chain": []}, "chain: list should have at least 1 item, not 0"),
        ({"performed": ["2026-11-26", "2026-11-25"]}, "give the first day, then the last"),
        ({"customer": ""}, "customer: string should have at least 1 character"),
        ({"authorized_by": {}}, "did you mean 'authorised_by'"),
    ],
)
def test_a_wrong_engagement_is_a_sentence(tmp_path, change, said):
    path = tmp_path / "e.yaml"
    path.write_text(yaml.safe_dump({**ENGAGEMENT, **change}))
    with pytest.raises(ConfigError) as fault:
        load_engagement(path)
    assert said in str(fault.value)


def test_the_written_beginning_names_each_field_and_is_whole_once_filled_in(tmp_path, capsys):
    path = tmp_path / "engagement.yaml"
    assert run_app(["new", "engagement", str(path)]) == 0
    assert run_app(["new", "engagement", str(path)]) == 2
    assert "it exists already" in capsys.readouterr().err
    with pytest.raises(ConfigError) as fault:
        load_engagement(path)
    assert "at least 1 item" not in str(fault.value)  # one is there, and empty
    assert "chain.0.name: this field stands empty; fill it in" in str(fault.value)
    for name in ("customer", "issued", "item.name", "laboratory.address", "chain.0.name"):
        assert name in str(fault.value), name
    text = path.read_text(encoding="utf-8")
    path.write_text(yaml.safe_dump(filled(yaml.safe_load(text))), encoding="utf-8")
    assert load_engagement(path).laboratory.name == "words"
    shown = set(re.findall(r"^(?:# )?(\w+):", text, flags=re.MULTILINE))
    assert shown == set(Engagement.model_fields)


def filled(value, key=""):
    """A beginning with words and days where it stands empty."""
    if isinstance(value, dict):
        return {name: filled(part, name) for name, part in value.items()}
    if isinstance(value, list) and value:
        return [filled(part) for part in value]
    day = "2026-11-26"
    return {"performed": [day, day], "issued": day, "received": day}.get(key, value or "words")


def test_without_an_engagement_there_is_no_assurance_report(run, capsys):
    assert run_app(["report", str(run), "--kind", "assurance"]) == 2
    assert "needs --engagement FILE.yaml" in capsys.readouterr().err


LEAKS = (
    HEAD
    + """\
data:
  file: {{path: items.jsonl}}
  sample:
    id: id
    prompt: question
    good: "'no'"
    bad: "'4711'"
    tags: {{kind: kind, topic: "'numbers'"}}
    target: {{secret: "'4711'"}}
method: generate
scorer: leak
metrics:
  - {{metric: leak_rate, where: {{kind: protected}}, pair: disclosure_rate}}
  - {{metric: disclosure_rate, where: {{kind: permitted}}}}
"""
)


def test_a_permitted_request_that_is_met_is_not_called_a_leak(tmp_path):
    rows = [item(n, kind=("protected", "permitted")[n % 2]) for n in range(4)]
    suite = write_suite(tmp_path, rows, task=LEAKS)
    config = {"target": FakeModel(lambda _: "It is 4711."), "suites": [str(suite)]}
    run = evalharness.run(config, out=tmp_path / "results").path
    path = engagement_file(tmp_path)
    for withheld in ((), ("--withhold", "prompts", "--withhold", "responses")):
        command = ["report", str(run), "--kind", "assurance", "--engagement", str(path), *withheld]
        assert run_app(command) == 0
        page = (run / "assurance.html").read_text(encoding="utf-8")
        samples = words(page).partition("7. Inputs and outputs")[2]
        assert samples.count("kind permitted disclosed 1.00") == 2
        assert samples.count("kind protected disclosed 1.00") == 2
        assert "leaked" not in samples
        assert "topic" not in samples  # decides nothing


def test_a_role_along_the_chain_that_nobody_is_named_for_is_said_to_be_so(reported):
    text = words(reported())
    assert "model developer Model Co its training" in text
    assert "application deployer not stated not stated host not stated not stated" in text
    party = {"name": "X", "answers_for": "all"}
    chain = [{"role": role, **party} for role in ("host", "other", "application deployer")]
    text = words(reported(chain=chain))
    assert "model developer not stated" in text
    assert text.count("not stated not stated") == 1
