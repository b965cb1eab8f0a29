"""Claude models at Anthropic's Messages API, through its SDK."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from evalharness.adapters._http import Reply, parsed_object, token_count
from evalharness.adapters._replies import no_answer_by, unreadable
from evalharness.adapters.sdk.base import KeyedOptions, SdkAdapter, key_of, require, turns_of
from evalharness.errors import AdapterError
from evalharness.records import Decoding, Failure, FinishReason, Message, Request, Response

if TYPE_CHECKING:
    import httpx2

    from evalharness.adapters.sdk.http import Refused

__all__ = ["AnthropicAdapter", "AnthropicOptions"]

_FINISH: dict[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    # a classifier of the provider stopped the answer; a refusal in the model's own words ends
    # with `end_turn`
    "refusal": "content_filter",
}


class AnthropicOptions(KeyedOptions):
    """What may stand beside ``adapter: anthropic``."""

    base_url: str = Field(
        default="https://api.anthropic.com", description="what comes before /v1/messages"
    )
    api_key_env: str = Field(
        default="ANTHROPIC_API_KEY",
        min_length=1,
        description="name of the environment variable that holds the key",
    )
    version: str = Field(
        default="2023-06-01",
        pattern=r"^[A-Za-z0-9._-]+$",
        description="header `anthropic-version`; part of the identity",
    )
    beta: tuple[str, ...] = Field(
        default=(), description="header `anthropic-beta`; part of the identity"
    )
    thinking: Annotated[int, Field(ge=1024)] | Literal["adaptive", "disabled"] | None = Field(
        default=None,
        description="how many tokens the model may think before it answers, counted in "
        "`max_tokens`; adaptive: as it likes; left out: no `thinking` field is sent, and the "
        "model's own default holds. Part of the identity",
    )


class AnthropicAdapter(SdkAdapter):
    """Asks Anthropic's Messages API, one request a call.

    Raises:
        MissingExtraError: the SDK is not installed.
        UnavailableError: the environment variable of the key is not set.
        AdapterError: it holds what a header cannot carry, or the address is another and no key is
            named for it. From `respond`: see `SdkAdapter`.
    """

    Options = AnthropicOptions
    NAME = "anthropic"
    BACKEND = "messages"

    def __init__(self, options: AnthropicOptions) -> None:
        require(("anthropic", "httpx2"), "the adapter anthropic", "anthropic")
        self._options = options
        self._key = key_of(options, self.NAME)
        extra: dict[str, Any] = {"version": options.version}
        if options.beta:
            extra["beta"] = list(options.beta)
        if options.thinking is not None:
            extra["thinking"] = options.thinking
        # read by the SDK, which cannot be told not to; their values may be secret
        lines = os.environ.get("ANTHROPIC_CUSTOM_HEADERS", "").splitlines()
        values = [line.partition(":")[2].strip() for line in lines]
        secrets = [self._key, *values]
        super().__init__(options, endpoint=options.base_url, extra=extra, secrets=secrets)
        if lines:
            self.deviations.note("headers of ANTHROPIC_CUSTOM_HEADERS are sent with each call")

    async def _open(self) -> Any:
        import anthropic

        from evalharness.adapters.sdk.http import http_client

        headers = {"anthropic-version": self._options.version}
        if self._options.beta:
            headers["anthropic-beta"] = ",".join(self._options.beta)
        return anthropic.AsyncAnthropic(
            api_key=self._key,
            base_url=self._options.base_url,
            max_retries=0,
            timeout=self._options.timeout_total,
            default_headers=headers,
            open_telemetry=False,
            http_client=http_client(self._options),
        )

    async def _close(self, client: Any) -> None:
        await client.close()

    async def _ask(
        self, client: Any, request: Request, decoding: Decoding
    ) -> Response | Failure | AdapterError:
        from evalharness.adapters.sdk.http import exchange, fault_of

        body = self._body(request, decoding)
        reply = await exchange(lambda: self._send(client, body), self._redact)
        if isinstance(reply, Failure):
            return reply
        if reply.status != 200:
            hint = f"set {self._options.api_key_env} to a key that it accepts"
            return fault_of(reply, self._redact, self.NAME, hint, _refused, accepted=self._accepted)
        return self._answer(reply)

    async def _send(self, client: Any, body: dict[str, Any]) -> httpx2.Response:
        # raw: the SDK would make an object of the reply, which is judged as it came instead
        raw = await client.messages.with_raw_response.create(**body)
        response: httpx2.Response = raw.http_response
        return response

    def _body(self, request: Request, decoding: Decoding) -> dict[str, Any]:
        turns = turns_of(request, self._options.system)
        self._no_seed(request)
        body: dict[str, Any] = {
            "model": self._options.model,
            "max_tokens": decoding.max_tokens,
            "messages": [self._turn(m, last=m is turns.messages[-1]) for m in turns.messages],
        }
        if turns.system is not None:
            body["system"] = turns.system
        stops = [stop for stop in decoding.stop if stop.strip()]
        if len(stops) < len(decoding.stop):
            self.deviations.note("a stop string of white space is not sent, as the API refuses it")
        if stops:
            body["stop_sequences"] = stops
        thinking = self._options.thinking
        if isinstance(thinking, int):
            body["thinking"] = {"type": "enabled", "budget_tokens": thinking}
        elif thinking is not None:
            body["thinking"] = {"type": thinking}
        if thinking in (None, "disabled"):
            # the SDK has no names for these since newer models refuse them; the API has
            body["extra_body"] = self._sampling(decoding, both=False)
        elif decoding.temperature != 1.0:
            self.deviations.note("`temperature` is not sent: the API refuses it beside `thinking`")
        return body

    def _turn(self, turn: Message, *, last: bool) -> dict[str, str]:
        content = turn.content
        if last and turn.role == "assistant" and content != content.rstrip():
            self.deviations.note(
                "white space at the end of a prefill is not sent, as the API refuses it"
            )
            content = content.rstrip()
        return {"role": turn.role, "content": content}

    def _answer(self, reply: Reply) -> Response | Failure:
        data = parsed_object(reply.body)
        if data is None:
            return unreadable(reply)
        blocks = data.get("content")
        if blocks is None and "stop_reason" in data:
            blocks = []
        if not isinstance(blocks, list):
            return self._no_answer(data, "content")
        texts = [b.get("text") for b in blocks if isinstance(b, dict) and b.get("type") == "text"]
        text = "".join(text for text in texts if isinstance(text, str))
        why = data.get("stop_reason")
        if not text and (failure := no_answer_by(why)) is not None:
            return failure
        usage = data.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        self._name_served(data.get("model"))
        return Response(
            text=text,
            finish_reason=_FINISH.get(str(why), "stop"),
            input_tokens=token_count(usage.get("input_tokens")),
            output_tokens=token_count(usage.get("output_tokens")),
        )


def _refused(data: Mapping[str, Any], said: str) -> Refused | None:
    error = data.get("error")
    kind = error.get("type") if isinstance(error, dict) else None
    # an empty account is a 400 without a type of its own
    if kind == "billing_error" or "credit balance is too low" in said:
        return "money"
    return "key" if kind == "authentication_error" else None
