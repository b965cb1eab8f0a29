"""samples.parquet: one row a sample, epoch and generation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from evalharness.records import Outcome, Response, Sample
from evalharness.store.journal import Entry

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["TIMING_COLUMNS", "SamplesWriter", "row_keys", "rows_of"]

#: What may differ between two runs of the same measurement.
TIMING_COLUMNS = ("latency_s", "attempts")

_TEXT = (
    "task", "dimension", "sample_id", "outcome", "reason", "answer", "response", "prompt",
    "choices", "expected", "finish_reason", "group", "cluster", "language", "tags", "target",
)  # fmt: skip
#: What a row is known by, and how many rows are read at once.
_KEYS = ("task", "sample_id", "epoch", "generation")
_BATCH = 16_384
#: A row group is as large as that: small ones take room and time, what waits takes memory.
_GROUP_ROWS = 16_384
_GROUP_BYTES = 16 * 2**20
#: Rows become a table when there are so many, or when their texts are so long. A table of few rows
#: costs as much as one of many; making a large one holds up every call in flight.
_TABLE_ROWS = 512
_TABLE_BYTES = 2**20
_LONG = ("prompt", "response")

#: Made once: json.dumps makes one for each call that names an option.
_OBJECT = json.JSONEncoder(ensure_ascii=False, sort_keys=True)
_LIST = json.JSONEncoder(ensure_ascii=False)

_WHOLE = ("epoch", "generation", "input_tokens", "output_tokens", "attempts")


def _schema(scores: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    fields = [pa.field(name, pa.string()) for name in _TEXT]
    fields += [pa.field(name, pa.int32()) for name in _WHOLE]
    fields += [pa.field(f"score_{name}", pa.float64()) for name in scores]
    fields += [pa.field("latency_s", pa.float64())]
    return pa.schema(fields)


class SamplesWriter:
    """Writes rows as they come; the file appears under its name only when closed well.

    As a context manager it is closed at the end, and leaves nothing where an error ends it.

    Args:
        scores: the names of all scores that any task's scorer may give.
    """

    def __init__(self, path: Path, scores: Iterable[str]) -> None:
        import pyarrow.parquet as pq

        self._path = path
        self._temporary = path.with_name(path.name + ".tmp")
        self._schema = _schema(sorted(set(scores)))
        # a dictionary of numbers that hardly repeat only costs, and their bytes pack better apart
        repeated = [name for name in self._schema.names if name != "latency_s"]
        self._writer = pq.ParquetWriter(
            self._temporary,
            self._schema,
            compression="zstd",
            use_dictionary=repeated,
            column_encoding={"latency_s": "BYTE_STREAM_SPLIT"},
        )
        #: Rows that are no table yet.
        self._new: list[Mapping[str, Any]] = []
        self._new_bytes = 0
        self._waiting: list[pa.Table] = []
        self._rows = self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_details: object) -> None:
        if kind is not None:
            self.abandon()
            return
        try:
            self.close()
        except BaseException:
            self.abandon()
            raise

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows."""
        self._new += rows
        self._new_bytes += sum(len(row.get(name) or "") for row in rows for name in _LONG)
        count, size = len(self._new), self._new_bytes
        enough = count >= _TABLE_ROWS or size >= _TABLE_BYTES
        if enough or self._rows + count >= _GROUP_ROWS or self._bytes + size >= _GROUP_BYTES:
            self._tabulate()

    def _tabulate(self) -> None:
        import pyarrow as pa

        from evalharness.arrow import column

        rows, self._new, self._new_bytes = self._new, [], 0
        if not rows:
            return
        columns = [
            column([row.get(field.name) for row in rows], field.type) for field in self._schema
        ]
        table = pa.Table.from_arrays(columns, schema=self._schema)
        self._waiting.append(table)
        self._rows += table.num_rows
        self._bytes += table.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting).combine_chunks())
            self._waiting = []
            self._rows = self._bytes = 0

    def close(self) -> None:
        """Finish the file and give it its name."""
        self._tabulate()
        self._flush()
        self._writer.close()
        self._temporary.replace(self._path)

    def abandon(self) -> None:
        """Leave nothing."""
        self._writer.close()
        self._temporary.unlink(missing_ok=True)


def row_keys(file: pq.ParquetFile) -> Iterator[tuple[str, str, int, int]]:
    """Task, sample, epoch and generation of each row, in order, a batch of rows in memory."""
    for batch in file.iter_batches(_BATCH, columns=list(_KEYS), use_threads=False):
        yield from zip(*(batch.column(name).to_pylist() for name in _KEYS), strict=True)


def rows_of(
    *,
    task: str,
    dimension: str,
    epoch: int,
    sample: Sample,
    outcomes: Sequence[Outcome],
    entries: Sequence[Entry],
) -> list[dict[str, Any]]:
    """The rows of one sample in one epoch: one a generation.

    ``entries`` are the target's: one a generation, or one a choice (then they share the one row).
    """
    shared = {
        "task": task,
        "dimension": dimension,
        "sample_id": sample.id,
        "epoch": epoch,
        "prompt": "\n\n".join(message.content for message in sample.messages),
        "choices": _LIST.encode(sample.choices) if sample.choices else None,
        "expected": _expected(sample),
        "group": sample.group,
        "cluster": sample.cluster,
        "language": sample.language,
        "tags": _object(sample.tags),
        "target": _object(sample.target),
    }
    per_generation = len(outcomes) == len(entries)
    rows = []
    for generation, outcome in enumerate(outcomes):
        own = entries[generation : generation + 1] if per_generation else entries
        rows.append({**shared, "generation": generation, **_answer(own), **_found(outcome)})
    return rows


def _object(mapping: Mapping[str, Any]) -> str:
    return _OBJECT.encode(dict(mapping)) if mapping else "{}"


def _expected(sample: Sample) -> str | None:
    return None if sample.answer is None else sample.choices[sample.answer]


def _answer(entries: Sequence[Entry]) -> dict[str, Any]:
    answers = [entry.answer for entry in entries if isinstance(entry.answer, Response)]
    generated = [a for a in answers if a.loglikelihood is None and a.choice_score is None]
    return {
        "response": generated[0].text if generated else None,
        "finish_reason": generated[0].finish_reason if generated else None,
        "input_tokens": _total(answer.input_tokens for answer in answers),
        "output_tokens": _total(answer.output_tokens for answer in answers),
        "latency_s": sum(entry.latency_s for entry in entries) if entries else None,
        "attempts": max((entry.attempts for entry in entries), default=None),
    }


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _found(outcome: Outcome) -> dict[str, Any]:
    return {
        "outcome": outcome.kind.value,
        "reason": outcome.reason,
        "answer": outcome.answer,
        **{f"score_{name}": float(value) for name, value in outcome.scores.items()},
    }
