"""What a row of a recording says: which request it answers, and with what."""

from __future__ import annotations

import json
import math
import sys
from array import array
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast, get_args

from evalharness.adapters.replay.fields import Fields
from evalharness.adapters.replay.files import RecordFault, Row, decode, fields_of, shown
from evalharness.records import FinishReason

__all__ = ["BY_CHOICE", "FIELDS", "Entry", "Key", "Reader", "Store", "key_of"]

#: The sample's id alone for its first answer in its first epoch: most keys, in half the memory.
#: What is recorded for a choice by its own id has that id, and `BY_CHOICE` for its ordinal.
Key: TypeAlias = "str | tuple[str, int, int]"
Store: TypeAlias = Literal[
    "generate", "loglikelihood", "loglikelihoods", "choice_score", "choice_scores", "classify"
]
Entry: TypeAlias = tuple[Store, str | None, Key, Any]

BY_CHOICE = -1

FIELDS = (
    "task", "sample", "choice", "epoch", "generation", "ordinal", "digest", "response",
    "finish_reason", "verdict", "loglikelihood", "loglikelihoods", "choice_score", "choice_scores",
    "scores",
)  # fmt: skip
OUTPUTS = (
    "response", "verdict", "loglikelihood", "loglikelihoods", "choice_score", "choice_scores",
    "scores",
)  # fmt: skip
#: Of one choice; the plural of each is a list, one a choice.
OF_A_CHOICE: tuple[Store, ...] = ("loglikelihood", "choice_score")


class Reader:
    """From a row's fields to what it records.

    Args:
        columns: field -> its name in the file, or an expression, where that differs.
        by_digest: a request is found by its content's digest, not by its sample.
        strict: values have their own types already (JSON); else a cell's text is read, and an
            empty one is no value.
    """

    def __init__(self, columns: Mapping[str, str], *, by_digest: bool, strict: bool) -> None:
        self.fields = Fields(FIELDS, columns)
        self._by_digest = by_digest
        self._strict = strict

    def entries(self, row: Row) -> Iterator[Entry]:
        values = self.fields.of(row)
        if not self._strict:
            values = {name: None if value == "" else value for name, value in values.items()}
        given = {name for name in OUTPUTS if values.get(name) is not None}
        if "response" in values and not given - {"verdict"}:
            given.add("response")  # null or an empty cell: the model said nothing
        if not given:
            if (misnamed := self.fields.misnamed(OUTPUTS, row)) is not None:
                raise RecordFault(misnamed)
            raise RecordFault(
                f"there is no output in it (one of {', '.join(OUTPUTS)}); {fields_of(row)}; "
                "name the right one under 'columns'"
            )
        task, sample, epoch, ordinal = self._place(values, row)
        key = key_of(sample, epoch, ordinal)
        if given & {"response", "verdict"}:
            yield "generate", task, key, self._answer(values)
        for store in OF_A_CHOICE:
            read = self._logarithm if store == "loglikelihood" else self._score
            if store in given:
                placed = ordinal == BY_CHOICE or values.get("ordinal") is not None
                if not self._by_digest and not placed:
                    raise RecordFault(
                        f"{store} needs 'ordinal', the choice that it is of (or its id: 'choice')"
                    )
                yield store, task, key, read(values[store])
            listed = cast("Store", f"{store}s")
            if listed in given:
                if self._by_digest or ordinal == BY_CHOICE:
                    what = "a digest" if self._by_digest else "'choice'"
                    raise RecordFault(f"{what} is of one choice: record '{store}', not a list")
                numbers = array("d", map(read, self._list(values[listed], listed)))
                yield listed, task, key_of(sample, epoch, 0), numbers
        if "scores" in given:
            yield "classify", task, key, self._scores(values["scores"])

    def _place(self, values: Row, row: Row) -> tuple[str | None, str, int, int]:
        wanted = "digest" if self._by_digest else "sample"
        if wanted not in values and (self._by_digest or values.get("choice") is None):
            raise RecordFault(self.fields.lacking(wanted, row))
        if self._by_digest:
            digest = values.get("digest")
            if not isinstance(digest, str) or len(digest) != 64:
                raise RecordFault("'digest' must be a request's content digest (64 digits)")
            return None, digest.lower(), 0, 0
        task = values.get("task")
        if task is not None and not isinstance(task, str):
            raise RecordFault(f"'task' must be text, found {shown(task)}")
        generation, ordinal = self._count(values, "generation"), values.get("ordinal")
        if values.get("choice") is not None:
            choice = self._id(values["choice"], "choice")
            return task, choice, self._count(values, "epoch"), BY_CHOICE
        return (
            None if task is None else sys.intern(task),
            self._id(values.get("sample"), "sample"),
            self._count(values, "epoch"),
            generation if ordinal is None else self._count(values, "ordinal"),
        )

    def _id(self, value: Any, name: str) -> str:
        if isinstance(value, str) and value:
            return value
        if value is None or value == "":
            raise RecordFault(f"'{name}' is empty: a record needs the {name}'s id")
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # a column of numbers with a gap: 1 was stored as 1.0
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        raise RecordFault(f"'{name}' must be the {name}'s id, found {shown(value)}")

    def _count(self, values: Row, name: str) -> int:
        value = values.get(name)
        if value is None:
            return 0
        number = self._number(value, name)
        if number < 0 or not number.is_integer():
            raise RecordFault(f"'{name}' must be a whole number from 0, found {shown(value)}")
        return int(number)

    def _number(self, value: Any, name: str) -> float:
        if isinstance(value, str) and not self._strict:
            try:
                value = float(value)
            except ValueError:
                raise RecordFault(f"'{name}' must be a number, found {shown(value)}") from None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecordFault(f"'{name}' must be a number, found {shown(value)}")
        if not math.isfinite(value):
            raise RecordFault(f"'{name}' must be a finite number, found {shown(value)}")
        return float(value)

    def _logarithm(self, value: Any) -> float:
        number = self._number(value, "loglikelihood")
        if number > 1e-3:
            raise RecordFault(
                f"a log-likelihood is at most 0, found {shown(value)}; is it a loss? change its "
                "sign"
            )
        return number

    def _score(self, value: Any) -> float:
        return self._number(value, "choice_score")

    def _list(self, value: Any, name: str) -> list[Any]:
        value = self._structure(value)
        if not isinstance(value, list) or not value:
            raise RecordFault(f"'{name}' must be a list, found {shown(value)}")
        return value

    def _scores(self, value: Any) -> tuple[tuple[str, ...], array[float]]:
        scores = self._object(value, "scores")
        numbers = array("d", (self._number(score, "scores") for score in scores.values()))
        if not scores or not all(0 <= number <= 1 for number in numbers):
            raise RecordFault(f"'scores' must be numbers from 0 to 1 by class, {shown(value)}")
        return tuple(map(sys.intern, scores)), numbers

    def _answer(self, values: Row) -> str | tuple[str, FinishReason, dict[str, Any] | None]:
        text = values.get("response")
        if text is None:
            text = ""
        if not isinstance(text, str):
            raise RecordFault(f"'response' must be text or null, found {shown(text)}")
        finish = values.get("finish_reason") or "stop"
        if finish not in get_args(FinishReason):
            known = ", ".join(get_args(FinishReason))
            raise RecordFault(f"'finish_reason' must be one of {known}, found {shown(finish)}")
        verdict = values.get("verdict")
        if verdict is None and finish == "stop":
            return text
        recorded = None if verdict is None else self._object(verdict, "verdict")
        return text, cast("FinishReason", finish), recorded

    def _object(self, value: Any, name: str) -> dict[str, Any]:
        value = self._structure(value)
        if not isinstance(value, dict):
            raise RecordFault(f"'{name}' must be an object, found {shown(value)}")
        found: dict[str, Any] = value
        if not self._strict:  # a table's records all have the same fields, null where not given
            found = {key: item for key, item in value.items() if item is not None}
        try:  # 1e999 is valid JSON, is read as an infinity, and could not be written again
            json.dumps(found, allow_nan=False)
        except (ValueError, TypeError) as fault:
            raise RecordFault(f"'{name}' cannot be written as JSON: {fault}") from None
        return found

    def _structure(self, value: Any) -> Any:
        if isinstance(value, str) and not self._strict:
            return decode(value)
        return value


def key_of(sample: str, epoch: int, ordinal: int) -> Key:
    return (sample, epoch, ordinal) if epoch or ordinal else sample
