"""YAML files that people write: read with line numbers, so that an error can name its line.

`read` gives plain data and a map from the path of a field to its line; `validate` turns pydantic's
findings into sentences that say file, line, field and what to write instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from evalharness.errors import EvalHarnessError

__all__ = [
    "YamlFile", "did_you_mean", "first_fault", "nearest", "option_fault", "parse",
    "plain_message", "read", "validate",
]  # fmt: skip

Model = TypeVar("Model", bound=BaseModel)


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

#: No file that a person writes comes near these; a hostile one (nested, aliased) goes beyond.
_MOST_LEVELS = 50
_MOST_FIELDS = 100_000


@dataclass(frozen=True)
class YamlFile:
    """A YAML document's data, and the line (from 1) on which each field starts.

    ``given`` holds the fields that were set otherwise, and how (``--set limit=5``).
    """

    path: Path | None
    data: Any
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict)
    given: dict[tuple[str | int, ...], str] = field(default_factory=dict)

    def where(self, field_path: tuple[str | int, ...]) -> str:
        """``file:line``, for the field or the nearest parent that has a line; or how it was set."""
        for end in range(len(field_path), 0, -1):
            if (how := self.given.get(field_path[:end])) is not None:
                return how
        name = "configuration" if self.path is None else str(self.path)
        for end in range(len(field_path), -1, -1):
            if (line := self.lines.get(field_path[:end])) is not None:
                return f"{name}:{line}"
        return name


def read(path: Path, error: type[EvalHarnessError]) -> YamlFile:
    """Read one YAML document with the safe loader; a key that stands twice is an error.

    Raises:
        error: the file is missing, is no UTF-8, no YAML, or repeats a key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise error(f"{path}: there is no such file; check the path") from None
    except IsADirectoryError:
        raise error(f"{path}: this is a folder; name the YAML file in it") from None
    except UnicodeDecodeError as fault:
        raise error(f"{path}: not UTF-8 text (byte {fault.start}); save it as UTF-8") from None
    except OSError as fault:
        raise error(f"{path}: cannot be read: {fault.strerror}") from None
    return parse(text, path, error)


def parse(text: str, path: Path, error: type[EvalHarnessError]) -> YamlFile:
    """What `read` does, with the text of a file at hand; ``path`` is for its messages.

    Raises:
        error: no YAML, a value that cannot be, or a repeated key.
    """
    lines: dict[tuple[str | int, ...], int] = {}
    node: yaml.Node | None = None
    try:
        _check_depth(text, path, error)
        node = yaml.compose(text, Loader=_Loader)
        if node is not None:
            _collect_lines(node, (), lines, path, error)
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - the safe loader, in C where built
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        at = f":{mark.line + 1}" if mark is not None else ""
        problem = getattr(fault, "problem", None) or "cannot be read"
        raise error(f"{path}{at}: not valid YAML: {problem}") from None
    except ValueError as fault:  # a date or number that there cannot be: 2026-02-30
        raise error(f"{path}{_impossible(node, fault)}") from None
    return YamlFile(path, data, lines)


def _impossible(node: yaml.Node | None, fault: ValueError) -> str:
    """Which value of a document there cannot be, with its line, and what to do."""
    waiting, seen = [node], set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, yaml.ScalarNode):
            try:
                yaml.constructor.SafeConstructor().construct_object(one)
            except ValueError as own:
                at, value = one.start_mark.line + 1, f"{one.value:.40}"
                if one.tag.endswith(":timestamp"):
                    return f":{at}: {value}: there is no such day; correct it ({own})"
                return f":{at}: {value} cannot be read: {own!s:.80}; put it in quotes"
        elif isinstance(one, yaml.CollectionNode) and id(one) not in seen:
            seen.add(id(one))
            parts = reversed(one.value)
            waiting += [n for part in parts for n in (part if isinstance(part, tuple) else (part,))]
    return f": a value cannot be read: {fault!s:.80}; put it in quotes"


def _check_depth(text: str, path: Path, error: type[EvalHarnessError]) -> None:
    """The parser in C crashes on deep nesting: looked for among the events, which do not nest."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_LEVELS:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise error(f"{path}:{line}: nested more than {_MOST_LEVELS} levels deep; flatten it")


def _collect_lines(
    node: yaml.Node,
    at: tuple[str | int, ...],
    lines: dict[tuple[str | int, ...], int],
    path: Path,
    error: type[EvalHarnessError],
) -> None:
    lines.setdefault(at, node.start_mark.line + 1)
    if len(at) > _MOST_LEVELS or len(lines) > _MOST_FIELDS:
        line = node.start_mark.line + 1
        raise error(f"{path}:{line}: an alias (*name) holds itself, or too much; write it out")
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                raise error(
                    f"{path}:{key.start_mark.line + 1}: '{name}' stands twice; keep one of them"
                )
            seen.add(name)
            lines[(*at, name)] = key.start_mark.line + 1
            _collect_lines(value, (*at, name), lines, path, error)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _collect_lines(value, (*at, index), lines, path, error)


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Which of the known words was probably meant; None where none is near.

    Args:
        cutoff: how like they must be, from 0 to 1.
    """
    near = difflib.get_close_matches(word, sorted(known), n=1, cutoff=cutoff)
    return near[0] if near else None


def did_you_mean(word: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str:
    """``; did you mean 'x'?`` or, when nothing is near, the list of what is known."""
    names = sorted(map(str, known))
    if near := nearest(word, names):
        return f"; did you mean '{near}'?"
    return f"; known: {', '.join(names)}" if names else ""


def option_fault(fault: ValidationError) -> str:
    """What is wrong with the first option of a component that does not fit."""
    first = fault.errors()[0]
    option = ".".join(map(str, first["loc"])) or "options"
    if first["type"] in {"missing", "missing_argument", "missing_keyword_only_argument"}:
        return f"option '{option}' is required; add it"
    if first["type"] == "value_error":
        return f"{option}: {first['ctx']['error']}"
    said = plain_message(first)
    return f"{option}: {said[:1].lower()}{said[1:]}; found {first['input']!r:.60}"


def first_fault(fault: ValidationError) -> str:
    """The first field of a record that does not fit, and what is wrong with it."""
    first = fault.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or '(top)'}: {plain_message(first)}"


def plain_message(item: Any) -> str:
    """What one of pydantic's findings says, without its word for who says so."""
    return str(item["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")


def validate(model: type[Model], file: YamlFile, error: type[EvalHarnessError]) -> Model:
    """Build ``model`` from the file's data.

    Raises:
        error: one line for each wrong field: where, which field, what is wrong, what to write.
    """
    if not isinstance(file.data, dict):
        raise error(f"{file.where(())}: expected fields such as 'name: value', found none")
    try:
        return model.model_validate(file.data)
    except ValidationError as fault:
        sentences = [_sentence(model, file, *item) for item in _by_field(file, fault.errors())]
        raise error("\n".join(sentences)) from None


def _by_field(file: YamlFile, items: Sequence[Any]) -> list[tuple[tuple[str | int, ...], Any]]:
    """One finding a field: those on the members of a union (``a text or a list``) are folded."""
    found: dict[tuple[str | int, ...], list[Any]] = {}
    # a list is too short when its items are wrong, which is said of each
    items = [
        item
        for item in items
        if item["type"] != "too_short"
        or not any(
            len(one["loc"]) > len(item["loc"]) == _shared(item["loc"], one["loc"]) for one in items
        )
    ]
    unions: set[tuple[str | int, ...]] = set()
    for item in items:
        location = _as_written(file.data, item)
        found.setdefault(location, []).append(item)
        if location != item["loc"]:
            unions.add(location)
    for location in unions:  # the member that got furthest is the one that was meant
        if any(len(other) > len(location) == _shared(location, other) for other in found):
            del found[location]
    return [(location, _folded(same)) for location, same in found.items()]


def _as_written(data: Any, item: Any) -> tuple[str | int, ...]:
    """A finding's location without pydantic's own parts, which name the member of a union."""
    location: list[str | int] = []
    for place, part in enumerate(item["loc"]):
        if _holds(data, part):
            data = data[part]
        elif item["type"] != "missing" or place < len(item["loc"]) - 1:
            continue
        location.append(part)
    return tuple(location)


def _holds(data: Any, part: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, Mapping) and part in data


def _shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))


def _folded(items: Sequence[Any]) -> Any:
    """One finding of several on the same field."""
    first, *others = dict.fromkeys(
        plain_message(item).replace(f" or instance of {item.get('ctx', {}).get('class_name')}", "")
        for item in items
    )
    more = (other.removeprefix("Input should be ") for other in others)
    return {
        **items[0],
        "msg": ", or ".join([first, *(text[:1].lower() + text[1:] for text in more)]),
    }


def _sentence(
    model: type[BaseModel], file: YamlFile, location: tuple[str | int, ...], item: Any
) -> str:
    shown = ".".join(str(part) for part in location) or "(top)"
    where = file.where(location)
    if item["type"] == "extra_forbidden":
        known = _fields_at(model, location[:-1])
        return f"{where}: {shown}: there is no such field{did_you_mean(str(location[-1]), known)}"
    if item["type"] == "missing":
        return f"{where}: {shown}: this field is required; add it"
    if item["type"] == "value_error":
        text = str(item["ctx"]["error"])
        part, colon, rest = text.partition(": ")
        within = (*location, *part.split("."))
        if colon and within in file.lines:  # what fits no other field names the field itself
            return f"{file.where(within)}: {'.'.join(map(str, within))}: {rest}"
        return f"{where}: {shown}: {text}"
    return f"{where}: {shown}: {_expected(item)}"


def _expected(item: Any) -> str:
    """What is wrong with a value, and what to write."""
    value = item["input"]
    if value is None:
        return "this field stands empty; fill it in"
    given = str(value) if isinstance(value, date) else repr(value)
    given = given if len(given) <= 60 else given[:57] + "..."
    if item["type"].startswith("date_"):
        return f"expected a day that there is, written as 2026-01-31; found {given}"
    said = (
        plain_message(item).replace("Tuple should", "List should").replace(" after validation", "")
    )
    text = item["msg"] == "Input should be a valid string" and isinstance(value, int | float | date)
    quotes = "; put it in quotes" if text else ""
    return f"{said[:1].lower()}{said[1:]}; found {given}{quotes}"


def _fields_at(model: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The names that may stand at ``location``: walks nested models as far as they are known."""
    current: type[BaseModel] = model
    for part in location:
        info = current.model_fields.get(str(part))
        if info is None:
            continue
        nested = [
            candidate
            for candidate in _types_in(info.annotation)
            if isinstance(candidate, type) and issubclass(candidate, BaseModel)
        ]
        if nested:
            current = nested[0]
    return [info.alias or name for name, info in current.model_fields.items()]


def _types_in(annotation: Any) -> list[Any]:
    arguments = getattr(annotation, "__args__", None)
    if not arguments:
        return [annotation]
    return [inner for argument in arguments for inner in _types_in(argument)]
