"""The samples of one run or of many: a view that reads from disk what is asked of it.

Rows stay in the runs' ``samples.parquet`` until they are wanted, and then only the columns and rows
that are: fifty runs of 100,000 samples can be looked through on a laptop.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from evalharness.display import Drawing
from evalharness.errors import ConfigError, RunCorruptError, RunError
from evalharness.yamlfile import did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["Samples", "Wanted"]

#: What a column's value must be: one value, or one of several; None: missing.
Wanted: TypeAlias = "str | float | Sequence[str | float | None] | None"

_RUN = "run_id"
_OBJECTS = ("tags", "target")
#: Rows that are read at once.
_BATCH = 16_384
_SHOWN = 5


class Samples:
    """Rows of ``samples.parquet``, one a sample, epoch and generation; with the run's id.

    ``where`` and ``tagged`` narrow it and return another view; nothing is read by that. Columns
    are those that docs/run-directory.md lists. Whatever else a DataFrame can do it does as well,
    on all of its rows (``samples.groupby("task")``).

    >>> run.samples
    <Samples: 10 rows of 1 run>
    >>> wrong = run.samples.where(score_correct=0)
    >>> wrong.counts("outcome").to_dict()
    {'answered': 6}
    >>> list(wrong.to_frame(["task", "answer", "expected"]).columns)
    ['task', 'answer', 'expected']

    Args:
        files: a run's id and its ``samples.parquet``, for each run.
    """

    def __init__(self, files: Sequence[tuple[str, Path]]) -> None:
        self._files = tuple(files)
        self._conditions: tuple[tuple[str, tuple[Any, ...]], ...] = ()
        self._tags: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    # --- narrowing ---------------------------------------------------------------------------

    def where(self, **conditions: Wanted) -> Samples:
        """Only rows whose columns have these values.

        Args:
            conditions: column=value, or column=[values]; None stands for a missing value.
                ``where(outcome=["refused", "blocked"], score_leaked=1)``.

        Raises:
            ConfigError: no such column, or a value of another kind than the column's.
        """
        named = {name: _several(wanted) for name, wanted in conditions.items()}
        for name, values in named.items():
            self._check(name, values)
        return self._with(_conditions=(*self._conditions, *named.items()))

    def tagged(self, **tags: str | Sequence[str]) -> Samples:
        """Only rows whose ``tags`` have these values: ``tagged(topic="health")``.

        Raises:
            ConfigError: a value is no text.
        """
        named = {name: _several(wanted) for name, wanted in tags.items()}
        for name, values in named.items():
            if not all(isinstance(value, str) for value in values):
                raise ConfigError(f"tagged: {name}: a tag's value is text, found {values!r}")
        return self._with(_tags=(*self._tags, *named.items()))

    def _with(self, **narrowed: object) -> Samples:
        """The same view, narrowed; what is known of the files goes with it."""
        made = copy.copy(self)
        vars(made).update(narrowed)
        return made

    def _check(self, name: str, values: tuple[Any, ...]) -> None:
        import pyarrow as pa

        kind = self._kind(name)
        text = pa.types.is_string(kind)
        for value in values:
            if value is None:
                continue
            if isinstance(value, str) != text or isinstance(value, bool):
                holds = "text" if text else "numbers"
                raise ConfigError(f"where: the column '{name}' holds {holds}, found {value!r}")

    # --- what there is -----------------------------------------------------------------------

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        """Each run's id with its table, in their order."""
        return self._files

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of all runs, ``run_id`` first and the scores last."""
        return tuple(self._kinds)

    @cached_property
    def _kinds(self) -> dict[str, pa.DataType]:
        import pyarrow as pa

        kinds: dict[str, pa.DataType] = {_RUN: pa.string()}
        for _, path in self._files:
            with _opened(path) as file:
                for field in file.schema_arrow:
                    kinds.setdefault(field.name, field.type)
        scores = sorted(name for name in kinds if name.startswith("score_"))
        return {name: kinds[name] for name in [*(k for k in kinds if k not in scores), *scores]}

    def _kind(self, name: str) -> pa.DataType:
        if name not in self._kinds:
            raise ConfigError(
                f"the samples have no column '{name}'{did_you_mean(name, list(self._kinds))}"
            )
        return self._kinds[name]

    def __len__(self) -> int:
        if not self._conditions and not self._tags:
            total = 0
            for _, path in self._files:
                with _opened(path) as file:
                    total += file.metadata.num_rows
            return total
        return sum(batch.num_rows for batch in self._batches([_RUN]))

    def __bool__(self) -> bool:
        return next(iter(self._batches([_RUN])), None) is not None

    # --- rows --------------------------------------------------------------------------------

    @overload
    def __getitem__(self, columns: str) -> pd.Series[Any]: ...
    @overload
    def __getitem__(self, columns: list[str]) -> pd.DataFrame: ...
    @overload
    def __getitem__(self, columns: pd.Series[bool]) -> pd.DataFrame: ...
    def __getitem__(
        self, columns: str | list[str] | pd.Series[bool]
    ) -> pd.Series[Any] | pd.DataFrame:
        """One column as a Series, or several as a DataFrame; no other is read.

        A mask of all rows picks rows, as of a DataFrame; then all are read.
        """
        if isinstance(columns, str):
            found: pd.Series[Any] = self.to_frame([columns])[columns]
            return found
        if isinstance(columns, list) and all(isinstance(name, str) for name in columns):
            return self.to_frame(columns)
        return self.to_frame()[columns]

    def __iter__(self) -> Iterator[str]:
        """The columns' names, as of a DataFrame."""
        return iter(self._kinds)

    def __getattr__(self, name: str) -> Any:
        """What a DataFrame can do beside: ``groupby``, ``set_index``. All rows are read for it."""
        import pandas as pd

        if name.startswith("_") or not (hasattr(pd.DataFrame, name) or name in self._kinds):
            raise AttributeError(f"the samples have no '{name}'; a column is samples['name']")
        return self[name] if name in self._kinds else getattr(self.to_frame(), name)

    def to_frame(self, columns: Sequence[str] | None = None, *, flat: bool = False) -> pd.DataFrame:
        """The rows as one DataFrame; missing values are ``pandas.NA``.

        ``tags`` and ``target`` are dictionaries, which rows with equal ones share: change a copy.

        Args:
            columns: all of them without it.
            flat: no dictionaries: a column ``tag_<name>`` for each tag, ``target`` as JSON.
        """
        import pyarrow as pa

        names = self._named(columns)
        schema = pa.schema([(name, self._kinds[name]) for name in names])
        table = pa.Table.from_batches(list(self._batches(names)), schema=schema)
        return _frame(table, flat=flat)

    def frames(
        self, columns: Sequence[str] | None = None, *, flat: bool = False
    ) -> Iterator[pd.DataFrame]:
        """The rows as DataFrames of at most 16,384 rows: for what does not fit into memory."""
        import pyarrow as pa

        for batch in self._batches(self._named(columns)):
            yield _frame(pa.Table.from_batches([batch]), flat=flat)

    def head(self, count: int = _SHOWN) -> pd.DataFrame:
        """The first rows, as ``to_frame`` gives them."""
        import pyarrow as pa

        taken: list[pa.RecordBatch] = []
        left = count
        for batch in self._batches(list(self._kinds), size=max(count, 1)):
            taken.append(batch.slice(0, left))
            left -= taken[-1].num_rows
            if left <= 0:
                break
        schema = pa.schema(list(self._kinds.items()))
        return _frame(pa.Table.from_batches(taken, schema=schema), flat=False)

    def counts(self, *by: str) -> pd.Series[int]:
        """How many rows there are by the values of columns, ``outcome`` unless others are named.

        Only these columns are read.
        """
        names = list(by) or ["outcome"]
        frame = self.to_frame(names)
        found: pd.Series[int] = frame.groupby(names, dropna=False, sort=False).size()
        return found.rename("n")

    def _named(self, columns: Sequence[str] | None) -> list[str]:
        if columns is None:
            return list(self._kinds)
        if isinstance(columns, str):
            raise ConfigError(f"columns: name them as a list, [{columns!r}]")
        for name in columns:
            self._kind(name)
        return list(dict.fromkeys(columns))

    def _batches(self, names: Sequence[str], size: int | None = None) -> Iterator[pa.RecordBatch]:
        """The rows that are wanted, with these columns, in the runs' order."""
        needed = dict.fromkeys([*names, *(name for name, _ in self._conditions)])
        if self._tags:
            needed["tags"] = None
        for run, path in self._files:
            if any(name == _RUN and run not in values for name, values in self._conditions):
                continue
            with _opened(path) as file:
                there = [name for name in needed if name in file.schema_arrow.names]
                # a file without any of them still says how many rows it has
                read = there or ["sample_id"]
                for batch in _readable(
                    path, file.iter_batches(size or _BATCH, columns=read, use_threads=False)
                ):
                    whole = _completed(batch, run, {name: self._kinds[name] for name in needed})
                    kept = whole.filter(self._mask(whole)) if self._narrowed else whole
                    if kept.num_rows:
                        yield kept.select(list(names))

    @property
    def _narrowed(self) -> bool:
        return bool(self._conditions or self._tags)

    def _mask(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        import pyarrow as pa
        import pyarrow.compute as pc

        masks = [_among(batch.column(name), values) for name, values in self._conditions]
        if self._tags:
            coded = batch.column("tags").dictionary_encode()
            fits = [self._tags_fit(_object(text)) for text in coded.dictionary.to_pylist()]
            masks.append(pc.take(pa.array(fits, pa.bool_()), coded.indices).fill_null(False))
        mask = masks[0]
        for more in masks[1:]:
            mask = pc.and_(mask, more)
        return mask

    def _tags_fit(self, tags: Mapping[str, Any]) -> bool:
        return all(tags.get(name) in values for name, values in self._tags)

    # --- looking at it -----------------------------------------------------------------------

    def plot(self, by: str = "task") -> Drawing:
        """What came back, a bar for each value of a column: outcomes by their shares.

        Args:
            by: ``task``, ``run_id``, ``language``, or any other column of text.

        Raises:
            ConfigError: no such column, or no row.
        """
        counted: dict[str, dict[str, int]] = {}
        columns = [by, "outcome"] if by != "outcome" else [by]
        for key, number in self.counts(*columns).items():
            value, outcome = key if isinstance(key, tuple) else (key, key)
            label = value if isinstance(value, str) else "(none)"
            counted.setdefault(label, {})[str(outcome)] = int(number)
        if not counted:
            raise ConfigError("plot: there is no row to draw; the filters leave none")
        from evalharness.reports.notebook import draw_outcomes

        return draw_outcomes(counted, f"Outcomes by {by.replace('_', ' ')}")

    def __repr__(self) -> str:
        said = [f"{name}={list(values)!r}" for name, values in (*self._conditions, *self._tags)]
        where = f" where {', '.join(said)}" if said else ""
        return f"<Samples: {len(self):,} rows of {_count(self._files)}{where}>"

    def _repr_html_(self) -> str:
        from evalharness.reports.notebook import samples_fragment

        return samples_fragment(self.head(), repr(self)[1:-1], several=len(self._files) > 1)


def _count(files: Sequence[object]) -> str:
    return "1 run" if len(files) == 1 else f"{len(files)} runs"


def _several(wanted: Any) -> tuple[Any, ...]:
    """One value, or several, as a tuple."""
    if wanted is None or isinstance(wanted, str | int | float):
        return (wanted,)
    return tuple(wanted)


def _opened(path: Path) -> pq.ParquetFile:
    """The table, open.

    Raises:
        RunError: it is missing; RunCorruptError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise RunError(f"{path}: missing: the run was not finished; run its config again") from None
    except (pa.ArrowInvalid, OSError) as fault:
        raise _damaged(path, fault) from None


def _readable(path: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches; where one cannot be read, that is said."""
    import pyarrow as pa

    try:
        yield from batches
    except (pa.ArrowInvalid, OSError) as fault:
        raise _damaged(path, fault) from None


def _damaged(path: Path, fault: Exception) -> RunCorruptError:
    return RunCorruptError(f"{path}: cannot be read ({fault}); the file is damaged")


def _completed(batch: pa.RecordBatch, run: str, kinds: Mapping[str, pa.DataType]) -> pa.RecordBatch:
    """The batch with all columns: the run's id, and nulls where a run has no such score."""
    import pyarrow as pa

    size = batch.num_rows
    columns = []
    for name, kind in kinds.items():
        if name == _RUN:
            columns.append(pa.repeat(pa.scalar(run, kind), size))
        elif name in batch.schema.names:
            columns.append(batch.column(name).cast(kind))
        else:
            columns.append(pa.nulls(size, kind))
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(list(kinds.items())))


def _among(column: pa.Array, values: tuple[Any, ...]) -> pa.BooleanArray:
    """Where the column has one of the values; null is found by None alone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = [value for value in values if value is not None]
    if pa.types.is_integer(column.type):
        # 1.0 is 1; what is no whole number is in no column of whole numbers
        known = [int(value) for value in known if float(value).is_integer()]
    found = pc.is_in(column, value_set=pa.array(known, column.type))
    return pc.or_(found, pc.is_null(column)) if None in values else found


def _frame(table: pa.Table, *, flat: bool) -> pd.DataFrame:
    """As pandas, with types that know what is missing."""
    import pandas as pd
    import pyarrow as pa

    kinds = {
        pa.string(): pd.StringDtype("pyarrow"),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.float64(): pd.Float64Dtype(),
    }
    names = table.column_names
    coded = {
        name: _decoded(table[name])
        for name in (_OBJECTS[:1] if flat else _OBJECTS)
        if name in names
    }
    frame: pd.DataFrame = table.drop_columns(list(coded)).to_pandas(types_mapper=kinds.get)
    for name, (distinct, places) in coded.items():
        at = names.index(name)
        if not flat:
            frame.insert(at, name, pd.Series(_objects(distinct)[places], index=frame.index))
            continue
        for offset, tag in enumerate(sorted({tag for tags in distinct for tag in tags})):
            values = _objects([tags.get(tag) for tags in distinct])[places]
            frame.insert(at + offset, f"tag_{tag}", pd.array(values, dtype="string"))
    return frame


def _decoded(column: pa.ChunkedArray) -> tuple[list[dict[str, Any]], np.ndarray[Any, Any]]:
    """The distinct objects of a column of JSON, and which of them each row has."""
    coded = column.combine_chunks().fill_null("{}").dictionary_encode()
    return [_object(text) for text in coded.dictionary.to_pylist()], coded.indices.to_numpy()


def _object(text: str) -> dict[str, Any]:
    """An object of a column of JSON.

    Raises:
        RunCorruptError: it is none.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RunCorruptError(f"samples.parquet: {text[:60]!r} is no object; the file is damaged")
    return found


def _objects(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    made = np.empty(len(values), dtype=object)
    made[:] = values
    return made
