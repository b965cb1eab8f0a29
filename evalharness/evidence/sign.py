"""Signs a finished run, and checks what was signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness import pipeline
from evalharness.errors import ConfigError, RunCorruptError
from evalharness.evidence import dsse, keyless, keys, merkle
from evalharness.evidence.statement import PREDICATE_TYPE, statements
from evalharness.store.directory import RunDirectory, file_sha256

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = [
    "MEANING", "Keyless", "envelope_faults", "proven_row", "sign_run", "signed_statements",
    "statement_faults",
]  # fmt: skip


@dataclass(frozen=True)
class Keyless:
    """How to sign with an identity: which sigstore, and where the token is.

    Args:
        variable: environment variable with the token; None: a build server's, or a browser.
    """

    service: keyless.Service
    variable: str | None = None


#: What a reader of a valid signature may conclude, and what not.
MEANING = """\
proves: whoever holds this key signed exactly these files, and not one byte of them changed since
does not prove: who holds the key (get it from the tester by another way), when it was signed, \
that the named model gave these answers, or that the tests were the right ones\
""".splitlines()


def sign_run(
    directory: RunDirectory,
    key: Path | None = None,
    *,
    signer: str | None = None,
    sigstore: Keyless | None = None,
) -> list[Path]:
    """Write statements about the run, signed: by a key, by an identity, or by both.

    Args:
        key: file of the tester's private Ed25519 key; writes ``attestation.intoto.jsonl``.
        signer: who signs, in words.
        sigstore: sign with an identity; writes ``attestation.sigstore.jsonl``.

    Returns:
        The files that were written.

    Raises:
        ConfigError: no such key, neither key nor identity; what `keyless.sign_bundles` raises.
        RunError: the run was not finished; RunCorruptError: its files were changed.
    """
    if key is None and sigstore is None:
        raise ConfigError("sign: name a key with --key FILE, or sign with --sigstore")
    private = None if key is None else keys.private_key(key)
    with directory.locked():
        directory.require_finished()
        if faults := directory.check_seal():
            raise RunCorruptError(
                f"{directory.path}: {faults[0]}; a damaged run is not signed: "
                "'evalharness verify' says more"
            )
        found = statements(
            directory,
            pipeline.load_scorecard(directory),
            signer=signer,
            when=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        written = []
        if sigstore is not None:
            written.append(
                keyless.sign_bundles(directory, found, sigstore.service, sigstore.variable)
            )
        if private is not None:
            lines = [dsse.pack(statement, private) for statement in found]
            directory.write_text(directory.attestation, "".join(f"{line}\n" for line in lines))
            written.append(directory.attestation)
    return written


def envelope_faults(directory: RunDirectory, key: Ed25519PublicKey | None) -> list[str]:
    """What speaks against the signature itself; without a key only that it is whole."""
    try:
        envelopes = dsse.unpack(directory.attestation.read_bytes().decode("utf-8", "strict"))
    except ValueError as fault:
        return [f"{directory.attestation.name}: {fault}"]
    if key is None:
        return []
    return [
        f"statement {number}: not signed by the key that was given"
        for number, envelope in enumerate(envelopes, 1)
        if not envelope.signed_by(key)
    ]


def signed_statements(directory: RunDirectory) -> list[dict[str, Any]]:
    """What a key signed, without a look at the signatures."""
    text = directory.attestation.read_text(encoding="utf-8")
    return [envelope.statement for envelope in dsse.unpack(text)]


def statement_faults(directory: RunDirectory, found: Sequence[dict[str, Any]]) -> list[str]:
    """Where what was signed is not what lies here: files, figures, rows.

    Args:
        found: the statements that were signed.
    """
    figures = [s["predicate"] for s in found if s["predicateType"] == PREDICATE_TYPE]
    if len(figures) != 1:
        return [f"{len(figures)} statements about the run's figures were signed, not one"]
    again = statements(
        directory,
        pipeline.load_scorecard(directory),
        signer=figures[0]["signed"]["by"],
        when=figures[0]["signed"]["at"],
    )
    faults = []
    for kind in sorted({s["predicateType"] for s in (*found, *again)}):
        signed = [s for s in found if s["predicateType"] == kind]
        due = [s for s in again if s["predicateType"] == kind]
        if len(signed) != len(due):
            faults.append(f"{kind}: {len(signed)} statements signed, the run gives {len(due)}")
            continue
        for one, other in zip(signed, due, strict=True):
            faults += _subject_faults(directory, one)
            faults += _predicate_faults(one["predicate"], other["predicate"])
    return faults


def _subject_faults(directory: RunDirectory, statement: dict[str, Any]) -> list[str]:
    signed = {part["name"]: part["digest"]["sha256"] for part in statement["subject"]}
    present = directory.read_json(directory.manifest)["files"]
    present = {**present, directory.manifest.name: file_sha256(directory.manifest)}
    return [
        f"{name}: not the file that was signed; sign again if it was changed on purpose"
        for name in sorted(signed.keys() | present.keys())
        if signed.get(name) != present.get(name)
    ]


def _predicate_faults(signed: dict[str, Any], due: dict[str, Any]) -> list[str]:
    return [
        f"{name}: what was signed does not follow from the run's files"
        for name in sorted(signed.keys() | due.keys())
        if signed.get(name) != due.get(name)
    ]


def proven_row(directory: RunDirectory, place: int) -> dict[str, Any]:
    """A row's digest with its proof: that it is one of those whose root was signed.

    Args:
        place: of the row in samples.parquet, from 0.
    """
    leaves = list(merkle.leaves_of(directory.samples))
    return {
        "place": place,
        "leaves": len(leaves),
        "leaf": leaves[place].hex(),
        "path": [step.hex() for step in merkle.proof(leaves, place)],
        "merkle_root": merkle.root(leaves).hex(),
        "algorithm": merkle.ALGORITHM,
    }
