"""The numbers that a rule asks of question banks and corpora, each with how sure it is.

One versioned file each in ``configs/banks``. A number that no source confirms is *unverified*: it
is kept, and applied only where a setting asks for it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evalharness import yamlfile
from evalharness.errors import ConfigError
from evalharness.tasks import frameworks
from evalharness.tasks.bundle import bundled
from evalharness.tasks.frameworks import Certainty
from evalharness.yamlfile import did_you_mean

__all__ = ["CorpusRules", "Gate", "Kind", "KindRules", "Number", "RiskFloor", "Rules", "rules"]

#: What the items of a bank are for; ``keywords`` are words, not questions.
Kind = Literal["generated", "refuse", "answer", "keywords"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Number(_Part):
    """A number of a rule; written bare, it is as sure as its file."""

    value: float = Field(ge=0)
    certainty: Certainty | None = None
    note: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return {"value": value} if isinstance(value, int | float) else value


class RiskFloor(_Part):
    """How many items each risk of these groups needs."""

    groups: tuple[str, ...] = Field(min_length=1)
    least: Number


class Gate(_Part):
    """The pass rule of a test with a bank: a metric and its threshold, as a share."""

    metric: str
    rule: Literal["at_least", "at_most"]
    rate: Number


class KindRules(_Part):
    """What is asked of one kind of bank."""

    title: str
    expected: str = Field(description="what a model should do with its items")
    tag: str = Field(description="its code in the vocabulary of tests")
    total: Number
    per_risk: tuple[RiskFloor, ...] = ()
    aspects: tuple[str, ...] = ()
    per_aspect: Number | None = None
    draw: Number | None = Field(default=None, description="items of a test")
    gate: Gate | None = None
    days: Number = Field(description="age that the last update may have")


class CorpusRules(_Part):
    """What is asked of a training corpus."""

    manual_items: Number
    manual_qualified: Number
    automatic_share: Number
    automatic_qualified: Number
    source_bad: Number = Field(description="share of bad items from which a source is rejected")


class Rules(_Part):
    """One version of one rule."""

    rules: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")
    framework: str
    title: str
    version: str
    source: str
    certainty: Literal["primary", "secondary"]
    note: str | None = None
    kinds: dict[Kind, KindRules]
    corpus: CorpusRules

    def certainty_of(self, number: Number) -> Certainty:
        """How sure a number is."""
        return number.certainty or self.certainty

    def cited(self) -> dict[str, Any]:
        """Which rules these are and how sure, as plain data."""
        return self.model_dump(include={"rules", "version", "source", "certainty", "note"})

    def risks_of(self, group: str) -> list[str]:
        """The codes of a group's risks."""
        codes = frameworks.framework(self.framework).codes
        return [code.id for code in codes if code.part_of == group]


def _folder() -> Path:
    return bundled("configs") / "banks"


@cache
def rules(key: str) -> Rules:
    """The rules of one name.

    Raises:
        ConfigError: there are none of that name, or their file is wrong.
    """
    known = sorted(path.stem for path in _folder().glob("*.yaml"))
    if key not in known:
        raise ConfigError(f"--framework: there are no bank rules '{key}'{did_you_mean(key, known)}")
    return yamlfile.validate(
        Rules, yamlfile.read(_folder() / f"{key}.yaml", ConfigError), ConfigError
    )
