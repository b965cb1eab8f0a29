"""Maps a row of data to an `Item`, by the expressions of a task's definition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalharness.errors import MappingError, TaskError
from evalharness.tasks.data import Part
from evalharness.tasks.expressions import expression, named, record
from evalharness.tasks.items import Item

__all__ = ["Mapper", "label"]


class Mapper:
    """The mapping of one source.

    Args:
        where: names the task in errors.
        languages: those of the task; the first is an item's unless mapped.

    Raises:
        TaskError: (at construction) an expression cannot be parsed, or the prompt is not mapped.
    """

    def __init__(self, part: Part, where: str, languages: Sequence[str]) -> None:
        self._part = part
        self._where_text = where
        self._languages = languages
        source = part.source
        flat = {name: text for name, text in source.sample.items() if isinstance(text, str)}
        if "prompt" not in flat:
            raise TaskError(f"{where}: the mapping gives no 'prompt'")
        for name, members in source.sample.items():
            if isinstance(members, dict):
                flat |= {f"{name}.{key}": text for key, text in members.items()}
        self._mapping = record(flat, where, source.let)
        self._fields = [name for name in flat if "." not in name]
        self._members = {
            prefix: [
                (name, name.removeprefix(f"{prefix}."))
                for name in flat
                if name.startswith(f"{prefix}.")
            ]
            for prefix in ("tags", "target")
        }
        self._let = named(source.let, where)
        self._where = expression(source.where, f"{where}: where") if source.where else None

    def items(self, numbers: Iterator[int]) -> Iterator[tuple[int, Item]]:
        """Every item that its ``where`` lets through, with the number of its row.

        Args:
            numbers: counts the rows of all sources of the task, from 0.

        Raises:
            MappingError: a row does not fit; names the task, the row's number and the field.
        """
        for row in self._part.rows():
            index = next(numbers)
            try:
                if self._where is not None and not self._where(self._let(row)):
                    continue
                item = self._item(row, index)
            except MappingError as fault:
                raise self.fault(index, fault) from None
            yield index, item

    def fault(self, index: int, fault: MappingError) -> MappingError:
        """The same fault with the number of its row."""
        reason = str(fault).removeprefix(f"{self._where_text}: ")
        return MappingError(f"{self._where_text}: row {index + 1}: {reason}")

    def _item(self, row: Mapping[str, Any], index: int) -> Item:
        values = self._mapping(row)
        fields = {name: values[name] for name in self._fields}
        tags, target = (
            {key: values[name] for name, key in self._members[prefix]}
            for prefix in ("tags", "target")
        )
        language = str(fields.get("language", self._languages[0]))
        if language not in self._languages:
            raise MappingError(
                f"language '{language}' is not among the task's {list(self._languages)}"
            )
        choices = _choices(fields)
        answer = _index(fields, "answer", len(choices))
        group, cluster = (
            None if fields.get(name) is None else label(name, fields[name])
            for name in ("group", "cluster")
        )
        if not isinstance(fields["prompt"], str):
            raise MappingError(f"prompt: expected a text, found {fields['prompt']!r:.80}")
        system = fields.get("system")
        return Item(
            id=label("id", fields["id"]) if "id" in fields else f"{index:06d}",
            prompt=fields["prompt"],
            language=language,
            system=str(system) if system else None,
            choices=choices,
            choice_ids=_choice_ids(fields, len(choices)),
            answer=answer,
            good=_end(fields, "good", choices, answer),
            bad=_end(fields, "bad", choices, _another(answer, len(choices))),
            group=group,
            cluster=cluster,
            tags={key: label(f"tags.{key}", value) for key, value in tags.items()},
            target=target,
        )


def _choices(fields: Mapping[str, Any]) -> tuple[str, ...]:
    values = fields.get("choices", ())
    if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
        raise MappingError(f"choices: expected a list of texts, found {values!r:.80}")
    return tuple(values)


def _choice_ids(fields: Mapping[str, Any], count: int) -> tuple[str, ...]:
    values = fields.get("choice_ids", ())
    if not isinstance(values, list | tuple) or len(values) not in {0, count}:
        raise MappingError(f"choice_ids: expected one for each of {count}, found {values!r:.80}")
    return tuple(label("choice_ids", value) for value in values)


def _index(fields: Mapping[str, Any], name: str, count: int) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        raise MappingError(
            f"{name}: expected an index below {count}, a number, not a text; found "
            f"{value!r:.80} (add '| int' to the expression)"
        )
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise MappingError(f"{name}: expected an index below {count}, found {value!r:.80}")
    return value


def _end(
    fields: Mapping[str, Any], name: str, choices: tuple[str, ...], default: int | None
) -> int | str | None:
    if name not in fields:
        return default
    value = fields[name]
    if isinstance(value, int) and not isinstance(value, bool):
        return _index({name: value}, name, len(choices))
    return None if value is None else str(value)


def _another(answer: int | None, count: int) -> int | None:
    return None if answer is None or count < 2 else (answer + 1) % count


def label(name: str, value: Any) -> str:
    """A text that tables and reports name an item by.

    Raises:
        MappingError: it holds half of a character, which no file can hold.
    """
    text = str(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise MappingError(
            f"{name}: {text!r:.80} holds half of a character (a lone surrogate), which no file can "
            "hold; mend it in the data"
        ) from None
    return text
