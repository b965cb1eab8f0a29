"""The free texts of an engagement in another language.

Facts stand once, in the engagement itself: names, addresses, ids, days. So the reports in several
languages are one report, with one id. Lists have an entry for each of the engagement's, in its
order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Words"]


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Part(_Words):
    does: str = Field(min_length=1)


class _Item(_Words):
    description: str | None = Field(default=None, min_length=1)
    condition: str | None = Field(default=None, min_length=1)
    parts: tuple[_Part, ...] | None = None


class _Laboratory(_Words):
    accreditation: str | None = Field(default=None, min_length=1)


class _Party(_Words):
    answers_for: str = Field(min_length=1)


class _Independence(_Words):
    statement: str | None = Field(default=None, min_length=1)
    paid_by: str | None = Field(default=None, min_length=1)


class _External(_Words):
    provided: str = Field(min_length=1)


class _Authorisation(_Words):
    function: str | None = Field(default=None, min_length=1)


class _Supersedes(_Words):
    changed: str | None = Field(default=None, min_length=1)
    reason: str | None = Field(default=None, min_length=1)


class _Declared(_Words):
    says: str = Field(min_length=1)
    source: str = Field(min_length=1)


class Words(_Words):
    """Each free text that an engagement may have, as its field is named there."""

    title: str | None = Field(default=None, min_length=1)
    laboratory: _Laboratory | None = None
    item: _Item | None = None
    purpose: str | None = Field(default=None, min_length=1)
    scope: str | None = Field(default=None, min_length=1)
    conditions: str | None = Field(default=None, min_length=1)
    sampling: str | None = Field(default=None, min_length=1)
    deviations: tuple[str, ...] | None = None
    opinions: str | None = Field(default=None, min_length=1)
    chain: tuple[_Party, ...] | None = None
    independence: _Independence | None = None
    external: tuple[_External, ...] | None = None
    authorised_by: _Authorisation | None = None
    supersedes: _Supersedes | None = None
    declared: tuple[_Declared, ...] | None = None

    def given(self) -> dict[str, Any]:
        """What is translated."""
        return self.model_dump(exclude_none=True)

    def lacking(self, given: Mapping[str, Any]) -> list[str]:
        """Paths of the free texts that are given, and not translated."""
        return list(_lacking(Words, given, self.given(), ""))


def _lacking(
    kind: type[BaseModel], given: Mapping[str, Any], words: Mapping[str, Any], above: str
) -> Iterator[str]:
    for name, field in kind.model_fields.items():
        if name not in given:
            continue
        kinds = [one for one in get_args(field.annotation) if isinstance(one, type)]
        inner = next((one for one in kinds if issubclass(one, BaseModel)), None)
        if inner is not None:
            yield from _lacking(inner, given[name], words.get(name, {}), f"{above}{name}.")
        elif name not in words:
            yield f"{above}{name}"
