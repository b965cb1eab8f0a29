"""Reference results: the figures of a named model, pinned, so that another run can be placed.

A reference holds no sample and no text: for each figure its value, interval and counts, and the
protocol that it belongs to, part by part. Figures with equal protocol ids may be set beside each
other, but nothing can be paired: the intervals here are those of two independent samples, which on
the same items are wider than a paired one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evalharness import yamlfile
from evalharness.errors import ConfigError
from evalharness.policies import Pinned, Policy
from evalharness.scorecard.model import Direction, Interval, Scorecard
from evalharness.tasks.bundle import bundled

__all__ = [
    "FOLDER", "Reference", "ReferenceFigure", "ReferenceTask", "available", "load", "pinned",
    "with_figures", "write",
]  # fmt: skip

#: Of one's own references, in the working folder.
FOLDER = Path("references")
_MOST_BYTES = 20_000_000
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ReferenceFigure(_Record):
    """One figure of a reference: a cell of its scorecard, without outcomes, notes and grade."""

    value: float | None
    interval: Interval | None = None
    claim: Interval | None = None
    n_planned: int = Field(ge=0)
    n_measured: int = Field(ge=0)
    n_missing: int = Field(default=0, ge=0)
    n_clusters: int | None = None
    counted: str = "samples"
    direction: Direction
    unit: str
    range: tuple[float, float]
    title: str
    protocol_id: str
    slices: dict[str, dict[str, ReferenceFigure]] = Field(default_factory=dict)

    @property
    def n(self) -> int:
        """Units with a value."""
        return self.n_measured

    @property
    def unfavourable(self) -> float | None:
        """The share that should be small: a proportion where lower is better, else its rest.

        None of a figure that is no proportion or has a target.
        """
        if self.value is None or self.unit != "proportion" or self.range != (0.0, 1.0):
            return None
        if self.direction == "lower":
            return self.value
        return 1 - self.value if self.direction == "higher" else None


class ReferenceTask(_Record):
    """One task of a reference."""

    dimension: str
    protocol_id: str
    protocol: dict[str, str] = Field(description="part of the protocol -> its own SHA-256")
    method: str
    scorer: str
    generations: int = Field(ge=1)
    demonstration: tuple[str, ...] = ()
    metrics: dict[str, ReferenceFigure]


class Reference(_Record):
    """The pinned figures of a named model."""

    format: Literal[1] = 1
    name: Annotated[str, Field(pattern=rf"^{_NAME.pattern}$")]
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="of the measurement")]
    evalharness: str
    target: dict[str, Any] = Field(description="the model's identity")
    roles: dict[str, dict[str, Any]] = Field(default_factory=dict)
    seed: int
    level: float = Field(gt=0, lt=1)
    tasks: dict[str, ReferenceTask]

    def figure(
        self, task: str, metric: str, part: tuple[str, str] | None = None
    ) -> ReferenceFigure:
        """One figure, or that of one slice of it.

        Args:
            part: tag and value of a slice.

        Raises:
            ConfigError: the reference has no such figure.
        """
        found = self.tasks.get(task)
        if found is None:
            raise ConfigError(
                f"reference {self.name}: has no task '{task}'"
                f"{yamlfile.did_you_mean(task, self.tasks)}"
            )
        figure = found.metrics.get(metric)
        if figure is None:
            raise ConfigError(
                f"reference {self.name}: {task} has no metric '{metric}'"
                f"{yamlfile.did_you_mean(metric, found.metrics)}"
            )
        if part is None:
            return figure
        tag, value = part
        if value not in figure.slices.get(tag, {}):
            raise ConfigError(
                f"reference {self.name}: {task}/{metric} has no slice where {tag} is {value}"
            )
        return figure.slices[tag][value]


def with_figures(policy: Policy) -> Policy:
    """A policy whose scale is relative to a reference, with that reference's figures in it.

    They are then part of its digest, and of what is recorded before the first call.

    Raises:
        ConfigError: there is no such reference.
    """
    relative = None if policy.grades is None else policy.grades.relative
    if relative is None or relative.reference is None or relative.values:
        return policy
    values = {
        f"{task.dimension}/{name}/{metric}": Pinned(
            value=figure.value, protocol_id=figure.protocol_id
        )
        for name, task in load(relative.reference).tasks.items()
        for metric, figure in task.metrics.items()
        if figure.value is not None
    }
    filled = relative.model_copy(update={"values": values})
    grades = policy.grades and policy.grades.model_copy(update={"relative": filled})
    return policy.model_copy(update={"grades": grades})


def pinned(scorecard: Scorecard, *, name: str, date: str, version: str) -> Reference:
    """A scorecard's figures as a reference.

    Args:
        name: small letters, digits and ``_ . -``.
        date: of the measurement, YYYY-MM-DD.
        version: of evalharness, that measured.

    Raises:
        ConfigError: the name is none.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"reference name {name!r:.80}: take small letters, digits and '_', '.' or '-', at most "
            "60, such as demo-2026"
        )
    kept = set(ReferenceFigure.model_fields)

    def figure(cell: Mapping[str, Any]) -> dict[str, Any]:
        made = {key: value for key, value in cell.items() if key in kept}
        made["slices"] = {
            tag: {value: figure(part) for value, part in parts.items()}
            for tag, parts in cell["slices"].items()
        }
        return made

    tasks = {
        task: {
            "dimension": dimension,
            "protocol_id": card.protocol_id,
            "protocol": card.protocol,
            "method": card.method,
            "scorer": card.scorer,
            "generations": card.generations,
            "demonstration": card.demonstration,
            "metrics": {key: figure(cell.model_dump()) for key, cell in card.metrics.items()},
        }
        for dimension, cards in scorecard.dimensions.items()
        for task, card in cards.tasks.items()
        if card.not_run is None
    }
    return Reference.model_validate(
        {
            "name": name,
            "date": date,
            "evalharness": version,
            "target": scorecard.target,
            "roles": scorecard.roles,
            "seed": scorecard.seed,
            "level": scorecard.level,
            "tasks": tasks,
        }
    )


def write(reference: Reference, folder: Path = FOLDER) -> Path:
    """Write a reference to ``folder/NAME.json``; the same figures give the same bytes.

    Raises:
        ConfigError: there is one of that name: a pinned result is not replaced.
    """
    path = folder / f"{reference.name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    data = reference.model_dump(mode="json", exclude_defaults=True) | {"format": reference.format}
    text = json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise ConfigError(
            f"{path}: there is a reference of that name, and a pinned result is not replaced; take "
            "another name, or remove the file"
        ) from None
    return path


def available(folder: Path = FOLDER) -> dict[str, Path]:
    """Name -> file: those that come with evalharness, and one's own, which go first."""
    shipped = bundled("configs") / "references"
    return {path.stem: path for place in (shipped, folder) for path in sorted(place.glob("*.json"))}


def load(name: str | Path, folder: Path = FOLDER) -> Reference:
    """A reference by its name, or from a file.

    Args:
        name: as `available` lists it, or a path to a JSON file.

    Raises:
        ConfigError: there is none, or it is no reference.
    """
    text = str(name)
    path = Path(text)
    if path.suffix != ".json":
        known = available(folder)
        if text not in known:
            raise ConfigError(
                f"reference '{text}': there is none{yamlfile.did_you_mean(text, known)}; "
                "'evalharness reference list' shows those that there are"
            )
        path = known[text]
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path}: larger than any reference; name a file of 'reference add'")
        data = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
        return Reference.model_validate(data)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; check the path") from None
    except ValidationError as fault:
        raise ConfigError(f"{path}: no reference: {yamlfile.first_fault(fault)}") from None
    except (ValueError, RecursionError) as fault:
        raise ConfigError(f"{path}: no reference, for it is no JSON: {fault}") from None


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number here")
