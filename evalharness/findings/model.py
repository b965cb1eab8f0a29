"""One reproducible failure, as a record. Harm is never in it: only a person can assert harm."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "DAYS", "FORMAT", "HARM", "SEVERITY", "Disclosure", "Example", "Finding", "Said",
]  # fmt: skip

FORMAT = 1

#: Of every finding, and at most: a test shows that harm could come, never that it came.
SEVERITY: Literal["hazard"] = "hazard"
HARM = "not assessed: a test shows what could happen; that harm happened, only a person can state"

#: Between telling those who can mend it and telling all.
DAYS = 90


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Disclosure(_Record):
    """The clock of a coordinated disclosure."""

    reported_at: str = Field(description="ISO 8601; a day")
    reported_at_is: Literal["stated", "the day of the measurement"]
    public_after: str
    days: int = DAYS

    @classmethod
    def of(cls, stated: date | None, measured: str) -> Disclosure:
        """From the stated day of the report, else the day of the measurement."""
        start = date.fromisoformat(measured) if stated is None else stated
        return cls(
            reported_at=start.isoformat(),
            reported_at_is="the day of the measurement" if stated is None else "stated",
            public_after=(start + timedelta(days=DAYS)).isoformat(),
        )


class Example(_Record):
    """One failed answer. Texts are there on demand only; their digests always.

    Args:
        row_sha256: the row's leaf in the Merkle tree that a signature covers.
        scores: the scores that the metrics read, as the scorer gave them.
    """

    sample_id: str
    epoch: int
    generation: int
    row_sha256: str
    outcome: str
    scores: dict[str, float]
    prompt_sha256: str | None
    response_sha256: str | None
    prompt: str | None = None
    response: str | None = None
    answer: str | None = None
    expected: str | None = None


class Said(_Record):
    """What people said of the failed answers of a finding."""

    labelled: int = Field(description="failed answers that people labelled")
    confirmed: int = Field(description="of these, what people call a failure as well")
    raters: tuple[str, ...]


class Finding(_Record):
    """A failing cluster (or a sample, where it has none) of one task.

    Args:
        id: the same in every run of the same task version and model.
        failed, measured, planned: answers over members, epochs and generations: it was reproduced
            in ``failed`` of ``measured``; the rest of ``planned`` was not measured.
        by: what called it a failure; None of ``people`` means that no person looked.
    """

    id: str
    dimension: str
    task: str
    task_version: int
    construct_: str = Field(serialization_alias="construct")
    metrics: tuple[str, ...]
    titles: tuple[str, ...]
    direction: Literal["higher", "lower"]
    cluster: str | None
    n_samples: int
    epochs: int
    generations: int
    failed: int
    measured: int
    planned: int
    by: str
    people: Said | None
    severity: Literal["hazard"] = SEVERITY
    tags: dict[str, list[str]]
    demonstration: tuple[str, ...] = ()
    protocol_id: str
    method: str
    decoding: dict[str, Any]
    examples: tuple[Example, ...]
    examples_left_out: int

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def what(self) -> str:
        """What failed, in words."""
        where = f"cluster {self.cluster}" if self.cluster is not None else self.sample
        return f"{self.task}: {', '.join(self.titles)}: {where}"

    @property
    def sample(self) -> str:
        """The sample of the first example."""
        return f"sample {self.examples[0].sample_id}"

    @property
    def reproduction(self) -> str:
        """How often, in words."""
        left = self.planned - self.measured
        said = f"{self.failed} of {self.measured} measured answers"
        return f"{said} ({left} not measured)" if left else said
