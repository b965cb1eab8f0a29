"""Finds a callable that a configuration names, and looks at it: for models and filters."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from evalharness.errors import AdapterError, ConfigError
from evalharness.records import Failure

__all__ = [
    "call", "check_path", "failure", "find", "innermost", "is_async", "known_by_source",
    "only_parameter", "settled", "source_digest",
]  # fmt: skip

REASON_LENGTH = 500


def check_path(value: str) -> str:
    """The path, if it has the form of one.

    Raises:
        ValueError: it names no callable.
    """
    source, _, attribute = value.rpartition(":")
    if source and all(part.isidentifier() for part in attribute.split(".")):
        return value
    raise ValueError(
        f"{value!r} names no callable; write 'package.module:name' or './file.py:name'"
    )


def call(fn: Callable[..., Any], argument: Any) -> Any:
    """What ``fn`` returns, or the failure: some exceptions must not travel between threads."""
    try:
        return fn(argument)
    except (Exception, SystemExit, asyncio.CancelledError) as fault:  # noqa: BLE001 - any code
        return failure(fault)


async def settled(awaitable: Awaitable[Any]) -> Any:
    """What an application's awaitable gives, or the failure."""
    try:
        return await awaitable
    except asyncio.CancelledError as fault:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        return failure(fault)  # the function's own affair: nobody cancelled us
    except (Exception, SystemExit) as fault:  # noqa: BLE001 - the application is anyone's code
        return failure(fault)


def failure(fault: BaseException) -> Failure:
    """An exception as a failure: its type and message, without traceback or variables."""
    try:
        message = str(fault)
    except Exception:  # noqa: BLE001 - an exception whose text fails is still only one item's fault
        message = "(its message cannot be read)"
    kind = type(fault).__name__
    return Failure(f"{kind}: {message}"[:REASON_LENGTH] if message else kind)


# -- finding the callable ------------------------------------------------------------------------


def find(path: str, base_dir: Path | None) -> tuple[str, Any]:
    """The callable that ``path`` names, and its name without folders.

    Raises:
        ConfigError: there is none.
        AdapterError: its module fails to import.
    """
    source, _, attribute = path.rpartition(":")
    if source.endswith(".py") or "/" in source or "\\" in source:
        file = (base_dir or Path.cwd()) / Path(source).expanduser()
        module, label = _module_of_file(file), file.name
    else:
        module, label = _module_by_name(source), source
    return f"{label}:{attribute}", _attribute(module, attribute, path)


def _module_by_name(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as fault:
        missing = fault.name or ""
        if name != missing and not name.startswith(f"{missing}."):
            raise _import_error(name, fault) from fault
        raise ConfigError(
            f"function: there is no module '{missing}' to import; install its package, put its "
            "folder on PYTHONPATH, or name the file: path: './file.py:name'"
        ) from None
    except (Exception, SystemExit) as fault:
        raise _import_error(name, fault) from fault


def _module_of_file(file: Path) -> ModuleType:
    """Load a file under a private name, so that it can neither hide nor be taken for a module."""
    try:
        source = file.read_bytes()
    except OSError as fault:
        raise ConfigError(
            f"function: {file} cannot be read ({fault.strerror}); 'path' is relative to the "
            "configuration's folder"
        ) from None
    key = hashlib.sha256(str(file.resolve()).encode() + b"\0" + source).hexdigest()[:16]
    name = f"_evalharness_function_{key}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"function: {file} is no Python file; name a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as fault:
        del sys.modules[name]
        raise _import_error(file.name, fault) from fault
    return module


def _import_error(name: str, fault: BaseException) -> AdapterError:
    hint = (
        "; modules that lie beside a file are not found by themselves: put the folder on PYTHONPATH"
        if isinstance(fault, ModuleNotFoundError)
        else ""
    )
    return AdapterError(f"function: {name} cannot be imported: {failure(fault).reason}{hint}")


def _attribute(module: ModuleType, attribute: str, path: str) -> Any:
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            offered = [name for name, value in vars(module).items() if _is_offered(value, module)]
            raise ConfigError(
                f"function: path '{path}': there is no '{part}'; "
                f"functions there: {', '.join(sorted(offered)) or 'none'}"
            )
        found = getattr(found, part)
    return found


def _is_offered(value: Any, module: ModuleType) -> bool:
    return inspect.isfunction(value) and value.__module__ == module.__name__


# -- looking at the callable ---------------------------------------------------------------------


def innermost(fn: Any) -> Any:
    """The function within partials, bound methods and decorators."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = inspect.unwrap(fn) if callable(fn) else fn
    return getattr(fn, "__func__", fn)


def only_parameter(fn: Any, name: str) -> inspect.Parameter | None:
    """The first parameter; None when the callable does not tell.

    Raises:
        ConfigError: it cannot be called with one argument.
    """
    if not callable(fn) or inspect.isclass(fn):
        kind = "a class" if inspect.isclass(fn) else f"of type {type(fn).__name__}"
        raise ConfigError(
            f"function: '{name}' is {kind}, and no function; name a function, a method of an "
            "object, or an object that can be called"
        )
    try:
        signature = inspect.signature(fn)
    except ValueError:  # written in C
        return None
    try:
        signature.bind(None)
    except TypeError as fault:
        raise ConfigError(
            f"function: '{name}{signature}' cannot be called with one argument ({fault}); it is "
            "given the prompt, or the messages, and nothing else"
        ) from None
    return next(iter(signature.parameters.values()))


def is_async(fn: Any) -> bool:
    """Whether a call gives something to await, as far as can be told beforehand."""
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__)


def known_by_source(fn: Any) -> bool:
    """Whether the source of its module says all that a callable's name cannot: a plain function."""
    return (
        inspect.isfunction(fn)
        and fn.__closure__ is None
        and fn.__module__ != "__main__"
        and fn.__qualname__.isidentifier()  # no lambda, nothing defined within something
    )


def source_digest(fn: Any) -> str | None:
    """SHA-256 of the source of the module that defines ``fn``, else of ``fn``, else None."""
    inner = innermost(fn)
    if not inspect.isroutine(inner):  # an object that can be called: its class
        inner = type(inner)
    candidates: Iterable[Any] = (inspect.getmodule(inner), inner)
    for candidate in candidates:
        try:
            source = inspect.getsource(candidate)
        except (OSError, TypeError):
            continue
        return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
    return None
