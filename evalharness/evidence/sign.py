"""Signs a finished run, and checks what was signed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness import pipeline
from evalharness.errors import RunCorruptError
from evalharness.evidence import dsse, keys, merkle
from evalharness.evidence.statement import PREDICATE_TYPE, statements
from evalharness.store.directory import RunDirectory, file_sha256

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["MEANING", "envelope_faults", "sign_run", "statement_faults"]

#: What a reader of a valid signature may conclude, and what not.
MEANING = """\
proves: whoever holds this key signed exactly these files, and not one byte of them changed since
does not prove: who holds the key (get it from the tester by another way), when it was signed, \
that the named model gave these answers, or that the tests were the right ones\
""".splitlines()


def sign_run(directory: RunDirectory, key: Path, *, signer: str | None = None) -> Path:
    """Write ``attestation.intoto.jsonl``: statements about the run in signed envelopes.

    Args:
        key: file of the tester's private Ed25519 key.
        signer: who signs, in words.

    Raises:
        ConfigError: no such key.
        RunError: the run was not finished; RunCorruptError: its files were changed.
    """
    private = keys.private_key(key)
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
        lines = [dsse.pack(statement, private) for statement in found]
        directory.write_text(directory.attestation, "".join(f"{line}\n" for line in lines))
    return directory.attestation


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


def statement_faults(directory: RunDirectory) -> list[str]:
    """Where what was signed is not what lies here: files, figures, rows."""
    faults = []
    text = directory.attestation.read_text(encoding="utf-8")
    for envelope in dsse.unpack(text):
        faults += _subject_faults(directory, envelope.statement)
        if envelope.statement["predicateType"] == PREDICATE_TYPE:
            faults += _predicate_faults(directory, envelope.statement["predicate"])
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


def _predicate_faults(directory: RunDirectory, predicate: dict[str, Any]) -> list[str]:
    (again, *_) = statements(
        directory,
        pipeline.load_scorecard(directory),
        signer=predicate["signed"]["by"],
        when=predicate["signed"]["at"],
    )
    return [
        f"{name}: what was signed does not follow from the run's files"
        for name in sorted(predicate.keys() | again["predicate"].keys())
        if predicate.get(name) != again["predicate"].get(name)
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
