"""What a tester knows and no run does: customer, item, dates, who answers for what, who signs.

One YAML file an assignment. It is copied into the run's folder when a report is made from it, so
that the report follows from the folder alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evalharness import yamlfile
from evalharness.errors import ConfigError
from evalharness.outfile import outside_runs
from evalharness.reports.engagement_words import Words
from evalharness.reports.language import known

__all__ = [
    "Authorisation",
    "Declared",
    "Engagement",
    "External",
    "Independence",
    "Item",
    "Laboratory",
    "Part",
    "Party",
    "load_engagement",
    "write_beginning",
]  # fmt: skip

#: The seven areas of the label in the Model AI Governance Framework for Generative AI (2024).
AREAS = (
    "data", "training", "evaluation", "mitigations", "risks", "intended_use", "user_data",
)  # fmt: skip

#: Who answers for something along every chain; of whom nothing is said, that is said.
CHAIN = ("model developer", "application deployer", "host")

Area = Literal[
    "data", "training", "evaluation", "mitigations", "risks", "intended_use", "user_data"
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Laboratory(_Part):
    """Who tested, and where."""

    name: str = Field(min_length=1)
    address: str = Field(min_length=1)
    place_of_work: str | None = Field(default=None, description="where it is another place")
    accreditation: str | None = Field(default=None, description="body and number; none: say so")


class Party(_Part):
    """Somebody along the chain, and what is theirs to answer for."""

    role: Literal["model developer", "application deployer", "host", "data provider", "other"]
    name: str = Field(min_length=1)
    answers_for: str = Field(min_length=1)


class Part(_Part):
    """A part of an application: its retrieval, a filter, the model behind it."""

    name: str = Field(min_length=1)
    does: str = Field(min_length=1)
    tested: Literal["within the whole", "on its own", "not tested"] = "within the whole"
    switched_off_in: str | None = Field(
        default=None, description="folder of the run in which this part was off"
    )


class Item(_Part):
    """What was tested, without ambiguity, and in which condition it came."""

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    kind: Literal["model", "application"] = "model"
    description: str = Field(min_length=1)
    condition: str = Field(default="as provided", description="when it was received or reached")
    received: date = Field(description="day of receipt, or from which it could be reached")
    parts: tuple[Part, ...] = ()


class Independence(_Part):
    """How the evaluator stands to whom it evaluates."""

    relationship: Literal["first party", "second party", "third party"]
    statement: str = Field(min_length=1, description="interests, ownership, who chose the tests")
    paid_by: str = Field(min_length=1)


class External(_Part):
    """Results that somebody else provided (7.8.2.1 p)."""

    provider: str = Field(min_length=1)
    provided: str = Field(min_length=1)


class Authorisation(_Part):
    """The person who signs off."""

    name: str = Field(min_length=1)
    function: str = Field(min_length=1)


class Declared(_Part):
    """A statement of the provider that nobody here tested."""

    area: Area
    says: str = Field(min_length=1)
    source: str = Field(min_length=1, description="where the provider says so")


class Supersedes(_Part):
    """The earlier report that this one takes the place of (7.8.8)."""

    report: str = Field(min_length=1, description="its id")
    run: str | None = Field(
        default=None, description="folder of the earlier report, as it was handed over"
    )
    changed: str = Field(min_length=1)
    reason: str = Field(min_length=1)


class Engagement(_Part):
    """All of an assignment that a report must say and a run cannot know."""

    title: str = "Test report: safety evaluation of a language model"
    laboratory: Laboratory
    customer: str = Field(min_length=1)
    customer_address: str | None = None
    item: Item
    performed: tuple[date, date] = Field(description="first and last day of testing")
    issued: date
    purpose: str = Field(min_length=1, description="what the customer wants to know, and why")
    scope: str | None = Field(default=None, description="risks that were chosen, and which not")
    conditions: str | None = Field(
        default=None, description="what may influence results: endpoint, load, versions"
    )
    sampling: str | None = Field(default=None, description="beside what the run says of it")
    deviations: tuple[str, ...] = Field(default=(), description="beside those of the run")
    opinions: str | None = Field(default=None, description="opinions and interpretations, as such")
    chain: tuple[Party, ...] = Field(min_length=1, description="who answers for what")
    independence: Independence
    external: tuple[External, ...] = ()
    authorised_by: Authorisation
    supersedes: Supersedes | None = None
    declared: tuple[Declared, ...] = ()
    samples: tuple[str, ...] = Field(
        default=(), description="samples to show beside those drawn: ID, or TASK/ID"
    )
    translations: Mapping[str, Words] | None = Field(
        default=None, description="language -> the free texts in it, for reports in that language"
    )

    @model_validator(mode="after")
    def _days_in_order(self) -> Engagement:
        first, last = self.performed
        if not first <= last:
            raise ValueError("performed: give the first day, then the last")
        if not self.item.received <= last:
            raise ValueError("item.received: after the last day of testing")
        if not last <= self.issued:
            raise ValueError("issued: before the last day of testing")
        return self

    @model_validator(mode="after")
    def _translations_fit(self) -> Engagement:
        for language, words in (self.translations or {}).items():
            for fault in _strangers(self.model_dump(), words.given(), f"translations.{language}"):
                raise ValueError(fault)
        return self

    def spoken(self, language: str) -> Engagement:
        """The same with its free texts in a language, where they are translated."""
        words = (self.translations or {}).get(language)
        if words is None:
            return self
        return Engagement.model_validate(
            _replaced(self.model_dump(exclude={"translations"}), words.given())
        )

    def untranslated(self, language: str) -> list[str]:
        """Free texts that a translation lacks; none where there is no translation at all."""
        words = (self.translations or {}).get(language)
        return [] if words is None else words.lacking(self.model_dump(exclude_defaults=True))

    def misses(self, measured: str) -> bool:
        """Whether the days of testing leave out the day on which the run began.

        Args:
            measured: that day in UTC, as 2026-01-31; elsewhere it may be a day more or less.
        """
        first, last = self.performed
        day, more = date.fromisoformat(measured), timedelta(days=1)
        return not first - more <= day <= last + more

    def showing(self, samples: Sequence[str]) -> Engagement:
        """The same with more samples to show."""
        return self.model_copy(update={"samples": (*self.samples, *samples)})


def _strangers(given: Any, words: Any, where: str) -> Iterator[str]:
    """Translations of what is not there: both reports must say the same."""
    if given is None or given == ():
        yield f"{where}: translates what is not given; give it, or take this away"
    elif isinstance(words, dict):
        for name, word in words.items():
            yield from _strangers(given[name], word, f"{where}.{name}")
    elif isinstance(words, tuple):
        if len(words) != len(given):
            yield f"{where}: {len(words)} translated, {len(given)} given; one for each, in order"
        for number, (one, word) in enumerate(zip(given, words, strict=False)):
            yield from _strangers(one, word, f"{where}[{number}]")


def _replaced(given: Any, words: Any) -> Any:
    """What is given, with the words in the place of its own."""
    if isinstance(words, dict):
        return {**given, **{name: _replaced(given[name], word) for name, word in words.items()}}
    if isinstance(words, tuple):
        return tuple(_replaced(one, word) for one, word in zip(given, words, strict=True))
    return words


def load_engagement(path: Path) -> Engagement:
    """An engagement from its file.

    Raises:
        ConfigError: one line for each fault: file, line, field.
    """
    file = yamlfile.read(path, ConfigError)
    found = yamlfile.validate(Engagement, file, ConfigError)
    for language in found.translations or {}:
        if language not in known():
            raise ConfigError(
                f"{file.where(('translations', language))}: translations: no report is drawn in "
                f"'{language}'{yamlfile.did_you_mean(language, known())}"
            )
    return found


def write_beginning(path: Path) -> None:
    """Write a commented engagement whose required fields stand empty.

    Raises:
        ConfigError: the file exists, lies in a run, or cannot be written.
    """
    outside_runs(path, "new engagement")
    text = Path(__file__).with_name("engagement_beginning.yaml").read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path}: it exists already; name another file") from None
    except OSError as fault:
        raise ConfigError(f"{path}: cannot be written: {fault.strerror}") from None
