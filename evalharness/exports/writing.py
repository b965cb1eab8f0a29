"""JSON, bit by bit, so that no format needs a run in memory; never NaN."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["json_line", "json_list", "json_text"]

#: What some readers take for the end of a line, though JSON does not.
_LINES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "\x7f\x85\u2028\u2029"})


def json_line(value: Any) -> str:
    """One value on one line, with its end, however a reader splits lines."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).translate(_LINES) + "\n"


def json_text(value: Any) -> str:
    """One value, indented."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def json_list(head: Mapping[str, Any], name: str, items: Iterable[Any]) -> Iterator[str]:
    """An object whose last field is a long list: ``head``, then ``name`` with its items."""
    fields = ",\n".join(f"{json.dumps(k)}: {_plain(v)}" for k, v in head.items())
    yield f"{{\n{fields},\n{json.dumps(name)}: ["
    comma = "\n"
    for item in items:
        yield comma + _plain(item)
        comma = ",\n"
    yield "\n]\n}\n"


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
