"""Turns a row of data into a `Sample`: mapping, choices, prompt, the method's own words."""

from __future__ import annotations

import hashlib
import random
from array import array
from collections.abc import Container, Iterator, Mapping
from typing import Any

import numpy as np

from evalharness.errors import MappingError, TaskError
from evalharness.records import Message, Sample
from evalharness.tasks.data import Dataset
from evalharness.tasks.definition import MethodName
from evalharness.tasks.expressions import expression, record, template
from evalharness.tasks.library import Task

__all__ = ["LETTERS", "PROMPT_VERSION", "Renderer"]

#: Raised whenever the same row would give other messages; part of every protocol.
PROMPT_VERSION = 1

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_LETTER_INSTRUCTION = {
    "en": "Answer with the letter of the right option only.",
    "zh": "只回答正确选项的字母。",
}

#: Languages written without spaces: a continuation follows its cue directly.
_UNSPACED = frozenset({"zh", "ja", "th"})


class Renderer:
    """Renders one task's rows for one method.

    Args:
        seed: shuffles the choices, per item, where the method shows them in an order.

    Raises:
        TaskError: (at construction) an expression or template of the task cannot be parsed.
    """

    def __init__(self, task: Task, dataset: Dataset, method: MethodName, seed: int) -> None:
        self._task = task
        self._dataset = dataset
        self._method = method
        self._seed = seed
        where = f"task {task.name}"
        source = dataset.source
        flat = {name: text for name, text in source.sample.items() if isinstance(text, str)}
        if "prompt" not in flat:
            raise TaskError(f"{where}: the mapping gives no 'prompt'")
        for name, members in source.sample.items():
            if isinstance(members, dict):
                flat |= {f"{name}.{key}": text for key, text in members.items()}
        self._mapping = record(flat, where)
        self._fields = [name for name in flat if "." not in name]
        self._members = {
            prefix: [(name, name.removeprefix(f"{prefix}.")) for name in flat if _in(name, prefix)]
            for prefix in ("tags", "target")
        }
        #: Seeded anew for each item: making one costs more than seeding it.
        self._random = random.Random()  # noqa: S311 - an order, no secret
        self._where = expression(source.where, f"{where}: where") if source.where else None
        self._template = template(task.definition.prompt, f"{where}: prompt")

    def samples(self) -> Iterator[Sample]:
        """Every sample of the data, in the data's order.

        Raises:
            MappingError: a row does not fit; names the task, the row's number and the field.
        """
        where = f"task {self._task.name}"
        ids = array("q")
        for index, row in enumerate(self._dataset.rows()):
            try:
                if self._where is not None and not self._where(row):
                    continue
                sample = self._render(row, index)
            except MappingError as fault:
                reason = str(fault).removeprefix(f"{where}: ")
                raise MappingError(f"{where}: row {index + 1}: {reason}") from None
            ids.append(hash(sample.id))
            yield sample
        if twice := _repeated(ids):
            self._check_ids(twice)

    def _check_ids(self, suspects: Container[int]) -> None:
        """Name the first id that stands twice; of ids with these hashes only, so few are kept."""
        seen: set[str] = set()
        for index, row in enumerate(self._dataset.rows()):
            if self._where is not None and not self._where(row):
                continue
            sample_id = self._id(self._mapping(row), index)
            if hash(sample_id) not in suspects:
                continue
            if sample_id in seen:
                raise MappingError(
                    f"task {self._task.name}: row {index + 1}: id '{sample_id}' stands twice; map "
                    "an 'id' that is unique"
                )
            seen.add(sample_id)

    @staticmethod
    def _id(values: Mapping[str, Any], index: int) -> str:
        return _label("id", values["id"]) if "id" in values else f"{index:06d}"

    def _render(self, row: Mapping[str, Any], index: int) -> Sample:
        values = self._mapping(row)
        fields = {name: values[name] for name in self._fields}
        tags, target = (
            {key: values[name] for name, key in self._members[prefix]}
            for prefix in ("tags", "target")
        )
        sample_id = self._id(values, index)
        languages = self._task.definition.languages
        language = str(fields.get("language", languages[0]))
        if language not in languages:
            raise MappingError(f"language '{language}' is not among the task's {languages}")
        choices = self._choices(fields)
        answer = self._index(fields, "answer", len(choices))
        group, cluster = (
            None if fields.get(name) is None else _label(name, fields[name])
            for name in ("group", "cluster")
        )
        # a pair meets the same order, or its difference would hold the position's effect
        order = self._order(group or sample_id, len(choices)) if self._method == "letter" else ()
        if not isinstance(fields["prompt"], str) or not fields["prompt"].strip():
            raise MappingError(f"prompt: expected a text, found {fields['prompt']!r:.80}")
        prompt = self._template({**fields, "tags": tags})
        return Sample(
            id=sample_id,
            messages=self._messages(fields, prompt, choices, order, language),
            choices=choices,
            order=order,
            continuations=self._continuations(choices, language),
            answer=answer,
            good=self._end(fields, "good", choices, answer),
            bad=self._end(fields, "bad", choices, _another(answer, len(choices))),
            group=group,
            cluster=cluster,
            tags={key: _label(f"tags.{key}", value) for key, value in tags.items()},
            target=target,
            language=language,
        )

    def _choices(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        values = fields.get("choices", ())
        if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
            raise MappingError(f"choices: expected a list of texts, found {values!r:.80}")
        if self._method != "generate" and len(values) < 2:
            raise MappingError(f"choices: method {self._method} needs two or more")
        if self._method == "letter" and len(values) > len(LETTERS):
            raise MappingError(f"choices: {len(values)} are more than there are letters")
        if self._method != "generate" and len(set(values)) != len(values):
            raise MappingError(f"choices: two are the same: {values!r:.120}")
        return tuple(values)

    def _index(self, fields: Mapping[str, Any], name: str, count: int) -> int | None:
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
        self, fields: Mapping[str, Any], name: str, choices: tuple[str, ...], default: int | None
    ) -> int | str | None:
        if name not in fields:
            return default
        value = fields[name]
        if isinstance(value, int) and not isinstance(value, bool):
            return self._index({name: value}, name, len(choices))
        return _text_or_none(value)

    def _order(self, unit: str, count: int) -> tuple[int, ...]:
        positions = list(range(count))
        if self._task.definition.order is None:
            key = f"{self._seed}\0{self._task.name}\0{unit}".encode()
            self._random.seed(hashlib.sha256(key).digest())
            self._random.shuffle(positions)
        return tuple(positions)

    def _continuations(self, choices: tuple[str, ...], language: str) -> tuple[str, ...]:
        if self._method != "loglikelihood":
            return ()
        space = "" if language in _UNSPACED else " "
        return tuple(space + choice for choice in choices)

    def _messages(
        self,
        fields: Mapping[str, Any],
        prompt: str,
        choices: tuple[str, ...],
        order: tuple[int, ...],
        language: str,
    ) -> tuple[Message, ...]:
        if self._method == "loglikelihood":
            cue = self._task.definition.cue
            if language not in cue and "en" not in cue:
                raise MappingError(f"cue: there is none for language '{language}'; add it")
            prompt += cue.get(language, cue.get("en", ""))
        elif self._method == "letter":
            shown = [f"{LETTERS[place]}. {choices[index]}" for place, index in enumerate(order)]
            instruction = _LETTER_INSTRUCTION.get(language, _LETTER_INSTRUCTION["en"])
            prompt = "\n".join([prompt, "", *shown, "", instruction])
        system = fields.get("system")
        first = (Message("system", str(system)),) if system else ()
        return (*first, Message("user", prompt))


def _in(name: str, prefix: str) -> bool:
    return name.startswith(f"{prefix}.")


def _repeated(hashes: array[int]) -> frozenset[int]:
    """The hashes that stand more than once: eight bytes an id instead of the id itself."""
    ordered = np.sort(np.frombuffer(hashes, dtype=np.int64))
    return frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())


def _another(answer: int | None, count: int) -> int | None:
    return None if answer is None or count < 2 else (answer + 1) % count


def _label(name: str, value: Any) -> str:
    """A text that tables and reports name an item by."""
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


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)
