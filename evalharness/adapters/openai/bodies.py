"""What is sent to an OpenAI-compatible server for one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalharness.adapters.openai.options import OpenAIOptions
from evalharness.records import Decoding, Message, Request

__all__ = ["Bodies"]

#: What the Responses API has no field for.
_UNKNOWN_TO_RESPONSES = frozenset(("stop", "seed"))


class Bodies:
    """Makes the JSON body of each call, by the options."""

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        #: Fields that the configuration leaves out by `null`.
        self.left_out = frozenset(
            name
            for name, value in options.body.items()
            if value is None and name in ("temperature", "top_p", "stop")
        )
        #: The configuration offers the model tools.
        self.offers_tools = any(options.body.get(name) for name in ("tools", "functions"))
        self._extra = {k: v for k, v in options.body.items() if k not in self.left_out}

    def generate(self, request: Request, decoding: Decoding) -> dict[str, Any]:
        options = self._options
        body: dict[str, Any] = {"model": options.model}
        messages = self._messages(request)
        if options.api == "responses":
            self._input(body, messages)
            # a test's prompts are not for the provider to keep
            body["store"] = False
            body["stream"] = False  # some servers stream unless told not to
            body["max_output_tokens"] = decoding.max_tokens
        elif options.api == "completions":
            body["prompt"] = _joined(messages)
            body[options.max_tokens_field] = decoding.max_tokens
        else:
            body["messages"] = [{"role": m.role, "content": m.content} for m in messages]
            body[options.max_tokens_field] = decoding.max_tokens
        body["temperature"] = decoding.temperature
        if decoding.temperature > 0 or decoding.top_p != 1.0:
            # sent though 1 is the usual default: some servers take theirs from the model's files
            body["top_p"] = decoding.top_p
        if decoding.stop:
            body["stop"] = list(decoding.stop)
        if request.seed is not None and options.send_seed:
            body["seed"] = request.seed
        if options.api == "responses":
            for name in _UNKNOWN_TO_RESPONSES:
                body.pop(name, None)
        for name in self.left_out:
            body.pop(name, None)
        return {**body, **self._extra}

    def echo(self, prompt: str) -> dict[str, Any]:
        """A text that is to come back with its log-probabilities.

        One new token is asked for and not read: some servers fail at none.
        """
        return {
            "model": self._options.model, "prompt": prompt, "echo": True, "logprobs": 1,
            "max_tokens": 1, "temperature": 0.0, **self._extra,
        }  # fmt: skip

    def moderation(self, text: str) -> dict[str, Any]:
        return {"model": self._options.model, "input": text, **self._extra}

    def context(self, request: Request) -> str:
        """The messages as one text."""
        return _joined(self._messages(request))

    def _messages(self, request: Request) -> Sequence[Message]:
        """The request's messages, with the configured system prompt in front of their own."""
        if self._options.system is None:
            return request.messages
        own = [turn.content for turn in request.messages if turn.role == "system"]
        system = Message("system", "\n\n".join([self._options.system, *own]))
        return [system, *(turn for turn in request.messages if turn.role != "system")]

    def _input(self, body: dict[str, Any], messages: Sequence[Message]) -> None:
        """The Responses API takes what the system says apart from the turns."""
        system = [turn.content for turn in messages if turn.role == "system"]
        if system:
            body["instructions"] = "\n\n".join(system)
        body["input"] = [
            {"role": m.role, "content": m.content} for m in messages if m.role != "system"
        ]


def _joined(messages: Sequence[Message]) -> str:
    return "\n\n".join(message.content for message in messages)
