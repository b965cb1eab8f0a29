"""What the adapters that go through a provider's SDK share: options, turns, clients, identity.

An SDK is used to build, sign and send a call, never to try again: the engine alone does that.
"""

from __future__ import annotations

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from evalharness.adapters._deviations import Deviations, cut_at_stop, without_secrets
from evalharness.adapters._http import CallOptions, endpoint_digest, error_message, shown
from evalharness.adapters._secrets import (
    Secrets,
    check_address,
    check_variable,
    from_environment,
)
from evalharness.adapters.base import Capabilities, ModelIdentity
from evalharness.errors import AdapterError, MissingExtraError
from evalharness.records import Decoding, Failure, Message, Request, Response

__all__ = ["KeyedOptions", "SdkAdapter", "SdkOptions", "Turns", "key_of", "require", "turns_of"]


class SdkOptions(CallOptions):
    """What every one of these adapters takes."""

    model: str = Field(min_length=1, description="the model's name at the provider")
    revision: str | None = Field(
        default=None, min_length=1, description="the model's version, if the name does not say it"
    )
    system: str | None = Field(
        default=None, description="system prompt, sent first in every request; part of the identity"
    )
    send_temperature: bool = Field(
        default=True,
        description="send the temperature; false for models that refuse it. Part of the identity",
    )


class KeyedOptions(SdkOptions):
    """What those take that are called with one key at one address."""

    base_url: str
    api_key_env: str = Field(
        min_length=1, description="name of the environment variable that holds the key"
    )

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return check_address(value)

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, value: str) -> str:
        return check_variable(value)


def require(modules: Iterable[str], what: str, extra: str) -> None:
    """See that the optional dependencies are there, without importing them.

    Raises:
        MissingExtraError: one is not.
    """
    for module in modules:
        try:
            found = find_spec(module) is not None
        except ModuleNotFoundError:  # the package that it is a part of is not there
            found = False
        if not found:
            raise MissingExtraError(what, extra)


def key_of(options: KeyedOptions, provider: str) -> str:
    """The key, read from the environment variable that the options name.

    A provider's own key goes to that provider alone: a typed or copied address must not receive it
    because nobody thought of it.

    Raises:
        UnavailableError: the variable is not set, or empty.
        AdapterError: another address, and the configuration does not say which key it gets; or the
            variable holds what a header cannot carry.
    """
    own = urlsplit(str(type(options).model_fields["base_url"].default)).hostname
    if "api_key_env" not in options.model_fields_set and urlsplit(options.base_url).hostname != own:
        raise AdapterError(
            f"{provider}: say which key this address gets: `api_key_env: NAME` (a variable of the "
            f"environment); {options.api_key_env} goes by itself to {own} alone"
        )
    return from_environment(options.api_key_env, "api_key_env", provider)


@dataclass(frozen=True, slots=True)
class Turns:
    """A request as these providers want it: the system prompt apart, and no role twice in a row."""

    system: str | None
    messages: tuple[Message, ...]


def turns_of(request: Request, system: str | None) -> Turns:
    """Take the system messages out and join neighbours of one role by an empty line.

    Args:
        system: the configured system prompt, in front of the request's own.
    """
    parts = [] if system is None else [system]
    kept: list[Message] = []
    for turn in request.messages:
        if turn.role == "system":
            parts.append(turn.content)
        elif kept and kept[-1].role == turn.role:
            kept[-1] = replace(kept[-1], content=f"{kept[-1].content}\n\n{turn.content}")
        else:
            kept.append(turn)
    return Turns("\n\n".join(parts) if parts else None, tuple(kept))


class SdkAdapter(ABC):
    """Asks through an SDK, one request a call.

    Args:
        options: see `SdkOptions`.
        endpoint: what is limited as one, in words (an address, a region); only a digest is kept.
        extra: what else can change an answer.
        secrets: values that no text may hold.

    Raises:
        AdapterError: from `respond`: the provider refuses the key, or the account cannot pay; no
            further call is made then.
    """

    #: The adapter's name in a configuration.
    NAME: ClassVar[str]
    #: The provider's interface that is called.
    BACKEND: ClassVar[str]

    def __init__(
        self,
        options: SdkOptions,
        *,
        endpoint: str,
        extra: Mapping[str, Any],
        secrets: Iterable[str] = (),
    ) -> None:
        self._base = options
        self._secrets = Secrets(secrets)
        self._clients: dict[asyncio.AbstractEventLoop, asyncio.Task[Any]] = {}
        self._fatal: str | None = None
        self._served: str | None = None
        #: The key has brought an answer.
        self._accepted = False
        #: What did not go as asked, each said once; the run keeps it.
        self.deviations = Deviations(self._redact)
        if not options.send_temperature:
            self.deviations.note("`temperature` is not sent, as the configuration asks")
            extra = {**extra, "send_temperature": False}
        short = endpoint_digest(endpoint)
        self.identity = ModelIdentity(
            provider=self.NAME,
            model=options.model,
            revision=options.revision,
            backend=self.BACKEND,
            system_prompt=None
            if options.system is None
            else hashlib.sha256(options.system.encode()).hexdigest(),
            extra={"endpoint": short, **extra},
        )
        self.capabilities = Capabilities(
            frozenset({"generate"}),
            concurrency=options.concurrency,
            endpoint=short,
            repeatable=options.send_temperature,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self._base.model!r})"

    # -- what each provider does its own way -----------------------------------------------------

    @abstractmethod
    async def _open(self) -> Any:
        """A client for the running event loop."""

    @abstractmethod
    async def _close(self, client: Any) -> None:
        """Give back what `_open` took."""

    @abstractmethod
    async def _ask(
        self, client: Any, request: Request, decoding: Decoding
    ) -> Response | Failure | AdapterError:
        """Make one call. An `AdapterError` is returned, not raised, so that nothing of the SDK
        (which holds the key) hangs on to it."""

    # -- the seam --------------------------------------------------------------------------------

    def has_answered(self) -> None:
        """Its key is accepted: an earlier session had answers."""
        self._accepted = True

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Make one call a request."""
        if len(requests) == 1:  # as the engine asks: no task of its own
            return [await self._one(requests[0])]
        return await asyncio.gather(*map(self._one, requests))

    async def aclose(self) -> None:
        """Close the connections of the running event loop; a later `respond` opens new ones."""
        self._fatal = None
        opening = self._clients.pop(asyncio.get_running_loop(), None)
        if opening is None:
            return
        await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            await self._close(opening.result())

    async def _one(self, request: Request) -> Response | Failure:
        if request.kind not in self.capabilities.kinds:
            return Failure(f"{self.NAME} answers no {request.kind} requests", outcome="not_run")
        client = await self._client()
        if self._fatal is not None:
            raise AdapterError(self._fatal)
        decoding = request.decoding or Decoding()
        answer: Response | Failure | AdapterError
        try:
            async with asyncio.timeout(self._base.timeout_total):
                answer = await self._ask(client, request, decoding)
        except TimeoutError:
            seconds = f"{self._base.timeout_total:g} s"
            return Failure(f"the call was not done within {seconds}", retryable=True)
        if isinstance(answer, AdapterError):
            self._fatal = self._redact(str(answer))  # those that wait are not asked
            raise type(answer)(self._fatal)
        if isinstance(answer, Failure):
            return answer
        self._accepted = True
        return self._cut(answer, decoding)

    async def _client(self) -> Any:
        """The running loop's client; whoever comes first opens it, the others wait for it."""
        loop = asyncio.get_running_loop()
        opening = self._clients.get(loop)
        if opening is None:
            opening = self._clients[loop] = asyncio.create_task(self._open())
        try:
            return await asyncio.shield(opening)
        except Exception:
            if self._clients.get(loop) is opening:
                del self._clients[loop]
            raise

    # -- what came back against what was asked ---------------------------------------------------

    def _redact(self, text: str) -> str:
        return self._secrets.redact(text)  # looked up each time: `_open` may learn of more secrets

    def _shown(self, text: str) -> str:
        return shown(text, self._redact)

    def _cut(self, answer: Response, decoding: Decoding) -> Response:
        """The answer without secrets, and cut where a stop string was left in it."""
        answer = without_secrets(answer, self._secrets, self.deviations.note)
        cut = cut_at_stop(answer, decoding.stop)
        if cut is not answer:
            self.deviations.note("a stop string was left in some answers; they are cut at it")
        return cut

    def _no_answer(self, data: Mapping[str, Any], place: str) -> Failure:
        """A reply with status 200 that lacks what an answer stands in; another try may heal it."""
        said = self._shown(error_message(data))
        why = f": {said}" if said else ""
        return Failure(f"the server's reply holds no answer (no `{place}`){why}", retryable=True)

    def _name_served(self, name: Any) -> None:
        """Say once when answers come from more than one model."""
        if isinstance(name, str):
            if self._served not in (None, name):
                self.deviations.note("the provider answered under several names of models")
            self._served = name

    # -- what is sent ----------------------------------------------------------------------------

    def _sampling(self, decoding: Decoding, *, both: bool = True) -> dict[str, float]:
        """``temperature`` and ``top_p``, those of them that are sent.

        Args:
            both: the model takes both at once. Where it does not, ``top_p`` goes alone if the
                temperature is 1, the default; else the temperature does.
        """
        sent = {"temperature": decoding.temperature} if self._base.send_temperature else {}
        if decoding.top_p == 1.0:
            return sent
        if both or not sent or decoding.temperature == 1.0:
            return {**(sent if both else {}), "top_p": decoding.top_p}
        if decoding.temperature > 0:  # of one likeliest token nothing is left to cut
            self.deviations.note("`top_p` is not sent: these models refuse it beside a temperature")
        return sent

    def _no_seed(self, request: Request) -> None:
        if request.seed is not None:
            self.deviations.note(
                "`seed` is not sent: the provider has none, so sampled answers vary"
            )
