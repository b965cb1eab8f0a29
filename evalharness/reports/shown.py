"""Which items a report shows: some drawn with the run's seed, and those that a tester names."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from evalharness.errors import ConfigError
from evalharness.reports.page import SampleRow
from evalharness.store.directory import RunDirectory
from evalharness.store.samples import row_keys
from evalharness.yamlfile import nearest

if TYPE_CHECKING:
    import pyarrow.parquet as pq

__all__ = ["MOST_CHOSEN", "chosen_samples", "drawn_samples"]

#: Answers of named samples that one report shows.
MOST_CHOSEN = 200

#: A rank that none is above.
_LAST = b"\xff" * 32

#: Rows whose ids are looked through for one that was meant.
_SEARCHED = 20_000


def drawn_samples(directory: RunDirectory, seed: int, count: int) -> list[SampleRow]:
    """``count`` rows a task, drawn with the seed; in the table's order."""
    import pyarrow.parquet as pq

    if count == 0:
        return []
    with pq.ParquetFile(directory.samples) as file:
        chosen = sorted(place for _, place in _lowest(file, seed, count))
        return [_sample_row(row) for row in _rows_at(file, chosen)]


def chosen_samples(directory: RunDirectory, names: Sequence[str]) -> list[SampleRow]:
    """Every row of the samples that are named; in the table's order.

    All epochs and generations of a sample: whoever names it cannot pick among its answers.

    Args:
        names: ``ID``, or ``TASK/ID`` where several tasks have that id; each must be there.

    Raises:
        ConfigError: no sample has that name, or they have more than `MOST_CHOSEN` rows.
    """
    import pyarrow.parquet as pq

    if not names:
        return []
    wanted, places, found = set(names), [], set()
    with pq.ParquetFile(directory.samples) as file:
        for place, (task, sample, _epoch, _generation) in enumerate(row_keys(file)):
            hits = {sample, f"{task}/{sample}"} & wanted
            if hits:
                places.append(place)
                found |= hits
        if wanted - found:
            raise ConfigError(_unknown(directory, file, min(wanted - found)))
        if len(places) > MOST_CHOSEN:
            raise ConfigError(
                f"samples: those named have {len(places)} answers, and a report shows at most "
                f"{MOST_CHOSEN}; name fewer, or TASK/ID where several tasks have an id"
            )
        return [_sample_row(row) for row in _rows_at(file, places)]


def _unknown(directory: RunDirectory, file: pq.ParquetFile, name: str) -> str:
    known = {sample for _task, sample, *_rest in itertools.islice(row_keys(file), _SEARCHED)}
    near = nearest(name, known)
    hint = f"; did you mean '{near}'?" if near else ";"
    return (
        f"samples: the run {directory.path.name} has no sample '{name}'{hint} "
        f"{directory.samples.name} has the ids in its column sample_id; write ID or TASK/ID"
    )


def _lowest(file: pq.ParquetFile, seed: int, count: int) -> Iterator[tuple[bytes, int]]:
    """Rank and place of the ``count`` rows of each task that rank lowest."""
    lowest: dict[str, list[tuple[bytes, int]]] = {}
    worst: dict[str, bytes] = {}
    start = f"report\0{seed}\0"
    for place, (task, sample, epoch, generation) in enumerate(row_keys(file)):
        key = f"{start}{task}\0{sample}\0{epoch}\0{generation}"
        rank = hashlib.sha256(key.encode()).digest()
        if rank > worst.get(task, _LAST):
            continue
        kept = lowest.setdefault(task, [])
        bisect.insort(kept, (rank, place))
        del kept[count:]
        if len(kept) == count:
            worst[task] = kept[-1][0]
    return itertools.chain.from_iterable(lowest.values())


def _rows_at(file: pq.ParquetFile, wanted: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The rows at these places, in order; only the row groups that hold one are read."""
    first = 0
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        places = [index - first for index in wanted if first <= index < first + size]
        first += size
        if places:
            rows = file.read_row_group(group)
            for place in places:
                yield from rows.slice(place, 1).to_pylist()


def _sample_row(row: dict[str, Any]) -> SampleRow:
    scores = {
        name.removeprefix("score_"): value
        for name, value in row.items()
        if name.startswith("score_") and value is not None
    }
    return SampleRow(
        task=row["task"],
        sample_id=row["sample_id"],
        epoch=row["epoch"],
        generation=row["generation"],
        prompt=row["prompt"],
        response=row["response"],
        outcome=row["outcome"],
        reason=row["reason"],
        answer=row["answer"],
        expected=row["expected"],
        choices=tuple(json.loads(row["choices"] or "[]")),
        scores=scores,
        tags=json.loads(row["tags"]),
        language=row["language"],
    )
