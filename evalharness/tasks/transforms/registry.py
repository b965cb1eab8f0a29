"""Transforms by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from evalharness import yamlfile
from evalharness.errors import TaskError
from evalharness.tasks.transforms.align import Align
from evalharness.tasks.transforms.attack import Attack
from evalharness.tasks.transforms.base import Transform
from evalharness.tasks.transforms.blind import BlindBaseline
from evalharness.tasks.transforms.contrast import Contrast
from evalharness.tasks.transforms.dataset_order import DatasetOrder
from evalharness.tasks.transforms.ngram_overlap import NgramOverlap
from evalharness.tasks.transforms.perturbation import Perturbation
from evalharness.tasks.transforms.prompt_format import PromptFormat

__all__ = ["BUILT_IN", "Transform", "create", "names", "tags_of"]

_ALL: tuple[type[Any], ...] = (
    Align, Attack, BlindBaseline, Contrast, DatasetOrder, NgramOverlap, Perturbation, PromptFormat,
)  # fmt: skip
BUILT_IN: dict[str, type[Any]] = {transform.name: transform for transform in _ALL}


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
