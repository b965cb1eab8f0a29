"""What may stand in a model's ``wrap:``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from evalharness.adapters._callables import check_path
from evalharness.adapters.base import Options
from evalharness.adapters.wrap.filters import guard_template, pattern_fault

__all__ = ["FilterOptions", "LayerOptions"]

#: What a filter judges by -> the fields that may stand beside it.
_BESIDE = {
    "patterns": frozenset[str](),
    "classifier": frozenset(("attribute", "threshold")),
    "guard": frozenset(("prompt", "blocks", "passes", "max_tokens")),
    "function": frozenset[str](),
}


class LayerOptions(Options):
    """One item of ``wrap:``; exactly one field."""

    system: str | None = Field(
        default=None, min_length=1, description="put before the request's own system text"
    )
    prefix: str | None = Field(
        default=None, min_length=1, description="put before the last user turn's text, verbatim"
    )
    suffix: str | None = Field(
        default=None, min_length=1, description="put behind the last user turn's text, verbatim"
    )
    input_filter: dict[str, Any] | None = Field(
        default=None, description="what the user says is judged by it before the model is asked"
    )
    output_filter: dict[str, Any] | None = Field(
        default=None, description="what the model answers is judged by it"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> LayerOptions:
        given = [name for name in LayerOptions.model_fields if getattr(self, name) is not None]
        if len(given) == 1:
            return self
        known = ", ".join(LayerOptions.model_fields)
        if not given:
            raise ValueError(f"this item does nothing; write one of: {known}")
        raise ValueError(
            f"{' and '.join(given)} stand in one item; write them as two, in the order in which "
            "a request meets them"
        )


class FilterOptions(Options):
    """What a filter judges by: one of ``patterns``, ``classifier``, ``guard``, ``function``."""

    patterns: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="regular expressions (RE2); one found blocks"
    )
    classifier: Any = Field(default=None, description="a model that gives scores")
    attribute: str = Field(default="toxicity", min_length=1, description="the score's name")
    threshold: float = Field(
        default=0.5, gt=0, le=1, description="a score that reaches it blocks the text"
    )
    guard: Any = Field(default=None, description="a language model that judges")
    prompt: str | None = Field(
        default=None,
        min_length=1,
        description="Jinja template of what the guard is asked, with text and prompt; null: it "
        "gets the conversation itself",
    )
    blocks: str = Field(default="unsafe", min_length=1, description="the guard's word for no")
    passes: str = Field(default="safe", min_length=1, description="the guard's word for yes")
    max_tokens: int = Field(default=32, ge=1, description="limit of the guard's answer")
    function: str | None = Field(
        default=None, description="'package.module:name' or './file.py:name', called with the text"
    )
    base_dir: Path | None = Field(
        default=None, exclude=True, description="what a file's path is relative to"
    )

    @field_validator("patterns")
    @classmethod
    def _can_be_used(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for number, pattern in enumerate(value or (), 1):
            if (fault := pattern_fault(pattern)) is not None:
                raise ValueError(f"pattern {number} ({pattern!r}): {fault}")
        return value

    @field_validator("classifier", "guard")
    @classmethod
    def _is_a_model(cls, value: Any) -> Any:
        if value is None or isinstance(value, str | dict):
            return value
        raise ValueError(
            f"expected a model (its name, or `adapter:` with options), found {type(value).__name__}"
        )

    @field_validator("prompt")
    @classmethod
    def _is_a_template(cls, value: str | None) -> str | None:
        if value is not None:
            guard_template(value)
        return value

    @field_validator("function")
    @classmethod
    def _names_a_callable(cls, value: str | None) -> str | None:
        return value if value is None else check_path(value)

    @model_validator(mode="after")
    def _one_kind(self) -> FilterOptions:
        given = [name for name in _BESIDE if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"found {' and '.join(given)}" if given else "found none of them"
            raise ValueError(f"a filter judges by one of {', '.join(_BESIDE)}; {found}")
        for name in sorted(self.model_fields_set):
            owner = next((kind for kind, beside in _BESIDE.items() if name in beside), given[0])
            if owner != given[0]:
                raise ValueError(f"'{name}' belongs to `{owner}`, and this filter is by {given[0]}")
        if self.blocks.strip().casefold() == self.passes.strip().casefold():
            raise ValueError(
                "blocks and passes are the same word; a guard could say only one thing"
            )
        return self
