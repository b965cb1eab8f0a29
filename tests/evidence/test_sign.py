"""Signing: what is signed, that any change is found, and what a signature does not prove."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1.statement import Statement

import evalharness
from evalharness.cli.app import run_app
from evalharness.errors import ConfigError
from evalharness.evidence import dsse, keys, merkle, sign
from evalharness.evidence.statement import PREDICATE_TYPE, TEST_RESULT_TYPE
from evalharness.store.directory import RunDirectory
from evalharness.verification import verify_run
from tests.support import FakeModel, item, write_suite


@pytest.fixture(scope="module")
def tester(tmp_path_factory):
    """A key of a tester: (private, public)."""
    path = tmp_path_factory.mktemp("keys") / "tester.key"
    return path, keys.write_pair(path)


@pytest.fixture(scope="module")
def original(tmp_path_factory, tester):
    """A signed run with a policy."""
    folder = tmp_path_factory.mktemp("signed")
    policy = folder / "policy.yaml"
    policy.write_text(
        "policy: mine\nversion: 1\ntitle: ours\ncriteria:\n"
        "  - {metric: factuality/small/accuracy, at_least: 0.5}\n"
        "  - {metric: factuality/small/answer_rate, at_least: 0.99}\n"
    )
    suite = write_suite(folder / "suite", [item(n) for n in range(40)])
    config = {"target": FakeModel(lambda _: "right 1"), "suites": [str(suite)]}
    answers = {"target": FakeModel(lambda r: f"right {int(r.slot.sample[1:])}")}
    path = evalharness.run(
        {**config, **answers, "policy": str(policy)}, out=folder / "results"
    ).path
    sign.sign_run(RunDirectory(path), tester[0], signer="Jane Doe")
    return path


@pytest.fixture
def signed(original, tmp_path):
    return RunDirectory(shutil.copytree(original, tmp_path / original.name))


def faults_of(directory, public):
    return [fault for check in verify_run(directory, public) for fault in check.faults]


def test_a_signed_run_verifies_and_says_what_that_proves(signed, tester, capsys):
    assert run_app(["verify", str(signed.path), "--key", str(tester[1])]) == 0
    printed = capsys.readouterr().out
    assert "the signature proves: whoever holds this key signed exactly these files" in printed
    assert "the signature does not prove: who holds the key" in printed
    assert run_app(["verify", str(signed.path)]) == 0
    printed = capsys.readouterr().out
    own = keys.key_id(keys.public_key(tester[1]))
    assert f"not checked: whether the key {own} signed; give its file with --key" in printed
    assert re.search(r"verified: all \d+ checks hold; 1 not checked$", printed.strip())


def test_verification_changes_nothing(signed, tester):
    def state():
        return {
            path.name: (path.stat().st_mtime_ns, path.read_bytes())
            for path in signed.path.iterdir()
        }

    before = state()
    verify_run(signed, tester[1])
    assert state() == before


def test_the_statements_are_in_totos_by_its_own_library(signed):
    envelopes = dsse.unpack(signed.attestation.read_text())
    kinds = []
    for envelope in envelopes:
        found = Statement.copy_from_pb(_statement_pb(envelope.payload))
        found.validate()
        kinds.append(found.pb.predicate_type)
        names = [subject.name for subject in found.pb.subject]
        assert names[0] == "manifest.json"
        assert set(names) == {p.name for p in signed.path.iterdir()} - {signed.attestation.name}
    assert kinds == [PREDICATE_TYPE, TEST_RESULT_TYPE]


def _statement_pb(payload):
    from google.protobuf import json_format
    from in_toto_attestation.v1 import statement_pb2

    return json_format.Parse(payload, statement_pb2.Statement())


def test_the_test_result_is_in_totos(signed):
    from google.protobuf import json_format

    predicate = dsse.unpack(signed.attestation.read_text())[1].statement["predicate"]
    found = json_format.ParseDict(predicate, test_result_pb2.TestResult())
    # 40 of 40 demonstrate 50 %, and not 99 %
    assert found.result == "FAILED"
    assert list(found.passed_tests) == ["factuality/small/accuracy: at least 0.5"]
    assert list(found.failed_tests) == ["factuality/small/answer_rate: at least 0.99"]


def test_the_figures_and_the_root_are_signed(signed):
    predicate = dsse.unpack(signed.attestation.read_text())[0].statement["predicate"]
    figure = predicate["figures"]["factuality/small/accuracy"]
    assert (figure["value"], figure["n_measured"], figure["n_planned"]) == (1.0, 40, 40)
    leaves = list(merkle.leaves_of(signed.samples))
    assert predicate["samples"]["merkle_root"] == merkle.root(leaves).hex()
    shown = sign.proven_row(signed, 7)
    path = [bytes.fromhex(step) for step in shown["path"]]
    assert merkle.proves(leaves[7], 7, 40, path, bytes.fromhex(shown["merkle_root"]))
    assert predicate["signed"]["by"] == "Jane Doe"


def test_any_flipped_byte_in_any_file_is_found(every, signer):
    """Seeded places over files of every kind, the first and the last byte among them."""
    public = keys.public_key(signer[1])
    draw = random.Random(7)
    (scored,) = map(RunDirectory, (every.path / "scores").iterdir())
    for directory in (every, scored):  # a later scoring has its own manifest, and no signature
        for path in sorted(filter(Path.is_file, directory.path.iterdir())):
            content = path.read_bytes()
            places = {0, len(content) - 1, *(draw.randrange(len(content)) for _ in range(20))}
            for place in places:
                changed = bytearray(content)
                changed[place] ^= 1 << draw.randrange(8)
                path.write_bytes(changed)
                assert found_by_digest(directory, public), (path.name, place)
            path.write_bytes(content)
    kinds = {path.name for path in every.path.iterdir()}
    assert kinds >= {
        "run.json", "responses.sqlite", "samples.parquet", "labels.json", "scorecard.json",
        "summary.json", "manifest.json", "attestation.intoto.jsonl", "report.html", "report.md",
        "report.zh.html", "report.zh.md", "assurance.html", "assurance.md", "assurance.zh.html",
        "assurance.json", "engagement.json", "label.html", "label.md", "label.zh.html",
        "label.zh.pdf", "label.json", "label.given.json", "scores",
    }  # fmt: skip
    assert not faults_of(every, signer[1])


def found_by_digest(directory, public):
    """What verification looks at first: the signature, what it is about, the manifest's digests."""
    try:
        if not directory.attestation.is_file():
            return directory.check_seal()
        return (
            sign.envelope_faults(directory, public)
            or [
                fault
                for signed in sign.statements_by_key(directory).values()
                for fault in sign.statement_faults(directory, signed)
            ]
            or directory.check_seal()
        )
    except Exception as fault:  # noqa: BLE001 - verification reports a fault of any kind
        return [str(fault)]


@pytest.mark.parametrize("name", ["run.json", "manifest.json", "samples.parquet",
                                  "attestation.intoto.jsonl", "report.html"])  # fmt: skip
def test_verify_leaves_with_1_on_a_changed_file(signed, tester, name, capsys):
    path = signed.path / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert run_app(["verify", str(signed.path), "--key", str(tester[1])]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_figures_that_were_made_up_and_sealed_again_are_found(signed, tester):
    card = signed.read_json(signed.scorecard)
    card["dimensions"]["factuality"]["tasks"]["small"]["metrics"]["accuracy"]["value"] = 0.9
    signed.write_json(signed.scorecard, card)
    signed.seal()
    faults = faults_of(signed, tester[1])
    assert any("scorecard.json: not the file that was signed" in fault for fault in faults)
    assert any("figures: what was signed does not follow" in fault for fault in faults)


def test_another_key_did_not_sign(signed, tmp_path):
    other = keys.write_pair(tmp_path / "other.key")
    (fault,) = faults_of(signed, other)
    assert fault.startswith("not signed by the key that was given, but by ")


def test_two_keys_sign_one_run(signed, tester, tmp_path, capsys):
    other = keys.write_pair(tmp_path / "other.key")
    ids = [keys.key_id(keys.public_key(path)) for path in (tester[1], other)]
    assert run_app(["sign", str(signed.path), "--key", str(tmp_path / "other.key")]) == 0
    printed = capsys.readouterr().out
    assert f"kept, for it is about these files too: the signature by the key {ids[0]}" in printed
    assert f"key id {ids[1]}" in printed
    assert list(sign.statements_by_key(signed)) == ids
    for number, public in enumerate((tester[1], other)):
        assert run_app(["verify", str(signed.path), "--key", str(public)]) == 0
        printed = capsys.readouterr().out
        assert f"holds   signed by the key {ids[number]}" in printed
        assert f"not checked: whether the key {ids[1 - number]} signed" in printed
    sign.sign_run(signed, tester[0])  # again: its own lines alone are others
    assert {
        name: len(found) for name, found in sign.statements_by_key(signed).items()
    } == dict.fromkeys(ids, 2)
    signed.report.write_bytes(b"changed")
    assert faults_of(signed, other)


def test_a_signature_that_no_longer_fits_is_taken_away_and_named(signed, tester, tmp_path, capsys):
    own = keys.key_id(keys.public_key(tester[1]))
    keys.write_pair(tmp_path / "other.key")
    assert run_app(["report", str(signed.path), "--set", "report_samples=7"]) == 0
    capsys.readouterr()
    assert run_app(["sign", str(signed.path), "--key", str(tmp_path / "other.key")]) == 0
    assert f"taken away, for it was about other files: the signature by the key {own}" in (
        capsys.readouterr().err
    )
    assert not faults_of(signed, tmp_path / "other.key.pub")
    signed.attestation.write_text("no line of ours")
    signed_again = sign.sign_run(signed, tester[0])
    assert signed_again.removed == ("a key that is not known, for the file was damaged",)
    assert not faults_of(signed, tester[1])


def test_another_keys_damaged_statement_is_found(signed, tester, tmp_path):
    other = keys.write_pair(tmp_path / "other.key")
    sign.sign_run(signed, tmp_path / "other.key")
    lines = signed.attestation.read_text().splitlines(keepends=True)
    signed.attestation.write_text("".join(lines[:1] + lines[2:]))
    assert any("0 statements signed" in fault for fault in faults_of(signed, other))


def failed(directory, *options):
    return {check.name for check in verify_run(directory, *options) if check.faults}


def test_no_check_about_a_changed_file_holds(signed, tester):
    content = bytearray(signed.report.read_bytes())
    content[len(content) // 2] ^= 1
    signed.report.write_bytes(content)
    assert failed(signed, tester[1]) == {
        "every file is as the manifest recorded it", "what was signed is what lies here",
        "report.html is what the records give",
    }  # fmt: skip
    found = faults_of(signed, tester[1])
    assert found.count("report.html: not the file that was signed") == 1  # of two statements


def test_the_last_line_is_the_verdict(signed, tester, capsys):
    def last(*options):
        run_app(["verify", str(signed.path), *options])
        return capsys.readouterr().out.splitlines()[-1]

    assert re.fullmatch(r"verified: all \d+ checks hold", last("--key", str(tester[1])))
    content = signed.samples.read_bytes()
    signed.samples.write_bytes(content[:40] + bytes(200) + content[240:])
    assert re.fullmatch(r"NOT verified: \d of \d+ checks failed", last())
    run_app(["verify", str(signed.path)])
    printed = capsys.readouterr().out
    assert "a file that it reads is damaged (" in printed
    assert not re.search(r"[A-Za-z]+(Error|Invalid): |--fresh|sign again", printed)
    signed.samples.write_bytes(content)
    signed.attestation.unlink()
    assert last().endswith("hold; nobody signed the run")


def test_what_is_not_checked_does_not_hold_in_json(signed, capsys):
    assert run_app(["verify", str(signed.path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {one["holds"] for one in shown} == {True, None}
    (left,) = [one["check"] for one in shown if one["holds"] is None]
    assert left.startswith("whether the key ")


def test_output_that_is_cut_short_is_no_fault(signed):
    program = (
        "import sys; from evalharness.cli.app import run_app; "
        f"sys.exit(run_app(['verify', {str(signed.path)!r}]))"
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_statement_of_another_payload_under_the_same_signature_is_found(signed, tester):
    (first, *rest) = signed.attestation.read_text().splitlines()
    envelope = json.loads(first)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicate"]["figures"] = {}
    payload = json.dumps(statement, ensure_ascii=False).encode()
    envelope["payload"] = base64.b64encode(payload).decode()
    signed.attestation.write_text("".join(f"{line}\n" for line in [json.dumps(envelope), *rest]))
    assert "statement 1: not signed by the key that was given" in faults_of(signed, tester[1])


def test_a_statement_that_was_taken_away_is_found(signed, tester):
    first, _second = signed.attestation.read_text().splitlines(keepends=True)
    signed.attestation.write_text(first)
    assert f"{TEST_RESULT_TYPE}: 0 statements signed, the run gives 1" in faults_of(
        signed, tester[1]
    )
    signed.attestation.write_text(_second)
    assert any("0 statements about the run's figures" in f for f in faults_of(signed, tester[1]))


def test_an_unsigned_run_is_not_signed_by_the_key(signed, tester):
    signed.attestation.unlink()
    assert any("it is not signed" in fault for fault in faults_of(signed, tester[1]))
    assert not faults_of(signed, None)


def test_a_damaged_run_is_not_signed(signed, tester, capsys):
    signed.report.write_text("<p>all is well</p>")
    assert run_app(["sign", str(signed.path), "--key", str(tester[0])]) == 1
    assert "a damaged run is not signed" in capsys.readouterr().err


def test_a_later_scoring_follows_what_it_supersedes(signed):
    assert run_app(["score", str(signed.path), "--set", "level=0.9"]) == 0
    (path,) = (signed.path / "scores").iterdir()
    scored = RunDirectory(path)
    assert not faults_of(scored, None)
    signed.report.write_text("changed")
    assert any("report.html: SHA-256 differs" in fault for fault in faults_of(scored, None))
    signed.seal()
    assert "report.html: not the page that these records give" in faults_of(signed, None)
    with sqlite3.connect(signed.journal) as database:
        database.execute("UPDATE responses SET latency_s=9")
    database.close()
    signed.seal()
    assert any("was changed since it was scored again" in f for f in faults_of(scored, None))
    alone = RunDirectory(shutil.copytree(path, signed.path.parent / "alone" / "scores" / "x"))
    assert any("does not lie around it" in fault for fault in faults_of(alone, None))


def test_keys_are_for_their_owner_and_never_overwritten(tester, tmp_path):
    private, public = tester
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="is there already"):
        keys.write_pair(private)
    with pytest.raises(ConfigError, match="no private Ed25519 key"):
        keys.private_key(public)
    with pytest.raises(ConfigError, match="no public Ed25519 key"):
        keys.public_key(private)
    with pytest.raises(ConfigError, match="there is no such key file"):
        keys.public_key(tmp_path / "nowhere.pub")
    assert run_app(["new", "key", str(tmp_path / "mine.key")]) == 0
    assert keys.private_key(tmp_path / "mine.key")


def test_the_private_key_is_in_no_file_of_the_run(signed, tester):
    secret = keys.private_key(tester[0]).private_bytes_raw()
    text = tester[0].read_text().splitlines()[1]
    for path in signed.path.iterdir():
        content = path.read_bytes()
        assert secret not in content
        assert text.encode() not in content
