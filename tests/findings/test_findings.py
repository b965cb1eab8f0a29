"""What becomes a finding, what does not, and what a finding says."""

from __future__ import annotations

import json
import shutil

import pytest

import evalharness
from evalharness.cli.app import run_app
from evalharness.errors import ConfigError
from evalharness.evidence import merkle
from evalharness.findings.collect import Listing
from evalharness.findings.model import Disclosure
from evalharness.finished import Finished
from evalharness.outfile import outside_runs
from evalharness.records import Failure
from evalharness.rescore import rescore
from evalharness.store.directory import RunDirectory
from tests.exports import runs
from tests.labelling import judged
from tests.labelling.judged import World, judged_run, labelled, sheet_of, written
from tests.support import TASK, FakeModel, item, write_suite


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    return runs.mixed(tmp_path_factory.mktemp("mixed")).path


def listing(path, **more):
    run = Finished.of(path)
    return Listing(run, Disclosure.of(None, run.measured), **more)


def as_json(path, capsys, *more):
    assert run_app(["findings", str(path), "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_each_failing_cluster_is_one_finding_with_its_reproduction(mixed):
    found = {f.cluster or f.examples[0].sample_id: f for f in listing(mixed)}
    # wrong: 0, 5 of the cluster c0; 10 of c1 (where 7, 8 were not measured); 15 and 20 alone
    counts = {name: (f.failed, f.measured, f.planned) for name, f in found.items()}
    assert counts == {
        "c0": (4, 12, 12),
        "c1": (2, 8, 12),
        "q015": (2, 2, 2),
        "q020": (2, 2, 2),
    }
    whole = found["c0"]
    assert (whole.n_samples, whole.epochs, whole.generations) == (6, 2, 1)
    assert whole.metrics == ("accuracy",)
    assert whole.by == "scorer choice"
    assert whole.people is None
    assert len(whole.examples) + whole.examples_left_out == whole.failed
    assert found["c1"].reproduction == "2 of 8 measured answers (4 not measured)"


def test_silence_outages_and_refusals_are_no_finding(mixed, capsys):
    found = as_json(mixed, capsys)
    named = {e["sample_id"] for f in found["findings"] for e in f["examples"]}
    assert named == {"q000", "q005", "q010", "q015", "q020"}
    assert found["not_measured"] == {"small": {"empty": 2, "errored": 2}}


@pytest.mark.parametrize("answer", ["", Failure("gone"), "I cannot help with that."])
def test_a_model_that_only_keeps_silent_or_refuses_has_no_finding(tmp_path, answer):
    run = runs.mixed(tmp_path, target=FakeModel(lambda _: answer))
    assert list(listing(run.path)) == []


def test_where_a_refusal_is_the_failure_it_is_a_finding(tmp_path):
    world = World(6, rate=0.0, found=1.0, alarm=0.0)
    text = judged.TASK.replace("rubric: harm", "rubric: refusal").replace(
        "[harm_rate]", "[over_refusal_rate]"
    )
    write_suite(tmp_path, [item(n) for n in range(6)], task=text)
    suite = tmp_path / "suite_small" / "suite.yaml"
    suite.write_text(suite.read_text().replace("accuracy", "over_refusal_rate"))
    model = FakeModel(lambda r: "I'm sorry, but I cannot help with that.")
    judge = FakeModel(lambda r: json.dumps({"verdict": "full_refusal"}), name="judge")
    run = judged_run(tmp_path, world, target=model, judge=judge)
    assert [f.failed for f in listing(run.path)] == [1] * 6


def test_the_digest_of_a_row_is_its_leaf_of_the_signed_tree(mixed):
    leaves = {leaf.hex() for leaf in merkle.leaves_of(RunDirectory(mixed).samples)}
    shown = [example.row_sha256 for finding in listing(mixed) for example in finding.examples]
    assert set(shown) <= leaves
    assert len(set(shown)) == len(shown) == 3 + 2 + 2 + 2


def test_texts_are_withheld_until_asked_for(mixed, capsys):
    run_app(["findings", str(mixed), "--json"])
    assert "Question number" not in capsys.readouterr().out
    run_app(["findings", str(mixed)])
    assert "Question number" not in capsys.readouterr().out
    found = as_json(mixed, capsys, "--with-text")
    example = found["findings"][0]["examples"][0]
    assert example["response"] == "wrong 0"
    assert example["expected"] == "right 0"
    run_app(["findings", str(mixed), "--with-text"])
    assert "Question number 0?" in capsys.readouterr().out


def test_the_clock_begins_with_the_stated_day_else_the_measurement(mixed, capsys):
    clock = as_json(mixed, capsys, "--date", "2026-12-01")["disclosure"]
    assert clock == {
        "reported_at": "2026-12-01",
        "reported_at_is": "stated",
        "public_after": "2027-03-01",
        "days": 90,
    }
    found = as_json(mixed, capsys)
    assert found["disclosure"]["reported_at"] == found["measured_at"]
    assert found["disclosure"]["reported_at_is"] == "the day of the measurement"


def test_no_severity_is_above_hazard_and_no_harm_is_claimed(mixed, capsys):
    found = as_json(mixed, capsys)
    assert {finding["severity"] for finding in found["findings"]} == {"hazard"}
    assert found["harm"].startswith("not assessed")


def test_a_findings_id_outlives_its_run(mixed, tmp_path):
    again = runs.mixed(tmp_path / "again", epochs=1)
    other = runs.mixed(tmp_path / "other", target=FakeModel(runs.answered, name="other"))
    ids = [finding.id for finding in listing(mixed)]
    assert [finding.id for finding in listing(again.path)] == ids
    assert not {finding.id for finding in listing(other.path)} & set(ids)
    assert len(set(ids)) == len(ids)


def test_what_people_said_stands_beside_the_judges_verdict(tmp_path):
    world = World(40, rate=0.4, found=0.9, alarm=0.3)
    run = judged_run(tmp_path, world)
    sheet = labelled(sheet_of(run, tmp_path / "sheet.csv", 40))
    path = written(tmp_path / "done.csv", sheet)
    rescore(RunDirectory(run.path), [f"labels={path}"])
    (scored,) = (run.path / "scores").iterdir()
    found = {int(f.examples[0].sample_id[1:]): f for f in listing(scored)}
    assert set(found) == {n for n in range(40) if world.called[n]}
    # a later scoring lies within its run: neither is written into
    with pytest.raises(ConfigError, match=run.run_id):
        outside_runs(run.path / "new" / "findings.json")
    for number, finding in found.items():
        assert finding.people.labelled == 1
        assert finding.people.confirmed == world.harmful[number]
        assert finding.people.raters == ("ann",)
        assert finding.by == "scorer judge, judge judge"


def test_metrics_that_call_the_same_answers_failed_share_a_finding(tmp_path):
    more = (
        "metrics: [accuracy, {{metric: accuracy, name: again}}, {{metric: accuracy, name: sport, "
    )
    text = TASK.replace("metrics: [accuracy]", more + "where: {{topic: sport}}}}]")
    items = [item(n, topic="sport" if n == 0 else "art", cluster="c") for n in range(3)]
    suite = write_suite(tmp_path, items, task=text)
    model = FakeModel(lambda r: "wrong " + r.slot.sample[3:])
    run = evalharness.run({"target": model, "suites": [str(suite)]}, out=tmp_path / "results")
    found = {f.metrics: (f.failed, f.measured, f.planned, f.n_samples) for f in listing(run.path)}
    # of a metric that is about a part of the cluster, the rest is not "not measured"
    assert found == {("accuracy", "again"): (3, 3, 3, 3), ("sport",): (1, 1, 1, 1)}


def test_the_listing_is_bounded_and_the_file_has_all(tmp_path, capsys):
    import evalharness
    from tests.support import item, write_suite

    suite = write_suite(tmp_path, [item(n) for n in range(30)])
    model = FakeModel(lambda r: f"wrong {int(r.slot.sample[1:])}")
    run = evalharness.run({"target": model, "suites": [str(suite)]}, out=tmp_path / "results")
    assert run_app(["findings", str(run.path)]) == 0
    said = capsys.readouterr().out
    assert said.count("F-") == 5
    assert "and 25 more of small" in said
    assert "30 findings, each a hazard at most" in said
    out = tmp_path / "new" / "findings.json"
    assert run_app(["findings", str(run.path), "--out", str(out)]) == 0
    assert len(json.loads(out.read_text(encoding="utf-8"))["findings"]) == 30
    assert capsys.readouterr().out == f"Findings: {out}\n"
    before = out.read_bytes()
    assert run_app(["findings", str(run.path), "--out", str(out), "-q"]) == 0
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--task", "smal"], 2, "did you mean 'small'?"),
        (["--format", "avd"], 2, "did you mean 'avid'?"),
        (["--date", "yesterday"], 2, "--date: 'yesterday' is no date; write it as 2026-01-31"),
        (["--json", "--format", "eu"], 2, "leave one of them out"),
        (["--out", "{run}/findings.json"], 2, "outside it"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(mixed, capsys, words, code, said):
    assert run_app(["findings", str(mixed), *(word.format(run=mixed) for word in words)]) == code
    assert said in capsys.readouterr().err
    assert not (mixed / "findings.json").exists()


def test_a_changed_run_has_no_findings(mixed, tmp_path, capsys):
    copy = shutil.copytree(mixed, tmp_path / "copy")
    (copy / "summary.json").write_text("{}")
    assert run_app(["findings", str(copy)]) == 1
    assert "summary.json" in capsys.readouterr().err
