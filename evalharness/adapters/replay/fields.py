"""Where a record's fields stand in a file's row: under a name, or in an expression over the row."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from jinja2 import TemplateError, Undefined, UndefinedError

from evalharness.adapters.replay.files import RecordFault, Row, fields_of, shown
from evalharness.sandbox import FAULTS, Sandbox

__all__ = ["Fields", "expression_in"]

#: How Jinja says that a row has no such field.
_LACKING = re.compile(r"'dict object' has no attribute ('.*')|('.*') is undefined", re.DOTALL)
_WHOLE = re.compile(r"\{\{(.+)\}\}", re.DOTALL)
_BRACES = re.compile(r"\{[{%]|[%}]\}")
_ENVIRONMENT = Sandbox()


def expression_in(text: str) -> Callable[..., Any] | None:
    """The compiled expression of ``"{{ ... }}"``; None where the text is a plain name.

    Raises:
        ValueError: it cannot be parsed, or is neither a name nor one expression.
    """
    found = _WHOLE.fullmatch(text.strip())
    if found is None:
        if _BRACES.search(text):
            raise ValueError(
                f"{text!r} is no Jinja expression: one stands whole between '{{{{' and '}}}}'"
            )
        return None
    try:
        return _ENVIRONMENT.compile_expression(found.group(1), undefined_to_none=False)
    except TemplateError as fault:
        raise ValueError(f"{text!r} is no Jinja expression: {fault}") from None


class Fields:
    """Takes a record's fields out of a row.

    Args:
        names: every field that a record may have.
        columns: field -> its name in the file, or an expression over the row, which also sees the
            whole of it as ``row`` and its place, from 0, as ``row_index``.
    """

    def __init__(self, names: tuple[str, ...], columns: Mapping[str, str]) -> None:
        found = {name: expression_in(columns.get(name, name)) for name in names}
        self._expressions = {name: made for name, made in found.items() if made is not None}
        self._names = {
            name: columns.get(name, name) for name in names if name not in self._expressions
        }
        #: Fields under a name of the file's own that no row has had yet.
        self._unseen = {
            name: theirs for name, theirs in columns.items() if name not in self._expressions
        }
        self._rows = 0

    @property
    def unseen(self) -> dict[str, str]:
        """Field -> the name in the file that no row has."""
        return dict(self._unseen)

    def misnamed(self, names: Collection[str], row: Row) -> str | None:
        """What to say of a row without a field of the file's that ``columns`` names for one of
        these; None where it names none that the row lacks."""
        for name, theirs in self._unseen.items():
            if name in names and theirs not in row:
                return f"columns.{name}: no field '{theirs}'; {fields_of(row, theirs)}"
        return None

    def lacking(self, name: str, row: Row) -> str:
        """What to say of a row that has no such field."""
        theirs = self._names.get(name, name)
        named = f", which 'columns' names for {name}" if theirs != name else ""
        there = fields_of(row, theirs)
        return f"there is no '{theirs}' in it{named}; {there}; name the right one under 'columns'"

    def of(self, row: Row) -> dict[str, Any]:
        """The fields that the row has.

        Raises:
            RecordFault: an expression finds nothing, or cannot be evaluated.
        """
        for name in [name for name, theirs in self._unseen.items() if theirs in row]:
            del self._unseen[name]
        values = {name: row[theirs] for name, theirs in self._names.items() if theirs in row}
        if self._expressions:
            given = {**row, "row": row, "row_index": self._rows}
            for name, expression in self._expressions.items():
                values[name] = _value(name, expression, given)
        self._rows += 1
        return values


def _value(name: str, expression: Callable[..., Any], given: Mapping[str, Any]) -> Any:
    try:
        value = expression(given)
        if isinstance(value, Undefined):
            str(value)  # says which name there is none of
    except UndefinedError as fault:
        said = _LACKING.fullmatch(str(fault))
        what = f"there is no {said[1] or said[2]}" if said else str(fault)
        raise RecordFault(
            f"the expression for '{name}': {what}; {fields_of(given['row'])}"
        ) from None
    except FAULTS as fault:
        raise RecordFault(f"the expression for '{name}': {fault}") from None
    if value is not None and not isinstance(value, str | int | float | list | dict):
        raise RecordFault(f"the expression for '{name}' gives no data: {shown(value)}")
    return value
