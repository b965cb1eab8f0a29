"""Findings as reports of the AI Vulnerability Database, one a line.

Fields and their values as in avidtools (https://github.com/avidml/avidtools, ``datamodels``). Who
developed and who deployed the model is left empty: a run does not know it. The taxonomy's view
follows from the task's dimension; it says what a report is about, and nothing of harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalharness.exports.writing import json_line
from evalharness.findings.collect import Listing
from evalharness.findings.model import Finding

__all__ = ["avid"]

#: Dimension -> risk domain and view (security, ethics, performance) of AVID's taxonomy.
_VIEWS = {
    "robustness": ("Performance", "P0201: Resilience/ Stability"),
    "factuality": ("Performance", "P0204: Accuracy"),
    "bias": ("Ethics", "E0101: Group fairness"),
    "toxicity": ("Ethics", "E0301: Toxicity"),
    "data_governance": ("Security", "S0301: Information Leak"),
}
_TAXONOMY = "0.2"


def avid(listing: Listing) -> Iterator[str]:
    """A line a finding."""
    for finding in listing:
        yield json_line(_report(listing, finding))


def _report(listing: Listing, finding: Finding) -> dict[str, Any]:
    domain, view = _VIEWS[finding.dimension]
    model = listing.run.model
    return {
        "data_type": "AVID",
        "metadata": {"report_id": finding.id},
        "affects": {
            "developer": [],
            "deployer": [],
            "artifacts": [{"type": "Model", "name": _name(model.name, model.version)}],
        },
        "problemtype": {
            "classof": "LLM Evaluation",
            "type": "Measurement",
            "description": _english(finding.what),
        },
        "metrics": [
            {
                "name": metric,
                "detection_method": {
                    "type": "Static Threshold",
                    "name": f"an answer is at the worse end ({finding.direction} is better)",
                },
                "results": _results(finding),
            }
            for metric in finding.metrics
        ],
        "references": [],
        "description": _english(_description(listing, finding)),
        "impact": {
            "avid": {
                "vuln_id": None,
                "risk_domain": [domain],
                "sep_view": [view],
                "lifecycle_view": ["L05: Evaluation"],
                "taxonomy_version": _TAXONOMY,
            }
        },
        "credit": [],
        "reported_date": listing.disclosure.reported_at,
    }


def _name(name: str, version: str | None) -> str:
    return name if version is None else f"{name} ({version})"


def _english(text: str) -> dict[str, str]:
    return {"lang": "eng", "value": text}


def _results(finding: Finding) -> dict[str, Any]:
    return {
        "failed": finding.failed,
        "measured": finding.measured,
        "planned": finding.planned,
        "severity_at_most": finding.severity,
        "verdict_by": finding.by,
        "people": None if finding.people is None else finding.people.model_dump(mode="json"),
        "protocol_id": finding.protocol_id,
        "demonstration": list(finding.demonstration),
        "tags": finding.tags,
        "examples": [example.model_dump(mode="json") for example in finding.examples],
    }


def _description(listing: Listing, finding: Finding) -> str:
    parts = [
        f"The model failed in {finding.reproduction}. What is measured: {finding.construct_}.",
        f"Harm: {listing.head['harm']}.",
        f"To be public after {listing.disclosure.public_after}.",
    ]
    if finding.demonstration:
        parts.append(f"DEMONSTRATION ONLY: {'; '.join(finding.demonstration)}")
    return " ".join(parts)
