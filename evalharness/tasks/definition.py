"""What a ``task.yaml`` and a ``suite.yaml`` may hold."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from evalharness.tasks import transforms
from evalharness.tasks.sources import Definition, Source

__all__ = [
    "CONDITIONS",
    "METHODS",
    "ComponentRef",
    "DecodingDefinition",
    "MethodName",
    "Methods",
    "ShortForms",
    "SuiteDefinition",
    "TaskDefinition",
]

MethodName = Literal["generate", "loglikelihood", "letter", "text"]

#: ``choose`` stands for: by log-likelihood where the model gives it, else by letter.
METHODS: dict[str, tuple[MethodName, ...]] = {
    "choose": ("loglikelihood", "letter"),
    "generate": ("generate",),
    "loglikelihood": ("loglikelihood",),
    "letter": ("letter",),
    "text": ("text",),
}

#: What a user must have accepted by name before a task with it runs.
CONDITIONS: dict[str, str] = {
    "non_commercial": "the licence of its data forbids commercial use",
    "personal_data": "its data is about real people",
}

#: How to ask: one way, or several in order of preference.
Methods = (
    Literal["choose", "generate", "loglikelihood", "letter", "text"]
    | Annotated[list[MethodName], Field(min_length=1)]
)

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
#: A task's own name, or a derived task's over a base: ``perturbation(truthfulqa_mc1)``.
TaskName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\([a-z][a-z0-9_]*\))?$", max_length=130)]


class DecodingDefinition(Definition):
    """How answers are drawn (`records.Decoding`)."""

    max_tokens: int = Field(default=256, ge=1)
    temperature: float = Field(default=0.0, ge=0, le=5)
    top_p: float = Field(default=1.0, gt=0, le=1)
    stop: list[str] = Field(default_factory=list)


class ComponentRef(Definition):
    """A scorer or metric by name, with its options."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def parse(cls, value: Any, key: str) -> Any:
        """From ``name`` or ``{scorer|metric: name, option: ...}``."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and key in value:
            return {"name": value[key], "options": {k: v for k, v in value.items() if k != key}}
        return value


class ShortForms(Definition):
    """Reads components that are written by their name alone."""

    @field_validator("scorer", "transform", mode="before", check_fields=False)
    @classmethod
    def _component(cls, value: Any, info: ValidationInfo) -> Any:
        return ComponentRef.parse(value, str(info.field_name))

    @field_validator("metrics", mode="before", check_fields=False)
    @classmethod
    def _metrics(cls, value: Any) -> Any:
        if isinstance(value, list):
            return [ComponentRef.parse(item, "metric") for item in value]
        return value


class TaskDefinition(ShortForms):
    """One test, as written in ``task.yaml`` (DESIGN section 4)."""

    task: TaskName
    version: int = Field(ge=1)
    title: str | None = None
    base: str | None = Field(
        default=None, description="of a derived task: name and version of what it is made from"
    )
    construct_: str = Field(alias="construct", min_length=8)
    source: str
    licence: str
    conditions: list[Literal["non_commercial", "personal_data"]] = Field(default_factory=list)
    languages: list[str] = Field(min_length=1)
    data: Annotated[list[Source], Field(min_length=1)]
    mirror: list[Source] = Field(default_factory=list)
    transform: ComponentRef | None = Field(
        default=None, description="makes other items of those of the data"
    )
    prompt: str = "{{ prompt }}"
    cue: dict[str, str] = Field(
        default_factory=lambda: {"en": "\nAnswer:", "zh": "\n答案："},
        description="what follows the question before a choice is weighed, by language",
    )
    method: Methods
    order: str | None = Field(
        default=None, description="'fixed: <reason>' keeps the choices as the data has them"
    )
    decoding: DecodingDefinition = DecodingDefinition()
    generations: int = Field(default=1, ge=1, le=1000)
    epochs: int = Field(default=1, ge=1, le=1000)
    scorer: ComponentRef
    metrics: list[ComponentRef] = Field(min_length=1)
    slices: list[str] = Field(default_factory=list)
    strata: list[str] = Field(default_factory=list)
    tags: dict[str, list[str]] = Field(default_factory=dict)
    content_warning: str | None = None
    expect: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="reference model -> metric -> the value it must get"
    )

    @field_validator("data", "mirror", mode="before")
    @classmethod
    def _sources(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    @field_validator("data")
    @classmethod
    def _supplied_alone(cls, value: list[Source]) -> list[Source]:
        if len(value) > 1 and any(source.supplied is not None for source in value):
            raise ValueError("rows are either supplied or come from sources, not both")
        return value

    @field_validator("tags", mode="before")
    @classmethod
    def _tags(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: [str(code) for code in codes] if isinstance(codes, list) else codes
                for key, codes in value.items()
            }
        return value

    @field_validator("order")
    @classmethod
    def _reasoned(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"fixed: \S.{7,}", value):
            raise ValueError("write 'fixed: <the reason>', or leave it out to shuffle the choices")
        return value

    @model_validator(mode="after")
    def _tags_that_exist(self) -> TaskDefinition:
        made = transforms.tags_of(self.transform.name) if self.transform is not None else ()
        for sources in (self.data, self.mirror):
            known = sorted({*made, *(tag for source in sources for tag in source.tags)})
            for name in (*self.slices, *self.strata) if sources else ():
                if name not in known:
                    raise ValueError(
                        f"slices and strata name tags of the samples; '{name}' is none of {known}"
                    )
        return self

    @property
    def supplied(self) -> str | None:
        """What rows of the user's own must hold, where only the user has the data."""
        return self.data[0].supplied

    @property
    def methods(self) -> tuple[MethodName, ...]:
        """The ways to ask, in order of preference; each is a protocol of its own."""
        return METHODS[self.method] if isinstance(self.method, str) else tuple(self.method)


class SuiteDefinition(Definition):
    """One dimension's suite, as written in ``suite.yaml``."""

    suite: Name
    version: int = Field(ge=1)
    dimension: Literal["robustness", "factuality", "bias", "toxicity", "data_governance"]
    title: str
    construct_: str = Field(alias="construct")
    headline: list[str] = Field(
        description="'task/metric' in order of preference: the first that a run has stands for it"
    )
    tasks: list[Name] | None = Field(
        default=None, description="default: every folder with a task.yaml"
    )
