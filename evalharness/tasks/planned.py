"""A task as one run asks and scores it: what run.json keeps of it for the later stages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalharness.records import Decoding, Role, digest
from evalharness.tasks.definition import MethodName, TaskDefinition

__all__ = ["PlannedTask", "decoding_of"]


@dataclass(frozen=True)
class PlannedTask:
    """One task as this run will ask and score it; all of it can be read back from run.json."""

    name: str
    dimension: str
    suite: str
    origin: str
    definition: TaskDefinition
    method: MethodName
    decoding: Decoding
    generations: int
    epochs: int
    n_available: int
    n_planned: int
    data: Mapping[str, Any]
    protocol: Mapping[str, str]
    #: The roles that the scorer asks beside the target.
    roles: tuple[Role, ...] = ()
    not_run: str | None = None
    #: Languages that the scorer and its classifier read, or None for any.
    readable: tuple[str, ...] | None = None
    #: Of the items that there are, the share that was drawn, 0 to 1; 0 where it is not known.
    drawn: float = 0.0

    @property
    def repeats(self) -> int:
        """How many answers each sample is asked for."""
        return self.epochs * self.generations

    @property
    def greedy(self) -> bool:
        """Whether the same question always has the same answer: nothing is drawn at random."""
        return self.method == "loglikelihood" or self.decoding.temperature == 0

    @property
    def protocol_id(self) -> str:
        """SHA-256 over the parts of the protocol."""
        return digest(dict(self.protocol))

    def unreadable(self, language: str) -> str | None:
        """Why a text of this language cannot be scored, if it cannot."""
        if self.readable is None or language in self.readable:
            return None
        return f"the scorer does not read '{language}' (it reads {', '.join(self.readable)})"

    def to_json(self) -> dict[str, Any]:
        definition = self.definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return {
            "dimension": self.dimension,
            "suite": self.suite,
            "origin": self.origin,
            "definition": definition,
            "method": self.method,
            "decoding": self.decoding.to_json(),
            "generations": self.generations,
            "epochs": self.epochs,
            "n_available": self.n_available,
            "n_planned": self.n_planned,
            "drawn": self.drawn,
            "data": dict(self.data),
            "protocol": dict(self.protocol),
            "protocol_id": self.protocol_id,
            "roles": list(self.roles),
            "not_run": self.not_run,
            "readable": None if self.readable is None else list(self.readable),
        }

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Any]) -> PlannedTask:
        values = {key: value for key, value in data.items() if key != "protocol_id"}
        values["definition"] = TaskDefinition.model_validate(data["definition"])
        values["decoding"] = decoding_of(data["decoding"])
        values["roles"] = tuple(data["roles"])
        if data["readable"] is not None:
            values["readable"] = tuple(data["readable"])
        return cls(name=name, **values)


def decoding_of(fields: Mapping[str, Any]) -> Decoding:
    """From the fields of a definition or of run.json."""
    return Decoding(**{**fields, "stop": tuple(fields["stop"])})
