"""What may stand beside ``adapter: openai``."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from evalharness.adapters._http import (
    BASE_HEADERS,
    EndpointOptions,
    endpoint_digest,
    merged,
    sendable,
)
from evalharness.adapters._reasoning import Reasoning
from evalharness.adapters._secrets import (
    check_address,
    check_variable,
    from_environment,
    is_loopback,
    is_secret_field,
    resolved_headers,
    secret_field,
)
from evalharness.adapters.base import ModelIdentity
from evalharness.errors import AdapterError
from evalharness.records import digest

__all__ = [
    "Api", "Blocked", "OpenAIOptions", "headers_of", "identity_of", "key_variable",
    "no_money_codes", "url_of",
]  # fmt: skip

Api: TypeAlias = Literal["chat", "completions", "responses", "moderations"]

_PATHS: dict[Api, str] = {
    "chat": "/chat/completions", "completions": "/completions", "responses": "/responses",
    "moderations": "/moderations",
}  # fmt: skip

MaxTokensField: TypeAlias = Literal["max_tokens", "max_completion_tokens"]

#: Fields that the adapter sends itself; those with True may be left out by `null`.
_OWN_FIELDS = {
    "model": False, "messages": False, "prompt": False, "input": False, "instructions": False,
    "stream": False, "n": False, "max_tokens": False, "max_completion_tokens": False,
    "max_output_tokens": False, "seed": False, "echo": False, "logprobs": False,
    "temperature": True, "top_p": True, "stop": True,
}  # fmt: skip


class Blocked(BaseModel):
    """How a filter before the model says that it stopped a request (a web firewall, a gateway)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    statuses: list[Annotated[int, Field(ge=400, le=599)]] = Field(
        min_length=1, description="HTTP statuses that mean: blocked"
    )


class OpenAIOptions(EndpointOptions):
    """What may stand beside ``adapter: openai``."""

    base_url: str = Field(
        default="https://api.openai.com/v1",
        description="the endpoint; what comes before /chat/completions",
    )
    model: str = Field(min_length=1, description="the model's name at the endpoint")
    api: Api = Field(
        default="chat",
        description="chat completions, completions (plain text), responses, or moderations (a "
        "classifier)",
    )
    api_key_env: str | None = Field(
        default="OPENAI_API_KEY",
        min_length=1,
        description="name of the environment variable that holds the key; null: no key is sent",
    )
    organization: str | None = Field(default=None, min_length=1, description="OpenAI-Organization")
    body: dict[str, Any] = Field(
        default={},
        description="further JSON fields of every request; part of the identity. null for "
        "temperature, top_p or stop leaves that field out",
    )
    system: str | None = Field(
        default=None, description="system prompt, sent first in every request; part of the identity"
    )
    send_seed: bool = Field(default=True, description="send `seed` where answers are sampled")
    max_tokens_field: MaxTokensField = Field(
        default="max_tokens", description="what the endpoint calls the limit of new tokens"
    )
    revision: str | None = Field(
        default=None, min_length=1, description="the model's version, if the name does not say it"
    )
    loglikelihood: Literal["auto", "off"] = Field(
        default="off",
        description="auto: log-likelihoods by `echo` and `logprobs` (completions only), after a "
        "probe has shown that the server gives them",
    )
    start: str = Field(
        default="",
        description="with loglikelihood: the beginning-of-sequence token, as text, for texts with "
        "nothing before them; for servers that put none there; part of the identity",
    )
    reasoning: Reasoning = "split"
    scores: dict[str, str] = Field(
        default={},
        description="moderations: further names for categories, `toxicity: harassment`; part of "
        "the identity",
    )
    blocked: Blocked | None = Field(
        default=None,
        description="how a filter before the model says that it blocked: `{statuses: [403]}`; part "
        "of the identity",
    )

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        address = check_address(value)
        path = urlsplit(address).path.rstrip("/")
        for end in _PATHS.values():
            if path.endswith(end):
                raise ValueError(
                    f"leave out '{end}', which the adapter adds; write what comes before it, for "
                    "example http://127.0.0.1:8000/v1"
                )
        return address

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        return None if value is None else check_variable(value)

    @field_validator("body")
    @classmethod
    def _only_adds(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, content in value.items():
            if is_secret_field(name) or name.lower() == "key":
                raise _secret_in_body(name)
            if name not in _OWN_FIELDS or (content is None and _OWN_FIELDS[name]):
                continue
            hint = "; only null may stand here, which leaves the field out"
            raise ValueError(
                f"'{name}' is set by the adapter from the task and its options"
                + (hint if _OWN_FIELDS[name] else "")
            )
        sendable(value)
        if (at := secret_field(value, references=False)) is not None:
            raise _secret_in_body(at)
        return value

    @model_validator(mode="after")
    def _fits_the_api(self) -> OpenAIOptions:
        if self.loglikelihood == "auto" and self.api != "completions":
            raise ValueError(
                "loglikelihood: auto needs `api: completions`; the others cannot give the "
                "log-probabilities of a text that was sent"
            )
        if self.start and self.loglikelihood == "off":
            raise ValueError("'start' has no effect without `loglikelihood: auto`; leave it out")
        given = self.model_fields_set
        idle = {
            "responses": {"max_tokens_field", "send_seed", "scores"},
            "moderations": {"blocked", "max_tokens_field", "send_seed", "system", "reasoning"},
        }.get(self.api, {"scores"})
        for name in sorted(idle & given):
            raise ValueError(f"'{name}' has no effect with `api: {self.api}`; leave it out")
        return self


def _secret_in_body(name: str) -> ValueError:
    return ValueError(
        f"'{name}' would put a secret into the run; send it as a header from the environment: "
        "headers: {NAME: env:VARIABLE}"
    )


def url_of(options: OpenAIOptions) -> str:
    """The address that is called."""
    parts = urlsplit(options.base_url)
    path = parts.path.rstrip("/") + _PATHS[options.api]
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def headers_of(options: OpenAIOptions) -> tuple[dict[str, str], list[str]]:
    """The headers of every call, and which of their values are secret.

    Raises:
        UnavailableError: an environment variable that the options name is not set.
        AdapterError: one holds what a header cannot carry.
    """
    own = {"Content-Type": "application/json", **BASE_HEADERS}
    if options.organization is not None:
        own["OpenAI-Organization"] = options.organization
    more, secrets = resolved_headers(options.headers, "openai")
    headers = merged(own, more)
    if any(name.lower() == "authorization" for name in options.headers):
        return headers, secrets
    variable = key_variable(options)
    if variable is not None:
        key = from_environment(variable, "api_key_env", "openai", keyless=True)
        secrets.append(key)
        headers["Authorization"] = f"Bearer {key}"
    return headers, secrets


def key_variable(options: OpenAIOptions) -> str | None:
    """The environment variable whose key this endpoint gets, or None for no key.

    OpenAI's own key goes to OpenAI alone: a typed or copied address must not receive it because
    nobody thought of it.

    Raises:
        AdapterError: another host, and the configuration does not say which key it gets.
    """
    if "api_key_env" in options.model_fields_set or _is_openai(options.base_url):
        return options.api_key_env
    if is_loopback(options.base_url):
        return None
    raise AdapterError(
        "openai: say which key this endpoint gets: `api_key_env: NAME` (a variable of the "
        "environment), or `api_key_env: null` for none; OPENAI_API_KEY goes by itself to "
        "api.openai.com alone"
    )


def no_money_codes(options: OpenAIOptions) -> frozenset[str]:
    """Codes that mean, with 429, that the account cannot pay, and waiting does not help."""
    if (urlsplit(options.base_url).hostname or "").lower().endswith(".aliyuncs.com"):
        return frozenset()  # DashScope says `insufficient_quota` for a rate, too
    return frozenset(("insufficient_quota", "billing_hard_limit_reached"))


def _is_openai(url: str) -> bool:
    return (urlsplit(url).hostname or "").lower() == "api.openai.com"


def identity_of(options: OpenAIOptions) -> ModelIdentity:
    """What makes the model that model, without address and key."""
    # the address may not stand in an identity, but two endpoints may not share answers either
    extra: dict[str, Any] = {"endpoint": endpoint_digest(options.base_url)}
    if options.body:
        extra["body"] = dict(options.body)
    if options.headers:
        extra["headers"] = digest(dict(options.headers))[:12]
    if not options.send_seed:
        extra["send_seed"] = False
    if options.start:
        extra["start"] = options.start
    if options.reasoning != "split":
        extra["reasoning"] = options.reasoning
    if options.scores:
        extra["scores"] = dict(options.scores)
    if options.blocked is not None:
        extra["blocked"] = sorted(options.blocked.statuses)
    return ModelIdentity(
        provider="openai",
        model=options.model,
        revision=options.revision,
        backend=options.api,
        system_prompt=None
        if options.system is None
        else hashlib.sha256(options.system.encode()).hexdigest(),
        extra=extra,
    )
