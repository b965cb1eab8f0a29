"""The four providers' adapters side by side: how each is made, and the shape of its replies.

The shapes are those of the providers' documents; nobody here has seen the real services.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.adapters.sdk.anthropic import AnthropicAdapter
from evalharness.adapters.sdk.bedrock import BedrockAdapter
from evalharness.adapters.sdk.google import GoogleAdapter
from evalharness.adapters.sdk.huggingface import HuggingFaceAdapter
from evalharness.records import Failure, Message, Request, Response
from tests.adapters.openai_server import chat, serving

KEY = "hf_very/secret+key=123"
VARIABLE = "SOME_KEY"
TURNS = (Message("system", "Be brief."), Message("user", "Why?"))
ASK = Request("generate", messages=TURNS)


def anthropic_reply(text: Any = "ok", stop: str = "end_turn", **fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
        "content": [{"type": "text", "text": text}], "stop_reason": stop, "stop_sequence": None,
        "usage": {"input_tokens": 7, "output_tokens": 2}, **fields,
    }  # fmt: skip


def google_reply(text: Any = "ok", stop: str = "STOP", **fields: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": text}]}
    usage = {"promptTokenCount": 7, "candidatesTokenCount": 2, "totalTokenCount": 9}
    return {
        "candidates": [{"content": content, "finishReason": stop, "index": 0}],
        "usageMetadata": usage, "modelVersion": "m", "responseId": "r", **fields,
    }  # fmt: skip


def bedrock_reply(text: Any = "ok", stop: str = "end_turn", **fields: Any) -> dict[str, Any]:
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": stop, "metrics": {"latencyMs": 5},
        "usage": {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}, **fields,
    }  # fmt: skip


def huggingface_reply(text: Any = "ok", stop: str = "stop", **fields: Any) -> dict[str, Any]:
    return chat(text, finish_reason=stop, **fields)


@dataclass(frozen=True)
class Provider:
    """One adapter; ``error`` is the body of an error with these words."""

    name: str
    adapter: Any
    reply: Callable[..., dict[str, Any]]
    error: Callable[[str], dict[str, Any]]
    cut: str
    blocked: str
    module: str

    def make(self, url: str, **options: Any) -> Any:
        """An adapter that asks the server at ``url`` (as `Server.url` gives it)."""
        where = url.removesuffix("/v1")
        if self.name == "bedrock":
            given = {"endpoint_url": where, "region": "us-east-1"}
        else:
            given = {"base_url": where, "api_key_env": VARIABLE}
        return self.adapter(self.adapter.Options(model="m", **{**given, **options}))


PROVIDERS = {
    made.name: made
    for made in (
        Provider(
            "anthropic", AnthropicAdapter, anthropic_reply,
            lambda words: {"type": "error", "error": {"type": "some_error", "message": words}},
            "max_tokens", "refusal", "anthropic",
        ),
        Provider(
            "google", GoogleAdapter, google_reply,
            lambda words: {"error": {"code": 1, "message": words, "status": "SOME"}},
            "MAX_TOKENS", "SAFETY", "google.genai",
        ),
        Provider(
            "bedrock", BedrockAdapter, bedrock_reply, lambda words: {"message": words},
            "max_tokens", "content_filtered", "aiobotocore",
        ),
        Provider(
            "huggingface", HuggingFaceAdapter, huggingface_reply,
            lambda words: {"error": {"message": words}},
            "length", "content_filter", "huggingface_hub",
        ),
    )
}  # fmt: skip


def ask(adapter: Any, *requests: Request) -> list[Any]:
    async def work() -> Sequence[Response | Failure]:
        try:
            return await adapter.respond(requests or (ASK,))
        finally:
            await adapter.aclose()

    return list(asyncio.run(work()))


def one(provider: Provider, says: Any, request: Request = ASK, **options: Any) -> Any:
    """The answer of a server that says ``says`` (a reply, or a function of the request)."""
    with serving(says if callable(says) else lambda _: says) as server:
        return ask(provider.make(server.url, **options), request)[0]


def sent(provider: Provider, request: Request = ASK, **options: Any) -> Any:
    """What the server is asked."""
    with serving(lambda _: provider.reply()) as server:
        ask(provider.make(server.url, **options), request)
        assert len(server.asked) == 1
        return server.asked[0]
