"""Adapters by name: the built-in ones and those of installed packages.

Nothing is imported by listing names: a class is loaded when a configuration asks for it. A package
adds adapters through the entry-point group ``evalharness.adapters``, one line a name::

    [project.entry-points."evalharness.adapters"]
    my_model = "my_package.adapter:MyAdapter"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from evalharness.adapters.base import Adapter, Capabilities, Options
from evalharness.errors import AdapterError, ConfigError, EvalHarnessError
from evalharness.yamlfile import did_you_mean, plain_message

__all__ = ["BUILT_IN", "create", "names", "options_of"]

Model = TypeVar("Model", bound=Options)

#: Name -> ``module:Class``.
BUILT_IN: dict[str, str] = {
    "anthropic": "evalharness.adapters.sdk.anthropic:AnthropicAdapter",
    "bedrock": "evalharness.adapters.sdk.bedrock:BedrockAdapter",
    "command": "evalharness.adapters.command:CommandAdapter",
    "demo": "evalharness.adapters.demo:DemoAdapter",
    "demo_toxicity": "evalharness.adapters.demo:DemoToxicityAdapter",
    "detoxify": "evalharness.adapters.detoxify:DetoxifyAdapter",
    "function": "evalharness.adapters.function:FunctionAdapter",
    "google": "evalharness.adapters.sdk.google:GoogleAdapter",
    "guard": "evalharness.adapters.guard:GuardAdapter",
    "huggingface": "evalharness.adapters.sdk.huggingface:HuggingFaceAdapter",
    "http": "evalharness.adapters.http:HttpAdapter",
    "openai": "evalharness.adapters.openai:OpenAIAdapter",
    "reference": "evalharness.adapters.reference:ReferenceAdapter",
    "replay": "evalharness.adapters.replay:ReplayAdapter",
    "transformers": "evalharness.adapters.transformers:TransformersAdapter",
}

GROUP = "evalharness.adapters"

#: What any model may be limited to; the engine sees to it, not the adapter.
_RATES = ("requests_per_minute", "tokens_per_minute")


def names() -> dict[str, str]:
    """Name -> where it comes from: ``evalharness``, or a distribution and its version.

    Raises:
        AdapterError: a package claims a name that is taken.
    """
    found = dict.fromkeys(BUILT_IN, "evalharness")
    found |= {name: _origin(point) for name, point in _plugins().items()}
    return dict(sorted(found.items()))


def create(spec: Mapping[str, Any] | str, *, base_dir: Path, where: str) -> Adapter:
    """Set up the adapter that a configuration asks for.

    Args:
        spec: ``adapter`` names it, ``wrap`` is what stands around it (see `adapters.wrap`), the
            other fields are its options; a text is the name alone.
        base_dir: the folder that relative paths in the options are counted from.
        where: the spec's place in the configuration (``target``), for messages.

    Raises:
        ConfigError: there is no such adapter or option, or a value does not fit; one line a field.
        AdapterError: a plugin cannot be loaded, or the model cannot be set up as configured
            (`MissingExtraError`, `UnavailableError`).
    """
    fields: dict[str, Any] = (
        {"adapter": spec} if isinstance(spec, str) else {str(key): spec[key] for key in spec}
    )
    name = fields.pop("adapter", None)
    wrapping = fields.pop("wrap", None)
    rates = {rate: fields.pop(rate, None) for rate in _RATES}
    if not isinstance(name, str) or not name:
        raise ConfigError(
            f"{where}.adapter: name the adapter; known: {', '.join(names())}"
            if name is None
            else f"{where}.adapter: expected a name, found {_shown(name)}"
        )
    plugins = _plugins()
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        made = _build(getattr(import_module(module), attribute), fields, base_dir, where)
    elif name in plugins:
        made = _create_plugin(plugins[name], fields, base_dir, where)
    else:
        raise ConfigError(f"{where}.adapter: there is no adapter '{name}'{_hint(name)}")
    rates = {rate: value for rate, value in rates.items() if value is not None}
    made = _limited(made, rates, where)
    if wrapping is None:
        return made
    from evalharness.adapters.wrap import wrap

    return wrap(made, wrapping, base_dir=base_dir, where=f"{where}.wrap")


class _Limited:
    """A model with other capabilities; everything else is its own."""

    def __init__(self, adapter: Adapter, capabilities: Capabilities) -> None:
        self._adapter = adapter
        self.capabilities = capabilities

    def __getattr__(self, name: str) -> Any:
        return getattr(self._adapter, name)


def _limited(adapter: Adapter, rates: Mapping[str, Any], where: str) -> Adapter:
    """Tell the engine how to spare the endpoint."""
    for name, value in rates.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(
                f"{where}.{name}: expected a whole number from 1, found {_shown(value)}"
            )
    if not rates:
        return adapter
    limited: Any = _Limited(adapter, replace(adapter.capabilities, **rates))
    return cast("Adapter", limited)


def _create_plugin(
    point: metadata.EntryPoint, fields: dict[str, Any], base_dir: Path, where: str
) -> Adapter:
    origin = _origin(point)
    try:
        adapter = point.load()
    except EvalHarnessError:
        raise
    except Exception as fault:  # code of others may raise anything
        raise AdapterError(
            f"{where}: adapter '{point.name}' of {origin} ({point.value}) cannot be imported: "
            f"{type(fault).__name__}: {fault}; repair or uninstall that package"
        ) from fault
    options = getattr(adapter, "Options", None)
    if not (isinstance(options, type) and issubclass(options, Options)):
        raise AdapterError(
            f"{where}: adapter '{point.name}' of {origin} has no class attribute 'Options' that "
            "is a subclass of evalharness.adapters.base.Options; tell its authors"
        )
    try:
        return _build(adapter, fields, base_dir, where)
    except EvalHarnessError:
        raise
    except Exception as fault:
        raise AdapterError(
            f"{where}: adapter '{point.name}' of {origin} cannot be set up: "
            f"{type(fault).__name__}: {fault}"
        ) from fault


def _build(adapter: Any, fields: dict[str, Any], base_dir: Path, where: str) -> Adapter:
    made: Adapter = adapter(options_of(adapter.Options, fields, base_dir, where, ("wrap", *_RATES)))
    return made


def options_of(
    options: type[Model],
    fields: Mapping[str, Any],
    base_dir: Path,
    where: str,
    beside: Sequence[str] = (),
) -> Model:
    """Options as a configuration gives them, checked.

    Args:
        base_dir: what the field of this name, if there is one, receives.
        where: their place in the configuration, for messages.
        beside: further names that may stand there, for hints.

    Raises:
        ConfigError: a field is unknown, missing or does not fit; one line each.
    """
    # base_dir is the loader's to fill in: to whoever writes the configuration it is no field
    known = [*(name for name in options.model_fields if name != "base_dir"), *beside]
    faults = []
    if "base_dir" in fields:
        faults.append(f"{where}.base_dir: there is no such field{did_you_mean('base_dir', known)}")
    if "base_dir" in options.model_fields:
        fields = {**fields, "base_dir": base_dir}
    try:
        validated = options.model_validate(dict(fields))
    except ValidationError as fault:
        faults += [_sentence(item, known, where) for item in fault.errors()]
    if faults:
        raise ConfigError("\n".join(faults))
    return validated


def _sentence(item: Any, known: list[str], where: str) -> str:
    """One of pydantic's findings, as: which field, what is wrong, what to write."""
    kind, location = item["type"], tuple(map(str, item["loc"]))
    field = ".".join((where, *location))
    if kind == "extra_forbidden" and len(location) == 1:
        return f"{field}: there is no such field{did_you_mean(location[0], known)}"
    if kind == "missing":
        return f"{field}: this field is required; add it"
    if kind == "value_error":
        return f"{field}: {item['ctx']['error']}"
    if kind in ("literal_error", "enum"):
        return f"{field}: {_shown(item['input'])} is not known; allowed: {item['ctx']['expected']}"
    said = plain_message(item)
    message = said[:1].lower() + said[1:]
    return f"{field}: {message}; found {_shown(item['input'])}"


def _shown(value: Any) -> str:
    from evalharness.adapters._secrets import holds_key

    text = repr(value)
    if holds_key(text):
        return "what looks like a key"
    return text if len(text) <= 60 else text[:57] + "..."


def _hint(name: str) -> str:
    known = list(names())
    hint = did_you_mean(name, known)
    if "did you mean" in hint:
        return f"{hint} (known: {', '.join(known)})"
    if "/" in name:
        return f"{hint}; for a model of the hub write `adapter: transformers` and `model: {name}`"
    return hint


def _plugins() -> dict[str, metadata.EntryPoint]:
    """Entry points by name.

    Raises:
        AdapterError: a name is taken by evalharness or by another package: it must never depend on
            the order of packages which code a configuration runs.
    """
    found: dict[str, metadata.EntryPoint] = {}
    for point in _entry_points():
        if point.name in BUILT_IN:
            taken = "evalharness"
        elif point.name in found:
            taken = _origin(found[point.name])
        else:
            found[point.name] = point
            continue
        raise AdapterError(
            f"{_origin(point)} offers an adapter '{point.name}' ({point.value}), a name that "
            f"{taken} has taken; uninstall one of them or have it renamed"
        )
    return found


def _entry_points() -> Iterable[metadata.EntryPoint]:
    return metadata.entry_points(group=GROUP)


def _origin(point: metadata.EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
