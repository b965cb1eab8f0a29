"""A model behind a system prompt, a prefix or a guardrail: an adapter around an adapter.

In a configuration any model may carry ``wrap:``, a list whose first item is the outermost: a
request meets the items from first to last, the answer from last to first::

    target:
      adapter: openai
      model: my-model
      wrap:
        - input_filter: {patterns: ["(?i)nerve agent"]}
        - system: You are a careful assistant.
        - output_filter: {classifier: {adapter: detoxify}, threshold: 0.5}

``--set target.wrap=null`` takes it all away. What a filter stops is the outcome ``blocked``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from evalharness.adapters import registry
from evalharness.adapters._callables import find
from evalharness.adapters.base import Adapter, Capabilities, ModelIdentity
from evalharness.adapters.wrap.filters import (
    ClassifierFilter,
    Filter,
    FunctionFilter,
    GuardFilter,
    Passage,
    PatternFilter,
    Verdict,
)
from evalharness.adapters.wrap.options import FilterOptions, LayerOptions
from evalharness.errors import AdapterError, ConfigError
from evalharness.records import Failure, Message, Request, RequestKind, Response

__all__ = [
    "ClassifierFilter", "Filter", "FunctionFilter", "GuardFilter", "Passage", "PatternFilter",
    "Verdict", "Wrapped", "wrap",
]  # fmt: skip

#: Answers kept for another try because their filter failed; more are asked for again.
_MOST_KEPT = 1024

Judging = Filter | Callable[[str], Any]


class Wrapped:
    """A model behind a system prompt, a prefix, a suffix or filters; another model by identity.

    Of one wrapper the input filter comes first (it reads what the user said), then the texts are
    put into the request, then the model is asked, then the output filter reads its answer. Another
    order is a wrapper around a wrapper.

    Args:
        adapter: the model; its batches, concurrency and endpoint stay what they are.
        system: put before the request's own system text, parted by an empty line.
        prefix, suffix: put around the last user turn's text, verbatim (around the text itself in
            ``classify`` and ``embed`` requests).
        input_filter, output_filter: a `Filter`, or a function of the text (see `FunctionFilter`).
            With one the model gives answers only: a log-likelihood is no text that could be
            blocked.

    Raises:
        ConfigError: nothing was asked for, or it cannot have an effect on this model.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        system: str | None = None,
        prefix: str | None = None,
        suffix: str | None = None,
        input_filter: Judging | None = None,
        output_filter: Judging | None = None,
    ) -> None:
        filters = [given for given in (input_filter, output_filter) if given is not None]
        if not (system or prefix or suffix or filters):
            raise ConfigError(
                "a wrapper that does nothing; give it system, prefix, suffix, input_filter or "
                "output_filter"
            )
        kinds = adapter.capabilities.kinds
        if system and not kinds & {"generate", "loglikelihood"}:
            raise ConfigError("a system prompt has no effect on a model that reads no messages")
        if filters and "generate" not in kinds:
            raise ConfigError("a filter is for models that give answers, which this one does not")
        self._inner = adapter
        self._system, self._prefix, self._suffix = system, prefix or "", suffix or ""
        self._filters = {
            side: given if given is None or isinstance(given, Filter) else FunctionFilter(given)
            for side, given in (("input", input_filter), ("output", output_filter))
        }
        self._kept: dict[Request, Response] = {}

    def __repr__(self) -> str:
        return f"Wrapped({self._inner!r})"

    def __getattr__(self, name: str) -> Any:
        """What else an adapter may have (a replay's ``not_planned``) is the inner one's."""
        if name.startswith("_"):  # also before __init__ has run, as copying does
            raise AttributeError(name)
        found = getattr(self._inner, name)
        if name == "has":  # a recording found by content knows the request as it is sent
            return lambda request: found(self._changed(request))
        return found

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's, with ``extra.wrap``: what is around it, outermost first."""
        inner = self._inner.identity
        beneath = inner.extra.get("wrap", []) if isinstance(self._inner, Wrapped) else []
        return replace(inner, extra={**inner.extra, "wrap": [*self._layers(), *beneath]})

    def _layers(self) -> Iterator[dict[str, Any]]:
        before, behind = self._filters["input"], self._filters["output"]
        if before is not None:
            yield {"input_filter": before.describe()}
        if behind is not None:
            yield {"output_filter": behind.describe()}
        texts = {"system": self._system, "prefix": self._prefix, "suffix": self._suffix}
        for name, text in texts.items():
            if text:
                data = text.encode("utf-8", "surrogatepass")
                yield {name: hashlib.sha256(data).hexdigest()}

    @property
    def capabilities(self) -> Capabilities:
        inner = self._inner.capabilities
        if not any(self._filters.values()):
            return inner
        return replace(inner, kinds=inner.kinds & {"generate"}, repeatable=False)

    @property
    def deviations(self) -> list[str]:
        """What did not go as asked, of the model and of the filters' models."""
        found = list(getattr(self._inner, "deviations", ()))
        for side, adapter in self._guards():
            found += [f"{side} filter: {text}" for text in getattr(adapter, "deviations", ())]
        return found

    def _guards(self) -> Iterator[tuple[str, Adapter]]:
        for side, filter_ in self._filters.items():
            for adapter in filter_.adapters if filter_ is not None else ():
                yield side, adapter

    @property
    def filter_models(self) -> list[str]:
        """The models that a request is shown to beside the one that answers it, by name."""
        inner = getattr(self._inner, "filter_models", [])
        return [*inner, *(adapter.identity.model for _, adapter in self._guards())]

    def has_answered(self) -> None:
        """Pass it on to the model; the filters' models may not have answered."""
        if (told := getattr(self._inner, "has_answered", None)) is not None:
            told()

    @property
    def further_calls(self) -> int:
        """Calls beside those asked for: the model's own, and all those of the filters' models."""
        asked = sum(getattr(filter_, "calls", 0) for filter_ in self._filters.values())
        models = (self._inner, *(adapter for _, adapter in self._guards()))
        return asked + sum(getattr(model, "further_calls", 0) for model in models)

    async def aclose(self) -> None:
        """Close the model and the filters' models."""
        self._kept.clear()
        async with AsyncExitStack() as stack:
            for adapter in (self._inner, *(adapter for _, adapter in self._guards())):
                if (close := getattr(adapter, "aclose", None)) is not None:
                    stack.push_async_callback(close)

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Filter, change, ask, filter. What the input filter stops never reaches the model."""
        answers: dict[int, Response | Failure] = {}
        kinds: frozenset[RequestKind] = self.capabilities.kinds
        for place, request in enumerate(requests):
            if request.kind not in kinds:
                reason = f"the wrapped model answers no {request.kind} requests"
                answers[place] = Failure(reason, outcome="not_run")
        await self._filter_input(requests, answers)
        kept = self._take_kept(requests, answers)
        answers |= kept
        asked = [place for place in range(len(requests)) if place not in answers]
        if asked:
            given = await self._inner.respond([self._changed(requests[p]) for p in asked])
            if len(given) != len(asked):
                reason = f"the adapter gave {len(given)} answers to {len(asked)} requests"
                given = [Failure(reason)] * len(asked)
            answers.update(zip(asked, given, strict=True))
        await self._filter_output(requests, answers, sorted([*asked, *kept]))
        return [answers[place] for place in range(len(requests))]

    def _take_kept(
        self, requests: Sequence[Request], answers: Mapping[int, Response | Failure]
    ) -> dict[int, Response]:
        """Answers that an earlier try got, and whose filter failed then."""
        if not self._kept:
            return {}
        return {
            place: self._kept.pop(request)
            for place, request in enumerate(requests)
            if place not in answers and request in self._kept
        }

    async def _filter_input(
        self, requests: Sequence[Request], answers: dict[int, Response | Failure]
    ) -> None:
        filter_ = self._filters["input"]
        places = [place for place in range(len(requests)) if place not in answers]
        if filter_ is None or not places:
            return
        verdicts = await filter_.judge([Passage(_turns(requests[place])) for place in places])
        for place, verdict in zip(places, verdicts, strict=True):
            if verdict is not None:
                answers[place] = _stopped("input", verdict)

    async def _filter_output(
        self,
        requests: Sequence[Request],
        answers: dict[int, Response | Failure],
        places: Sequence[int],
    ) -> None:
        filter_ = self._filters["output"]
        judged: dict[int, Response] = {}
        for place in places if filter_ is not None else ():
            answer = answers[place]
            if not isinstance(answer, Response) or answer.finish_reason == "content_filter":
                continue  # failed, or judged already by whoever blocked it
            if answer.text.strip():  # else there is nothing to judge
                judged[place] = answer
        if filter_ is None or not judged:
            return
        verdicts = await filter_.judge(
            [Passage(_turns(requests[place]), answer.text) for place, answer in judged.items()]
        )
        for (place, answer), verdict in zip(judged.items(), verdicts, strict=True):
            if verdict is None:
                continue
            answers[place] = stopped = _stopped("output", verdict)
            if isinstance(stopped, Response):  # the tokens were spent, though nobody saw the text
                answers[place] = replace(
                    stopped, input_tokens=answer.input_tokens, output_tokens=answer.output_tokens
                )
            elif stopped.retryable and len(self._kept) < _MOST_KEPT:
                self._kept[requests[place]] = answer  # the guard is asked again, not the model

    # -- what the model is sent ------------------------------------------------------------------

    def _changed(self, request: Request) -> Request:
        if request.text is not None and (self._prefix or self._suffix):
            request = replace(request, text=f"{self._prefix}{request.text}{self._suffix}")
        messages = request.messages
        if messages and (self._prefix or self._suffix):
            messages = self._around_last(messages)
        if messages and self._system:
            own = [turn.content for turn in messages if turn.role == "system"]
            system = Message("system", "\n\n".join([self._system, *own]))
            messages = (system, *(turn for turn in messages if turn.role != "system"))
        return request if messages is request.messages else replace(request, messages=messages)

    def _around_last(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """With prefix and suffix around the last user turn (around the last one, if none is)."""
        users = [place for place, turn in enumerate(messages) if turn.role == "user"]
        last = users[-1] if users else len(messages) - 1
        content = f"{self._prefix}{messages[last].content}{self._suffix}"
        return (
            *messages[:last], replace(messages[last], content=content), *messages[last + 1 :]
        )  # fmt: skip


def _turns(request: Request) -> tuple[Message, ...]:
    return tuple(turn for turn in request.messages if turn.role != "system")


def _stopped(side: str, verdict: str | Failure) -> Response | Failure:
    if isinstance(verdict, Failure):
        reason = f"the {side} filter could not judge: {verdict.reason}"
        return replace(verdict, reason=reason)
    return Response(finish_reason="content_filter", blocked_by=f"the {side} filter ({verdict})")


# -- from a configuration ------------------------------------------------------------------------


def wrap(adapter: Adapter, items: Any, *, base_dir: Path, where: str) -> Adapter:
    """The adapter behind what a configuration's ``wrap`` lists.

    None, an empty list, and an item that is None leave it as it is, so that ``--set`` can take away
    all of it (``target.wrap=null``) or one item (``target.wrap.0=null``).

    Args:
        base_dir: the folder that relative paths are counted from.
        where: the list's place in the configuration (``target.wrap``), for messages.

    Raises:
        ConfigError: an item is none, or a value does not fit; one line a field.
        AdapterError: a filter's model or function cannot be had.
    """
    if items is None:
        return adapter
    if not isinstance(items, list):
        kind = type(items).__name__
        raise ConfigError(f"{where}: expected a list such as [{{system: ...}}], found {kind}")
    layers, faults = [], []
    for number, item in enumerate(items):
        if item is None:
            continue
        place = f"{where}.{number}"
        try:
            layers.append((place, _layer(item, base_dir, place)))
        except ConfigError as fault:
            faults.append(str(fault))
    if faults:
        raise ConfigError("\n".join(faults))
    for place, layer in reversed(layers):
        try:
            adapter = Wrapped(adapter, **layer)
        except ConfigError as fault:
            raise ConfigError(f"{place}: {fault}") from None
    return adapter


def _layer(item: Any, base_dir: Path, where: str) -> dict[str, Any]:
    """One item as the arguments of `Wrapped`."""
    if not isinstance(item, Mapping):
        raise ConfigError(
            f"{where}: expected one of {', '.join(LayerOptions.model_fields)} with its value, "
            f"found {type(item).__name__}"
        )
    given = registry.options_of(LayerOptions, item, base_dir, where)
    layer = given.model_dump(exclude_none=True)
    for side in ("input_filter", "output_filter"):
        if side in layer:
            layer[side] = _filter(layer[side], base_dir, f"{where}.{side}")
    return layer


def _filter(fields: Mapping[str, Any], base_dir: Path, where: str) -> Filter:
    options = registry.options_of(FilterOptions, fields, base_dir, where)
    if options.patterns is not None:
        return PatternFilter(options.patterns)
    if options.function is not None:
        return _function(options.function, base_dir, f"{where}.function")
    kind = "guard" if options.classifier is None else "classifier"
    spec = getattr(options, kind)
    model = registry.create(spec, base_dir=base_dir, where=f"{where}.{kind}")
    try:
        if kind == "classifier":
            return ClassifierFilter(model, options.attribute, options.threshold)
        return GuardFilter(
            model,
            options.prompt,
            blocks=options.blocks,
            passes=options.passes,
            max_tokens=options.max_tokens,
        )
    except ConfigError as fault:
        raise ConfigError(f"{where}.{kind}: {fault}") from None


def _function(path: str, base_dir: Path, where: str) -> Filter:
    try:
        label, fn = find(path, base_dir)
        return FunctionFilter(fn, label)
    except (ConfigError, AdapterError) as fault:
        raise type(fault)(f"{where}: {fault}") from fault
