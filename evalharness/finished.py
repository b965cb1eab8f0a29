"""A finished run, opened to be handed to others: its records, when it was measured, its rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evalharness import pipeline
from evalharness.labelling.source import Source
from evalharness.labelling.stored import labels_of
from evalharness.records import digest
from evalharness.scorecard.model import Scorecard
from evalharness.scorecard.people import HumanLabels
from evalharness.scorecard.rows import task_parts
from evalharness.store.directory import RunDirectory

__all__ = ["Finished", "Model", "sha256", "withheld"]

#: Rows that are Python objects at once.
_BATCH = 1_024


@dataclass(frozen=True)
class Model:
    """A model's names; the rest of its identity as a digest.

    Args:
        version: its revision or the digest of its weights; None where nobody gave one.
        identity_sha256: digest of all that the run knows of it; two runs of the same model agree.
    """

    provider: str
    name: str
    version: str | None
    identity_sha256: str

    @classmethod
    def of(cls, identity: dict[str, Any]) -> Model:
        """From an identity as run.json has it."""
        version = identity.get("revision") or identity.get("digest")
        return cls(identity["provider"], identity["model"], version, digest(identity))

    def to_json(self) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "name": self.name,
            "version": self.version,
            "identity_sha256": self.identity_sha256,
        }


@dataclass(frozen=True, eq=False)
class Finished(Source):
    """A finished run whose files are those of its manifest."""

    @classmethod
    def of(cls, path: Path) -> Finished:
        """The run of a folder.

        Raises:
            RunError: it is missing, holds no run, or one that was not finished.
            RunCorruptError: its files are not those of its manifest: what is handed to others
                would hide that.
        """
        directory = RunDirectory.existing(path)
        directory.require_intact("nothing is made of changed records")
        return cls(directory, directory.read_json(directory.run_json))

    @cached_property
    def scorecard(self) -> Scorecard:
        return pipeline.load_scorecard(self.directory)

    @cached_property
    def labels(self) -> HumanLabels | None:
        """People's labels, where the measurement has some."""
        return labels_of(self.directory, self.run)

    @cached_property
    def summary(self) -> dict[str, Any]:
        return self.directory.read_json(self.directory.summary)

    @property
    def started(self) -> str:
        """When the last session began, as ``2026-05-31T12:00:00Z``."""
        found: str = self.summary["started"]
        return found

    @property
    def measured(self) -> str:
        """The day of the measurement, in UTC: what its report says, too."""
        return self.directory.measured

    @cached_property
    def model(self) -> Model:
        """The model under test."""
        return Model.of(self.run["models"]["target"])

    def rows(self, task: str) -> Iterator[dict[str, Any]]:
        """The rows of one task as samples.parquet has them, in order, a few at a time."""
        for part in task_parts(self.samples, task, lambda name: name != "task"):
            for batch in part.to_batches(max_chunksize=_BATCH):
                for row in batch.to_pylist():
                    yield {"task": task, **row}


def sha256(text: str) -> str:
    """SHA-256 of a text in UTF-8, as hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def withheld(text: str) -> str:
    """What stands in the place of a text that is not shown."""
    return f"[withheld, SHA-256 {sha256(text)}]"
