"""What is signed: in-toto statements about a run's files, with its figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalharness.evidence import merkle
from evalharness.scorecard.gate import Gate, own_gate
from evalharness.scorecard.model import Cell, Scorecard
from evalharness.store.directory import RunDirectory, file_sha256

__all__ = ["PREDICATE_TYPE", "TEST_RESULT_TYPE", "statements"]

_STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://github.com/evalharness/evalharness/attestation/scorecard/v1"
TEST_RESULT_TYPE = "https://in-toto.io/attestation/test-result/v0.1"

_RESULTS = {"holds": "PASSED", "fails": "FAILED", "insufficient": "WARNED"}


def statements(
    directory: RunDirectory, scorecard: Scorecard, *, signer: str | None, when: str
) -> list[dict[str, Any]]:
    """The statements about a finished run: its figures; and a test result, if it has a policy.

    Args:
        signer: who signs, in words; a statement, nothing that the signature proves.
        when: ISO 8601, by the signer's clock.
    """
    run = directory.read_json(directory.run_json)
    subject = _subject(directory)
    gate = own_gate(run, scorecard)
    return [
        _statement(subject, PREDICATE_TYPE, _figures(directory, run, scorecard, gate)
                   | {"signed": {"by": signer, "at": when, "clock": "the signer's own"}}),
        *([] if gate is None else [_statement(subject, TEST_RESULT_TYPE, _test_result(gate))]),
    ]  # fmt: skip


def _statement(
    subject: list[dict[str, Any]], kind: str, predicate: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "_type": _STATEMENT,
        "subject": subject,
        "predicateType": kind,
        "predicate": dict(predicate),
    }


def _subject(directory: RunDirectory) -> list[dict[str, Any]]:
    """manifest.json, and every file that it names."""
    files = directory.read_json(directory.manifest)["files"]
    named = {directory.manifest.name: file_sha256(directory.manifest), **files}
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in named.items()]


def _figures(
    directory: RunDirectory, run: dict[str, Any], scorecard: Scorecard, gate: Gate | None
) -> dict[str, Any]:
    leaves = list(merkle.leaves_of(directory.samples))
    return {
        "run_id": run["run_id"],
        "measurement": run["measurement"],
        "evalharness": run["evalharness"],
        "models": run["models"],
        "settings": run["settings"],
        "estimand": scorecard.estimand,
        "protocols": run["protocols"],
        "figures": {key: _figure(cell) for key, cell in scorecard.cells().items()},
        "samples": {
            "merkle_root": merkle.root(leaves).hex(),
            "leaves": len(leaves),
            "algorithm": merkle.ALGORITHM,
        },
        "policy": None if gate is None else _policy(gate),
        "deviations": run["deviations"],
        "supersedes": run.get("rescored_from"),
    }


def _figure(cell: Cell) -> dict[str, Any]:
    kept = {
        "value", "interval", "claim", "demonstrated", "bounds", "n_planned", "n_measured",
        "n_excluded", "n_missing", "direction", "unit", "grade", "protocol_id",
    }  # fmt: skip
    return cell.model_dump(mode="json", include=kept, by_alias=True)


def _policy(gate: Gate) -> dict[str, Any]:
    return {
        "policy": gate.policy.policy,
        "version": gate.policy.version,
        "sha256": gate.policy.sha256,
        "pre_registered": gate.registered,
        "verdict": gate.verdict,
    }


def _test_result(gate: Gate) -> dict[str, Any]:
    """In-toto's test-result predicate: WARNED where too little was measured to decide.

    Source: https://github.com/in-toto/attestation, spec/predicates/test-result.md, v0.1.
    """
    named = {"holds": "passedTests", "fails": "failedTests", "insufficient": "warnedTests"}
    tests: dict[str, list[str]] = {field: [] for field in named.values()}
    for decision in gate.decisions:
        tests[named[decision.verdict]].append(f"{decision.key}: {decision.demand}")
    return {
        "result": _RESULTS[gate.verdict],
        "configuration": [
            {
                "name": f"policy {gate.policy.label}",
                "digest": {"sha256": gate.policy.sha256},
            }
        ],
        **tests,
    }
