"""JSON by pydantic's parser and writer, several times as fast as Python's: for what is read or
written once a sample.

What they refuse and Python's do not (lone surrogates, above all: a model's text may hold them) is
left to Python's.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json, to_json

__all__ = ["read", "written"]

_WRITE = json.JSONEncoder(separators=(",", ":")).encode


def read(data: bytes) -> Any:
    """The value that UTF-8 text holds; lone surrogates may stand in it as three bytes.

    Raises:
        ValueError: it holds none.
        RecursionError: it is nested too deep for this Python.
    """
    try:
        return from_json(data)
    except ValueError:
        return json.loads(data)


def written(value: Any) -> bytes:
    """Compact UTF-8 text of plain data: texts, numbers, lists, mappings with texts as keys.

    Raises:
        TypeError, ValueError: it is none, and nothing that pydantic has a text for (a date has).
    """
    try:
        return to_json(value)
    except ValueError:
        return _WRITE(value).encode()
