"""Turns a task's data into samples: rows are mapped, transformed, and put in the method's words."""

from __future__ import annotations

import hashlib
import itertools
import random
from array import array
from collections.abc import Container, Iterable, Iterator

import numpy as np

from evalharness.errors import MappingError
from evalharness.records import Message, Sample
from evalharness.tasks import transforms
from evalharness.tasks.data import Dataset
from evalharness.tasks.definition import MethodName
from evalharness.tasks.expressions import Template, template
from evalharness.tasks.items import Item
from evalharness.tasks.library import Task
from evalharness.tasks.mapping import Mapper

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
        definition = task.definition
        self._task = task
        self._method = method
        self._seed = seed
        self._name = f"task {task.name}"
        self._mappers = [Mapper(part, self._name, definition.languages) for part in dataset.parts]
        self._transform = None
        if (ref := definition.transform) is not None:
            self._transform = transforms.create(ref.name, ref.options, f"{self._name}: transform")
        #: Seeded anew for each item: making one costs more than seeding it.
        self._random = random.Random()  # noqa: S311 - an order, no secret
        self._templates: dict[str, Template] = {}
        self._template = self._compiled(definition.prompt)

    def samples(self) -> Iterator[Sample]:
        """Every sample of the data, in the data's order.

        Raises:
            MappingError: a row does not fit; names the task, the row's number and the field.
        """
        ids = array("q")
        for sample in self._samples():
            ids.append(hash(sample.id))
            yield sample
        if twice := _repeated(ids):
            self._check_ids(twice)

    @property
    def by_item(self) -> bool:
        """Whether each item's variants are a group of their own, made of that item alone."""
        return bool(getattr(self._transform, "by_item", False))

    def items(self) -> Iterator[Item]:
        """Every item of the data, before a transform."""
        return (item for _, _, item in self._items())

    def variants(self, items: Iterable[Item]) -> Iterator[Sample]:
        """The samples that the transform makes of some items.

        Raises:
            MappingError: an item cannot be transformed or rendered.
        """
        if self._transform is None:
            yield from map(self._render, items)
            return
        for item in self._transform.items(items, self._seed):
            try:
                yield self._render(item)
            except MappingError as fault:
                raise MappingError(f"{self._name}: item {item.id}: {fault}") from None

    def _samples(self) -> Iterator[Sample]:
        if self._transform is None:
            for mapper, index, item in self._items():
                try:
                    yield self._render(item)
                except MappingError as fault:
                    raise mapper.fault(index, fault) from None
            return
        yield from self.variants(self.items())

    def _items(self) -> Iterator[tuple[Mapper, int, Item]]:
        numbers = itertools.count()
        for mapper in self._mappers:
            for index, item in mapper.items(numbers):
                yield mapper, index, item

    def _check_ids(self, suspects: Container[int]) -> None:
        """Name the first id that stands twice; of ids with these hashes only, so few are kept."""
        seen: set[str] = set()
        for number, sample in enumerate(self._samples(), 1):
            if hash(sample.id) not in suspects:
                continue
            if sample.id in seen:
                raise MappingError(
                    f"{self._name}: row {number}: id '{sample.id}' stands twice; map an 'id' that "
                    "is unique"
                )
            seen.add(sample.id)

    def _render(self, item: Item) -> Sample:
        choices = self._choices(item)
        order: tuple[int, ...] = ()
        if self._method == "letter":
            # a pair meets the same order, or its difference would hold the position's effect
            order = item.order or self._order(item.group or item.id, len(choices))
        return Sample(
            id=item.id,
            messages=self._messages(item, order),
            choices=choices,
            order=order,
            continuations=self._continuations(choices, item),
            answer=item.answer,
            good=item.good,
            bad=item.bad,
            group=item.group,
            cluster=item.cluster,
            tags=item.tags,
            target=item.target,
            language=item.language,
            repeat=item.repeat,
            choice_ids=item.choice_ids,
        )

    def _choices(self, item: Item) -> tuple[str, ...]:
        values = item.choices
        if self._method == "generate":
            return values
        # the likelihood of one text is no choice, and has no right answer
        alone = self._method == "loglikelihood" and item.answer is None
        if len(values) < 2 and not (alone and values):
            raise MappingError(f"choices: method {self._method} needs two or more")
        if self._method == "letter" and len(values) > len(LETTERS):
            raise MappingError(f"choices: {len(values)} are more than there are letters")
        if len(set(values)) != len(values):
            raise MappingError(f"choices: two are the same: {list(values)!r:.120}")
        return values

    def _order(self, unit: str, count: int) -> tuple[int, ...]:
        positions = list(range(count))
        if self._task.definition.order is None:
            key = f"{self._seed}\0{self._task.name}\0{unit}".encode()
            self._random.seed(hashlib.sha256(key).digest())
            self._random.shuffle(positions)
        return tuple(positions)

    def _continuations(self, choices: tuple[str, ...], item: Item) -> tuple[str, ...]:
        if self._method != "loglikelihood":
            return ()
        # a text without a prompt before it begins at its own beginning
        alone = not item.prompt and not self._cue(item)
        space = "" if alone or item.language in _UNSPACED else " "
        return tuple(space + choice for choice in choices)

    def _messages(self, item: Item, order: tuple[int, ...]) -> tuple[Message, ...]:
        prompt = self._prompt(item)
        language = item.language
        if self._method == "loglikelihood":
            prompt += self._cue(item)
        elif self._method == "letter":
            shown = [
                item.layout.option.format(letter=LETTERS[place], text=item.choices[index])
                for place, index in enumerate(order)
            ]
            instruction = _LETTER_INSTRUCTION.get(language, _LETTER_INSTRUCTION["en"])
            prompt = "\n".join([prompt, "", *shown, "", instruction])
        first = (Message("system", item.system),) if item.system else ()
        return (*first, Message("user", prompt))

    def _prompt(self, item: Item) -> str:
        # the probability of a sentence has no prompt
        if not item.prompt.strip() and self._method != "loglikelihood":
            raise MappingError(f"prompt: expected a text, found {item.prompt!r:.80}")
        used = self._template
        if item.layout.prompt is not None:
            used = self._compiled(item.layout.prompt)
        fields = {
            name: value
            for name in ("id", "prompt", "system", "choices", "answer", "group", "cluster")
            if (value := getattr(item, name)) is not None
        }
        return used({**fields, "language": item.language, "tags": item.tags})

    def _compiled(self, source: str) -> Template:
        if source not in self._templates:
            self._templates[source] = template(source, f"{self._name}: prompt")
        return self._templates[source]

    def _cue(self, item: Item) -> str:
        if item.layout.cue is not None:
            return item.layout.cue
        cue = self._task.definition.cue
        if item.language not in cue and "en" not in cue:
            raise MappingError(f"cue: there is none for language '{item.language}'; add it")
        return cue.get(item.language, cue.get("en", ""))


def _repeated(hashes: array[int]) -> frozenset[int]:
    """The hashes that stand more than once: eight bytes an id instead of the id itself."""
    ordered = np.sort(np.frombuffer(hashes, dtype=np.int64))
    return frozenset(ordered[1:][ordered[1:] == ordered[:-1]].tolist())
