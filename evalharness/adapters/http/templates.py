"""A request as JSON whose texts are Jinja templates.

Values are put into the structure and encoded afterwards, never written into JSON text: quotes and
braces in a prompt stay what they are, and no prompt can add a field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from jinja2 import TemplateError, Undefined, meta, nodes

from evalharness.adapters._secrets import check_variable, secret_field
from evalharness.sandbox import FAULTS, Sandbox
from evalharness.yamlfile import did_you_mean

__all__ = ["Template", "TemplateFault"]

_Render: TypeAlias = Callable[[Mapping[str, Any]], Any]

_REFERENCE = re.compile(r"env:([^\s=]+)")
#: As YAML files: deeper is no request that a person wrote.
_MOST_LEVELS = 50


class TemplateFault(Exception):  # noqa: N818 - named for what it says: one request cannot be made
    """A template cannot be rendered with one request's values."""


def _environment() -> Sandbox:
    environment = Sandbox()
    # a request says the same each time it is made
    del environment.globals["lipsum"]
    del environment.filters["random"]
    return environment


_ENVIRONMENT = _environment()


class Template:
    """A JSON structure with a template at each text.

    A text that is exactly one expression (``"{{ messages }}"``) keeps the value's type: a list
    stays a list, a number a number. Any other text with an expression in it is rendered as text.
    Keys are never templates.

    Args:
        source: plain data: mappings, lists, texts, numbers, booleans, null.
        known: the names that a template may use.
        secret: gives the value of a text that is ``env:NAME``, by the name; None: it stays.

    Raises:
        ValueError: a template cannot be parsed, or uses a name that is not known; a field holds
            a key (which the message does not repeat).
    """

    def __init__(
        self, source: Any, known: frozenset[str], secret: Callable[[str], str] | None = None
    ) -> None:
        self._known = known
        self._secret = secret
        #: The names that the templates use.
        self.names: frozenset[str] = frozenset()
        self._render = self._compiled(source, ())
        if (at := secret_field(source, references=True)) is not None:
            name = at.rpartition(".")[2]
            raise ValueError(
                f"'{at}' holds a secret, which may not stand in a configuration; put the value "
                f"into an environment variable and write {name}: env:NAME"
            )

    def render(self, values: Mapping[str, Any]) -> Any:
        """The structure with every template's value.

        Raises:
            TemplateFault: an expression finds nothing, or cannot be worked out.
        """
        return self._render(values)

    def _compiled(self, source: Any, at: tuple[str, ...]) -> _Render:
        if len(at) > _MOST_LEVELS:
            raise ValueError(f"nested more than {_MOST_LEVELS} levels deep; flatten it")
        if isinstance(source, str):
            return self._text(source, ".".join(at))
        if isinstance(source, Mapping):
            fields = [(key, self._compiled(part, (*at, str(key)))) for key, part in source.items()]
            return lambda values: {key: part(values) for key, part in fields}
        if isinstance(source, list):
            parts = [self._compiled(part, (*at, str(place))) for place, part in enumerate(source)]
            return lambda values: [part(values) for part in parts]
        return lambda _values: source

    def _text(self, source: str, at: str) -> _Render:
        if not any(mark in source for mark in ("{{", "{%", "{#")):
            constant = self._constant(source, at)
            return lambda _values: constant
        where = f"'{at}': " if at else ""
        try:
            tree = _ENVIRONMENT.parse(source)
            expression = _only_expression(tree, source)
            compiled: Callable[..., Any]
            if expression is None:
                compiled = _ENVIRONMENT.from_string(source).render
            else:
                compiled = _ENVIRONMENT.compile_expression(expression, undefined_to_none=False)
        except TemplateError as fault:
            raise ValueError(f"{where}not a Jinja template: {fault}") from None
        names = frozenset(meta.find_undeclared_variables(tree)) - _ENVIRONMENT.globals.keys()
        for name in sorted(names - self._known):
            hint = did_you_mean(name, sorted(self._known))
            raise ValueError(f"{where}there is no variable '{name}'{hint}")
        self.names |= names
        if expression is not None and expression.strip() in names:  # nearly all: a name alone
            name = expression.strip()
            return lambda values: values[name]

        def render(values: Mapping[str, Any]) -> Any:
            try:
                value = compiled(values)
                if isinstance(value, Undefined):
                    str(value)  # says what is missing
            except FAULTS as fault:
                raise TemplateFault(f"{where}{fault}") from None
            return value

        return render

    def _constant(self, source: str, at: str) -> str:
        reference = _REFERENCE.fullmatch(source)
        if reference is not None:
            check_variable(reference[1], f"what '{at}' has after env:")
            return source if self._secret is None else self._secret(reference[1])
        return source


def _only_expression(tree: nodes.Template, source: str) -> str | None:
    """The expression that a text consists of, or None if there is more or less to it."""
    if len(tree.body) != 1 or not source.startswith("{{") or not source.endswith("}}"):
        return None
    (output,) = tree.body
    if not isinstance(output, nodes.Output) or len(output.nodes) != 1:
        return None
    if isinstance(output.nodes[0], nodes.TemplateData):
        return None
    inner = source[2:-2]
    inner = inner[1:] if inner[:1] in {"-", "+"} else inner  # Jinja's marks for white space
    return inner[:-1] if inner[-1:] in {"-", "+"} else inner
