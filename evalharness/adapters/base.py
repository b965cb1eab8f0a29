"""The seam to a model: one method.

An adapter connects one model, local or remote, in any role. The engine alone decides how requests
are batched, cached, retried and spread; an adapter only answers them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from evalharness.records import Failure, Request, RequestKind, Response

__all__ = ["Adapter", "Capabilities", "ModelIdentity", "Options", "token_count"]

#: No answer has as many tokens; a run's records hold smaller counts alone.
_TOO_MANY_TOKENS = 2**31


def token_count(value: Any) -> int | None:
    """A number of tokens, or None for what is none: an impossible count is not known."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_MANY_TOKENS:
        return value
    return None


class Options(BaseModel):
    """Base of every adapter's options: what may stand beside ``adapter:`` in a config.

    Unknown fields are errors; a path is relative to the config that names it (``base_dir`` is
    filled in by the loader and is no part of the model's identity).
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        protected_namespaces=(),
        hide_input_in_errors=True,  # it may be a key, typed where none belongs
        allow_inf_nan=False,
    )


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What makes this model this model: every field that can change an answer.

    Never a path, a host or a key. Two adapters with equal identities may share cached answers.
    """

    provider: str
    model: str
    revision: str | None = None
    digest: str | None = None
    dtype: str | None = None
    backend: str | None = None
    chat_template: str | None = None
    system_prompt: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON, without the fields that are None."""
        out: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                "provider",
                "model",
                "revision",
                "digest",
                "dtype",
                "backend",
                "chat_template",
                "system_prompt",
            )
            if getattr(self, name) is not None
        }
        if self.extra:
            out["extra"] = dict(self.extra)
        return out


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do.

    Args:
        kinds: the request kinds that it answers; others are ``not_run`` before any call.
        languages: BCP 47 codes that it reads (classifiers), or None for any.
        batch_size: how many requests one call takes. 1: the engine keeps ``concurrency`` calls in
            flight (an API). More: it packs fixed batches of at most this many, sorted by length,
            and makes one call at a time (a local model).
        concurrency: calls in flight at most when ``batch_size`` is 1; the engine may keep fewer.
        endpoint: what stands behind several models and is limited as one (a digest of the
            address): roles with the same one share their places. None: nothing else does.
        repeatable: the same greedy request gets the same answer, as far as the model can help it:
            equal requests may then share one answer. Not where the answer depends on anything else
            (its place in a recording, an application's own sampling).
        requests_per_minute, tokens_per_minute: what the endpoint allows, if that is known.
    """

    kinds: frozenset[RequestKind]
    languages: frozenset[str] | None = None
    batch_size: int = 1
    concurrency: int = 1
    endpoint: str | None = None
    repeatable: bool = False
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@runtime_checkable
class Adapter(Protocol):
    """Connects one model.

    Construction checks that the model can be had (`UnavailableError`, `MissingExtraError`) without
    loading it; the first `respond` loads it.

    Six things are optional. ``async def aclose(self)`` is awaited at the end of a run, on the
    run's event loop, however it ends: it gives back connections, and a later `respond` may open new
    ones.
    ``deviations``, a sequence of sentences, is what did not go as asked; the run keeps it.
    ``further_calls``, a number that grows, counts the calls made beside those asked for (a probe, a
    filter's model); they count towards ``max_requests``.
    ``def has_answered(self)`` is called before the first `respond` where the model answered in an
    earlier session of the run: its key is accepted.
    ``def not_planned(self, planned)`` gives the names of what a recording holds beyond the set
    ``planned`` of (task, sample id); the run lists them.
    ``def has(self, request)`` says of a recording, without asking anybody, whether it holds an
    answer to a stamped request; the plan counts those that it lacks.
    """

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Answer ``requests``, aligned by position.

        One item's failure is a `Failure` at its place and never raises for the others. Work that
        blocks runs in a thread. At most ``capabilities.batch_size`` requests come at once.
        """
        ...
