"""Sandboxed Jinja: expressions that map a row of data to a sample, and prompt templates.

An expression keeps its value's type (``mc1_targets.labels.index(1)`` is an integer). A missing
field is an error, never None; a key of the row wins over a method of dict (``row.items`` is the
field called ``items`` when there is one).
"""

from __future__ import annotations

import ast
import hashlib
import math
import random
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jinja2 import TemplateError, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.parser import Parser

from evalharness.ciphers import CIPHERS
from evalharness.errors import MappingError, TaskError
from evalharness.sandbox import FAULTS, Sandbox

__all__ = ["Expression", "Template", "alternatives", "expression", "record", "template"]

Expression = Callable[[Mapping[str, Any]], Any]

#: In characters: what is longer is refused before it is parsed.
_LONGEST_LITERAL = 1_000_000
Template = Callable[[Mapping[str, Any]], str]


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
    environment.filters["findall"] = _all_matches
    environment.filters["digest"] = _digest
    environment.filters["literal"] = _literal
    environment.filters.update(CIPHERS)
    return environment


def _digest(text: str) -> str:
    """16 hexadecimal digits that stand for a text: a cluster of equal ones."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _literal(text: str) -> Any:
    """The value that a text writes down as Python does: a column that holds a list or a mapping."""
    if len(text) > _LONGEST_LITERAL:
        raise ValueError(f"{len(text)} characters are too long for a value in Python's notation")
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        raise ValueError(f"{text[:60]!r} is no value in Python's notation") from None


def _first_match(text: str, pattern: str) -> str:
    match = re.search(pattern, text, flags=re.DOTALL)
    if match is None:
        raise ValueError(f"nothing in {text[:60]!r} matches {pattern!r}")
    return match.group(1) if match.groups() else match.group(0)


def _all_matches(text: str, pattern: str) -> list[str]:
    return [match.group(1) if match.groups() else match.group(0)
            for match in re.finditer(pattern, text, flags=re.DOTALL)]  # fmt: skip


_ENVIRONMENT = _environment()


#: What a plain lookup gives where Jinja itself must say what is there.
_UNKNOWN: Any = object()


def _plain(node: nodes.Node, *, of_row: bool) -> Expression | None:
    """A way around Jinja for what nearly every mapping consists of: names, keys and constants.

    Jinja builds a context for each row, which costs ten times what a lookup does. The lookup gives
    the same value or `_UNKNOWN`, never an error: whatever is not plainly there is Jinja's to judge.

    Args:
        of_row: the name ``row`` is the row itself, as in an expression and not in a template.
    """
    if isinstance(node, nodes.Const):
        constant = node.value
        return lambda _row: constant
    keys: list[tuple[bool, Any]] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            keys.append((True, node.attr))
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            keys.append((False, node.arg.value))
        else:
            return None
        node = node.node
    name = node.name
    if name == "self":  # Jinja's own word, whatever a row holds
        return None
    if name == "row" and of_row:
        return _following(None, keys[::-1])
    if not keys:
        return lambda row: row.get(name, _UNKNOWN)
    return _following(name, keys[::-1])


def _following(name: str | None, keys: Sequence[tuple[bool, Any]]) -> Expression:
    """Follow ``keys`` from the row's field ``name`` (None: from the row itself)."""

    def follow(row: Mapping[str, Any]) -> Any:
        value: Any = row if name is None else row.get(name, _UNKNOWN)
        for of_mapping, key in keys:
            # a number is only ever an index of a list; a dictionary's key is a text
            wanted = dict if of_mapping or isinstance(key, str) else list
            if type(value) is not wanted:
                return _UNKNOWN
            try:
                value = value[key]
            except (LookupError, TypeError):
                return _UNKNOWN
        return value

    return follow


def _plain_expression(source: str) -> Expression | None:
    """`_plain` of an expression's source, which compiles."""
    try:
        body = _ENVIRONMENT.parse("{{ " + source + " }}").body
    except TemplateError:
        return None
    if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
        return None
    return _plain(body[0].nodes[0], of_row=True)


def _plain_template(source: str) -> Callable[[Mapping[str, Any]], str | None] | None:
    """A template of texts and plain lookups; it gives None where a part is no text."""
    parts: list[str | Expression] = []
    for output in _ENVIRONMENT.parse(source).body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            part = node.data if isinstance(node, nodes.TemplateData) else _plain(node, of_row=False)
            if part is None:
                return None
            parts.append(part)

    def render(fields: Mapping[str, Any]) -> str | None:
        texts = [part if isinstance(part, str) else part(fields) for part in parts]
        return "".join(texts) if all(type(text) is str for text in texts) else None

    return render


def expression(source: str, where: str) -> Expression:
    """Compile one expression; calling it with a row gives its value.

    Raises:
        TaskError: the expression cannot be parsed; names ``where``.
        MappingError: (when called) a field is missing or the value cannot be made.
    """
    try:
        compiled = _ENVIRONMENT.compile_expression(source, undefined_to_none=False)
    except TemplateError as fault:
        raise TaskError(
            f"{where}: not a Jinja expression: {source!r}: {fault}; a text that is a "
            f"constant stands in single quotes within YAML's double ones: \"'like this'\""
        ) from None
    plain = _plain_expression(source)

    def evaluate(row: Mapping[str, Any]) -> Any:
        if plain is not None:
            value = plain(row)
            if value is not _UNKNOWN and _no_data(value) is None:
                return value
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


def named(let: Mapping[str, str], where: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Compile expressions that have names; calling it with a row gives the row with their values.

    Each sees those before it.

    Raises:
        TaskError: an expression cannot be parsed.
        MappingError: (when called) a value cannot be made, or the row has a field of that name.
    """
    single = {name: expression(source, f"{where}: let: {name}") for name, source in let.items()}

    def evaluate(row: Mapping[str, Any]) -> Mapping[str, Any]:
        if not single:
            return row
        given = dict(row)
        for name, each in single.items():
            if name in row:
                raise MappingError(
                    f"{where}: let: '{name}' is a field of the row; take another name"
                )
            given[name] = each(given)
        return given

    return evaluate


def record(
    fields: Mapping[str, str], where: str, let: Mapping[str, str] | None = None
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Compile several expressions at once; calling it with a row gives their values by name.

    What needs Jinja shares one Jinja context a row instead of one a field. When anything goes
    wrong the fields are tried one by one, so that the error names its field.

    Args:
        let: names that stand for expressions; see `named`.

    Raises:
        TaskError: an expression cannot be parsed.
        MappingError: (when called) a field is missing or a value cannot be made.
    """
    single = {name: expression(source, f"{where}: {name}") for name, source in fields.items()}
    let = let or {}
    with_let = named(let, where)
    plain = [
        # a lookup in the row would miss what `let` names
        (name, None if _root(source) in let else _plain_expression(source))
        for name, source in fields.items()
    ]
    joined = ", ".join(f"{name!r}: ({fields[name]})" for name, lookup in plain if lookup is None)
    compiled = _joined(let, f"{{{joined}}}") if joined else None

    def evaluate(row: Mapping[str, Any]) -> dict[str, Any]:
        made: Mapping[str, Any] = {}
        if compiled is not None and let.keys().isdisjoint(row):
            try:
                made = compiled({**row, "row": row}) or {}
            except FAULTS:
                made = {}
        values = {
            name: made.get(name, _UNKNOWN) if lookup is None else lookup(row)
            for name, lookup in plain
        }
        for value in values.values():
            if value is _UNKNOWN or (type(value) not in _PLAIN_DATA and _no_data(value)):
                given = with_let(row)
                return {name: each(given) for name, each in single.items()}
        return values

    return evaluate


def _root(source: str) -> str:
    """The name with which an expression begins."""
    found = re.match(r"\s*(\w+)", source)
    return found.group(1) if found else ""


def _joined(let: Mapping[str, str], source: str) -> Expression:
    """One expression after assignments, in one Jinja context: as `compile_expression` does it."""
    if not let:
        return _ENVIRONMENT.compile_expression(source, undefined_to_none=False)
    body = [
        nodes.Assign(nodes.Name(name, "store"), _parsed(text), lineno=1)
        for name, text in {**let, "result": source}.items()
    ]
    template_ = _ENVIRONMENT.from_string(nodes.Template(body, lineno=1))
    return TemplateExpression(template_, undefined_to_none=False)


def _parsed(source: str) -> nodes.Expr:
    found = Parser(_ENVIRONMENT, source, state="variable").parse_expression()
    found.set_environment(_ENVIRONMENT)
    return found


_PLAIN_DATA = frozenset({str, int, bool, type(None)})


def _no_data(value: Any) -> str | None:
    """What is wrong with an expression's value, if it is no plain data."""
    if type(value) in _PLAIN_DATA:  # nearly all, and of many rows
        return None
    if isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            if type(part) not in _PLAIN_DATA and (wrong := _no_data(part)) is not None:
                return wrong
        return None
    faults = {
        "finds nothing": isinstance(value, Undefined),
        "finds a method, no field": callable(value),
        "gives an iterator (add '| list')": isinstance(value, Iterator),
        "gives no finite number": isinstance(value, float) and not math.isfinite(value),
    }
    return next((what for what, is_so in faults.items() if is_so), None)


def template(source: str, where: str) -> Template:
    """Compile a prompt template (text with ``{{ field }}``); a missing field is an error."""
    try:
        compiled = _ENVIRONMENT.from_string(source)
    except TemplateError as fault:
        raise TaskError(f"{where}: not a Jinja template: {fault}") from None
    plain = _plain_template(source)

    def render(fields: Mapping[str, Any]) -> str:
        if plain is not None and (text := plain(fields)) is not None:
            return text
        try:
            return compiled.render(fields)
        except FAULTS as fault:
            raise MappingError(f"{where}: {fault}") from None

    return render
