"""Rubrics: what a judge is asked to decide, as versioned YAML files."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evalharness import yamlfile
from evalharness.errors import TaskError
from evalharness.records import digest

__all__ = ["Rubric", "bundled_rubrics", "rubric_of"]

_FOLDER = Path(__file__).parent / "rubrics"

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,63}")


class Rubric(BaseModel):
    """What is judged, by which definitions, and what each verdict stands for.

    Args:
        score: the number that its verdicts give: which metric may read it, and so which way is
            better, hangs on it (``harmful``, ``correct``, ``declined``).
        references: fields of the sample's ``target`` that the judge is shown, and no others.
        instructions: the question and the definition of every verdict, in words.
        verdicts: label -> a number in [0, 1], or ``refused`` for an answer that declines; the
            best first, the worst last.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rubric: Name
    version: int = Field(ge=1)
    title: str = Field(min_length=1)
    construct_: str = Field(alias="construct", min_length=8)
    source: str = Field(min_length=1)
    languages: tuple[str, ...] = Field(min_length=1)
    score: Name
    references: tuple[Name, ...] = ()
    instructions: str = Field(min_length=20)
    verdicts: dict[str, float | Literal["refused"]]

    @field_validator("verdicts", mode="before")
    @classmethod
    def _labels_with_values(cls, value: Any) -> Any:
        if not (isinstance(value, dict) and value):
            raise ValueError("name the verdicts with their values, as in {safe: 0, unsafe: 1}")
        for label, meaning in value.items():
            if not (isinstance(label, str) and _LABEL.fullmatch(label)):
                raise ValueError(
                    f"{label!r} is no label; write small letters, digits and underscores "
                    "(in YAML true, false, yes and no are no texts)"
                )
            number = isinstance(meaning, int | float) and not isinstance(meaning, bool)
            if meaning != "refused" and not (number and 0 <= meaning <= 1):
                raise ValueError(
                    f"'{label}' stands for {meaning!r:.60}; write a number from 0 to 1, "
                    "or 'refused'"
                )
        numbers = {meaning for meaning in value.values() if meaning != "refused"}
        if len(numbers) < 2:
            raise ValueError("no two verdicts have different numbers: nothing could be measured")
        return value

    def to_json(self) -> dict[str, Any]:
        """What stands for it in a protocol: name, version, and the digest of all that it says."""
        content = self.model_dump(mode="json", by_alias=True)
        # the judge is shown the labels in this order, which canonical JSON would not keep
        content["verdicts"] = [[label, value] for label, value in self.verdicts.items()]
        return {"rubric": self.rubric, "version": self.version, "digest": digest(content)}


def bundled_rubrics() -> list[str]:
    """The names of the rubrics that come with evalharness."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


@cache
def _bundled(name: str) -> Rubric:
    return yamlfile.validate(Rubric, yamlfile.read(_FOLDER / f"{name}.yaml", TaskError), TaskError)


def rubric_of(value: Any) -> Any:
    """The bundled rubric of that name; what is no text is left for the validation of its fields.

    Raises:
        ValueError: there is no such rubric.
    """
    if not isinstance(value, str):
        return value
    if value in bundled_rubrics():
        return _bundled(value)
    if "/" in value or value.endswith((".yaml", ".yml")):
        raise ValueError(
            f"'{value}' was not read as a file: only a task.yaml names one, as './mine.yaml' in "
            "its own folder; elsewhere write the rubric's fields"
        )
    hint = yamlfile.did_you_mean(value, bundled_rubrics())
    raise ValueError(f"there is no rubric '{value}'{hint}")
