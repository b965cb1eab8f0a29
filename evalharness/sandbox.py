"""Sandboxed Jinja, for everything in a file that people write and that is more than a constant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["FAULTS", "Sandbox"]

#: What a value can make go wrong in an expression or template. A constant that is no finite number
#: is a NameError: Jinja writes it into its code as ``inf``.
FAULTS = (
    TemplateError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, re.error,
    NameError,
)  # fmt: skip


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's immutable sandbox: plain text, strict, and a mapping's keys before its methods."""

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)
