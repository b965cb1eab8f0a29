"""Hugging Face inference providers and endpoints, through huggingface_hub's client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from evalharness.adapters._http import parsed_object
from evalharness.adapters._reasoning import Reasoning, apart
from evalharness.adapters._replies import reply_within, unreadable
from evalharness.adapters.openai.faults import error_within, is_filtered
from evalharness.adapters.openai.replies import read_answer
from evalharness.adapters.sdk.base import KeyedOptions, SdkAdapter, key_of, require, turns_of
from evalharness.errors import AdapterError
from evalharness.records import Decoding, Failure, Request, Response

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import AsyncInferenceClient

__all__ = ["HuggingFaceAdapter", "HuggingFaceOptions"]

ROUTER = "https://router.huggingface.co"


class HuggingFaceOptions(KeyedOptions):
    """What may stand beside ``adapter: huggingface``."""

    base_url: str = Field(
        default=ROUTER,
        description="the router, or the address of an inference endpoint of one's own",
    )
    api_key_env: str = Field(
        default="HF_TOKEN",
        min_length=1,
        description="name of the environment variable that holds the token",
    )
    provider: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="who runs the model (`groq`, `together`...); left out: the router chooses, "
        "and each answer may come from another. Part of the identity",
    )
    reasoning: Reasoning = "split"
    bill_to: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]+$",
        description="the organisation that pays, if not the token's owner",
    )

    @model_validator(mode="after")
    def _only_the_router_routes(self) -> HuggingFaceOptions:
        if self.base_url != ROUTER and self.provider is not None:
            raise ValueError("provider: only the router has providers; leave it or base_url out")
        return self


@dataclass(frozen=True, slots=True)
class _Link:
    """What belongs to one event loop."""

    sdk: AsyncInferenceClient
    http: httpx2.AsyncClient


class HuggingFaceAdapter(SdkAdapter):
    """Asks the router of Hugging Face, or an inference endpoint, one request a call.

    Raises:
        MissingExtraError: huggingface_hub is missing, or older than its use of httpx2.
        UnavailableError: the environment variable of the token is not set.
        AdapterError: it holds no token of Hugging Face, or what a header cannot carry, or the
            address is another and no key is named for it. From `respond`: see `SdkAdapter`.
    """

    Options = HuggingFaceOptions
    NAME = "huggingface"
    BACKEND = "chat"

    def __init__(self, options: HuggingFaceOptions) -> None:
        require(("huggingface_hub", "httpx2"), "the adapter huggingface", "huggingface")
        self._options = options
        self._key = key_of(options, self.NAME)
        self._routed = options.base_url == ROUTER
        if self._routed and not self._key.startswith("hf_"):
            raise AdapterError(
                f"huggingface: the environment variable {options.api_key_env} holds no token of "
                "Hugging Face (hf_...); for a provider's own key use `adapter: openai` with the "
                "provider's address"
            )
        extra = {} if options.provider is None else {"provider": options.provider}
        if options.reasoning != "split":
            extra["reasoning"] = options.reasoning
        super().__init__(options, endpoint=options.base_url, extra=extra, secrets=[self._key])
        if self._routed and options.provider is None:
            self.deviations.note("no `provider` is named: the answers may come from several")

    async def _open(self) -> _Link:
        from huggingface_hub import AsyncInferenceClient

        from evalharness.adapters.sdk.http import http_client

        http = http_client(self._options)

        class Client(AsyncInferenceClient):
            """With our connections; its own follow redirects and the environment's proxies."""

            async def _get_async_client(self) -> httpx2.AsyncClient:
                return http

        # the user agent of the SDK tells which libraries are installed here
        headers = {"user-agent": "evalharness"}
        bill_to = self._options.bill_to
        if self._routed:
            client = Client(provider="auto", token=self._key, headers=headers, bill_to=bill_to)
        else:
            where = self._options.base_url
            client = Client(base_url=where, token=self._key, headers=headers, bill_to=bill_to)
        return _Link(client, http)

    async def _close(self, client: _Link) -> None:
        await client.http.aclose()  # all that the SDK's client has open

    async def _ask(
        self, client: _Link, request: Request, decoding: Decoding
    ) -> Response | Failure | AdapterError:
        from evalharness.adapters.sdk.http import exchange, fault_of

        body = self._body(request, decoding)
        reply = await exchange(lambda: client.sdk.chat_completion(**body), self._redact)
        if isinstance(reply, Failure):
            return reply
        data = parsed_object(reply.body)
        if reply.status == 200:
            if data is None:
                return unreadable(reply)
            error = error_within(data)
            inner = None if error is None or is_filtered(error) else reply_within(error, reply)
            reply = inner or reply
        if reply.status != 200 or data is None:
            hint = f"set {self._options.api_key_env} to a token that may call inference providers"
            return fault_of(reply, self._redact, self.NAME, hint, accepted=self._accepted)
        answer = read_answer(data, "chat", self._redact)
        if isinstance(answer, Failure):
            return answer
        self._name_served(data.get("model"))
        split = self._options.reasoning == "split"
        return apart(answer, self.deviations.note) if split else answer

    def _body(self, request: Request, decoding: Decoding) -> dict[str, Any]:
        turns = turns_of(request, self._options.system)
        system = [] if turns.system is None else [{"role": "system", "content": turns.system}]
        name = self._options.model
        if self._options.provider is not None:
            # so the router is asked once; the SDK's own `provider` looks the model up at the hub
            name = f"{name}:{self._options.provider}"
        body: dict[str, Any] = {
            "model": name,
            "messages": [
                *system,
                *({"role": m.role, "content": m.content} for m in turns.messages),
            ],
            "max_tokens": decoding.max_tokens,
            **self._sampling(decoding),
        }
        if decoding.stop:
            body["stop"] = list(decoding.stop)
        if request.seed is not None:
            body["seed"] = request.seed
        return body
