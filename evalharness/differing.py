"""What differs between what was recorded and what was found again, in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness.store.samples import TIMING_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["row_faults", "value_faults"]

#: Rows of samples.parquet that are compared at once.
_BATCH = 16_384


def row_faults(recorded: Path, again: Path) -> list[str]:
    """What differs between two tables, a batch of rows at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(recorded) as left, pq.ParquetFile(again) as right:
        if left.schema_arrow != right.schema_arrow:
            return ["the columns differ"]
        names = [name for name in left.schema_arrow.names if name not in TIMING_COLUMNS]
        batches = (file.iter_batches(_BATCH, columns=names) for file in (left, right))
        faults = [
            fault
            for one, other in zip(*batches, strict=False)
            if not one.equals(other)
            for fault in _differing(one, other)
        ]
        if left.metadata.num_rows != right.metadata.num_rows:
            faults.append(
                f"{left.metadata.num_rows} rows recorded, {right.metadata.num_rows} found"
            )
    return faults


def _differing(recorded: pa.RecordBatch, again: pa.RecordBatch) -> Iterator[str]:
    outcomes = recorded.column("outcome").to_pylist()
    samples = recorded.column("sample_id").to_pylist()
    for name in recorded.schema.names:
        left, right = recorded.column(name).to_pylist(), again.column(name).to_pylist()
        for row, (one, other) in enumerate(zip(left, right, strict=False)):
            # why something could not be tried is found out anew, in other words
            if one != other and not (name == "reason" and outcomes[row] == "not_run"):
                yield f"{samples[row]}: {name}: {_short(one)} recorded, {_short(other)} found"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def value_faults(one: Any, other: Any, where: str) -> list[str]:
    """What differs between two JSON values; each fault begins with its place in ``where``."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            fault
            for key in sorted(one.keys() | other.keys())
            for fault in value_faults(one.get(key), other.get(key), f"{where}.{key}")
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            fault
            for index, pair in enumerate(zip(one, other, strict=True))
            for fault in value_faults(*pair, f"{where}[{index}]")
        ]
    return [] if one == other else [f"{where}: {_short(one)} recorded, {_short(other)} found"]
