"""The records that travel down the road: request, response, sample, attempt, outcome.

Frozen and typed, with no behaviour but their own identity. Every stage imports these; they import
nothing of evalharness. A record that is stored is stored as JSON (`to_json`, `from_json`), never
pickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeAlias, cast

__all__ = [
    "BESIDE_PROTOCOL",
    "Attempt",
    "Decoding",
    "Failure",
    "ItemsDigest",
    "Message",
    "Outcome",
    "OutcomeKind",
    "Request",
    "RequestKind",
    "Response",
    "Role",
    "Sample",
    "Slot",
    "canonical_json",
    "digest",
]

RequestKind: TypeAlias = Literal["generate", "loglikelihood", "classify", "embed"]
Role: TypeAlias = Literal["target", "judge", "classifier"]
FinishReason: TypeAlias = Literal["stop", "length", "content_filter"]


#: Fields of a sample that change no test: whom the reference models follow, and names.
BESIDE_PROTOCOL = ("good", "bad", "choice_ids")

#: Made once: json.dumps makes one for each call that names an option.
_ITEM = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_json(value: Any) -> bytes:
    """Serialise by RFC 8785 (JSON Canonicalization Scheme): equal values give equal bytes.

    Raises:
        ValueError: the value holds NaN, an infinity, a huge integer or a key that is no text.
    """
    import rfc8785

    return bytes(rfc8785.dumps(value))


def digest(value: Any) -> str:
    """SHA-256 over the canonical JSON of ``value``, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def text_floats(value: Any) -> Any:
    """Floats as their shortest text: RFC 8785 writes 1.0 as 1, and 1 would be the same then."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {key: text_floats(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [text_floats(item) for item in value]
    return cast("Any", value)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, before any chat template."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Decoding:
    """How an answer is drawn. Temperature 0 means greedy: the likeliest token each time."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "stop": list(self.stop),
        }


@dataclass(frozen=True, slots=True)
class Slot:
    """Where in a run a request stands. The journal's key; drives resume.

    ``ordinal`` counts the requests to one role within one attempt, scoring included, from 0.
    """

    task: str
    sample: str
    epoch: int
    role: Role
    ordinal: int


@dataclass(frozen=True, slots=True)
class Request:
    """What goes to a model.

    ``generate`` and ``loglikelihood`` carry ``messages``; ``loglikelihood`` adds the
    ``continuation`` whose probability is asked for, verbatim (with its leading space, if any);
    ``classify`` and ``embed`` carry ``text``; ``classify`` carries the conversation too, which only
    a classifier gets whose identity says ``reads: conversation``. ``slot`` and ``seed`` are stamped
    by the engine: the seed only on requests that sample (temperature above 0). ``repeat`` tells
    equal requests apart that are asked to see whether the answers differ; it changes no answer's
    content. ``choice`` is the data's own id of the choice that the continuation is of: a recording
    may name it, and no model sees it.
    """

    kind: RequestKind
    role: Role = "target"
    messages: tuple[Message, ...] = ()
    continuation: str | None = None
    choice: str | None = None
    text: str | None = None
    decoding: Decoding | None = None
    seed: int | None = None
    slot: Slot | None = None
    repeat: int = 0

    @property
    def content_digest(self) -> str:
        """SHA-256 of all that changes an answer, except the model: kind, content, parameters.

        The engine joins the model's identity to it. Length-prefixed parts, not JSON: this runs
        once a request, and RFC 8785 in Python would be the engine's largest cost.
        """
        parts = [self.kind, self.continuation, self.text]
        for message in self.messages:
            parts += (message.role, message.content)
        if self.decoding is not None:
            d = self.decoding
            parts += (str(d.max_tokens), repr(d.temperature), repr(d.top_p), *d.stop)
        parts.append(None if self.seed is None else str(self.seed))
        said = []
        for part in parts:
            if part is None:
                said.append(b"-")
            else:
                data = part.encode("utf-8", "surrogatepass")
                said += (b"%d:" % len(data), data)
        return hashlib.sha256(b"".join(said)).hexdigest()

    def stamped(self, slot: Slot, seed: int | None) -> Request:
        """The same request at its place in a run. Written out: this runs once a request."""
        return Request(
            self.kind, self.role, self.messages, self.continuation, self.choice, self.text,
            self.decoding, seed, slot, self.repeat,
        )  # fmt: skip

    @property
    def context_size(self) -> int:
        """Length in characters of what is read: what the engine sorts local batches by."""
        return sum(len(message.content) for message in self.messages) + len(self.text or "")


@dataclass(frozen=True, slots=True)
class Response:
    """What came back.

    ``loglikelihood`` is the natural logarithm of the continuation's probability, summed over its
    tokens; ``token_logprobs`` are its parts, and ``token_zscores`` the same in standard deviations
    from the mean under the model's own distribution at each place. ``scores`` are a classifier's,
    each in [0, 1]. ``recorded`` holds a verdict that came with a recorded output (the replay
    adapter). ``blocked_by`` says whose filter stopped an answer with the reason ``content_filter``;
    None is the provider's own. ``reasoning`` is what stood before the answer in the model's text:
    kept, and never scored.
    """

    text: str = ""
    loglikelihood: float | None = None
    token_logprobs: tuple[float, ...] | None = None
    token_zscores: tuple[float, ...] | None = None
    scores: Mapping[str, float] | None = None
    embedding: tuple[float, ...] | None = None
    recorded: Mapping[str, Any] | None = None
    finish_reason: FinishReason = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    blocked_by: str | None = None
    #: Recorded, by which a choice was ranked where there is no log-likelihood: higher is likelier.
    choice_score: float | None = None
    reasoning: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON without the fields that hold their default, so that a journal stays small."""
        out: dict[str, Any] = {"text": self.text} if self.text else {}
        for name in (
            "loglikelihood",
            "choice_score",
            "input_tokens",
            "output_tokens",
            "blocked_by",
            "reasoning",
        ):
            if (value := getattr(self, name)) is not None:
                out[name] = value
        for name in ("token_logprobs", "token_zscores", "embedding"):
            if (value := getattr(self, name)) is not None:
                out[name] = list(value)
        for name in ("scores", "recorded"):
            if (value := getattr(self, name)) is not None:
                out[name] = dict(value)
        if self.finish_reason != "stop":
            out["finish_reason"] = self.finish_reason
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Response:
        values = dict(data)
        for name in ("token_logprobs", "token_zscores", "embedding"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why no response came: ``errored`` (tried and failed) or ``not_run`` (cannot be tried).

    ``reason`` is a sentence without secrets. ``retryable`` says whether another try may help,
    ``retry_after`` when (seconds), ``throttled`` that the server asks to be asked less often.
    """

    reason: str
    outcome: Literal["errored", "not_run"] = "errored"
    retryable: bool = False
    retry_after: float | None = None
    throttled: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """One item of a task, rendered and ready to be asked.

    Args:
        id: unique within the task, the same in every run of the same data.
        messages: the prompt, before the chat template.
        choices: the options in the data's order, which every index below counts in; empty for a
            free answer.
        order: position shown -> index into ``choices``; empty where no order is shown.
        continuations: the texts whose log-likelihood is asked for, one a choice.
        choice_ids: the data's own id of each choice, or empty; recordings may name choices by it.
        answer: index of the right choice, or None where there is no single one.
        good, bad: what a good and a bad answer is (an index into ``choices``, or a text). The
            reference models answer with these; None where the construct has no such thing.
        group: what must be drawn together (a clean/attacked pair).
        cluster: what shares variance (a template, a passage).
        tags: slices for tables, text to text.
        target: what the scorer needs beyond the answer (a planted secret, a human rating).
        language: BCP 47 code.
        repeat: which asking of the same content it is (0 the first): a repeat is asked again, also
            where equal requests share an answer.
    """

    id: str
    messages: tuple[Message, ...]
    choices: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    continuations: tuple[str, ...] = ()
    choice_ids: tuple[str, ...] = ()
    answer: int | None = None
    good: int | str | None = None
    bad: int | str | None = None
    group: str | None = None
    cluster: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    language: str = "en"
    repeat: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON without the fields that hold nothing, so that a journal stays small."""
        out: dict[str, Any] = {
            "id": self.id,
            "messages": [[m.role, m.content] for m in self.messages],
            "language": self.language,
        }
        # written out, not looped over: this runs several times a sample
        if self.choices:
            out["choices"] = list(self.choices)
        if self.order:
            out["order"] = list(self.order)
        if self.continuations:
            out["continuations"] = list(self.continuations)
        if self.answer is not None:
            out["answer"] = self.answer
        if self.good is not None:
            out["good"] = self.good
        if self.bad is not None:
            out["bad"] = self.bad
        if self.group is not None:
            out["group"] = self.group
        if self.cluster is not None:
            out["cluster"] = self.cluster
        if self.tags:
            out["tags"] = dict(self.tags)
        if self.target:
            out["target"] = dict(self.target)
        if self.repeat or self.choice_ids:
            seldom = {"repeat": self.repeat, "choice_ids": list(self.choice_ids)}
            out |= {name: value for name, value in seldom.items() if value}
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sample:
        values = dict(data)
        values["messages"] = tuple(Message(role, content) for role, content in data["messages"])
        for name in ("choices", "order", "continuations", "choice_ids"):
            values[name] = tuple(data.get(name, ()))
        return cls(**values)

    def protocol_bytes(self) -> bytes:
        """The bytes that stand for this item in the protocol id: all that a test depends on.

        ``good`` and ``bad`` only steer the reference models, and ``choice_ids`` are names. Sorted,
        compact UTF-8 JSON: for texts and integers (all that a sample holds but a few floats) the
        same bytes as RFC 8785, at a fraction of its cost.
        """
        data = self.to_json()
        for name in BESIDE_PROTOCOL:
            data.pop(name, None)
        return _ITEM.encode(data).encode("utf-8", "surrogatepass")


class ItemsDigest:
    """SHA-256 over the items of a task, in order: a part of its protocol."""

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()
        self.count = 0

    def add(self, item: bytes) -> None:
        """One more item, as `Sample.protocol_bytes`."""
        self._hasher.update(b"%d:" % len(item))
        self._hasher.update(item)
        self.count += 1

    def hexdigest(self) -> str:
        """Of all that was added, as 64 hexadecimal digits."""
        return self._hasher.hexdigest()


@dataclass(frozen=True, slots=True)
class Attempt:
    """All that came back for one sample in one epoch; ``responses`` has one a generation.

    For a choice by log-likelihood the responses are one a choice instead (``per_choice``).
    """

    responses: tuple[Response, ...]
    per_choice: bool = False


class OutcomeKind(StrEnum):
    """What came back. What it *means* is for each metric to say."""

    ANSWERED = "answered"
    REFUSED = "refused"
    BLOCKED = "blocked"
    EMPTY = "empty"
    UNPARSED = "unparsed"
    ERRORED = "errored"
    NOT_RUN = "not_run"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back for one generation, with a scorer's findings.

    ``scores`` are finite numbers by name, each declared by the scorer; ``answer`` is the answer as
    read (a letter, a label); ``reason`` says why an outcome is not ``answered``.
    """

    kind: OutcomeKind
    scores: Mapping[str, float] = field(default_factory=dict)
    answer: str | None = None
    reason: str | None = None
