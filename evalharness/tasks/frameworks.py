"""The vocabularies that tasks are tagged with: versioned lists of a framework's codes.

One file each in ``configs/frameworks``, named as the key under a task's ``tags``. A code that its
vocabulary lacks is an error of the task's definition; a key without a vocabulary is the author's
own. A run's record is not checked again: vocabularies grow, and old runs stay readable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from evalharness import yamlfile
from evalharness.errors import TaskError
from evalharness.tasks.bundle import bundled
from evalharness.yamlfile import YamlFile, did_you_mean

__all__ = ["Certainty", "Code", "Framework", "check_tags", "framework", "known", "touched"]

#: How sure: the document itself was opened; another's report of it; neither.
Certainty = Literal["primary", "secondary", "unverified"]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Code(_Entry):
    """One row of a framework: a risk, a hazard, a technique."""

    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    name_zh: str | None = None
    part_of: str | None = Field(default=None, description="the code that this one is a part of")
    certainty: Certainty | None = Field(default=None, description="where it differs from the rest")
    instead: str | None = Field(
        default=None, description="what speaks to it where no task does, or why none can"
    )


class Framework(_Entry):
    """A vocabulary: the codes of one version of one framework."""

    framework: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    title: str
    publisher: str
    version: str
    source: str = Field(description="what was read")
    certainty: Certainty
    note: str | None = None
    counts: Literal["wholes", "parts"] = Field(
        default="wholes", description="what 'so many of so many' is about, where codes have parts"
    )
    codes: tuple[Code, ...] = Field(min_length=1)

    @field_validator("codes")
    @classmethod
    def _each_once(cls, value: tuple[Code, ...]) -> tuple[Code, ...]:
        seen: set[str] = set()
        for code in value:
            if code.id in seen:
                raise ValueError(f"'{code.id}' stands twice; keep one of them")
            if code.part_of is not None and code.part_of not in seen:
                raise ValueError(f"'{code.id}' is part of '{code.part_of}', which must stand above")
            seen.add(code.id)
        return value

    @model_validator(mode="after")
    def _nothing_unread_is_a_fact(self) -> Framework:
        if self.certainty == "unverified":
            raise ValueError("certainty: a framework that nobody has read cannot be tagged with")
        return self

    def certainty_of(self, code: Code) -> Certainty:
        """How sure this code is."""
        return code.certainty or self.certainty

    @property
    def counted(self) -> list[Code]:
        """The codes that a coverage is counted in: the wholes, or what has no parts itself."""
        if self.counts == "wholes":
            return [code for code in self.codes if code.part_of is None]
        wholes = {code.part_of for code in self.codes}
        return [code for code in self.codes if code.id not in wholes]

    def tallied(self, ids: Collection[str]) -> tuple[int, int, int, int]:
        """How many of the codes that count are among ``ids``, of how many; and of the others.

        A whole is among them when one of its parts is, so the parts are counted beside it.
        """
        counted = self.counted
        others = [code for code in self.codes if code not in counted]
        among, apart = (sum(code.id in ids for code in codes) for codes in (counted, others))
        return among, len(counted), apart, len(others)

    def tally(self, ids: Collection[str]) -> str:
        """The same in words."""
        n, m, apart, others = self.tallied(ids)
        said = f"{n} of {m}"
        if not others:
            return said
        kind = "parts" if self.counts == "wholes" else "groups"
        return f"{said} ({apart} of {others} {kind})"

    @property
    def ids(self) -> list[str]:
        """Every code's id, in the framework's order."""
        return [code.id for code in self.codes]


def _folder() -> Path:
    return bundled("configs") / "frameworks"


def known() -> list[str]:
    """The keys that have a vocabulary, sorted."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


@cache
def framework(key: str) -> Framework:
    """One vocabulary.

    Raises:
        TaskError: there is none of that key, or its file is wrong.
    """
    if key not in known():
        raise TaskError(f"there is no framework '{key}'{did_you_mean(key, known())}")
    file = yamlfile.read(_folder() / f"{key}.yaml", TaskError)
    found = yamlfile.validate(Framework, file, TaskError)
    if found.framework != key:
        raise TaskError(
            f"{file.where(('framework',))}: framework '{found.framework}' lies in a file called "
            f"'{key}.yaml'; give both the same name"
        )
    return found


def check_tags(tags: Mapping[str, Iterable[str]], file: YamlFile) -> None:
    """That every code of a known framework is in its vocabulary.

    Raises:
        TaskError: one is not; names file, line and the nearest code.
    """
    names = set(known())
    for key, codes in tags.items():
        if key not in names:
            continue
        vocabulary = framework(key)
        for place, code in enumerate(codes):
            if code not in vocabulary.ids:
                raise TaskError(
                    f"{file.where(('tags', key, place))}: tags.{key}: '{code}' is no code of "
                    f"{vocabulary.title} ({vocabulary.version}){did_you_mean(code, vocabulary.ids)}"
                )


def touched(
    vocabulary: Framework, tags: Mapping[str, Mapping[str, Iterable[str]]]
) -> dict[str, list[str]]:
    """The tasks that touch each code: tagged with it or with a part of it.

    Args:
        tags: of each task by its name.

    Returns:
        Every code's id, in order, with the tasks' names, sorted; none: it is not covered. A tag
        that the vocabulary does not know (an old run's, say) touches nothing.
    """
    above = {code.id: code.part_of for code in vocabulary.codes}
    found: dict[str, set[str]] = {code.id: set() for code in vocabulary.codes}
    for task, keys in tags.items():
        for tagged in keys.get(vocabulary.framework, ()):
            at: str | None = tagged if tagged in found else None
            while at is not None:
                found[at].add(task)
                at = above[at]
    return {code: sorted(names) for code, names in found.items()}
