"""Run configuration: one YAML file (or dict), validated before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from evalharness import yamlfile
from evalharness.errors import ConfigError
from evalharness.policies import Policy, load_policy
from evalharness.scorecard.references import with_figures
from evalharness.tasks import library
from evalharness.tasks.definition import ComponentRef, DecodingDefinition, MethodName

__all__ = ["LabelsEntry", "Loaded", "Price", "Prices", "RunConfig", "TaskEntry", "load_config"]

ModelSpec = str | dict[str, Any]


class _Config(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: Any) -> Any:
        """No field is a switch, and YAML's ``yes`` would count as the number 1."""
        if isinstance(value, bool):
            said = "true, false, yes and no are no value here; quote it if it is a text"
            raise ValueError(said)  # noqa: TRY004 - the kind that pydantic reports
        return value


class TaskEntry(_Config):
    """One task of a run, with what this run changes of it.

    Every change but ``epochs`` is another protocol. ``decoding`` changes the fields that it names;
    of two limits the smaller holds.
    """

    task: str
    method: MethodName | None = Field(default=None, description="how to ask; default: the task's")
    limit: int | None = Field(default=None, ge=1)
    epochs: int | None = Field(default=None, ge=1, le=1000)
    generations: int | None = Field(default=None, ge=1, le=1000)
    decoding: DecodingDefinition | None = None
    scorer: ComponentRef | None = None
    transform: dict[str, Any] = Field(
        default_factory=dict, description="options of a derived task's transform"
    )
    data: str | list[dict[str, Any]] | None = Field(
        default=None, description="rows of your own, or a file of rows, in the task's format"
    )
    where: dict[str, str | list[str]] | None = Field(
        default=None, description="tag -> value(s): test only these samples"
    )

    @field_validator("scorer", mode="before")
    @classmethod
    def _scorer(cls, value: Any) -> Any:
        return ComponentRef.parse(value, "scorer")


class LabelsEntry(_Config):
    """A sheet of people's labels, and which answers they are of.

    Args:
        of: ``this_run``: drawn from the run that is scored, by ``evalharness labels``.
            ``exchangeable``: of other answers, for which the scorer errs as often, as whoever
            writes this declares.
        run: of exchangeable labels, the run whose answers were labelled; its verdicts are taken.
            Without it the sheet has a column ``verdict``.
        note: why they are exchangeable; shown with the figure.
    """

    file: str = Field(min_length=1)
    of: Literal["this_run", "exchangeable"] = "this_run"
    run: str | None = None
    note: str | None = Field(default=None, min_length=1, max_length=500)

    @model_validator(mode="after")
    def _declared(self) -> LabelsEntry:
        if self.of == "exchangeable" and self.note is None:
            raise ValueError("'of: exchangeable' needs a 'note' that says why; it is shown")
        if self.of == "this_run" and self.run is not None:
            raise ValueError("'run' names another run: write 'of: exchangeable' and a 'note'")
        return self


class Price(_Config):
    """What a million tokens cost: those sent, and those that come back."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Prices(_Config):
    """A price table; its version is recorded with every sum that is made from it."""

    version: str = Field(min_length=1, description="a date, say: prices change")
    currency: str = Field(default="USD", min_length=1, max_length=12)
    models: dict[str, Price] = Field(description="model, as the configuration names it -> price")

    @field_validator("version", mode="before")
    @classmethod
    def _date(cls, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value


class RunConfig(_Config):
    """What to measure (the first group) and how to get there (the second).

    Only the first group defines the measurement, and so the run's id.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=60)] = "run"
    target: ModelSpec
    judge: ModelSpec | None = None
    classifier: ModelSpec | None = None
    suites: list[str] = Field(default_factory=list, description="names, or folders ('./mine')")
    accept: list[Literal["non_commercial", "personal_data"]] = Field(
        default_factory=list, description="conditions of test data that you may and will keep to"
    )
    tasks: list[TaskEntry] = Field(default_factory=list)
    seed: int = Field(default=1, ge=0, le=2**53 - 1)
    limit: int | None = Field(default=None, ge=1, description="samples a task, drawn by stratum")
    epochs: int | None = Field(default=None, ge=1, le=1000)
    floor: float = Field(default=0.95, ge=0, le=1, description="share measured, else insufficient")
    level: float = Field(default=0.95, gt=0, lt=1, description="of every interval")
    estimand: Literal["population", "fixed_set"] = Field(
        default="population", description="what a figure and its interval are about"
    )
    labels: list[LabelsEntry] = Field(
        default_factory=list, description="sheets of people's labels, to correct figures by"
    )
    policy: Policy | None = Field(
        default=None, description="a policy file, or the name of one that comes with evalharness"
    )

    data_root: str | None = Field(default=None, description="folder with the tasks' mirror files")
    durability: Literal["normal", "full"] = "normal"
    retries: int = Field(default=8, ge=0, le=100, description="further tries of a failed call")
    retry_seconds: float = Field(
        default=600, ge=0, description="after which a call that failed is not tried again"
    )
    max_outage: float | None = Field(
        default=300, gt=0, description="seconds without an answer that end the run; null: never"
    )
    max_requests: int | None = Field(default=None, ge=1, description="tries, of all models")
    max_tokens: int | None = Field(default=None, ge=1, description="sent and received")
    max_cost: float | None = Field(default=None, gt=0, description="in the currency of prices")
    max_minutes: float | None = Field(default=None, gt=0, description="of all sessions together")
    prices: Prices | None = Field(default=None, description="a table, or a YAML file that holds it")
    report_samples: int = Field(default=3, ge=0, le=100, description="items shown a task")

    @property
    def settings(self) -> dict[str, Any]:
        """What defines a measurement beside its tasks, models and labels."""
        policy = {} if self.policy is None else {"policy": self.policy.sha256}
        return {
            "seed": self.seed,
            "floor": self.floor,
            "level": self.level,
            "estimand": self.estimand,
            **policy,
        }

    @model_validator(mode="before")
    @classmethod
    def _short_tasks(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("tasks"), list):
            tasks = [{"task": t} if isinstance(t, str) else t for t in value["tasks"]]
            return {**value, "tasks": tasks}
        return value

    @field_validator("labels", mode="before")
    @classmethod
    def _short_labels(cls, value: Any) -> Any:
        several = value if isinstance(value, list) else [value]
        return [{"file": one} if isinstance(one, str) else one for one in several]

    @model_validator(mode="after")
    def _something_to_do(self) -> RunConfig:
        if not self.suites and not self.tasks:
            raise ValueError(
                "name what to run: 'suites: [factuality]' or 'tasks: [truthfulqa_mc1]'"
            )
        return self


@dataclass(frozen=True)
class Loaded:
    """A configuration and the folder that its relative paths are counted from."""

    config: RunConfig
    base_dir: Path


def load_config(source: Mapping[str, Any] | str | Path, overrides: Sequence[str] = ()) -> Loaded:
    """Load a configuration.

    Args:
        source: a path to YAML, the name of a configuration that comes with evalharness
            (``quickstart``), or the fields themselves. Relative paths in it are counted from
            the file's folder; from the working folder for fields and bundled configurations.
        overrides: ``key=value`` with dots for nested fields (``target.dtype=bfloat16``,
            ``tasks.0.limit=10``); the value is YAML.

    Raises:
        ConfigError: one line for each fault: file, line, field, what to write instead.
    """
    if isinstance(source, Mapping):
        file = yamlfile.YamlFile(None, _plain_copy(source))
        base_dir = Path.cwd()
    else:
        path = _find(source)
        file = yamlfile.read(path, ConfigError)
        # what comes with evalharness names nothing beside itself: paths are the caller's then
        bundled = path.resolve().is_relative_to(library.bundled("configs").resolve())
        base_dir = Path.cwd() if bundled else path.resolve().parent
    for override in overrides:
        _apply(file.data, override)
        key = override.partition("=")[0]
        parts = tuple(int(part) if part.isdecimal() else part for part in key.split("."))
        file.given[parts] = f"--set {override}"
    if isinstance(file.data, dict) and isinstance(file.data.get("prices"), str):
        # the table itself goes into the record: a file may change
        table = yamlfile.read(base_dir / Path(file.data["prices"]).expanduser(), ConfigError)
        yamlfile.validate(Prices, table, ConfigError)
        file.data["prices"] = table.data
    if isinstance(file.data, dict) and isinstance(file.data.get("policy"), str):
        named = load_policy(file.data["policy"], base_dir)
        file.data["policy"] = with_figures(named).to_json()
    return Loaded(yamlfile.validate(RunConfig, file, ConfigError), base_dir)


def _find(source: str | Path) -> Path:
    """The file as named, else the bundled one of that name (``configs/`` may stand before it)."""
    path = Path(source)
    if path.is_file() or path.is_absolute():
        return path
    bundled = library.bundled("configs") / f"{path.stem}.yaml"
    meant = str(path.parent) in {".", "configs"} and path.suffix in {"", ".yaml"}
    if meant and bundled.is_file():
        return bundled
    if path.suffix == "" and not path.exists() and str(path.parent) == ".":
        names = [file.stem for file in library.bundled("configs").glob("*.yaml")]
        raise ConfigError(
            f"{source}: there is no such file, nor a configuration of that name"
            f"{yamlfile.did_you_mean(str(source), names)}"
        )
    return path


def _plain_copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain_copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_copy(item) for item in value]
    return value


def _apply(data: Any, override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {override}: write key=value, for instance target.dtype=float32")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"--set {override}: the value is not valid YAML; quote it") from None
    *parents, last = key.split(".")
    place = data
    for part in parents:
        place = _step(place, part, override)
    if isinstance(place, list):
        if not last.isdecimal() or int(last) >= len(place):
            raise ConfigError(f"--set {override}: '{last}' is no place in a list of {len(place)}")
        place[int(last)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise ConfigError(f"--set {override}: there is nothing with fields at '{key}'")


def _step(place: Any, part: str, override: str) -> Any:
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        if isinstance(place[int(part)], str):  # the short form of a task
            place[int(part)] = {"task": place[int(part)]}
        return place[int(part)]
    if isinstance(place, dict):
        found = place.setdefault(part, {})
        if isinstance(found, str):  # the short form of a model
            found = place[part] = {"adapter": found}
        return found
    raise ConfigError(f"--set {override}: '{part}' leads nowhere")
