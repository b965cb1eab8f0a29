"""Any Python callable as a model: a whole application, a chain, a stub.

In a configuration the callable is named by its import path; in Python it is passed itself::

    target: {adapter: function, path: "./app.py:answer"}
    evalharness.run({"target": FunctionAdapter.from_callable(answer), ...})
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import re
import secrets
import typing
from collections.abc import Callable, Iterable, MutableSequence, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field, field_validator

from evalharness.adapters._callables import (
    call,
    check_path,
    find,
    innermost,
    is_async,
    known_by_source,
    only_parameter,
    settled,
    source_digest,
)
from evalharness.adapters.base import Capabilities, ModelIdentity, Options
from evalharness.records import Failure, Request, Response

__all__ = ["FunctionAdapter", "FunctionOptions"]

Input: TypeAlias = Literal["auto", "text", "messages"]

_LISTS = (list, Sequence, MutableSequence, Iterable)
_LIST_ANNOTATION = re.compile(r"(typing\.|t\.)?(list|sequence|iterable)\b", re.IGNORECASE)


class FunctionOptions(Options):
    """What may stand beside ``adapter: function``."""

    path: str = Field(
        description="'package.module:name', or './file.py:name' relative to the configuration"
    )
    input: Input = Field(
        default="auto",
        description="what the callable takes: the prompt as text, or messages (a list of dicts "
        "with role and content); auto: messages if its first parameter says so",
    )
    concurrency: int = Field(default=8, ge=1, le=1024, description="calls in flight")
    name: str | None = Field(default=None, min_length=1, description="the application's name")
    version: str | None = Field(default=None, min_length=1, description="the application's version")
    base_dir: Path | None = Field(
        default=None, exclude=True, description="what a file's path is relative to"
    )

    @field_validator("path")
    @classmethod
    def _names_a_callable(cls, value: str) -> str:
        return check_path(value)


class FunctionAdapter:
    """Calls a function ``str -> str`` or ``messages -> str``, sync (in threads) or async.

    An exception is a failure of that one item, with its type and message. None and ``""`` are an
    empty answer; what else is no text is a failure. The function sees neither the decoding
    parameters nor a seed: how the application draws its answers is its own affair.

    Raises:
        ConfigError: the path leads to no callable with one argument.
        AdapterError: the module fails to import.
    """

    Options = FunctionOptions

    def __init__(self, options: FunctionOptions, fn: Callable[..., Any] | None = None) -> None:
        found: tuple[str, Any] = (
            (options.path, fn) if fn is not None else find(options.path, options.base_dir)
        )
        label, self._fn = found
        self._options = options
        self._name = options.name or label
        parameter = only_parameter(self._fn, label)
        self._takes_messages = options.input == "messages" or (
            options.input == "auto" and parameter is not None and _is_messages(self._fn, parameter)
        )
        self._is_async = is_async(self._fn)
        self._threads: ThreadPoolExecutor | None = None
        self._token: str | None = None

    @classmethod
    def from_callable(
        cls,
        fn: Callable[..., Any],
        *,
        name: str | None = None,
        version: str | None = None,
        input: Input = "auto",  # noqa: A002 - the option's name
        concurrency: int = 8,
    ) -> FunctionAdapter:
        """An adapter for a callable at hand.

        Args:
            fn: takes the prompt (or the messages) and returns the answer; may be async.
            name: the application's name; by default ``module:qualname``.
            version: the application's version. It vouches that the same name and version answer
                alike. Without it only a plain function of an imported module is known by its
                source; a lambda, a closure, an instance or anything typed at a prompt is another
                model each time it is passed, so that no earlier one's answers are shown for it.
            input: as in `FunctionOptions`.
            concurrency: calls in flight, at least 1.

        Raises:
            ConfigError: ``fn`` is no callable with one argument.
        """
        inner = innermost(fn)
        module = getattr(inner, "__module__", None) or type(fn).__module__
        qualname = getattr(inner, "__qualname__", None) or type(fn).__qualname__
        options = FunctionOptions.model_construct(  # its name need not be one to import it by
            path=f"{module}:{qualname}",
            input=input,
            concurrency=max(1, concurrency),
            name=name,
            version=version,
        )
        made = cls(options, fn)
        if version is None and not known_by_source(fn):
            made._token = secrets.token_hex(8)
        return made

    @functools.cached_property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(
            provider="function",
            model=self._name,
            revision=self._options.version,
            digest=source_digest(self._fn),
            extra={} if self._token is None else {"passed": self._token},
        )

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(kinds=frozenset({"generate"}), concurrency=self._options.concurrency)

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Call the function once a request."""
        return await asyncio.gather(*map(self._one, requests))

    async def _one(self, request: Request) -> Response | Failure:
        if request.kind != "generate":
            return Failure(f"a function answers no {request.kind} requests", outcome="not_run")
        argument = self._argument(request)
        if self._is_async:
            return _response(await settled(self._fn(argument)))
        if self._threads is None:
            # asyncio's own pool has a few threads more than there are cores, whatever was asked for
            self._threads = ThreadPoolExecutor(
                self._options.concurrency, thread_name_prefix="function"
            )
        context = contextvars.copy_context()
        result = await asyncio.get_running_loop().run_in_executor(
            self._threads, context.run, call, self._fn, argument
        )
        if inspect.isawaitable(result):  # a plain function that hands out a coroutine
            return _response(await settled(result))
        return _response(result)

    def _argument(self, request: Request) -> Any:
        if self._takes_messages:
            return [{"role": turn.role, "content": turn.content} for turn in request.messages]
        return "\n\n".join(turn.content for turn in request.messages)


def _response(value: Any) -> Response | Failure:
    if isinstance(value, Failure):
        return value
    if value is None:
        return Response()
    if isinstance(value, str):
        return Response(text=str(value))
    return Failure(f"the function returned {type(value).__name__}, not text (str)")


def _is_messages(fn: Any, parameter: inspect.Parameter) -> bool:
    if parameter.name == "messages":
        return True
    annotation = parameter.annotation
    if isinstance(annotation, str):
        inner = innermost(fn)
        described = inner if hasattr(inner, "__annotations__") else type(fn).__call__
        try:
            annotation = typing.get_type_hints(described).get(parameter.name, annotation)
        except (NameError, TypeError, AttributeError):  # a name that only the type checker knows
            return _LIST_ANNOTATION.match(annotation) is not None
    origin = typing.get_origin(annotation) or annotation
    return any(origin is kind for kind in _LISTS)
