"""A column of texts that keeps each distinct one once: many rows need little memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Labels"]

Codes = npt.NDArray[np.signedinteger[Any]]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.signedinteger[Any]]

#: The code of a row without a text.
_NONE = -1


class _Texts(Protocol):
    """Distinct texts, left as they are stored until someone asks for them."""

    def __len__(self) -> int: ...
    def to_pylist(self) -> list[Any]: ...


@dataclass(frozen=True, eq=False, slots=True)
class Labels:
    """A text or None for each row.

    Args:
        codes: shape (n,), the row's place in ``texts``; -1 for None. Integers of any size.
        texts: the distinct texts, shape (k,); a selection of rows keeps those that it lost.
    """

    codes: Codes
    texts: _Texts

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Self:
        """From the text (or None) of each row."""
        known: dict[str, int] = {}
        codes = [_NONE if text is None else known.setdefault(text, len(known)) for text in values]
        return cls(_smallest(np.array(codes, dtype=np.int32), len(known)), _texts(known))

    @classmethod
    def joined(cls, parts: Sequence[Labels]) -> Labels:
        """One behind the other."""
        texts = parts[0].texts if parts else None
        if texts is not None and all(part.texts is texts for part in parts):
            return Labels(np.concatenate([part.codes for part in parts]), texts)
        return cls.of(text for part in parts for text in part.tolist())

    @classmethod
    def from_parts(cls, parts: Iterable[pa.DictionaryArray]) -> Self:
        """From a column of texts that mostly repeat, a part at a time."""
        from evalharness.arrow import numbers

        known: dict[str, int] = {}
        found = []
        for part in parts:
            texts = part.dictionary.to_pylist()
            places = np.array(
                [*(known.setdefault(text, len(known)) for text in texts), _NONE], dtype=np.int32
            )
            codes = numbers(part.indices, missing=len(texts))
            found.append(_smallest(places[codes], len(known)))
        return cls(np.concatenate(found or [np.empty(0, dtype=np.int8)]), _texts(known))

    @classmethod
    def from_names(cls, parts: Sequence[pa.StringArray]) -> Self:
        """From a column of texts that mostly differ, none of them None.

        Where all differ (their hashes say so) nothing is looked up: a table of a million names in
        Python would take ten times the memory of the names.
        """
        import pyarrow as pa

        from evalharness.arrow import numbers

        column = pa.chunked_array(parts, pa.string())
        hashes = np.empty(len(column), dtype=np.int64)
        start = 0
        for part in parts:
            hashes[start : start + len(part)] = list(map(hash, part.to_pylist()))
            start += len(part)
        hashes.sort()
        if not (hashes[1:] == hashes[:-1]).any():
            return cls(np.arange(len(column), dtype=np.int32), column)
        encoded = column.dictionary_encode().unify_dictionaries()
        codes = [numbers(chunk.indices, missing=_NONE) for chunk in encoded.chunks]
        return cls(np.concatenate(codes), encoded.chunk(0).dictionary)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Flags | Places) -> Labels:
        """The labels of some rows: a mask of shape (n,), or places."""
        return Labels(self.codes[rows], self.texts)

    def tolist(self) -> list[str | None]:
        """The text (or None) of each row."""
        texts = [*self.texts.to_pylist(), None]
        return [texts[code] for code in self.codes.tolist()]

    def same_as(self, other: Labels) -> bool:
        """Whether both surely hold the same texts row by row (a quick look: False may be wrong)."""
        if not np.array_equal(self.codes, other.codes):
            return False
        if self.texts is other.texts:
            return True
        mine, theirs = getattr(self.texts, "equals", None), getattr(other.texts, "equals", None)
        if mine is not None and theirs is not None and type(self.texts) is type(other.texts):
            return bool(mine(other.texts))  # without making a Python text of each
        return bool(self.texts.to_pylist() == other.texts.to_pylist())

    def are(self, *wanted: str) -> Flags:
        """Which rows have one of these texts, shape (n,)."""
        places = [place for place, text in enumerate(self.texts.to_pylist()) if text in wanted]
        if len(places) == 1:
            return np.asarray(self.codes == places[0])
        return np.isin(self.codes, np.array(places, dtype=np.int32))

    @property
    def missing(self) -> Flags:
        """Which rows have no text, shape (n,)."""
        return np.asarray(self.codes == _NONE)

    def counts(self) -> dict[str, int]:
        """How often each text occurs (None does not count), sorted by text."""
        found = np.bincount(self.codes[self.codes >= 0], minlength=len(self.texts)).tolist()
        pairs = zip(self.texts.to_pylist(), found, strict=True)
        return dict(sorted((text, count) for text, count in pairs if count))

    def units(self) -> tuple[Places, Places]:
        """Rows with the same label are one unit; units count from 0 in the order of the rows.

        Returns:
            The first row of each unit, shape (u,), ascending; and each row's unit, shape (n,).
        """
        n = len(self.codes)
        rows = np.arange(n, dtype=np.int32)
        if n == len(self.texts) and np.array_equal(self.codes, rows):
            return rows, rows
        codes = self.codes.astype(np.int32) + 1
        first = np.full(len(self.texts) + 1, n, dtype=np.int32)
        # of several rows with one code the assignment that comes last, of the first row, stays
        first[codes[::-1]] = rows[::-1]
        rows = np.sort(first[first < n])
        unit = first  # the same memory: a code's first row is not needed any more
        unit[codes[rows]] = np.arange(len(rows), dtype=np.int32)
        return rows, unit[codes]

    def ranked(self) -> tuple[npt.NDArray[np.str_], Places]:
        """The texts that occur, sorted, shape (u,); and the place of each row's among them.

        None ranks as the text ``None``.
        """
        texts = self.texts.to_pylist()
        used = np.unique(self.codes)
        named = [texts[code] if code >= 0 else str(None) for code in used.tolist()]
        names, ranks = np.unique(np.array(named, dtype=str), return_inverse=True)
        place = np.zeros(len(texts) + 1, dtype=np.int32)
        place[used] = ranks  # None's code, -1, is the last place
        return names, place[self.codes]


@dataclass(frozen=True, eq=False, slots=True)
class _Listed:
    """Distinct texts as a list."""

    texts: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def to_pylist(self) -> list[str]:
        return self.texts


def _texts(known: Iterable[str]) -> _Texts:
    return _Listed(list(known))


def _smallest(codes: npt.NDArray[np.int32], count: int) -> Codes:
    """Codes of ``count`` texts in as few bytes as hold them: most columns have a handful."""
    return codes.astype(np.min_scalar_type(-count - 1), copy=False)
