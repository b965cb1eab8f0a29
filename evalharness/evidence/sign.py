"""Signs a finished run, and checks what was signed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness import pipeline
from evalharness.errors import ConfigError, EvalHarnessError
from evalharness.evidence import dsse, keyless, keys, merkle
from evalharness.evidence.statement import PREDICATE_TYPE, statements
from evalharness.store.directory import RunDirectory

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = [
    "MEANING", "Keyless", "Signed", "envelope_faults", "envelopes_by_key", "proven_row", "sign_run",
    "statement_faults", "statements_by_key", "statements_due",
]  # fmt: skip


@dataclass(frozen=True)
class Keyless:
    """How to sign with an identity: which sigstore, and where the token is.

    Args:
        variable: environment variable with the token; None: a build server's, or a browser.
    """

    service: keyless.Service
    variable: str | None = None


@dataclass(frozen=True)
class Signed:
    """What came of signing.

    Args:
        files: those that were written.
        kept: ids of other keys whose signatures are about these very files, and stay.
        removed: signatures that were about other files, and were taken away: ids of their keys.
        replaced: names of other identities whose signature through sigstore was here: a run keeps
            one.
    """

    files: tuple[Path, ...]
    kept: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


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
) -> Signed:
    """Write statements about the run, signed: by a key, by an identity, or by both.

    A run may be signed by several keys: what others signed stays where it is about these files.

    Args:
        key: file of the tester's private Ed25519 key; writes ``attestation.intoto.jsonl``.
        signer: who signs, in words.
        sigstore: sign with an identity; writes ``attestation.sigstore.jsonl``.

    Raises:
        ConfigError: no such key, neither key nor identity; what `keyless.sign_bundles` raises.
        RunError: the run was not finished; RunCorruptError: its files were changed.
    """
    if key is None and sigstore is None:
        raise ConfigError("sign: name a key with --key FILE, or sign with --sigstore")
    private = None if key is None else keys.private_key(key)
    with directory.locked():
        directory.require_intact("a damaged run is not signed")
        when = datetime.now(UTC).isoformat(timespec="seconds")
        found = statements(directory, pipeline.load_scorecard(directory), signer=signer, when=when)
        written: list[Path] = []
        others: list[dsse.Envelope] = []
        gone: list[str] = []
        before: set[str] = set()
        if sigstore is not None:
            bundles = keyless.sign_bundles(found, sigstore.service, sigstore.variable)
            before = keyless.signers_of(directory)
            directory.write_text(directory.bundles, bundles)
            before -= keyless.signers_of(directory)
            written.append(directory.bundles)
        if private is not None:
            own = [dsse.pack(statement, private) for statement in found]
            others, gone = _others(directory, keys.key_id(private.public_key()), found)
            directory.write_text(directory.attestation, dsse.text_of([*others, *own]))
            written.append(directory.attestation)
    kept = dict.fromkeys(envelope.key_id for envelope in others)
    return Signed(tuple(written), tuple(kept), tuple(gone), tuple(sorted(before)))


def _others(
    directory: RunDirectory, own: str, due: Sequence[dict[str, Any]]
) -> tuple[list[dsse.Envelope], list[str]]:
    """What other keys signed and still fits, and the ids of the keys of what does not."""
    if not directory.attestation.is_file():
        return [], []
    try:
        signed = envelopes_by_key(directory)
    except ValueError:
        return [], ["a key that is not known, for the file was damaged"]
    kept: list[dsse.Envelope] = []
    gone, digests = [], directory.digests()
    for name, envelopes in signed.items():
        if name == own:
            continue
        try:
            told = [one.statement for one in envelopes]
            fits = not statement_faults(directory, told, digests, lambda: due)
        except (EvalHarnessError, KeyError, TypeError, ValueError):  # no statement of ours
            fits = False
        if fits:
            kept += envelopes
        else:
            gone.append(name)
    return kept, gone


def envelopes_by_key(directory: RunDirectory) -> dict[str, list[dsse.Envelope]]:
    """The signed envelopes, by the id of the key that each names.

    Raises:
        ValueError: the file is damaged.
    """
    found: dict[str, list[dsse.Envelope]] = {}
    for envelope in dsse.unpack(directory.attestation.read_bytes().decode("utf-8", "strict")):
        found.setdefault(envelope.key_id, []).append(envelope)
    return found


def envelope_faults(directory: RunDirectory, key: Ed25519PublicKey | None) -> list[str]:
    """What speaks against a key's signature itself; without a key only that the file is whole."""
    try:
        signed = envelopes_by_key(directory)
    except ValueError as fault:
        return [f"{directory.attestation.name}: {fault}"]
    if key is None:
        return []
    own = signed.get(keys.key_id(key), [])
    if not own:
        return [f"not signed by the key that was given, but by {', '.join(signed)}"]
    return [
        f"statement {number}: not signed by the key that was given"
        for number, envelope in enumerate(own, 1)
        if not envelope.signed_by(key)
    ]


def statements_by_key(directory: RunDirectory) -> dict[str, list[dict[str, Any]]]:
    """What each key signed, without a look at the signatures.

    Raises:
        ValueError: the file is damaged.
    """
    signed = envelopes_by_key(directory)
    return {name: [one.statement for one in envelopes] for name, envelopes in signed.items()}


def statement_faults(
    directory: RunDirectory,
    found: Sequence[dict[str, Any]],
    digests: Mapping[str, str] | None = None,
    due: Callable[[], Sequence[dict[str, Any]]] | None = None,
) -> list[str]:
    """Where what was signed is not what lies here: files, figures, rows.

    Args:
        found: the statements that one signer signed.
        digests: what `RunDirectory.digests` found, where they were made already.
        due: gives what `statements_due` gives; made once where several signed.
    """
    present = directory.digests() if digests is None else digests
    figures = [s["predicate"] for s in found if s["predicateType"] == PREDICATE_TYPE]
    if len(figures) != 1:
        return [f"{len(figures)} statements about the run's figures were signed, not one"]
    faults = [fault for one in found for fault in _subject_faults(one, present)]
    who = figures[0]["signed"]
    try:
        made = statements_due(directory) if due is None else due()
        again = [_signed_by(one, who["by"], who["at"]) for one in made]
    except (EvalHarnessError, OSError, ValueError):
        if not faults:  # else the files that were changed are named, and that says it
            raise
        return list(dict.fromkeys(faults))
    for kind in sorted({s["predicateType"] for s in (*found, *again)}):
        signed = [s for s in found if s["predicateType"] == kind]
        given = [s for s in again if s["predicateType"] == kind]
        if len(signed) != len(given):
            faults.append(f"{kind}: {len(signed)} statements signed, the run gives {len(given)}")
            continue
        for one, other in zip(signed, given, strict=True):
            faults += _predicate_faults(one["predicate"], other["predicate"])
    return list(dict.fromkeys(faults))  # statements are about the same files


def statements_due(directory: RunDirectory) -> list[dict[str, Any]]:
    """What a run's files give to be signed, by nobody yet: every row is read for their root."""
    return statements(directory, pipeline.load_scorecard(directory), signer=None, when="")


def _signed_by(statement: dict[str, Any], by: Any, at: Any) -> dict[str, Any]:
    predicate = statement["predicate"]
    if "signed" not in predicate:
        return statement
    return {
        **statement,
        "predicate": {**predicate, "signed": {**predicate["signed"], "by": by, "at": at}},
    }


def _subject_faults(statement: dict[str, Any], present: Mapping[str, str]) -> list[str]:
    signed = {part["name"]: part["digest"]["sha256"] for part in statement["subject"]}
    return [
        f"{name}: not the file that was signed"
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
