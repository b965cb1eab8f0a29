"""What a guardrail judges a text by: patterns, a classifier, an LLM guard, a function.

A filter lets a text pass, blocks it with a reason, or fails: a guard that is down or that says
nothing readable has judged nothing, and that is neither.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable
from weakref import WeakKeyDictionary

from evalharness.adapters._callables import (
    call,
    is_async,
    known_by_source,
    only_parameter,
    settled,
    source_digest,
)
from evalharness.adapters.base import Adapter
from evalharness.errors import ConfigError, EvalHarnessError
from evalharness.records import Decoding, Failure, Message, Request, Response

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = [
    "ClassifierFilter", "Filter", "FunctionFilter", "GuardFilter", "Passage", "PatternFilter",
    "Verdict", "guard_template", "pattern_fault",
]  # fmt: skip

#: What a filter says of a text: None lets it pass, a text is the reason why it is blocked.
Verdict: TypeAlias = "str | Failure | None"

REASON_LENGTH = 200
#: Characters from which on a search leaves the event loop.
_LONG = 65_536
#: In RE2 these know ASCII alone, so beside other letters they would miss what they seem to catch.
_ASCII_ONLY = re.compile(r"(?<!\\)(?:\\\\)*\\[bBwW]")


@dataclass(frozen=True, slots=True)
class Passage:
    """What a filter reads.

    Args:
        turns: the conversation before the answer, without system turns.
        answer: what the model said; None for a filter of the input.
    """

    turns: tuple[Message, ...]
    answer: str | None = None

    @property
    def prompt(self) -> str:
        """What the user said: all of the user's turns, parted by an empty line."""
        return "\n\n".join(turn.content for turn in self.turns if turn.role == "user")

    @property
    def text(self) -> str:
        """What is judged: the answer, or before there is one the user's turns."""
        return self.prompt if self.answer is None else self.answer


@runtime_checkable
class Filter(Protocol):
    """Judges texts. ``adapters`` are the models that it asks, if any."""

    @property
    def adapters(self) -> Sequence[Adapter]: ...

    def describe(self) -> dict[str, Any]:
        """All that can change a verdict, as JSON: part of the wrapped model's identity."""
        ...

    async def judge(self, passages: Sequence[Passage]) -> Sequence[Verdict]:
        """One verdict a passage, in order; one passage's failure is nothing to the others."""
        ...


# -- patterns ------------------------------------------------------------------------------------


def pattern_fault(pattern: str) -> str | None:
    """Why a pattern cannot be used, or None."""
    import pyarrow.compute as pc

    if not pattern.isascii() and _ASCII_ONLY.search(pattern):
        return (
            r"\b, \B, \w and \W know ASCII letters only and would miss words of other scripts; "
            r"write \pL for a letter and (?:^|\PL) for a word's edge"
        )
    try:
        everything = pc.match_substring_regex("", pattern).as_py()
    except ValueError as fault:
        said = str(fault).partition(": ")[2] or str(fault)
        return f"{said}; the syntax is RE2's, without look-around and back references"
    return "it matches the empty text, and so every text" if everything else None


class PatternFilter:
    """Blocks a text in which one of the patterns is found, anywhere.

    The syntax is RE2's (https://github.com/google/re2/wiki/Syntax): ``(?i)`` for either case, no
    look-around, no back references. In return the time is linear in the text: no answer can make a
    pattern run forever.

    Raises:
        ConfigError: a pattern cannot be used.
    """

    adapters: Sequence[Adapter] = ()

    def __init__(self, patterns: Sequence[str]) -> None:
        if not patterns:
            raise ConfigError("a filter by patterns needs at least one")
        for number, pattern in enumerate(patterns, 1):
            if (fault := pattern_fault(pattern)) is not None:
                raise ConfigError(f"pattern {number} ({pattern!r}): {fault}")
        self._patterns = tuple(patterns)

    def describe(self) -> dict[str, Any]:
        return {"patterns": list(self._patterns)}

    async def judge(self, passages: Sequence[Passage]) -> Sequence[Verdict]:
        texts = [passage.text for passage in passages]
        if sum(map(len, texts)) > _LONG:
            return await asyncio.to_thread(self._search, texts)
        return self._search(texts)

    def _search(self, texts: Sequence[str]) -> Sequence[Verdict]:
        import pyarrow as pa
        import pyarrow.compute as pc

        # half a character, which a hostile answer may hold, is no UTF-8
        column = pa.array([text.encode("utf-8", "replace").decode() for text in texts], pa.string())
        verdicts: list[Verdict] = [None] * len(texts)
        for number, pattern in enumerate(self._patterns, 1):
            for place, found in enumerate(pc.match_substring_regex(column, pattern).to_pylist()):
                if found and verdicts[place] is None:
                    verdicts[place] = f"pattern {number}"
        return verdicts


# -- models that judge ---------------------------------------------------------------------------


class _Asked:
    """Asks a filter's model as the engine would: no more at once than it can bear."""

    def __init__(self, adapter: Adapter, name: str) -> None:
        self.adapter = adapter
        self._name = name
        #: Requests made so far.
        self.calls = 0
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )

    async def answers(self, requests: Sequence[Request]) -> list[Response | Failure]:
        """One answer a request. Packs follow from the requests alone, not from timing."""
        able = self.adapter.capabilities
        parts = [
            requests[start : start + able.batch_size]
            for start in range(0, len(requests), able.batch_size)
        ]
        if len(parts) == 1:
            return list(await self._part(parts[0]))
        found = await asyncio.gather(*map(self._part, parts))
        return [answer for part in found for answer in part]

    async def _part(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        async with self._limit():
            try:
                self.calls += len(requests)
                answers = await self.adapter.respond(requests)
            except EvalHarnessError:
                raise
            except Exception as fault:  # noqa: BLE001 - an adapter's crash is its items' failure
                reason = f"{type(fault).__name__}: {fault}"[:REASON_LENGTH]
                return [Failure(f"{self._name}'s adapter failed: {reason}")] * len(requests)
        if len(answers) != len(requests):
            reason = f"{self._name} gave {len(answers)} answers to {len(requests)} requests"
            return [Failure(reason)] * len(requests)
        nothing = Failure(f"{self._name} gave no response")
        return [a if isinstance(a, Response | Failure) else nothing for a in answers]

    def _limit(self) -> asyncio.Semaphore:
        loop = asyncio.get_running_loop()
        if loop not in self._places:
            able = self.adapter.capabilities
            at_once = 1 if able.batch_size > 1 else max(1, able.concurrency)
            self._places[loop] = asyncio.Semaphore(at_once)
        return self._places[loop]


class ClassifierFilter:
    """Blocks a text whose score reaches the threshold.

    Args:
        adapter: a model that answers ``classify`` requests.
        attribute: the name of the score.
        threshold: in (0, 1]; a text with this score is blocked.

    Raises:
        ConfigError: the model is no classifier, or the threshold is out of range.
    """

    def __init__(
        self, adapter: Adapter, attribute: str = "toxicity", threshold: float = 0.5
    ) -> None:
        if "classify" not in adapter.capabilities.kinds:
            raise ConfigError("this model gives no scores; name a classifier")
        if not 0 < threshold <= 1:
            raise ConfigError(f"threshold: expected a number in (0, 1], found {threshold!r}")
        self._asked = _Asked(adapter, "the classifier")
        self._attribute = attribute
        self._threshold = float(threshold)

    @property
    def adapters(self) -> Sequence[Adapter]:
        return (self._asked.adapter,)

    @property
    def calls(self) -> int:
        """Requests made to the model so far."""
        return self._asked.calls

    def describe(self) -> dict[str, Any]:
        return {
            "classifier": self._asked.adapter.identity.to_json(),
            "attribute": self._attribute,
            "threshold": self._threshold,
        }

    async def judge(self, passages: Sequence[Passage]) -> Sequence[Verdict]:
        requests = [self._request(passage) for passage in passages]
        return [self._verdict(answer) for answer in await self._asked.answers(requests)]

    def _request(self, passage: Passage) -> Request:
        """A classifier that judges by what was asked is shown it."""
        if self._asked.adapter.identity.extra.get("reads") != "conversation":
            return Request("classify", "classifier", text=passage.text)
        return Request("classify", "classifier", messages=passage.turns, text=passage.answer)

    def _verdict(self, answer: Response | Failure) -> Verdict:
        if isinstance(answer, Failure):
            return answer
        scores = answer.scores or {}
        score = scores.get(self._attribute)
        if score is None:
            given = ", ".join(sorted(scores)) or "none"
            return Failure(f"the classifier gave no score '{self._attribute}'; it gave: {given}")
        if not isinstance(score, int | float) or not 0 <= score <= 1:  # NaN is in no range
            return Failure(f"the classifier's score '{self._attribute}' is not in [0, 1]")
        if score < self._threshold:
            return None
        return f"{self._attribute} of {self._threshold:g} or more"


def guard_template(source: str) -> Template:
    """A guard's prompt, compiled.

    Raises:
        ValueError: it is no template, fails, or does not hold what is to be judged.
    """
    from jinja2 import StrictUndefined, meta
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # a prompt for a model is no page: what is escaped would be another text
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    try:
        names = meta.find_undeclared_variables(environment.parse(source))
        made = environment.from_string(source)
        if not names - {"text", "prompt"}:
            made.render(text="a text", prompt="a prompt")
    except Exception as fault:  # noqa: BLE001 - a template may raise what Python may
        raise ValueError(f"this is no template that works: {fault}") from None
    if unknown := sorted(names - {"text", "prompt"}):
        raise ValueError(f"there is no '{unknown[0]}' to fill in; there are: text, prompt")
    if "text" not in names:
        raise ValueError("it must hold {{ text }}: what the guard is to judge")
    return made


class GuardFilter:
    """Blocks what a language model calls unsafe (Llama Guard and its like).

    Args:
        adapter: a model that answers ``generate`` requests.
        prompt: a sandboxed Jinja template with ``text`` (what is judged) and ``prompt`` (what the
            user said). None: the guard gets the conversation itself, the answer as its last turn,
            for a model whose chat template makes the question of it.
        blocks, passes: how the first line of the guard's answer begins, in either case. ``passes``
            must be all of a clause (``Safe to say that ...`` is no pass). What begins with neither
            is a failure.
        max_tokens: of the guard's answer, which is greedy.

    Raises:
        ConfigError: the model gives no answers, or the prompt or the words cannot be used.
    """

    def __init__(
        self,
        adapter: Adapter,
        prompt: str | None = None,
        *,
        blocks: str = "unsafe",
        passes: str = "safe",
        max_tokens: int = 32,
    ) -> None:
        if "generate" not in adapter.capabilities.kinds:
            raise ConfigError("this model gives no answers; name a model that does")
        try:
            self._template = None if prompt is None else guard_template(prompt)
        except ValueError as fault:
            raise ConfigError(f"prompt: {fault}") from None
        if not blocks.strip() or not passes.strip() or blocks.casefold() == passes.casefold():
            raise ConfigError("blocks, passes: expected two different words")
        self._asked = _Asked(adapter, "the guard")
        self._prompt = prompt
        self._words = (blocks, passes)
        self._blocks = re.compile(rf"{re.escape(blocks.strip())}(?!\w)", re.IGNORECASE)
        self._passes = re.compile(rf"{re.escape(passes.strip())}\s*(?:[^\w\s].*)?", re.IGNORECASE)
        self._decoding = Decoding(max_tokens=max_tokens)

    @property
    def adapters(self) -> Sequence[Adapter]:
        return (self._asked.adapter,)

    @property
    def calls(self) -> int:
        """Requests made to the model so far."""
        return self._asked.calls

    def describe(self) -> dict[str, Any]:
        blocks, passes = self._words
        asked = {} if self._prompt is None else {"prompt": self._prompt}
        return {
            "guard": self._asked.adapter.identity.to_json(),
            **asked,
            "blocks": blocks,
            "passes": passes,
            "max_tokens": self._decoding.max_tokens,
        }

    async def judge(self, passages: Sequence[Passage]) -> Sequence[Verdict]:
        requests = [
            Request("generate", "classifier", self._question(p), decoding=self._decoding)
            for p in passages
        ]
        return [self._verdict(answer) for answer in await self._asked.answers(requests)]

    def _question(self, passage: Passage) -> tuple[Message, ...]:
        if self._template is None:
            said = () if passage.answer is None else (Message("assistant", passage.answer),)
            return (*passage.turns, *said)
        text = self._template.render(text=passage.text, prompt=passage.prompt)
        return (Message("user", text),)

    def _verdict(self, answer: Response | Failure) -> Verdict:
        if isinstance(answer, Failure):
            return answer
        lines = answer.text.strip().splitlines()
        first = lines[0].strip().lstrip("\"'*_`#[( ").rstrip() if lines else ""
        if answer.finish_reason != "content_filter":
            if self._blocks.match(first):
                return "the guard"
            if self._passes.fullmatch(first):
                return None
        return Failure("the guard's verdict could not be read")


# -- functions -----------------------------------------------------------------------------------


class FunctionFilter:
    """Asks a function of the text, plain (it runs in a thread) or async.

    True and None let the text pass; False blocks it, and so does a text, which is the reason. An
    exception or anything else is a failure.

    Args:
        name: what the identity calls it; by default ``module:qualname``.

    Raises:
        ConfigError: ``fn`` is no callable with one argument.
    """

    adapters: Sequence[Adapter] = ()

    def __init__(self, fn: Callable[[str], Any], name: str | None = None) -> None:
        label = getattr(fn, "__qualname__", None) or type(fn).__qualname__
        self._name = name or f"{getattr(fn, '__module__', None) or type(fn).__module__}:{label}"
        only_parameter(fn, self._name)
        self._fn = fn
        self._description: dict[str, Any] = {"function": self._name, "digest": source_digest(fn)}
        if name is None and not known_by_source(fn):
            from secrets import token_hex

            # its source does not tell it: no earlier run's answers may be taken for its own
            self._description["passed"] = token_hex(8)

    def describe(self) -> dict[str, Any]:
        return dict(self._description)

    async def judge(self, passages: Sequence[Passage]) -> Sequence[Verdict]:
        return await asyncio.gather(*(self._one(passage.text) for passage in passages))

    async def _one(self, text: str) -> Verdict:
        if is_async(self._fn):
            return _said(await settled(self._fn(text)))
        found = await asyncio.to_thread(call, self._fn, text)
        return _said(await settled(found) if inspect.isawaitable(found) else found)


def _said(value: Any) -> Verdict:
    """A function's return value as a verdict."""
    if isinstance(value, Failure) or value is None:
        return value
    if type(value).__name__ in ("bool", "bool_"):  # NumPy's too, as scikit-learn's models give
        return None if value else "a function"
    if isinstance(value, str) and value.strip():
        return value.strip()[:REASON_LENGTH]
    kind = "an empty text" if isinstance(value, str) else type(value).__name__
    return Failure(f"the function returned {kind}, not True, False, None or a reason (str)")
