"""Any OpenAI-compatible endpoint: OpenAI, Azure, vLLM, SGLang, Ollama, LM Studio, OpenRouter...

Every fault of the wire becomes a `Failure` at its request, which the engine retries or records;
only a key or an account that the server refuses stops the run.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from yarl import URL

from evalharness.adapters._openai_logprobs import PROBE, continuation_logprobs, probe_fault
from evalharness.adapters._openai_options import (
    OpenAIOptions,
    headers_of,
    identity_of,
    key_variable,
    url_of,
)
from evalharness.adapters._openai_secrets import Secrets
from evalharness.adapters._openai_wire import (
    Reply,
    first_choice,
    parsed,
    read_answer,
    read_fault,
    shown,
)
from evalharness.adapters.base import Capabilities
from evalharness.errors import AdapterError
from evalharness.records import Decoding, Failure, Message, Request, RequestKind, Response

__all__ = ["OpenAIAdapter", "OpenAIOptions"]

#: A larger reply is refused: no answer is that long, and memory is not the server's to fill.
LARGEST_REPLY = 16 * 1024 * 1024


_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


@dataclass
class _Link:
    """What belongs to one event loop."""

    session: aiohttp.ClientSession
    probe: asyncio.Task[Failure | None] | None = None


class OpenAIAdapter:
    """Asks an endpoint, one request a call.

    Args:
        options: see `OpenAIOptions`. Keys are read from the environment here, once.

    Raises:
        UnavailableError: an environment variable that the options name is not set.
        AdapterError: one holds what a header cannot carry. From `respond`: the server refuses the
            key, or the account cannot pay; no further call is made then.
    """

    Options = OpenAIOptions

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        self._headers, secrets = headers_of(options)
        self._secrets = Secrets(secrets)
        self._url = URL(url_of(options))
        self._links: dict[asyncio.AbstractEventLoop, _Link] = {}
        self._fatal: str | None = None
        self._probed: Failure | bool | None = None
        self._fingerprint: str | None = None
        self._served: str | None = None
        self._left_out = frozenset(name for name, value in options.body.items() if value is None)
        self._left_out &= {"temperature", "top_p", "stop"}
        self._extra = {k: v for k, v in options.body.items() if k not in self._left_out}
        #: What did not go as asked, each said once; the run keeps it.
        self.deviations: list[str] = [
            f"`{name}` is not sent, as the configuration asks" for name in sorted(self._left_out)
        ]
        self.identity = identity_of(options)
        kinds: set[RequestKind] = {"generate"}
        if options.loglikelihood == "auto":
            kinds.add("loglikelihood")
        self.capabilities = Capabilities(
            frozenset(kinds),
            concurrency=options.concurrency,
            endpoint=self.identity.extra["endpoint"],
        )

    def __repr__(self) -> str:
        return f"OpenAIAdapter(model={self._options.model!r}, api={self._options.api!r})"

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Make one call a request."""
        if len(requests) == 1:  # as the engine asks: no task of its own
            return [await self._one(requests[0])]
        return await asyncio.gather(*map(self._one, requests))

    async def aclose(self) -> None:
        """Close the connections of the running event loop; a later `respond` opens new ones."""
        self._fatal = None
        link = self._links.pop(asyncio.get_running_loop(), None)
        if link is None:
            return
        if link.probe is not None:
            link.probe.cancel()
            await asyncio.gather(link.probe, return_exceptions=True)
        await link.session.close()

    async def _one(self, request: Request) -> Response | Failure:
        if request.kind not in self.capabilities.kinds:
            return Failure(f"this endpoint answers no {request.kind} requests", outcome="not_run")
        link = self._link()
        if request.kind == "loglikelihood":
            return await self._loglikelihood(link, request)
        decoding = request.decoding or Decoding()
        reply = await self._post(link, self._body(request, decoding))
        if isinstance(reply, Failure):
            return reply
        if reply.status != 200:
            return self._fault(reply)
        data = parsed(reply.body)
        answer = read_answer(data, self._options.api, self._secrets.redact)
        if data is None or isinstance(answer, Failure):
            return answer
        self._compare_server(data)
        return self._as_asked(answer, decoding)

    # -- what is sent ----------------------------------------------------------------------------

    def _body(self, request: Request, decoding: Decoding) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._options.model}
        messages = self._messages(request)
        if self._options.api == "chat":
            body["messages"] = [{"role": m.role, "content": m.content} for m in messages]
        else:
            body["prompt"] = _joined(messages)
        body[self._options.max_tokens_field] = decoding.max_tokens
        body["temperature"] = decoding.temperature
        if decoding.temperature > 0 or decoding.top_p != 1.0:
            # sent though 1 is the usual default: some servers take theirs from the model's files
            body["top_p"] = decoding.top_p
        if decoding.stop:
            body["stop"] = list(decoding.stop)
        if request.seed is not None and self._options.send_seed:
            body["seed"] = request.seed
        for name in self._left_out:
            body.pop(name, None)
        return {**body, **self._extra}

    def _messages(self, request: Request) -> Sequence[Message]:
        """The request's messages, with the configured system prompt in front of their own."""
        if self._options.system is None:
            return request.messages
        own = [turn.content for turn in request.messages if turn.role == "system"]
        system = Message("system", "\n\n".join([self._options.system, *own]))
        return [system, *(turn for turn in request.messages if turn.role != "system")]

    # -- the wire --------------------------------------------------------------------------------

    def _link(self) -> _Link:
        loop = asyncio.get_running_loop()
        link = self._links.get(loop)
        if link is None:
            options = self._options
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=options.concurrency),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(
                    total=options.timeout_total,
                    sock_connect=options.timeout_connect,
                    sock_read=options.timeout_first_byte,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
            link = self._links[loop] = _Link(session)
        return link

    async def _post(self, link: _Link, body: dict[str, Any]) -> Reply | Failure:
        """One call; what the network does wrong is a failure that another try may heal."""
        if self._fatal is not None:
            raise AdapterError(self._fatal)
        data = _ENCODE(body).encode()
        try:
            async with link.session.post(self._url, data=data, allow_redirects=False) as response:
                content = await _read(response)
                if content is None:
                    response.close()
                    return Failure("the server's reply is larger than 16 MiB and was not read")
                return Reply(response.status, response.headers, content)
        except aiohttp.ConnectionTimeoutError:
            seconds, what = self._options.timeout_connect, "no connection to the server within"
        except aiohttp.SocketTimeoutError:
            seconds, what = self._options.timeout_first_byte, "the server was silent for"
        except TimeoutError:
            seconds, what = self._options.timeout_total, "the call was not done within"
        except (aiohttp.ClientError, OSError) as fault:
            return self._network_failure(fault)
        return Failure(f"{what} {seconds:g} s", retryable=True)

    def _network_failure(self, fault: Exception) -> Failure:
        if isinstance(fault, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
            return Failure(f"the server's certificate is not accepted ({type(fault).__name__})")
        what = "the connection to the server was lost"
        if isinstance(fault, aiohttp.ClientConnectorError):
            what = "no connection to the server"
        said = shown(_said(fault), self._secrets.redact)
        kind = type(fault).__name__
        return Failure(f"{what} ({kind}: {said})" if said else f"{what} ({kind})", retryable=True)

    def _fault(self, reply: Reply) -> Response | Failure:
        name = key_variable(self._options)
        hint = f"set {name} to a key that it accepts" if name else "see to the key that it expects"
        try:
            return read_fault(reply, self._secrets.redact, hint)
        except AdapterError as fault:
            self._fatal = str(fault)  # the calls that wait their turn are not made
            raise

    # -- what came back against what was asked ---------------------------------------------------

    def _note(self, text: str) -> None:
        text = self._secrets.redact(text)
        if text not in self.deviations:
            self.deviations.append(text)

    def _as_asked(self, answer: Response, decoding: Decoding) -> Response:
        if answer.output_tokens is not None and answer.output_tokens > decoding.max_tokens:
            self._note("the server ignores the limit of new tokens in some answers")
        found = [at for at in map(answer.text.find, decoding.stop) if at >= 0]
        if not found:
            return answer
        if "stop" not in self._left_out:
            self._note("the server ignores `stop` or leaves it in the text; answers are cut at it")
        filtered = answer.finish_reason == "content_filter"
        return replace(
            answer,
            text=answer.text[: min(found)],
            finish_reason="content_filter" if filtered else "stop",
        )

    def _compare_server(self, data: Any) -> None:
        fingerprint, served = data.get("system_fingerprint"), data.get("model")
        if isinstance(fingerprint, str):
            if self._fingerprint not in (None, fingerprint):
                self._note("`system_fingerprint` changed: the server's configuration did")
            self._fingerprint = fingerprint
        if isinstance(served, str):
            if self._served not in (None, served):
                self._note("the server answered under several names of models")
            self._served = served

    # -- log-likelihoods -------------------------------------------------------------------------

    async def _loglikelihood(self, link: _Link, request: Request) -> Response | Failure:
        missing = await self._probe_once(link)
        if missing is not None:
            return missing
        context = _joined(self._messages(request))
        prompt = context + (request.continuation or "")
        # white space at the end belongs to the continuation's first token, as in lm-eval
        border = len(context.rstrip())
        choice = await self._echoed(link, prompt)
        if isinstance(choice, Failure):
            return choice
        found = continuation_logprobs(choice, prompt, border)
        if isinstance(found, str):
            return Failure(found)
        return Response(loglikelihood=sum(found), token_logprobs=found, output_tokens=len(found))

    async def _echoed(self, link: _Link, prompt: str) -> dict[str, Any] | Failure:
        """The server's choice for a prompt that it is to send back with log-probabilities."""
        body = {
            "model": self._options.model, "prompt": prompt, "echo": True, "logprobs": 1,
            "max_tokens": 0, "temperature": 0.0, **self._extra,
        }  # fmt: skip
        reply = await self._post(link, body)
        if isinstance(reply, Failure):
            return reply
        if reply.status != 200:
            fault = self._fault(reply)
            filtered = Failure("the provider's content filter blocked the request")
            return fault if isinstance(fault, Failure) else filtered
        choice = first_choice(parsed(reply.body), self._secrets.redact)
        return choice if isinstance(choice, Failure) else dict(choice)

    async def _probe_once(self, link: _Link) -> Failure | None:
        """Why the server gives no log-likelihoods; None when it does. Asked once, by whoever comes
        first; the others wait for the same answer."""
        if self._probed is not None:
            return self._probed if isinstance(self._probed, Failure) else None
        if link.probe is None:
            link.probe = asyncio.create_task(self._probe(link))
        task = link.probe
        try:
            return await asyncio.shield(task)
        finally:
            if task.done() and link.probe is task:
                link.probe = None

    async def _probe(self, link: _Link) -> Failure | None:
        choice = await self._echoed(link, PROBE)
        if isinstance(choice, Failure) and choice.retryable:
            return choice  # says nothing about what the server can do
        reason = choice.reason if isinstance(choice, Failure) else probe_fault(choice)
        if reason is None:
            self._probed = True
            return None
        sentence = f"the server ignores `echo` or `logprobs` or refuses them: {reason}"
        self._note(f"no log-likelihoods: {sentence}")
        self._probed = Failure(sentence, outcome="not_run")
        return self._probed


def _said(fault: Exception) -> str:
    """A network fault in words, without the address, which some of them repeat."""
    if isinstance(fault, aiohttp.ClientConnectorDNSError):
        return "the host's name was not found"
    if isinstance(fault, aiohttp.ClientResponseError):
        return fault.message
    if isinstance(fault, OSError) and fault.errno:
        return os.strerror(fault.errno)
    return str(fault)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    """The body, or None when it is larger than we take."""
    if (response.content_length or 0) > LARGEST_REPLY:
        return None
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > LARGEST_REPLY:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _joined(messages: Sequence[Message]) -> str:
    return "\n\n".join(message.content for message in messages)
