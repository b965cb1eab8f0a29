"""Bundles of sigstore: the real library signs and verifies, the services are our own."""

from __future__ import annotations

import json
import random
import shutil

import pytest
from sigstore.sign import SigningContext

from evalharness.cli.app import run_app
from evalharness.errors import MissingExtraError
from evalharness.evidence import keyless, sign
from evalharness.evidence.statement import PREDICATE_TYPE
from evalharness.store.directory import RunDirectory
from tests.evidence.own_sigstore import IDENTITY, ISSUER, OwnSigstore
from tests.support import finished_run

WHO = ["--identity", IDENTITY, "--issuer", ISSUER]


@pytest.fixture(scope="module")
def service():
    return OwnSigstore()


@pytest.fixture(autouse=True)
def ours(service, monkeypatch, tmp_path):
    """The library's services are ours; no token of whoever runs the tests is found."""

    def context(trust):
        return SigningContext(fulcio=service, rekor=service, trusted_root=trust.trusted_root)

    monkeypatch.setattr(SigningContext, "from_trust_config", context)
    monkeypatch.setattr("sigstore.oidc.detect_credential", lambda: None)
    monkeypatch.setenv("TOKEN", service.token())
    path = tmp_path / "trust.json"
    path.write_text(service.trust_config())
    return path


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return finished_run(tmp_path_factory.mktemp("keyless"), 8)


@pytest.fixture
def run(original, tmp_path):
    return shutil.copytree(original, tmp_path / original.name)


@pytest.fixture
def signed(run, ours):
    asked = ["sign", str(run), "--sigstore", "--identity-token", "TOKEN"]
    assert run_app([*asked, "--trust-config", str(ours), "--by", "Jane Doe"]) == 0
    return RunDirectory(run)


@pytest.fixture
def verify(ours, capsys):
    def call(directory, *options, who=WHO):
        trust = ["--trust-config", str(ours)] if who else []
        code = run_app(["verify", str(directory.path), *who, *trust, *options])
        return code, " ".join(capsys.readouterr())

    return call


def test_a_bundle_of_the_same_statement_verifies_and_says_what_that_proves(signed, verify):
    (statement,) = keyless.statements_of(signed)
    assert statement["predicateType"] == PREDICATE_TYPE
    assert statement["predicate"]["signed"]["by"] == "Jane Doe"
    assert not sign.statement_faults(signed, [statement])
    code, said = verify(signed)
    assert code == 0
    assert f"holds   signed by {IDENTITY}, as {ISSUER} vouches" in said
    assert "the bundle proves: somebody whom the issuer knew by this name" in said
    code, said = verify(signed, who=[])
    assert code == 0
    assert "not checked: who signed through sigstore; give --identity and --issuer" in said


def test_another_name_or_another_issuer_did_not_sign(signed, verify):
    for who in (
        ["--identity", "john@example.org", "--issuer", ISSUER],
        ["--identity", IDENTITY, "--issuer", "https://accounts.other"],
    ):
        code, said = verify(signed, who=who)
        assert code == 1
        assert "statement 1: not verified" in said


def test_another_sigstore_did_not_vouch(signed, verify, ours):
    ours.write_text(OwnSigstore().trust_config())
    code, said = verify(signed)
    assert code == 1
    assert "statement 1: not verified" in said


def test_any_flipped_byte_in_the_bundle_is_found(signed, ours):
    """Seeded places, the first and the last byte among them."""
    trust = keyless.Service(config=ours).trust()
    expected = keyless.Expected(IDENTITY, ISSUER)
    content = signed.bundles.read_bytes()
    assert not keyless.bundle_faults(signed, expected, trust)
    draw = random.Random(3)
    for place in {0, len(content) - 1, *(draw.randrange(len(content)) for _ in range(150))}:
        changed = bytearray(content)
        changed[place] ^= 1 << draw.randrange(8)
        signed.bundles.write_bytes(changed)
        try:
            found = keyless.bundle_faults(signed, expected, trust)
        except ValueError as fault:
            found = [str(fault)]
        assert found, (place, bytes(content[place - 20 : place + 20]))


def test_a_changed_file_is_not_what_the_bundle_is_about(signed, verify):
    card = signed.read_json(signed.scorecard)
    signed.write_json(signed.scorecard, {**card, "name": "another"})
    signed.seal()
    code, said = verify(signed)
    assert code == 1
    assert "scorecard.json: not the file that was signed" in said


def test_a_damaged_bundle_is_found_without_the_library_too(signed, verify):
    text = signed.bundles.read_text()
    for damaged in (text[:-1], text.replace('{"', '{ "', 1), "{}\n", "[1]\n", ""):
        signed.bundles.write_text(damaged)
        code, said = verify(signed, who=[])
        assert code == 1, damaged[:40]
        assert "not as it was written" in said


def test_the_token_is_in_no_file_and_in_no_message(signed, service, monkeypatch, ours, capsys):
    token = service.token()
    for path in signed.path.iterdir():
        assert token.encode() not in path.read_bytes()
    monkeypatch.setenv("TOKEN", token)

    def refuses(*_arguments):
        raise RuntimeError(f"refused Bearer {token}")

    monkeypatch.setattr(OwnSigstore, "post", refuses)
    before = signed.bundles.read_bytes()
    asked = ["sign", str(signed.path), "--sigstore", "--identity-token", "TOKEN"]
    assert run_app([*asked, "--trust-config", str(ours)]) == 2
    said = " ".join(capsys.readouterr())
    assert token not in said
    assert "nothing was written (RuntimeError: refused Bearer [token])" in said
    assert signed.bundles.read_bytes() == before
    monkeypatch.setenv("TOKEN", "no token at all")
    assert run_app([*asked, "--trust-config", str(ours)]) == 2
    assert "no identity (IdentityError" in capsys.readouterr().err


def test_who_signs_after_another_identity_is_told_whose_signature_is_gone(
    signed, service, verify, ours, monkeypatch, capsys
):
    again = ["sign", str(signed.path), "--sigstore", "--identity-token", "TOKEN"]
    again += ["--trust-config", str(ours)]
    assert run_app(again) == 0
    assert "replaced" not in capsys.readouterr().err
    monkeypatch.setenv("TOKEN", service.token("john@example.org"))
    assert run_app(again) == 0
    assert f"replaced, for a run keeps one identity's: the signature of {IDENTITY}" in (
        capsys.readouterr().err
    )
    code, _said = verify(signed, who=["--identity", "john@example.org", "--issuer", ISSUER])
    assert code == 0
    signed.bundles.write_text("{}\n")
    assert run_app(again) == 0
    assert "the signature of somebody through sigstore" in capsys.readouterr().err


def test_what_is_sent_to_the_log_is_the_signed_envelope_and_no_file(signed, service):
    (proposed,) = [service.sent[-1]["spec"]["proposedContent"]]
    assert set(proposed) == {"envelope", "verifiers"}
    (line,) = signed.bundles.read_text().splitlines()
    assert json.loads(proposed["envelope"]) == json.loads(line)["dsseEnvelope"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["sign"], "name a key with --key FILE, or sign with --sigstore"),
        (["sign", "--key", "k", "--staging"], "belong to --sigstore"),
        (["sign", "--sigstore", "--trust-config", "nowhere.json"], "no client trust configuration"),
        (["verify", "--identity", IDENTITY], "--identity and --issuer belong together"),
        (["verify", "--offline"], "belong to --identity and --issuer"),
    ],
)
def test_half_of_what_is_needed_is_a_sentence(run, capsys, asked, said):
    assert run_app([asked[0], str(run), *asked[1:]]) == 2
    assert said in capsys.readouterr().err


def test_a_variable_that_is_not_set_is_a_sentence(run, ours, capsys):
    asked = ["sign", str(run), "--sigstore", "--identity-token", "NO_SUCH_VARIABLE"]
    assert run_app([*asked, "--trust-config", str(ours)]) == 2
    assert "names an environment variable that is not set" in capsys.readouterr().err


def test_a_token_where_its_variable_belongs_is_not_repeated(run, ours, capsys):
    asked = ["sign", str(run), "--sigstore", "--identity-token", "eyJhbGciOiJub25lIn0.e30.c2ln"]
    assert run_app([*asked, "--trust-config", str(ours)]) == 2
    said = capsys.readouterr().err
    assert "is no name of an environment variable" in said
    assert "eyJ" not in said


def test_an_unsigned_run_is_not_signed_by_the_identity(run, verify):
    code, said = verify(RunDirectory(run))
    assert code == 1
    assert "it has no bundle" in said


def test_without_the_library_the_line_to_install_it_is_said(signed, verify, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sigstore", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'evalharness\[sigstore\]'"):
        keyless.Service().trust()
    code, said = verify(signed)
    assert code == 2
    assert "evalharness[sigstore]" in said
    assert verify(signed, who=[])[0] == 0
