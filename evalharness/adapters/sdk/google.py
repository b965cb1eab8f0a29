"""Gemini models at Google's Gemini API, through its SDK (google-genai)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from pydantic import Field

from evalharness.adapters._http import (
    LONGEST_RETRY_AFTER,
    Reply,
    parsed_object,
    token_count,
)
from evalharness.adapters._replies import finish_of, no_answer_by, unreadable, without_answer
from evalharness.adapters.sdk.base import KeyedOptions, SdkAdapter, key_of, require, turns_of
from evalharness.errors import AdapterError
from evalharness.records import Decoding, Failure, Request, Response

if TYPE_CHECKING:
    import httpx2
    from google import genai

    from evalharness.adapters.sdk.http import Refused

__all__ = ["GoogleAdapter", "GoogleOptions"]

HarmCategory: TypeAlias = Literal[
    "harassment", "hate_speech", "sexually_explicit", "dangerous_content"
]
Threshold: TypeAlias = Literal[
    "OFF", "BLOCK_NONE", "BLOCK_ONLY_HIGH", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_LOW_AND_ABOVE"
]

#: The API takes five; an answer is cut at the others here.
_MOST_STOPS = 5
#: What the API leaves out when it says nothing: the first of its reasons to end.
_UNSPECIFIED = "FINISH_REASON_UNSPECIFIED"
_ROLES = {"user": "user", "assistant": "model"}
_DELAY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")


class GoogleOptions(KeyedOptions):
    """What may stand beside ``adapter: google``."""

    base_url: str = Field(
        default="https://generativelanguage.googleapis.com",
        description="what comes before the API's version",
    )
    api_version: str = Field(default="v1beta", pattern=r"^[A-Za-z0-9]+$")
    api_key_env: str = Field(
        default="GEMINI_API_KEY",
        min_length=1,
        description="name of the environment variable that holds the key",
    )
    safety: Threshold | dict[HarmCategory, Threshold] | None = Field(
        default=None,
        description="the provider's filter: one threshold for all categories, or one a category; "
        "left out: the provider's default. Part of the identity",
    )
    thinking_budget: int | None = Field(
        default=None,
        ge=-1,
        description="tokens that the model may think before it answers, counted in `max_tokens`; "
        "0: none, -1: as it likes; left out: the model's default. Part of the identity",
    )


@dataclass(frozen=True, slots=True)
class _Link:
    """What belongs to one event loop."""

    sdk: genai.Client
    http: httpx2.AsyncClient
    unused: httpx2.Client


class GoogleAdapter(SdkAdapter):
    """Asks the Gemini API, one request a call.

    Raises:
        MissingExtraError: the SDK is not installed.
        UnavailableError: the environment variable of the key is not set.
        AdapterError: it holds what a header cannot carry, or the address is another and no key is
            named for it. From `respond`: see `SdkAdapter`.
    """

    Options = GoogleOptions
    NAME = "google"
    BACKEND = "generate_content"

    def __init__(self, options: GoogleOptions) -> None:
        require(("google.genai", "httpx2"), "the adapter google", "google")
        self._options = options
        self._key = key_of(options, self.NAME)
        self._safety = _settings(options.safety)
        extra: dict[str, Any] = {"api_version": options.api_version}
        if self._safety:
            extra["safety"] = dict(self._safety)
        if options.thinking_budget is not None:
            extra["thinking_budget"] = options.thinking_budget
        super().__init__(options, endpoint=options.base_url, extra=extra, secrets=[self._key])

    async def _open(self) -> _Link:
        import httpx2
        from google import genai
        from google.genai import types

        from evalharness.adapters.sdk.http import certificates, http_client

        http = http_client(self._options)
        unused = httpx2.Client(verify=certificates(), trust_env=False)  # else the SDK makes its own
        # without `retry_options` the SDK tries once
        client = genai.Client(
            vertexai=False,
            api_key=self._key,
            http_options=types.HttpOptions(
                base_url=self._options.base_url,
                api_version=self._options.api_version,
                httpx_client=unused,
                httpx_async_client=http,
            ),
        )
        return _Link(client, http, unused)

    async def _close(self, client: _Link) -> None:
        await client.http.aclose()  # the SDK leaves what it was given open
        client.unused.close()

    async def _ask(
        self, client: _Link, request: Request, decoding: Decoding
    ) -> Response | Failure | AdapterError:
        from google.genai import types

        from evalharness.adapters.sdk.http import exchange, fault_of

        turns = turns_of(request, self._options.system)
        contents: list[Any] = [
            {"role": _ROLES[m.role], "parts": [{"text": m.content}]} for m in turns.messages
        ]
        config = types.GenerateContentConfig(**self._config(request, decoding, turns.system))
        reply = await exchange(
            lambda: client.sdk.aio.models.generate_content(
                model=self._options.model, contents=contents, config=config
            ),
            self._redact,
        )
        if isinstance(reply, Failure):
            return reply
        if reply.status == 200:
            return self._answer(reply)
        hint = f"set {self._options.api_key_env} to a key that it accepts"
        fault = fault_of(reply, self._redact, self.NAME, hint, _refused, accepted=self._accepted)
        if isinstance(fault, Failure) and fault.retryable and fault.retry_after is None:
            return replace(fault, retry_after=_retry_delay(parsed_object(reply.body)))
        return fault

    def _config(self, request: Request, decoding: Decoding, system: str | None) -> dict[str, Any]:
        config: dict[str, Any] = {
            "max_output_tokens": decoding.max_tokens,
            "automatic_function_calling": {"disable": True},
            **self._sampling(decoding),
        }
        if system is not None:
            config["system_instruction"] = system
        if decoding.stop:
            config["stop_sequences"] = list(decoding.stop[:_MOST_STOPS])
        if len(decoding.stop) > _MOST_STOPS:
            self.deviations.note("only five stop strings are sent, the most that the API takes")
        if request.seed is not None:
            config["seed"] = request.seed % 2**31  # the API's is a signed number of 32 bits
        if self._safety:
            config["safety_settings"] = [
                {"category": category, "threshold": threshold}
                for category, threshold in self._safety.items()
            ]
        if self._options.thinking_budget is not None:
            config["thinking_config"] = {"thinking_budget": self._options.thinking_budget}
        return config

    def _answer(self, reply: Reply) -> Response | Failure:
        data = parsed_object(reply.body)
        if data is None:
            return unreadable(reply)
        usage = _object(data.get("usageMetadata"))
        asked = token_count(usage.get("promptTokenCount"))
        candidates = data.get("candidates")
        if not candidates and _object(data.get("promptFeedback")).get("blockReason"):
            return Response(finish_reason="content_filter", input_tokens=asked)
        first = _object(candidates[0]) if isinstance(candidates, list) and candidates else {}
        if not first.keys() & {"content", "finishReason"}:
            return self._no_answer(data, "candidates")
        text, why = _text(first), first.get("finishReason") or _UNSPECIFIED
        if not text and (failure := no_answer_by(why)) is not None:
            return failure
        if not text.strip() and _calls(first) and finish_of(why) != "content_filter":
            return without_answer("functionCall")  # of a tool that nobody offered
        self._name_served(data.get("modelVersion"))
        spent = [
            token_count(usage.get(name)) for name in ("candidatesTokenCount", "thoughtsTokenCount")
        ]
        known = [number for number in spent if number is not None]
        return Response(
            text=text,
            finish_reason=finish_of(why),
            input_tokens=asked,
            output_tokens=token_count(sum(known)) if known else None,
        )


def _text(candidate: Mapping[str, Any]) -> str:
    """The candidate's text without its thoughts."""
    texts = [part.get("text") for part in _parts(candidate) if part.get("thought") is not True]
    return "".join(text for text in texts if isinstance(text, str))


def _calls(candidate: Mapping[str, Any]) -> bool:
    """Whether the candidate calls a tool."""
    return any(part.get("functionCall") for part in _parts(candidate))


def _parts(candidate: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    parts = _object(candidate.get("content")).get("parts")
    return [_object(part) for part in parts] if isinstance(parts, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _settings(safety: Threshold | dict[HarmCategory, Threshold] | None) -> dict[str, str]:
    """The API's categories with their thresholds."""
    if safety is None:
        return {}
    if isinstance(safety, str):
        safety = dict.fromkeys(get_args(HarmCategory), safety)
    return {f"HARM_CATEGORY_{name.upper()}": safety[name] for name in sorted(safety)}


def _details(data: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    details = _object((data or {}).get("error")).get("details")
    found = details if isinstance(details, list) else []
    return [detail for detail in found if isinstance(detail, dict)]


def _refused(data: Mapping[str, Any], said: str) -> Refused | None:
    # a wrong key is a 400 here
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in _details(data)):
        return "key"
    if "API key not valid" in said or "API key expired" in said:
        return "key"
    # the free tier is not offered in the caller's country
    unpaid = _object(data.get("error")).get("status") == "FAILED_PRECONDITION"
    return "money" if unpaid and "billing" in said.lower() else None


def _retry_delay(data: Mapping[str, Any] | None) -> float | None:
    """Google says in the error's details how long to wait ("34.5s"), not in a header."""
    for detail in _details(data):
        found = _DELAY.fullmatch(str(detail.get("retryDelay")))
        if found is not None and math.isfinite(float(found[1])):
            return min(float(found[1]), LONGEST_RETRY_AFTER)
    return None
