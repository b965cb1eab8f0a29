"""Scorers by name: the built-in ones and those of installed plugins."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import metadata
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from evalharness import yamlfile
from evalharness.catalogue import Catalogue
from evalharness.errors import TaskError
from evalharness.records import Role, digest, text_floats
from evalharness.scorers.base import Scorer

__all__ = ["BUILT_IN", "create", "describe", "names", "protocol_part", "roles_of"]

BUILT_IN = Catalogue(
    "evalharness.scorers",
    {
        "agreement": {"agreement": "Agreement"},
        "bbq": {"bbq": "BBQ"},
        "calibration": {"calibration": "Calibration"},
        "choice": {"choice": "Choice", "rating": "Rating", "true_mass": "TrueMass"},
        "compliance": {"compliance": "Compliance"},
        "coreference": {"coreference": "Coreference"},
        "decision": {"decision": "Decision"},
        "factscore": {"fact_labels": "FactLabels", "factscore": "FactScore"},
        "injection": {"injection": "Injection"},
        "judge": {"judge": "Judge"},
        "keywords": {"keywords": "Keywords"},
        "leak": {"exposure": "Exposure", "leak": "Leak"},
        "membership": {"membership": "Membership"},
        "memorisation": {"memorisation": "Memorisation"},
        "mentions": {"mentions": "Mentions"},
        "opinions": {"opinions": "Opinions"},
        "order": {"order": "Order"},
        "overlap": {"overlap": "Overlap"},
        "personal_data": {"personal_data": "PersonalData"},
        "prompt_leak": {"prompt_leak": "PromptLeak"},
        "recorded": {"recorded": "Recorded"},
        "safety": {"safety": "Safety"},
        "stance": {"stance": "Stance"},
        "stereotypes": {"crows_pairs": "CrowSPairs", "stereoset": "StereoSet"},
        "toxicity": {"toxicity": "Toxicity"},
        "traits": {"plain_traits": "PlainTraits", "traits": "Traits"},
    },
)


def names() -> dict[str, str]:
    """Scorer -> where it comes from."""
    found = dict.fromkeys(BUILT_IN, "evalharness")
    for point in metadata.entry_points(group="evalharness.scorers"):
        found.setdefault(point.name, point.dist.name if point.dist else point.value)
    return found


def create(name: str, options: Mapping[str, Any], where: str) -> Scorer:
    """A scorer with its options.

    Raises:
        TaskError: there is no such scorer or option, or an option's value does not fit.
    """
    scorer = _class(name)
    if scorer is None:
        hint = yamlfile.did_you_mean(name, names())
        raise TaskError(f"{where}: there is no scorer '{name}'{hint}")
    known = {field.name for field in dataclasses.fields(scorer)}
    for option in options:
        if option not in known:
            hint = yamlfile.did_you_mean(option, sorted(known))
            raise TaskError(f"{where}: scorer '{name}' has no option '{option}'{hint}")
    try:
        made: Scorer = TypeAdapter(scorer).validate_python(dict(options))
    except ValidationError as fault:
        raise TaskError(f"{where}: scorer '{name}': {yamlfile.option_fault(fault)}") from None
    return made


def roles_of(name: str) -> frozenset[Role]:
    """The roles that a scorer asks beside the target; none where there is no such scorer."""
    return frozenset(getattr(_class(name), "roles", ()))


def _class(name: str) -> type[Any] | None:
    if name in BUILT_IN:
        return BUILT_IN[name]
    for point in metadata.entry_points(group="evalharness.scorers"):
        if point.name == name:
            return cast("type[Any]", point.load())
    return None


def describe(scorer: Scorer) -> dict[str, Any]:
    """Name, version and options: the scorer's part of the protocol.

    An option that is a record of its own (a rubric) says by ``to_json`` what stands for it.
    """
    options = {}
    for field in dataclasses.fields(cast("Any", scorer)):
        value = getattr(scorer, field.name)
        options[field.name] = value.to_json() if hasattr(value, "to_json") else value
    return {"name": scorer.name, "version": scorer.version, "options": options}


def protocol_part(described: Mapping[str, Any], models: Mapping[Role, Mapping[str, Any]]) -> str:
    """SHA-256 of a scorer's part of the protocol.

    Args:
        described: what `describe` says of it.
        models: role -> identity, of the models that it asks.
    """
    return digest(text_floats({**described, "models": models}))
