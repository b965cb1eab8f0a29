"""The rows of one task as columns: what metrics are computed from."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from evalharness.scorecard.labels import Labels

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Numbers", "TaskRows", "read_keys", "read_task", "task_parts"]

Numbers = npt.NDArray[np.float64]
#: There are no more than 1,000: two bytes a row will do.
Epochs = npt.NDArray[np.int16]

_COLUMNS = frozenset({"sample_id", "epoch", "outcome", "reason", "group", "cluster", "tags"})


@dataclass(frozen=True)
class TaskRows:
    """One row a generation of one sample in one epoch; all columns have the same length.

    A score that an outcome does not carry is NaN here, and nowhere else: metrics turn it into
    *missing* or *excluded* by their policy. ``people`` holds, for a score, what people say that it
    is; NaN where nobody said. ``epoch`` counts from 0, and is None where there was one alone.
    """

    sample: Labels
    outcome: Labels
    scores: Mapping[str, Numbers]
    group: Labels
    cluster: Labels
    tags: Mapping[str, Labels]
    reason: Labels | None = None
    people: Mapping[str, Numbers] = field(default_factory=dict)
    epoch: Epochs | None = None

    def __len__(self) -> int:
        return len(self.sample)

    @classmethod
    def from_parts(cls, parts: Iterable[pa.Table]) -> TaskRows:
        """From the rows of one task of ``samples.parquet``, a row group at a time."""
        from evalharness.arrow import numbers

        columns: dict[str, list[Any]] = {}
        for part in parts:
            for name in part.column_names:
                found = part[name].combine_chunks()
                if name == "epoch":
                    found = numbers(found, missing=0).astype(np.int16)
                elif name.startswith("score_"):
                    found = numbers(found, np.nan)
                columns.setdefault(name, []).append(found)

        def labels(name: str) -> Labels:
            return Labels.from_parts(columns.pop(name, ()))

        return cls(
            sample=Labels.from_names(columns.pop("sample_id", [])),
            outcome=labels("outcome"),
            scores={
                name.removeprefix("score_"): np.concatenate(columns.pop(name))
                for name in sorted(columns)
                if name.startswith("score_")
            },
            group=labels("group"),
            cluster=labels("cluster"),
            tags=_tags(labels("tags")),
            reason=labels("reason") if "reason" in columns else None,
            epoch=_epochs(columns.pop("epoch", ())),
        )

    def where(self, wanted: Mapping[str, str]) -> TaskRows:
        """The rows whose tags have these values."""
        return self.only(self.having(wanted)) if wanted else self

    def having(self, wanted: Mapping[str, str]) -> npt.NDArray[np.bool_]:
        """Which rows have these values of tags, shape (n,)."""
        mask = np.ones(len(self), dtype=bool)
        for tag, value in wanted.items():
            column = self.tags.get(tag)
            mask &= column.are(value) if column is not None else False
        return mask

    def only(self, mask: npt.NDArray[np.bool_]) -> TaskRows:
        """The rows that ``mask``, of shape (n,), picks."""
        return replace(
            self,
            sample=self.sample[mask],
            outcome=self.outcome[mask],
            scores={name: values[mask] for name, values in self.scores.items()},
            group=self.group[mask],
            cluster=self.cluster[mask],
            tags={name: values[mask] for name, values in self.tags.items()},
            reason=self.reason[mask] if self.reason is not None else None,
            people={name: values[mask] for name, values in self.people.items()},
            epoch=self.epoch[mask] if self.epoch is not None else None,
        )

    def values_of(self, tag: str) -> list[str]:
        """The values of a tag, sorted."""
        column = self.tags.get(tag)
        return [] if column is None else list(column.counts())

    def outcomes(self) -> dict[str, int]:
        """How often each outcome occurs."""
        return self.outcome.counts()

    def reasons(self, most: int) -> dict[str, dict[str, int]]:
        """For each outcome that is no answer, the ``most`` reasons given most often."""
        if self.reason is None:
            return {}
        found = {}
        for outcome in self.outcomes():
            if outcome == "answered":
                continue
            said = self.reason[self.outcome.are(outcome)].counts()
            said.pop("", None)
            if said:
                found[outcome] = dict(sorted(said.items(), key=lambda r: (-r[1], r[0]))[:most])
        return found


def _epochs(parts: Sequence[Epochs]) -> Epochs | None:
    """The column, where there is more than the first epoch."""
    return np.concatenate(parts) if any(part.any() for part in parts) else None


def _tags(column: Labels) -> dict[str, Labels]:
    """A column a tag, from the rows' JSON objects; each distinct one is read once."""
    parsed: list[dict[str, str]] = [json.loads(text) for text in column.texts.to_pylist()]
    found = {}
    for name in sorted({name for tags in parsed for name in tags}):
        values = Labels.of(tags.get(name) for tags in parsed)
        found[name] = Labels(values.codes[column.codes], values.texts)
    return found


def read_task(samples: Path, task: str, *, reasons: bool = True) -> TaskRows:
    """The rows of one task of ``samples.parquet``.

    Args:
        reasons: read why something is no answer, too: no metric asks for it.
    """
    names = _COLUMNS if reasons else _COLUMNS - {"reason"}
    return TaskRows.from_parts(
        task_parts(samples, task, lambda name: name in names or name.startswith("score_"))
    )


def read_keys(samples: Path, task: str) -> list[tuple[str, int, int]]:
    """Sample, epoch and generation of each row of one task, in the order of `read_task`."""
    names = ("sample_id", "epoch", "generation")
    return [
        key
        for part in task_parts(samples, task, lambda name: name in names)
        for key in zip(*(part[name].to_pylist() for name in names), strict=True)
    ]


def task_parts(path: Path, task: str, wanted: Callable[[str], bool]) -> Iterator[pa.Table]:
    """The rows of one task, in order, a row group at a time; of others only the task is read.

    Args:
        wanted: tells by its name whether a column is read.

    Yields:
        The columns in the file's order, without ``task``; texts but ``sample_id`` as
        dictionaries.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from evalharness.arrow import flags

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
    names = [name for name in schema.names if wanted(name)]
    texts = [name for name in names if pa.types.is_string(schema.field(name).type)]
    repeated = [name for name in texts if name != "sample_id"]
    with pq.ParquetFile(path, read_dictionary=["task", *repeated]) as file:
        for group in range(file.num_row_groups):
            # not by the file's statistics: where those are damaged, pyarrow's look at them ends the
            # process
            tasks = file.read_row_group(group, columns=["task"], use_threads=False)["task"]
            own = Labels.from_parts(tasks.chunks).are(task)
            if not own.any():
                continue
            part = file.read_row_group(group, columns=names, use_threads=False)
            if not own.all():
                part = part.filter(flags(own))
            yield part
