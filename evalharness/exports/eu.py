"""Findings as the draft of a serious-incident report under Article 73 of the EU's AI Act.

A draft of what is left to a person: a failed test is no incident, so everything that makes one is
an open field. The fields follow secondary accounts of the Commission's draft template.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from evalharness.findings.collect import Listing
from evalharness.findings.model import Finding
from evalharness.reports.text import markdown

__all__ = ["eu"]

_OPEN = "**OPEN: only a person can state this.**"

#: Findings that a report is readable with.
_MOST = 100

#: What a run knows nothing of: field -> what belongs there.
_FIELDS = (
    ("Provider, authorised representative", "name, address, registration in the EU database"),
    ("Deployer", "who used the system, where, for what"),
    ("Date of the incident", "a test has none"),
    ("Date of awareness", "when the provider or deployer came to know"),
    ("Persons affected", "who, how many; a test affects nobody"),
    ("Class of harm, Article 3(49)", "health, infrastructure, rights, property, environment"),
    ("Causal link", "between the AI system and the harm: established, likely, or not"),
    ("Containment", "what was done at once"),
    ("Root cause", "after an investigation"),
    ("Corrective action", "what is done so that it does not happen again"),
    ("Contact", "name, role, address"),
)  # fmt: skip


def eu(listing: Listing) -> Iterator[str]:
    """Markdown."""
    yield from _head(listing)
    yield "\n## What only a person can state\n\n"
    for name, what in _FIELDS:
        yield f"- {name} ({what}): {_OPEN}\n"
    yield "\n## What was measured\n"
    findings = iter(listing)
    shown = 0
    for finding in itertools.islice(findings, _MOST):
        shown += 1
        yield from _finding(finding)
    left = sum(1 for _ in findings)
    if not shown:
        yield "\nNo answer failed.\n"
    if left:
        yield f"\n{left} more findings are left out; the JSON has all of them.\n"
    yield from _not_measured(listing)


def _head(listing: Listing) -> Iterator[str]:
    model, run = listing.run.model, listing.run.run
    yield "# Draft of a serious-incident report (EU AI Act, Article 73)\n\n"
    yield (
        "**This is a draft made by a tool from a test. A failed test is no serious incident. "
        "Whether there was one, and every field marked OPEN, only a person can state.** The "
        "fields follow accounts of the Commission's draft template; use the template in force.\n\n"
    )
    yield "Deadlines run from a person's awareness of an incident, not from this test.\n\n"
    yield f"- AI system: {markdown(model.name)}"
    yield f", version {markdown(model.version) if model.version else 'not stated'}"
    yield f", by way of {markdown(model.provider)}\n"
    yield f"- Identity, SHA-256: `{model.identity_sha256}`\n"
    yield f"- Run: {markdown(run['run_id'])}, measured on {listing.run.measured} (UTC)\n"
    yield f"- Severity, at most: hazard. Harm: {listing.head['harm']}\n"
    clock = listing.disclosure
    yield (
        f"- Disclosure: reported {clock.reported_at} ({clock.reported_at_is}), "
        f"public after {clock.public_after} ({clock.days} days)\n"
    )


def _finding(finding: Finding) -> Iterator[str]:
    yield f"\n### {finding.id}: {markdown(finding.what)}\n\n"
    for reason in finding.demonstration:
        yield f"- **Demonstration only**: {markdown(reason)}\n"
    yield f"- What is measured: {markdown(finding.construct_)}\n"
    yield f"- Reproduced in {finding.reproduction}\n"
    people = finding.people
    said = (
        "no person labelled any of these answers"
        if people is None
        else f"people labelled {people.labelled} and confirmed {people.confirmed}"
    )
    yield f"- Verdict by {markdown(finding.by)}; {said}\n"
    yield f"- Protocol: `{finding.protocol_id}`\n"
    for example in finding.examples:
        yield (
            f"- Sample {markdown(example.sample_id)}, epoch {example.epoch}, generation "
            f"{example.generation}; row `{example.row_sha256}`\n"
        )
        texts = (("prompt", example.prompt), ("response", example.response))
        for name, text in texts:
            if text is not None:
                yield f"    - {name}: {markdown(text)}\n"


def _not_measured(listing: Listing) -> Iterator[str]:
    silent = listing.not_measured
    if silent:
        yield "\n## What was not measured\n\nNeither a failure nor a pass.\n\n"
    for task, outcomes in silent.items():
        counted = ", ".join(f"{count} {name}" for name, count in outcomes.items())
        yield f"- {markdown(task)}: {counted}\n"
