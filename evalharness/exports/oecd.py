"""Findings by the 29 criteria of the OECD's common reporting framework for AI incidents (2025).

A test failure is at most a hazard: nothing happened to anybody, as far as a run can know. What a
run does not know is null, with the reason; a person who knows fills it in. The criteria are
restated in our own words from secondary accounts of OECD AI Paper 34: compare them with the paper
before a submission.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evalharness.exports.writing import json_list
from evalharness.findings.collect import Listing
from evalharness.findings.model import Finding

__all__ = ["CRITERIA", "MANDATORY", "oecd"]

CRITERIA = (
    "title", "description", "how the AI system relates to it", "submitter", "date first known",
    "country", "supporting material", "AI system: name and version", "developer and deployer",
    "severity", "type of harm", "quantification of harm", "unintended or wrongful use",
    "affected stakeholders", "impact on rights", "AI principles concerned", "industry",
    "business function", "critical infrastructure", "breadth of deployment",
    "link to the training data", "link to the AI model", "usage rights", "several systems involved",
    "task of the system", "level of autonomy", "actions taken", "steps to reproduce", "other",
)  # fmt: skip

MANDATORY = frozenset({1, 2, 3, 4, 7, 10, 11})

_PERSON = "only a person can state it"
_NO_HARM = "not assessed: a test failure shows what could happen; only a person can assert harm"
_UNKNOWN = "a run does not know it"

#: Criterion -> why a run cannot say it.
_REASONS = {
    4: _PERSON,
    6: _UNKNOWN,
    9: _UNKNOWN,
    11: _NO_HARM,
    12: _NO_HARM,
    13: _PERSON,
    14: _NO_HARM,
    15: _NO_HARM,
    16: "which principles are concerned is a judgement; the tags of the task are under 29",
    17: "a model was tested, not its use in an industry",
    18: "a model was tested, not its use in a business",
    19: "a model was tested, not its use",
    20: _UNKNOWN,
    21: _UNKNOWN,
    23: _UNKNOWN,
    24: "one model was tested alone",
    26: "the model answered single requests; its autonomy in use is not known",
    27: _PERSON,
}


def oecd(listing: Listing) -> Iterator[str]:
    """One JSON object; its list ``submissions`` has all 29 criteria of each finding."""
    head = {
        "framework": "OECD common reporting framework for AI incidents (AI Paper 34, 2025)",
        "draft": "made by a tool from a test; a person completes and submits it",
        **listing.head,
    }
    yield from json_list(head, "submissions", (_submission(listing, one) for one in listing))


def _submission(listing: Listing, finding: Finding) -> dict[str, Any]:
    known = _known(listing, finding)
    return {
        "id": finding.id,
        "criteria": {
            str(number): {
                "name": name,
                "mandatory": number in MANDATORY,
                "value": known.get(number),
                "reason": None if number in known else _REASONS[number],
            }
            for number, name in enumerate(CRITERIA, 1)
        },
    }


def _known(listing: Listing, finding: Finding) -> Mapping[int, Any]:
    run = listing.run
    return {
        1: finding.what,
        2: f"In a test the model failed in {finding.reproduction}. "
        f"What is measured: {finding.construct_}.",
        3: "the output of the AI system is the failure; it came in a test, not in use",
        5: run.measured,
        7: {
            "run": run.run["run_id"],
            "measurement": run.run["measurement"],
            "rows_sha256": [example.row_sha256 for example in finding.examples],
        },
        8: run.model.to_json(),
        10: finding.severity,
        22: run.model.to_json(),
        25: f"{finding.dimension}: {finding.construct_}",
        28: {
            "task": f"{finding.task} version {finding.task_version}",
            "protocol_id": finding.protocol_id,
            "method": finding.method,
            "decoding": finding.decoding,
            "seed": run.run["seed"],
            "evalharness": run.run["evalharness"],
            "samples": [_sample(example.model_dump(mode="json")) for example in finding.examples],
            "reproduced": finding.reproduction,
        },
        29: {
            "tags": finding.tags,
            "verdict_by": finding.by,
            "people": None if finding.people is None else finding.people.model_dump(mode="json"),
            "demonstration": list(finding.demonstration),
        },
    }


def _sample(example: Mapping[str, Any]) -> dict[str, Any]:
    """An example without what it was judged by; withheld texts are not even named."""
    kept = {name: value for name, value in example.items() if value is not None}
    kept.pop("scores")
    return kept
