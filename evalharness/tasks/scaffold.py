"""Writes the beginning of a task of one's own: a folder with YAML, items and a data sheet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from evalharness import yamlfile
from evalharness.errors import ConfigError
from evalharness.yamlfile import did_you_mean

__all__ = ["TEMPLATES", "Template", "write_task"]

_DIMENSIONS = ("robustness", "factuality", "bias", "toxicity", "data_governance")
_FOLDER = Path(__file__).with_name("templates")

_SUITE = """\
suite: {suite}
version: 1
dimension: {dimension}
title: {suite}
construct: what the tasks of this suite measure, in one sentence
headline: [{name}/{metric}]
"""


@dataclass(frozen=True)
class Template:
    """A kind of task.

    Args:
        about: what it asks, in a few words.
        dimension: what such a task usually tests.
        metric: the one that stands for the suite.
        config: what a configuration must name beside the suite.
        bound: its figures belong to that dimension; else they may test any.
    """

    about: str
    dimension: str
    metric: str
    config: str = ""
    bound: bool = False


TEMPLATES = {
    "choice": Template("questions with options, one of them right", "factuality", "accuracy"),
    "judge": Template(
        "free answers, judged by a rubric of your own", "factuality", "accuracy",
        "judge: {{adapter: openai, base_url: ..., model: ...}}",
    ),
    "harm": Template(
        "harmful requests, each with a harmless one that sounds alike", "toxicity",
        "harmful_compliance_rate", bound=True,
    ),
    "supplied": Template(
        "a task whose rows only its users have", "data_governance", "leak_rate",
        "tasks: [{{task: {name}, data: {folder}/rows.csv}}]", bound=True,
    ),
}  # fmt: skip


def write_task(
    suite: Path, name: str, dimension: str | None = None, template: str = "choice"
) -> Path:
    """Write ``suite/name/``, and ``suite/suite.yaml`` where it is missing; returns the folder.

    Args:
        dimension: default: the template's, or the suite's where there is one.

    Raises:
        ConfigError: the name, dimension or template cannot be used, or the task is there already;
            or the template's figures belong to another dimension than the suite's, and
            ``dimension`` does not say that this is meant.
    """
    if template not in TEMPLATES:
        raise ConfigError(
            f"new task: there is no template '{template}'{did_you_mean(template, TEMPLATES)}"
        )
    kind = TEMPLATES[template]
    for word in (name, suite.name):
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", word):
            raise ConfigError(
                f"new task: '{word}' cannot be a name; use small letters, digits and underscores"
            )
    existing = None
    if (suite / "suite.yaml").exists():
        existing = yamlfile.read(suite / "suite.yaml", ConfigError).data.get("dimension")
    named = dimension is not None
    dimension = dimension or existing or kind.dimension
    if dimension not in _DIMENSIONS:
        hint = did_you_mean(dimension, _DIMENSIONS)
        raise ConfigError(f"new task: there is no dimension '{dimension}'{hint}")
    if existing is not None and existing != dimension:
        raise ConfigError(
            f"new task: the suite {suite} is of dimension '{existing}'; name that one, or "
            "another --suite"
        )
    folder = suite / name
    if folder.exists():
        raise ConfigError(f"new task: {folder} is there already; choose another name")
    if not named and kind.bound and existing not in {None, kind.dimension}:
        raise ConfigError(
            f"new task: the template '{template}' tests {kind.dimension} ({kind.about}), and the "
            f"suite {suite} is of dimension '{existing}', under which its figures would be "
            f"reported; name another --suite, or --dimension {existing} if that is meant"
        )
    folder.mkdir(parents=True)
    if existing is None:
        text = _SUITE.format(suite=suite.name, dimension=dimension, name=name, metric=kind.metric)
        (suite / "suite.yaml").write_text(text, encoding="utf-8")
    for path in [*sorted((_FOLDER / template).iterdir()), _FOLDER / "DATASHEET.md"]:
        text = path.read_text(encoding="utf-8").replace("NAME", name)
        (folder / path.name).write_text(text, encoding="utf-8")
    return folder
