"""Sandboxed Jinja: expressions that map a row of data to a sample, and prompt templates.

An expression keeps its value's type (``mc1_targets.labels.index(1)`` is an integer). A missing
field is an error, never None; a key of the row wins over a method of dict (``row.items`` is the
field called ``items`` when there is one).
"""

from __future__ import annotations

import hashlib
import math
import random
import re
import string
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import TemplateError, Undefined

from evalharness.errors import MappingError, TaskError
from evalharness.sandbox import FAULTS, Sandbox

__all__ = ["Expression", "alternatives", "expression", "record", "template"]

Expression = Callable[[Mapping[str, Any]], Any]


def alternatives(text: str, count: int) -> list[str]:
    """``count`` distinct random texts in the format of ``text``, none equal to it.

    Each digit becomes a digit, each letter a letter of its case; the rest stays. Seeded by the
    text itself, so the same canary always meets the same candidates.

    Raises:
        ValueError: the format has too few variants for ``count`` distinct ones.
    """
    draw = random.Random(hashlib.sha256(text.encode()).digest())  # noqa: S311 - not for secrecy
    found: dict[str, None] = {}
    for _ in range(count * 50):
        candidate = "".join(_same_kind(character, draw) for character in text)
        if candidate != text:
            found[candidate] = None
        if len(found) == count:
            return list(found)
    raise ValueError(f"{text!r} has too few variants of its format for {count} alternatives")


def _same_kind(character: str, draw: random.Random) -> str:
    for alphabet in (string.digits, string.ascii_lowercase, string.ascii_uppercase):
        if character in alphabet:
            return draw.choice(alphabet)
    return character


def _environment() -> Sandbox:
    environment = Sandbox()
    environment.globals["alternatives"] = alternatives
    # argument order of the filter: value | regex(pattern) gives the first match's first group
    environment.filters["regex"] = _first_match
    environment.filters["digest"] = _digest
    return environment


def _digest(text: str) -> str:
    """16 hexadecimal digits that stand for a text: a cluster of equal ones."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _first_match(text: str, pattern: str) -> str:
    match = re.search(pattern, text, flags=re.DOTALL)
    if match is None:
        raise ValueError(f"nothing in {text[:60]!r} matches {pattern!r}")
    return match.group(1) if match.groups() else match.group(0)


_ENVIRONMENT = _environment()


def expression(source: str, where: str) -> Expression:
    """Compile one expression; calling it with a row gives its value.

    Raises:
        TaskError: the expression cannot be parsed; names ``where``.
        MappingError: (when called) a field is missing or the value cannot be made.
    """
    try:
        compiled = _ENVIRONMENT.compile_expression(source, undefined_to_none=False)
    except TemplateError as fault:
        raise TaskError(f"{where}: not a Jinja expression: {source!r}: {fault}") from None

    def evaluate(row: Mapping[str, Any]) -> Any:
        try:
            value = compiled({**row, "row": row})
        except NameError:
            raise MappingError(f"{where}: {source!r} gives no finite number") from None
        except FAULTS as fault:
            raise MappingError(f"{where}: {source!r}: {fault}") from None
        if (wrong := _no_data(value)) is not None:
            have = ", ".join(sorted(map(str, row)))
            raise MappingError(f"{where}: {source!r} {wrong}; the row has: {have}")
        return value

    return evaluate


def record(fields: Mapping[str, str], where: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Compile several expressions at once; calling it with a row gives their values by name.

    One Jinja context a row instead of one a field, which is most of the cost of mapping a large
    data set. When anything goes wrong the fields are tried one by one, so that the error names
    its field.

    Raises:
        TaskError: an expression cannot be parsed.
        MappingError: (when called) a field is missing or a value cannot be made.
    """
    single = {name: expression(source, f"{where}: {name}") for name, source in fields.items()}
    joined = ", ".join(f"{name!r}: ({source})" for name, source in fields.items())
    compiled = _ENVIRONMENT.compile_expression(f"{{{joined}}}", undefined_to_none=False)

    def evaluate(row: Mapping[str, Any]) -> dict[str, Any]:
        try:
            values: dict[str, Any] = compiled({**row, "row": row}) or {}
        except FAULTS:
            values = {}
        if len(values) == len(single) and _no_data(values) is None:
            return values
        return {name: each(row) for name, each in single.items()}

    return evaluate


def _no_data(value: Any) -> str | None:
    """What is wrong with an expression's value, if it is no plain data."""
    if value is None or type(value) in {str, int, bool}:  # nearly all, and of many rows
        return None
    if isinstance(value, Mapping | list | tuple):
        parts = value.values() if isinstance(value, Mapping) else value
        return next(filter(None, map(_no_data, parts)), None)
    wrong = {
        "finds nothing": isinstance(value, Undefined),
        "finds a method, no field": callable(value),
        "gives an iterator (add '| list')": isinstance(value, Iterator),
        "gives no finite number": isinstance(value, float) and not math.isfinite(value),
    }
    return next((what for what, is_so in wrong.items() if is_so), None)


def template(source: str, where: str) -> Callable[[Mapping[str, Any]], str]:
    """Compile a prompt template (text with ``{{ field }}``); a missing field is an error."""
    try:
        compiled = _ENVIRONMENT.from_string(source)
    except TemplateError as fault:
        raise TaskError(f"{where}: not a Jinja template: {fault}") from None

    def render(fields: Mapping[str, Any]) -> str:
        try:
            return compiled.render(fields)
        except FAULTS as fault:
            raise MappingError(f"{where}: {fault}") from None

    return render
