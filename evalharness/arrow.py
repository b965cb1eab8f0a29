"""Arrow columns from Python's values and to numpy's, without pyarrow's own conversion.

`pyarrow.array` and `to_numpy` (and all that calls them) import pandas, which takes half a second
and 50 MB of a run that needs no data frame. Numbers lie in Arrow as they do in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["column", "flags", "numbers"]

#: Bytes of text that a column with 32-bit offsets can hold.
_MOST_BYTES = 2**31 - 1


def column(values: Sequence[Any], kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """A column of texts, whole numbers (32 bits) or doubles; None where there is none.

    UTF-8 holds no lone surrogates: each becomes the replacement character.

    Raises:
        OverflowError: a number does not fit.
    """
    valid = _bits(values)
    if not pa.types.is_string(kind):
        numbers = np.array([0 if v is None else v for v in values], dtype=kind.to_pandas_dtype())
        return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(numbers)])
    try:
        encoded = [b"" if text is None else text.encode() for text in values]
    except UnicodeEncodeError:
        values = [None if text is None else _without_surrogates(text) for text in values]
        encoded = [b"" if text is None else text.encode() for text in values]
    ends = np.cumsum(list(map(len, encoded)), dtype=np.int64)
    if len(ends) and ends[-1] > _MOST_BYTES:
        return pa.array(values, kind)  # several chunks
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    offsets[1:] = ends
    data = [valid, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(kind, len(values), data)


def _without_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def flags(values: npt.NDArray[np.bool_]) -> pa.BooleanArray:
    """A column of booleans: a mask for ``filter``."""
    bits = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


def numbers(values: pa.Array, missing: float) -> npt.NDArray[Any]:
    """A column of whole numbers (32 bits) or doubles as numpy has them, shape (n,); read-only.

    Args:
        missing: stands for None.
    """
    kind, start, n = values.type.to_pandas_dtype(), values.offset, len(values)
    if not n:
        return np.empty(0, dtype=kind)
    valid, data = values.buffers()
    found = np.frombuffer(data, dtype=kind, count=start + n)[start:]
    if not values.null_count:
        return found
    bits = np.unpackbits(np.frombuffer(valid, dtype=np.uint8), count=start + n, bitorder="little")
    return np.where(bits[start:], found, np.array(missing, dtype=kind))


def _bits(values: Sequence[Any]) -> pa.Buffer | None:
    """Which values are there, a bit each; None where all are."""
    there = np.array([value is not None for value in values], dtype=bool)
    return None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
