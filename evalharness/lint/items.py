"""What a row is to a model: its prompt, its options, its answer. Of a file it is guessed.

A task says which field is which; a bare file does not, so common names and shapes are looked for.
What cannot be found is left out, and the checks that need it with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.lint.table import Row, Table

__all__ = ["Item", "Items", "items_of_table"]

_PROMPTS = (
    "prompt", "input", "question", "user_prompt", "prompt_text", "goal", "query", "user_query",
    "sentence", "text", "test_case", "prompt.text", "value", "question_sentence", "claim", "doc",
    "sent_more", "phrase", "context",
)  # fmt: skip
#: Asked together.
_PAIRS = (
    ("context", "question"), ("premise", "hypothesis"), ("sentence1", "sentence2"),
    ("question1", "question2"), ("question", "sentence"), ("doc", "summary"),
)  # fmt: skip
_ANSWERS = (
    "answer", "label", "target", "gold", "answer_index", "correct", "final_label", "label_gold",
    "ground_truth", "answerkey",
)  # fmt: skip
_OPTIONS = ("options", "choices", "endings")
_NUMBERED = re.compile(r"(?:ans|answer|option|choice|ending)[_ ]?([0-9a-e])|([A-E])", re.IGNORECASE)
_LANGUAGES = ("language", "lang", "locale")
#: An option that stands in the prompt: "A) text", "B. text", "1) text", "(c) text".
_INLINE = re.compile(r"^[ \t]*\(?([A-Z]|\d{1,2})[).:：、][ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_MARK = re.compile(r"^\(?([A-Za-z]|\d{1,2})[).:：、]?(?:[ \t]+(.*))?$", re.DOTALL)


@dataclass(frozen=True)
class Item:
    """One row as a model meets it.

    Args:
        prompt: what is asked; None where the row has no such field.
        options: what it may choose from; ``inline`` when the prompt itself lists them in order.
        answer: index of the right option; None when there is none, or ``unmatched`` is set.
        label: the answer as the row has it.
        has_answer: the row has the field, whatever stands in it.
        unmatched: there are options and an answer, and the answer is none of them.
    """

    row: str
    prompt: str | None
    options: tuple[str, ...] = ()
    answer: int | None = None
    label: str | None = None
    language: str | None = None
    inline: bool = False
    has_answer: bool = True
    unmatched: bool = False
    cluster: str | None = None
    #: The other fields, but for those that number the rows.
    rest: str = ""


@dataclass(frozen=True)
class Items:
    """The items of a file or task, and which fields they were read from."""

    place: str
    items: Sequence[Item]
    prompt: str | None = None
    options: str | None = None
    answer: str | None = None
    #: The order of the options is the data's own, and a model meets them in it.
    fixed: bool = False
    #: A task's mapping made them, and each says its language; else they are guessed from a file.
    mapped: bool = False


def items_of_table(table: Table) -> Items:
    """The items of a bare file."""
    columns = _clean(table.columns)
    prompts = _prompt_columns(columns, table.rows)
    options = _option_columns(columns, table.rows)
    answer = next((columns[name] for name in _ANSWERS if name in columns), None)
    if answer in options or any(answer in names for names in prompts):
        answer = None
    language = next((columns[name] for name in _LANGUAGES if name in columns), None)
    made = [_item(row, prompts, options, answer, language, table.numbering) for row in table.rows]
    inline = sum(item.inline for item in made) > len(made) / 2
    return Items(
        table.place,
        made,
        " + ".join(prompts[0]) if prompts else None,
        "the prompt" if inline else ", ".join(options) or None,
        answer,
        fixed=inline,
    )


def _clean(columns: Iterable[str]) -> dict[str, str]:
    """Small letters, without a byte order mark -> the column's own name."""
    return {name.lstrip("\ufeff").strip().lower(): name for name in columns}


def _prompt_columns(columns: Mapping[str, str], rows: Sequence[Row]) -> tuple[tuple[str, ...], ...]:
    """The ways to ask that rows may have, in order; a row is asked by the first that it has."""
    found = [tuple(columns[name] for name in pair) for pair in _PAIRS if set(pair) <= set(columns)]
    alone = [columns[name] for name in _PROMPTS if name in columns]
    found += [
        (name,) for name in alone if any(isinstance(row.fields.get(name), str) for row in rows)
    ]
    return tuple(found)


def _option_columns(columns: Mapping[str, str], rows: Sequence[Row]) -> tuple[str, ...]:
    for name in _OPTIONS:
        if name in columns and any(_texts(row.fields.get(columns[name])) for row in rows):
            return (columns[name],)
    marked = [own for own in columns.values() if _NUMBERED.fullmatch(own.lstrip("\ufeff"))]
    if len(marked) >= 2:
        return tuple(sorted(marked))
    # a choice -> whether it is right; of several such fields the one with the most choices
    marked = [own for own in columns.values() if own.endswith("targets")]
    sizes = {own: sum(_one_right(row.fields.get(own)) for row in rows) for own in marked}
    best = max(sizes, key=lambda own: sizes[own], default=None)
    return (best,) if best is not None and sizes[best] else ()


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        return tuple(value)
    return ()


def _one_right(value: Any) -> int:
    """How many choices a field marks, one of them as right; 0: it is no such field."""
    return len(value) if isinstance(value, dict) and list(value.values()).count(1) == 1 else 0


def _item(
    row: Row,
    prompts: tuple[tuple[str, ...], ...],
    options: tuple[str, ...],
    answer: str | None,
    language: str | None,
    numbering: frozenset[str],
) -> Item:
    fields = row.fields
    asked = next((n for n in prompts if all(isinstance(fields.get(p), str) for p in n)), ())
    prompt = "\n".join(fields[name] for name in asked) if asked else None
    label = None if answer is None else fields.get(answer)
    texts, right = _options_of(fields, options, label)
    inline = False
    if not texts and prompt:
        texts = inline_options(prompt)
        inline = bool(texts)
        right = index_of(label, texts) if texts else None
    # a label such as "unsafe" is a class, not one of the options
    has_label = label is not None and not _blank(label)
    used = {*asked, *options, answer, *numbering}
    return Item(
        row=str(row.number),
        prompt=prompt,
        options=texts,
        answer=right,
        label=str(label) if has_label else None,
        language=None if language is None else str(fields.get(language) or "") or None,
        inline=inline,
        has_answer=answer in fields,
        unmatched=bool(texts) and has_label and right is None,
        rest=repr(sorted((k, repr(v)) for k, v in fields.items() if k not in used)),
    )


def _blank(value: Any) -> bool:
    return isinstance(value, str) and value.strip().lower() in {"", "none", "null", "nan"}


def _options_of(
    fields: Mapping[str, Any], names: tuple[str, ...], label: Any
) -> tuple[tuple[str, ...], int | None]:
    if not names:
        return (), None
    first = fields.get(names[0])
    if len(names) == 1 and isinstance(first, dict):
        right = [place for place, value in enumerate(first.values()) if value == 1]
        return tuple(map(str, first)), right[0] if len(right) == 1 else None
    if len(names) == 1:
        texts = _texts(first)
    else:
        texts = tuple(str(fields[name]) for name in names if fields.get(name) is not None)
    return texts, index_of(label, texts)


def inline_options(prompt: str) -> tuple[str, ...]:
    """The options that stand in the prompt, in order; none when their marks leave one out."""
    found = _INLINE.findall(prompt)
    for start in ("A", "1"):
        marks = [mark for mark, _ in found]
        if start not in marks:
            continue
        rest = found[len(marks) - 1 - marks[::-1].index(start) :]
        wanted = _marks(start, len(rest))
        if len(rest) >= 2 and [mark for mark, _ in rest] == wanted:
            return tuple(text for _, text in rest)
    return ()


def _marks(start: str, count: int) -> list[str]:
    return [chr(65 + n) if start == "A" else str(n + 1) for n in range(count)]


def index_of(label: Any, options: Sequence[str]) -> int | None:
    """Which option an answer means: an index from 0, a letter, a text, or letter and text."""
    if isinstance(label, bool) or label is None or not options:
        return None
    if isinstance(label, int):
        return label if 0 <= label < len(options) else None
    text = str(label).strip()
    same = [place for place, option in enumerate(options) if _same(option, text)]
    if len(same) == 1:
        return same[0]
    match = _MARK.match(text)
    if match is None:
        return None
    mark, said = match.groups()
    # a number with its text counts as the prompt does, from 1; alone, as an index does
    place = int(mark) - (said is not None) if mark.isdigit() else ord(mark.upper()) - 65
    if not 0 <= place < len(options) or (said and not _same(options[place], said)):
        return None
    return place


def _same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(".").casefold()
