"""Transforms by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from evalharness import yamlfile
from evalharness.catalogue import Catalogue
from evalharness.errors import TaskError
from evalharness.tasks.transforms.base import Transform

__all__ = ["BUILT_IN", "Transform", "create", "names", "tags_of"]

BUILT_IN = Catalogue(
    "evalharness.tasks.transforms",
    {
        "align": {"align": "Align"},
        "attack": {"attack": "Attack"},
        "blind": {"blind_baseline": "BlindBaseline"},
        "contrast": {"contrast": "Contrast"},
        "dataset_order": {"dataset_order": "DatasetOrder"},
        "ngram_overlap": {"ngram_overlap": "NgramOverlap"},
        "perturbation": {"perturbation": "Perturbation"},
        "prompt_format": {"prompt_format": "PromptFormat"},
    },
)


def names() -> list[str]:
    """The names of all transforms, sorted."""
    return sorted(BUILT_IN)


def tags_of(name: str) -> tuple[str, ...]:
    """The tags that a transform adds; none where there is no such transform."""
    return tuple(getattr(BUILT_IN.get(name), "tags", ()))


def create(name: str, options: Mapping[str, Any], where: str) -> Transform:
    """A transform with its options.

    Raises:
        TaskError: there is no such transform or option, or an option's value does not fit.
    """
    transform = BUILT_IN.get(name)
    if transform is None:
        hint = yamlfile.did_you_mean(name, names())
        raise TaskError(f"{where}: there is no transform '{name}'{hint}")
    known = [field.name for field in dataclasses.fields(transform)]
    for option in options:
        if option not in known:
            hint = yamlfile.did_you_mean(option, known)
            raise TaskError(f"{where}: transform '{name}' has no option '{option}'{hint}")
    try:
        return cast("Transform", TypeAdapter(transform).validate_python(dict(options)))
    except ValidationError as fault:
        raise TaskError(f"{where}: transform '{name}': {yamlfile.option_fault(fault)}") from None
